"""Commands to devices: requested, handed over, answered, and told in the log at every step.

    requested ──► sent ──► acknowledged | failed
        └──────────┴─────► timed_out; superseded when a newer one of the same name takes its place

Of one name only the newest command to a device counts: a lamp that was away needs the last brightness, not all of them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, Field

from gis.errors import BadInput, Conflict, NotFound
from layers.alarm.record import utc
from layers.device.types import DeviceType
from twin.event import NewEvent
from twin.feature import Feature
from twin.query import Query
from twin.store import Store, Transaction

LAYER, KIND = "command", "command"

State = Literal["requested", "sent", "acknowledged", "failed", "timed_out", "superseded"]
Answer = Literal["acknowledged", "failed"]

ANSWER_WITHIN = timedelta(seconds=60)
AGAIN_AFTER = timedelta(minutes=5)
"""A device that was told the same so recently, and nothing else since, is not told again."""

_OPEN = ("requested", "sent")
_UNDONE_BY = {
    "unlock": "lock",
    "lock": "unlock",
    "open": "close",
    "close": "open",
    "sound": "silence",
    "silence": "sound",
    "arm": "disarm",
    "disarm": "arm",
}


class CommandAnswer(BaseModel):
    """How a command went."""

    state: Answer
    result: str | None = Field(None, max_length=1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a device is to be told.

    Attributes:
        by: Person, or the rule that asks.
        cause: The event that led to it; ``None`` when a person asked.
        chain: The rules that led here, first to last.
    """

    device: Feature
    command: str
    by: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    rule: str | None = None
    cause: int | None = None
    chain: tuple[str, ...] = ()
    reason: str | None = None

    @property
    def key(self) -> str:
        """Return the id of the record that holds the newest command of this name."""
        return f"{self.device.id}:{self.command}"


def request(transaction: Transaction, orders: Sequence[Order], now: datetime) -> list[dict[str, Any]]:
    """Request commands in a transaction; return the messages of those that are new.

    An order whose device was told the same within :data:`AGAIN_AFTER`, successfully so far, and has not been told the
    opposite since, is already carried out: two detectors of one fire open a door once.
    """
    known = _known(transaction, orders)
    fresh = {order.key: order for order in orders if not _told(order, known, now)}
    messages, records, events = [], [], []
    for key, order in fresh.items():
        before = known.get(key)
        if before is not None and before.attributes["state"] in _OPEN:
            events.append(_event(_moved(before, "superseded", now), now))
        record = _record(order, before, now)
        records.append(record)
        events.append(_event(record, now))
        messages.append(message_of(record))
    transaction.put_all(records)
    transaction.append_all(events)
    return messages


def _known(transaction: Transaction, orders: Sequence[Order]) -> dict[str, Feature]:
    keys = {order.key for order in orders}
    keys |= {f"{one.device.id}:{_UNDONE_BY[one.command]}" for one in orders if one.command in _UNDONE_BY}
    found = transaction.find(Query(layers=(LAYER,), ids=tuple(sorted(keys)))).features if keys else ()
    return {record.id: record for record in found}


def _told(order: Order, known: Mapping[str, Feature], now: datetime) -> bool:
    last = known.get(order.key)
    if last is None or last.attributes["state"] in ("failed", "timed_out"):
        return False
    asked_at = _asked_at(last)
    undone = known.get(f"{order.device.id}:{_UNDONE_BY.get(order.command)}")
    if undone is not None and _asked_at(undone) >= asked_at:
        return False
    return now - asked_at < AGAIN_AFTER and last.attributes["arguments"] == dict(order.arguments)


def _asked_at(record: Feature) -> datetime:
    return datetime.fromisoformat(record.attributes["requested_at"])


def _record(order: Order, before: Feature | None, now: datetime) -> Feature:
    device = order.device
    return Feature(
        layer=LAYER,
        id=order.key,
        community=device.community,
        place=device.place,
        storey=device.storey,
        name=device.name,
        attributes={
            "device": device.id,
            "command": order.command,
            "arguments": dict(order.arguments),
            "generation": 1 if before is None else before.attributes["generation"] + 1,
            "state": "requested",
            "requested_at": utc(now),
            "due": utc(now + ANSWER_WITHIN),
            "by": order.by,
            "rule": order.rule,
            "cause": order.cause,
            "chain": list(order.chain),
            "reason": order.reason,
            "result": None,
        },
        valid_from=now,
    )


def _moved(record: Feature, state: State, now: datetime, result: str | None = None) -> Feature:
    return replace(record, attributes={**record.attributes, "state": state, "result": result}, valid_from=now)


def command_id(record: Feature) -> str:
    """Return the id of a command: device, name and how many of this name the device was told so far."""
    return f"{record.id}:{record.attributes['generation']}"


def message_of(record: Feature) -> dict[str, Any]:
    """Return a command as the API and the stream show it."""
    shown = {name: value for name, value in record.attributes.items() if name != "generation"}
    return {"id": command_id(record), "device_name": record.name, "place": record.place, **shown}


def _event(record: Feature, now: datetime) -> NewEvent:
    return NewEvent(
        kind=KIND,
        community=record.community,
        subject=record.attributes["device"],
        source="lifang:command",
        source_seq=f"{command_id(record)}:{record.attributes['state']}",
        occurred_at=now,
        body=message_of(record),
    )


