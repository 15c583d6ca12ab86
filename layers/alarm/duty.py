"""What people decide about alarms, and what time does to them."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import datetime
from typing import Any

from gis.errors import Conflict
from layers.alarm.board import Board
from layers.alarm.desk import Desk
from layers.alarm.limits import LAYER, Limits, watch_of
from layers.alarm.policy import Policy
from layers.alarm.rules import Alarm, acknowledge, handle, shelve, unshelve
from layers.alarm.threshold import Threshold, due
from layers.alarm.timers import deadline
from layers.device.registry import Registry
from layers.device.types import DeviceType
from twin.feature import Feature
from twin.query import Query
from twin.store import Store, Transaction

_AT_ONCE = 1000  # alarms and limits a tick looks at, so that a flood does not hold up the readings

Message = dict[str, Any]


class Duty:
    """Keeps the alarms: decisions of people, and a :meth:`tick` that somebody calls every few seconds.

    Args:
        store: Where alarms live.
        types: The device catalogue.
        policy: How alarms behave.
        registry: The devices.
        board: What is open.
        clock: Returns now in UTC.
    """

    def __init__(
        self,
        store: Store,
        types: Mapping[str, DeviceType],
        policy: Policy,
        registry: Registry,
        board: Board,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._types = types
        self._policy = policy
        self._registry = registry
        self._board = board
        self._clock = clock
        self._limits = policy.limits(types)
        self._watched: list[Feature] = []
        self._watched_version = ""

    def acknowledge(self, alarm: str, by: str) -> "Future[Message]":
        """Note that a person saw an alarm; the future holds its message.

        The future raises ``NotFound`` ``alarm.unknown`` or ``Conflict`` ``alarm.acknowledged``.
        """
        return self._decide(alarm, "acknowledged", lambda before, now: acknowledge(before, by, now))

    def handle(self, alarm: str, by: str, result: str) -> "Future[Message]":
        """Note that a person dealt with what the device itself does not end; the alarm is closed.

        The future raises ``NotFound`` ``alarm.unknown`` or ``Conflict`` ``alarm.clears_itself``.
        """

        def step(before: Alarm, now: datetime) -> Alarm:
            if before.active and self._clears_itself(before):
                raise Conflict(
                    "alarm.clears_itself",
                    f"{alarm} lasts until {before.device} reports that it is over.",
                    "Acknowledge it, or shelve it while the device is being repaired.",
                    alarm=alarm,
                )
            return handle(before, by, result, now)

        return self._decide(alarm, "handled", step)

    def shelve(self, alarm: str, by: str, until: datetime, reason: str) -> "Future[Message]":
        """Put an alarm away until a moment; the future raises ``alarm.unknown`` or ``alarm.shelf_over``."""
        return self._decide(alarm, "shelved", lambda before, now: shelve(before, by, until, reason, now))

    def unshelve(self, alarm: str) -> "Future[Message]":
        """Take an alarm off the shelf; the future raises ``alarm.unknown`` or ``alarm.not_shelved``."""
        return self._decide(alarm, "unshelved", unshelve)

    def tick(self) -> "Future[None] | None":
        """Do what is due by now in one transaction; ``None`` when nothing is. Doing it twice is doing it once."""
        now = self._clock()
        alarms, watches = self._board.due(now)[:_AT_ONCE], self._due_watches(now)[:_AT_ONCE]
        if not alarms and not watches:
            return None
        devices = self._registry.devices()

        def work(transaction: Transaction) -> None:
            desk = Desk(transaction, self._policy, now)
            limits = Limits(transaction, desk, self._limits)
            for record, rule in watches:
                device = devices.get(record.attributes["device"])
                if device is not None:
                    kind = self._types[device.attributes["device_type"]]
                    limits.wait(device, kind.alarms[rule.alarm], rule, now, f"tick:{record.id}:{now.isoformat()}")
            for alarm in alarms:
                desk.tick(alarm)
                standing = desk.standing(alarm)
                later = None if standing is None else deadline(standing, self._policy.flapping)
                if later is not None:
                    self._board.postpone(alarm, later)
            desk.finish()

        return self._store.write(work)

    def _decide(self, alarm: str, what: str, step: Callable[[Alarm, datetime], Alarm]) -> "Future[Message]":
        now = self._clock()

        def work(transaction: Transaction) -> Message:
            return Desk(transaction, self._policy, now).decide(alarm, lambda before: step(before, now), what)

        return self._store.write(work)

    def _clears_itself(self, alarm: Alarm) -> bool:
        if alarm.type in self._policy.own:
            return True
        device = self._registry.devices().get(alarm.device)
        kind = None if device is None else self._types[device.attributes["device_type"]].alarms.get(alarm.type)
        return kind is not None and kind.auto_clear

    def _due_watches(self, now: datetime) -> list[tuple[Feature, Threshold]]:
        version = self._store.version([LAYER])
        if version != self._watched_version:
            found = self._store.find(Query(layers=(LAYER,))).features
            self._watched = [record for record in found if record.attributes["phase"] in ("rising", "falling")]
            self._watched_version = version
        pairs = ((record, self._rule(record)) for record in self._watched)
        return [
            (record, rule)
            for record, rule in pairs
            if rule is not None and (ends := due(rule, watch_of(record))) is not None and ends <= now
        ]

    def _rule(self, record: Feature) -> Threshold | None:
        device = self._registry.devices().get(record.attributes["device"])
        kind = "" if device is None else device.attributes["device_type"]
        rules = self._limits.get((kind, record.attributes["property"]), ())
        return next((rule for rule in rules if rule.alarm == record.attributes["alarm"]), None)
