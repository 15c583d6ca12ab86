"""The engine: looks over what a transaction brought, fires the rules that waited for it, carries them out in it."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import shapely
from shapely.geometry.base import BaseGeometry

from layers.device.registry import Registry
from layers.device.types import DeviceType
from layers.linkage.book import RuleBook, Rules
from layers.linkage.carry import Carrier, held, keep
from layers.linkage.causes import alarm_cause, event_cause, moment_of, reading_cause, time_cause
from layers.linkage.guard import Guard
from layers.linkage.plan import Plan, plan
from layers.linkage.rules import AlarmTrigger, ReadingTrigger, Rule
from layers.linkage.scope import Cause, Position, Surroundings
from layers.linkage.watched import Watched
from twin.event import Event, Observed, Reading
from twin.query import Page, Query
from twin.store import Store, Transaction

_LATEST = timedelta(hours=1)
"""A time of day that was missed for longer, because the service stood still, is left out."""


class Engine:
    """Fires linkage rules.

    Args:
        store: Where the rules' effects go.
        book: The rules.
        registry: The devices.
        types: The device catalogue.
        clock: Returns now in UTC.
    """

    def __init__(
        self,
        store: Store,
        book: RuleBook,
        registry: Registry,
        types: Mapping[str, DeviceType],
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._book = book
        self._registry = registry
        self._types = types
        self._clock = clock
        self._guard = Guard()
        self._around = Surroundings({})
        self._ticked: dict[str, str] = {}

    def follow(self, watched: Watched) -> None:
        """Fire what waited for what is new in a transaction, and for what that brings about."""
        rules, now = self._book.rules(), self._clock()
        for reading, observed in watched.readings:
            for rule, cause in self._by_reading(rules, watched, reading, observed):
                self._fire(watched, rule, cause, now)
        waiting = deque(watched.events)
        watched.events.clear()
        while waiting:
            event, chain = waiting.popleft()
            for rule, cause in self._by_event(rules, watched, event, chain):
                self._fire(watched, rule, cause, now)
            waiting.extend(watched.events)
            watched.events.clear()

    def simulate(self, rule: Rule, cause: Cause) -> Plan:
        """Return what a rule would do about a cause; nothing is changed."""
        return plan(rule, cause, self._surroundings(self._store.find), self._types)

    def tick(self) -> "Future[None] | None":
        """Fire what is scheduled for a time of day that has come; ``None`` when nothing is."""
        now = self._clock()
        due = [(rule, key, at) for rule, key, at in self._scheduled(now) if self._ticked.get(rule.id) != key]
        if not due:
            return None
        community = next(iter(self._store.communities()), "")

        def work(transaction: Transaction) -> None:
            watched = Watched(transaction)
            for rule, key, at in due:
                self._fire(watched, rule, time_cause(key, at, community), now)

        self._ticked.update((rule.id, key) for rule, key, _ in due)
        return self._store.write(work)

    def _scheduled(self, now: datetime) -> Iterator[tuple[Rule, str, datetime]]:
        rules = self._book.rules()
        for rule, trigger, name in rules.scheduled:
            if trigger.schedule is None:
                continue
            local = now.astimezone(ZoneInfo(trigger.schedule.zone))
            hour, minute = (int(part) for part in trigger.schedule.at.split(":"))
            at = local.replace(hour=hour, minute=minute, second=0, microsecond=0)
            at = at if at <= local else at - timedelta(days=1)
            since = rules.standing[rule.id].since
            if now - at < _LATEST and (since is None or since <= at):
                yield rule, f"{name}:{at.isoformat()}", at

    def _by_reading(
        self, rules: Rules, watched: Watched, reading: Reading, observed: Observed
    ) -> Iterator[tuple[Rule, Cause]]:
        for rule, trigger, name in rules.on("reading", reading.name):
            device, wanted = self._registry.devices().get(reading.device), trigger.reading
            if device is None or wanted is None:
                continue
            kind = self._registry.kind(device)
            if wanted.types and kind.name not in wanted.types:
                continue
            if self._crosses(watched, wanted, f"{name}:{reading.device}", reading):
                yield rule, reading_cause(reading, observed, device, kind)

    def _crosses(self, watched: Watched, wanted: ReadingTrigger, key: str, reading: Reading) -> bool:
        """Tell whether a reading lies beyond the limit while the one before did not."""
        if wanted.always():
            return True
        before = held(watched, key)
        holds = wanted.beyond(reading.value, was=before)
        if holds != before:
            keep(watched, key, reading.community, holds=holds)
        return holds and not before

    def _by_event(
        self, rules: Rules, watched: Watched, event: Event, chain: tuple[str, ...]
    ) -> Iterator[tuple[Rule, Cause]]:
        if event.kind == "alarm":
            yield from self._by_alarm(rules, watched, event, chain)
        device = self._registry.devices().get(str(event.body.get("device")))
        signal = rules.on("signal", str(event.body.get("name"))) if event.kind == "signal" else ()
        for rule, trigger, _ in (*rules.on("event", event.kind), *signal):
            if trigger.event is None or trigger.event.fits(event.body):
                yield rule, event_cause(event, device, chain)

    def _by_alarm(
        self, rules: Rules, watched: Watched, event: Event, chain: tuple[str, ...]
    ) -> Iterator[tuple[Rule, Cause]]:
        waiting = rules.on("alarm", event.body["type"])
        if not waiting or event.body["shelved_until"] is not None:
            return
        record = watched.as_transaction().current("alarm", event.body["id"])
        device = self._registry.devices().get(event.body["device"])
        family = None if device is None else self._registry.kind(device).family.name
        cause = alarm_cause(event, moment_of(event.body, record), family, chain)
        for rule, trigger, _ in waiting:
            if trigger.alarm is not None and _fits(trigger.alarm, family, active=event.body["active"]):
                yield rule, cause

    def _fire(self, watched: Watched, rule: Rule, cause: Cause, now: datetime) -> None:
        carrier = Carrier(watched, rule, cause, now)
        objection = self._guard.objection(rule, cause, now)
        if objection is not None:
            if self._guard.news(rule, cause, now):
                carrier.stop(objection)
            return
        before, watched.chain = watched.chain, (*cause.chain, rule.id)
        if carrier.fire():
            self._guard.count(rule, cause, now)
            around = self._surroundings(watched.as_transaction().find)
            carrier.carry_out(plan(rule, cause, around, self._types))
        watched.chain = before

    def _surroundings(self, find: Callable[[Query], Page]) -> Surroundings:
        devices = self._registry.devices()
        if self._around.devices is not devices:
            self._around = Surroundings(devices)

        def grid(position: Position) -> BaseGeometry | None:
            found = find(Query(layers=("grid",), area=shapely.Point(position))).features
            return found[0].geometry if found else None

        return self._around.with_grid(grid)


def _fits(trigger: AlarmTrigger, family: str | None, *, active: bool) -> bool:
    return active == (trigger.phase == "raised") and (not trigger.families or family in trigger.families)