def _tell(transaction: Transaction, record: Feature, now: datetime) -> dict[str, Any]:
    transaction.put(record)
    transaction.append(_event(record, now))
    return message_of(record)


class Commands:
    """Requests of people, the handing over to devices, their answers, and what time does to those that never answer.

    Args:
        store: Where commands live.
        clock: Returns now in UTC.
    """

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._version = ""
        self._waiting: Sequence[Feature] = ()

    def ask(self, order: Order, kind: DeviceType) -> "Future[dict[str, Any]]":
        """Request what a person wants, even if the device was told so before; the future holds the message.

        Raises:
            BadInput: ``command.unknown``.
        """
        if order.command not in kind.commands:
            raise BadInput(
                "command.unknown",
                f"A {kind.title.en} cannot {order.command!r}.",
                f"It knows: {', '.join(kind.commands) or 'no command'}.",
                field="command",
            )
        now = self._clock()

        def work(transaction: Transaction) -> dict[str, Any]:
            before = transaction.current(LAYER, order.key)
            if before is not None and before.attributes["state"] in _OPEN:
                transaction.append(_event(_moved(before, "superseded", now), now))
            return _tell(transaction, _record(order, before, now), now)

        return self._store.write(work)

    def hand_over(self, device: str, kind: DeviceType) -> "Future[list[dict[str, Any]]]":
        """Return the commands that wait for a device's answer and note that they were sent."""
        now, ids = self._clock(), tuple(f"{device}:{name}" for name in kind.commands)

        def work(transaction: Transaction) -> list[dict[str, Any]]:
            found = transaction.find(Query(layers=(LAYER,), ids=ids)).features if ids else ()
            return [self._handed(transaction, one, now) for one in found if one.attributes["state"] in _OPEN]

        return self._store.write(work)

    def sent(self, command: str) -> "Future[dict[str, Any]]":
        """Note that a command was passed on, as by a broker; the future raises ``NotFound`` ``command.no_such``."""
        now = self._clock()
        return self._store.write(lambda transaction: self._handed(transaction, _current(transaction, command), now))

    def answer(self, command: str, state: Answer, result: str | None, only: str | None) -> "Future[dict[str, Any]]":
        """Take a device's answer; the same answer again changes nothing, and a late one still tells how it went.

        Args:
            command: Id of the command.
            state: Whether it was done.
            result: What the device says about it.
            only: The device that proved to have sent the answer; ``None`` when nobody signed.

        The future raises ``NotFound`` ``command.no_such`` or ``Conflict`` ``command.answered``, ``command.foreign``.
        """
        now = self._clock()

        def work(transaction: Transaction) -> dict[str, Any]:
            record = _current(transaction, command)
            if only not in (None, record.attributes["device"]):
                raise Conflict("command.foreign", f"{command} was not for {only}.", "Answer your own commands.")
            before = record.attributes["state"]
            if before == state:
                return message_of(record)
            if before in ("acknowledged", "failed"):
                raise Conflict(
                    "command.answered", f"{command} is {before}.", "Nothing needs to be done.", command=command
                )
            return _tell(transaction, _moved(record, state, now, result), now)

        return self._store.write(work)

    def tick(self) -> "Future[None] | None":
        """Give up the commands whose time to answer is over; ``None`` when there is none."""
        now = self._clock()
        overdue = [record.id for record in self._open() if datetime.fromisoformat(record.attributes["due"]) <= now]
        if not overdue:
            return None

        def work(transaction: Transaction) -> None:
            for record in transaction.find(Query(layers=(LAYER,), ids=tuple(overdue))).features:
                due = datetime.fromisoformat(record.attributes["due"])
                if record.attributes["state"] in _OPEN and due <= now:
                    _tell(transaction, _moved(record, "timed_out", now), now)

        return self._store.write(work)

    def requested(self) -> list[tuple[str, dict[str, Any]]]:
        """Return community and message of the commands that nobody has fetched or passed on yet, oldest first."""
        waiting = [one for one in self._open() if one.attributes["state"] == "requested"]
        return [(one.community, message_of(one)) for one in sorted(waiting, key=_asked_at)]

    def find(self, devices: Iterable[str] = (), state: str | None = None) -> list[dict[str, Any]]:
        """Return the newest command of each name, of these devices and in this state only when named."""
        wanted = set(devices)
        found = self._store.find(Query(layers=(LAYER,))).features
        return [
            message_of(one)
            for one in found
            if (not wanted or one.attributes["device"] in wanted) and state in (None, one.attributes["state"])
        ]

    def _handed(self, transaction: Transaction, record: Feature, now: datetime) -> dict[str, Any]:
        if record.attributes["state"] != "requested":
            return message_of(record)
        return _tell(transaction, _moved(record, "sent", now), now)

    def _open(self) -> Sequence[Feature]:
        version = self._store.version([LAYER])
        if version != self._version:
            found = self._store.find(Query(layers=(LAYER,))).features
            self._waiting = [one for one in found if one.attributes["state"] in _OPEN]
            self._version = version
        return self._waiting


def _current(transaction: Transaction, command: str) -> Feature:
    record = transaction.current(LAYER, command.rpartition(":")[0])
    if record is None or command_id(record) != command:
        raise NotFound(
            "command.no_such", f"{command!r} is no command that counts.", "A newer one may have taken its place."
        )
    return record
