"""The desk: takes reports and decisions about alarms inside one transaction, keeps the records, tells the log."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from gis.errors import NotFound
from layers.alarm.policy import Policy
from layers.alarm.record import alarm_of, feature_of, message_of, named_places, place_name, updated
from layers.alarm.rules import Alarm, Cause, Ending, alarm_id, clear, raise_again, raise_new
from layers.alarm.timers import moved, tick
from layers.device.types import AlarmType
from twin.event import NewEvent
from twin.feature import Feature
from twin.query import Query
from twin.store import Transaction

ANNOUNCED, QUIET = "alarm", "alarm_quiet"
"""Kinds of the events that tell of an alarm's new state: to everybody, or only to those who keep count."""

KINDS = (ANNOUNCED, QUIET)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What somebody says about a condition.

    Attributes:
        holds: Whether the condition is there.
        at: Phenomenon time.
        by: The event that says so, unique; it names the announcement.
        cell: H3 cell, for what a camera sees.
    """

    holds: bool
    at: datetime
    by: str
    cell: str | None = None
    cause: Cause = "reported"


@dataclass(slots=True)
class _File:
    record: Feature
    alarm: Alarm


class Desk:
    """The alarms that one transaction moves; each is read once, however often it is reported.

    Repeats of a standing alarm are gathered and written by :meth:`finish`: a storm of identical reports costs one
    version a message.

    Args:
        transaction: All of it is one.
        policy: How alarms behave.
        now: The moment of the transaction, UTC.
    """

    def __init__(self, transaction: Transaction, policy: Policy, now: datetime) -> None:
        self._transaction = transaction
        self._policy = policy
        self._now = now
        self._files: dict[str, _File | None] = {}
        self._repeated: dict[str, tuple[int, Report]] = {}
        self._names: dict[str, str | None] = {}
        self.seq = 0

    def report(self, device: Feature, kind: AlarmType, report: Report) -> None:
        """Take a report: raise, count or clear. "Normal" ends only what the device itself may end."""
        key = alarm_id(device.id, kind.name, report.cell)
        filed = self._filed(key)
        if filed is None:
            if report.holds:
                self._raise(key, device, kind, report)
            return
        self._run_out(key, filed, report)
        standing = self._filed(key)
        if standing is None:
            self.report(device, kind, report)
            return
        before = standing.alarm
        if report.holds:
            after = raise_again(before, report.at)
        else:
            after = clear(before, report.at) if kind.auto_clear else before
        if after is before:
            return
        if after.active == before.active:
            self._repeated.setdefault(key, (before.count, report))
            standing.alarm = after
        else:
            self._settle(key, standing, moved(before, after, self._policy.flapping), report.by)

    def decide(self, alarm: str, step: Callable[[Alarm], Alarm], by: str) -> dict[str, Any]:
        """Take what a person decided about an alarm; return its message.

        Raises:
            NotFound: ``alarm.unknown``.
        """
        filed = self._filed(alarm)
        if filed is None:
            raise NotFound("alarm.unknown", f"No open alarm {alarm!r}.", "See GET /v1/alarms.", alarm=alarm)
        after = moved(filed.alarm, step(filed.alarm), self._policy.flapping)
        return self._settle(alarm, filed, after, f"{alarm}:{by}:{self._now.isoformat()}")

    def tick(self, alarm: str) -> None:
        """Let time pass for an alarm; twice at the same moment is once."""
        filed = self._filed(alarm)
        if filed is not None:
            self._run(alarm, filed, self._now)

    def end(self, alarm: str, ending: Ending) -> None:
        """Close an alarm whatever its state, because what it was about is gone."""
        filed = self._filed(alarm)
        if filed is not None:
            over = clear(filed.alarm, max(self._now, filed.alarm.last_seen), ending)
            closed = replace(over, acknowledged=True, shelved_until=None, changed_at=max(self._now, over.changed_at))
            self._settle(alarm, filed, closed, f"{alarm}:{ending}:{self._now.isoformat()}")

    def finish(self) -> None:
        """Write the alarms whose count grew; told at 1, 2, 5, 10, 20, 50, 100 … reports."""
        for key, (count, report) in self._repeated.items():
            filed = self._files[key]
            if filed is not None:
                told = told_at(filed.alarm.count) > told_at(count)
                self._write(filed, filed.alarm, f"{report.by}:repeat", announced=told, noted=told)
        self._repeated.clear()

    def standing(self, alarm: str) -> Alarm | None:
        """Return the alarm of this key as it stands now."""
        filed = self._filed(alarm)
        return None if filed is None else filed.alarm

    def _filed(self, key: str) -> _File | None:
        if key not in self._files:
            record = self._transaction.current("alarm", key)
            self._files[key] = None if record is None else _File(record, alarm_of(record))
        return self._files[key]

    def _raise(self, key: str, device: Feature, kind: AlarmType, report: Report) -> None:
        alarm = raise_new(
            device.id,
            kind.name,
            self._policy.level(kind),
            report.at,
            not_before=self._closed_at(key),
            cell=report.cell,
            cause=report.cause,
            timeout_s=self._policy.timeout_s(kind),
        )
        filed = self._files[key] = _File(feature_of(alarm, device, kind, self._now), alarm)
        self._write(filed, alarm, report.by, announced=True)

    def _closed_at(self, key: str) -> datetime | None:
        """Return when the occurrence before this one was closed."""
        earlier = self._transaction.find(Query(layers=("alarm",), ids=(key,), during=(None, self._now))).features
        return max((past.valid_to for past in earlier if past.valid_to is not None), default=None)

    def _run_out(self, key: str, filed: _File, report: Report) -> None:
        """Let what is over by the time of a report be over before it: it then begins anew."""
        if filed.alarm.timeout_s is not None:
            self._run(key, filed, min(report.at, self._now))

    def _run(self, key: str, filed: _File, now: datetime) -> None:
        after = tick(filed.alarm, now, self._policy.flapping)
        if after is not filed.alarm:
            self._settle(key, filed, after, f"{key}:tick:{after.changed_at.isoformat()}")

    def _settle(self, key: str, filed: _File, after: Alarm, by: str) -> dict[str, Any]:
        before = filed.alarm
        announced = not (before.shelved_until and after.shelved_until) and not (before.flapping and after.flapping)
        message = self._write(filed, after, by, announced=announced)
        self._repeated.pop(key, None)
        if not after.standing:
            self._files[key] = None
        return message

    def _write(self, filed: _File, alarm: Alarm, by: str, *, announced: bool, noted: bool = True) -> dict[str, Any]:
        filed.record, filed.alarm = updated(filed.record, alarm, self._now), alarm
        over = None if alarm.standing else max(alarm.changed_at, filed.record.valid_from or self._now)
        self._transaction.put(replace(filed.record, valid_to=over))  # the last version ends as it is written
        message = self._message(filed.record)
        if not noted:
            return message
        event = self._transaction.append(
            NewEvent(
                kind=ANNOUNCED if announced else QUIET,
                community=filed.record.community,
                subject=filed.record.id,
                source="lifang:alarm",
                source_seq=by,
                occurred_at=alarm.changed_at,
                body=message,
            )
        )
        self.seq = self.seq if event is None else event.seq
        return {**message, "seq": self.seq}

    def _message(self, record: Feature) -> dict[str, Any]:
        return dict(message_of(record, None if record.place is None else self._called(record.place)))

    def _called(self, key: str) -> str | None:
        """Return what people call a place; read once a transaction."""
        if key not in self._names:
            self._names[key] = _place(self._transaction, key)
        return self._names[key]


def told_at(count: int) -> int:
    """Return the last of 1, 2, 5, 10, 20, 50, 100 … that a count has reached.

    >>> [told_at(count) for count in (1, 4, 5, 99, 100_000)]
    [1, 2, 5, 50, 100000]
    """
    power = int(f"1{'0' * (len(str(count)) - 1)}")
    return next(step * power for step in (5, 2, 1) if count >= step * power)


def _place(transaction: Transaction, key: str) -> str | None:
    found = {place: transaction.current(layer, place) for layer, place in named_places(key)}
    return place_name(key, {place: feature.name for place, feature in found.items() if feature is not None})
