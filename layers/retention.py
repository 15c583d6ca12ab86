"""Retention: what happened is kept as long as the policy says, and what is removed is told in the log."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gis.errors import BadInput
from layers.declaration_file import parse_yaml
from twin.event import Band, Event, NewEvent
from twin.query import Query
from twin.store import Store, Transaction

KIND = "retention"
_SOURCE = "lifang:retention"
_CHUNK = 5000  # events looked at in one transaction: an alarm that comes meanwhile waits no longer than that
_OPEN = Query(layers=("alarm", "incident"))


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Term(_Model):
    """How long; ``least`` is what the clause in ``source`` asks for."""

    days: int = Field(ge=1)
    least: int = Field(default=1, ge=1)
    source: str | None = None


class Exceptions(_Model):
    """Report by exception: within what a reading says nothing new, and how often one is kept all the same."""

    within: float = Field(ge=0, allow_inf_nan=False)
    every_s: int = Field(ge=1, le=86_400)


class ReadingTerm(Term):
    """How long, and whether all of them or only exceptions."""

    by_exception: Exceptions | None = None


class Retention(_Model):
    """The policy.

    Attributes:
        readings: By property.
        other_readings: Of all properties not named.
        hours: Of the summaries per hour.
        events: By kind of event; what is not named is kept for good.
    """

    readings: Mapping[str, ReadingTerm]
    other_readings: Term
    hours: Term
    events: Mapping[str, Term]

    def days(self, event: Event) -> int | None:
        """Return how long an event is kept; ``None`` for good."""
        if event.kind == "observation":
            return self.readings.get(str(event.body.get("property")), self.other_readings).days
        term = self.events.get(event.kind)
        return None if term is None else term.days

    @property
    def bands(self) -> Mapping[str, Band]:
        """Return of which properties only exceptions are kept."""
        return {
            name: Band(term.by_exception.within, timedelta(seconds=term.by_exception.every_s))
            for name, term in self.readings.items()
            if term.by_exception is not None
        }

    @property
    def shortest(self) -> int:
        """Return after how many days the first event may go."""
        return min(term.days for term in (*self.readings.values(), self.other_readings, *self.events.values()))


@cache
def shipped() -> Retention:
    """Return the policy that comes with the product.

    >>> shipped().readings["vehicle_pass"].days
    180
    """
    return _parsed(files("layers").joinpath("retention.yaml").read_text("utf-8"), "layers/retention.yaml")


def parse_retention(text: str, where: str) -> Retention:
    """Return the policy that a YAML document states.

    Raises:
        BadInput: ``retention.bad_policy``; ``retention.too_short`` for less than a standard asks for, and
            ``retention.kept_whole`` for leaving out of what it asks for.

    >>> parse_retention("{readings: {}, other_readings: {days: 0}, hours: {days: 9}, events: {}}", "mine.yaml")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: retention.bad_policy: mine.yaml: other_readings.days: Input should be greater than ...
    """
    policy = _parsed(text, where)
    for name, term in shipped().readings.items():
        days = policy.readings.get(name, policy.other_readings).days
        if days < term.least:
            raise BadInput(
                "retention.too_short",
                f"{where}: {name} would be kept {days} days; {term.source} asks for {term.least}.",
                "Give it a term of its own that is long enough.",
                file=where,
                field=name,
            )
        if term.source is not None and name in policy.bands:
            raise BadInput(
                "retention.kept_whole",
                f"{where}: {name} is kept whole; {term.source} asks for it.",
                "Leave by_exception out.",
                file=where,
                field=name,
            )
    return policy


def _parsed(text: str, where: str) -> Retention:
    try:
        return Retention.model_validate(parse_yaml(text, where))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise BadInput(
            "retention.bad_policy",
            f"{where}: {key}: {first['msg']}.",
            "Mend the file; docs/operations.md describes every key.",
            file=where,
            field=key,
        ) from error


class _RehearsedError(Exception):
    """Ends a transaction whose changes nobody wants."""


def expire(store: Store, policy: Retention, now: datetime, *, rehearse: bool) -> Mapping[str, int]:
    """Remove what is older than the policy says; return how many events by kind, and ``hours`` of summaries.

    Events about an open alarm or incident, and all of its device, stay. Each transaction is short, and tells in an
    event of kind ``retention`` what it removed.

    Args:
        store: The twin.
        policy: The terms.
        now: The moment they end at.
        rehearse: Count only.
    """
    removed: Counter[str] = Counter()
    last: int | None = 0
    while last is not None:
        last = _sweep(store, policy, now, last, removed, rehearse=rehearse)
    before = now - timedelta(days=policy.hours.days)
    if rehearse:
        removed["hours"] += _rehearsed(store, lambda tx: tx.sweep_rollups(before, 10**9, (), others=True))
        return +removed
    while gone := store.write(lambda tx: tx.sweep_rollups(before, _CHUNK, (), others=True)).result():
        removed["hours"] += gone
    return +removed


def _sweep(
    store: Store, policy: Retention, now: datetime, after: int, removed: Counter[str], *, rehearse: bool
) -> int | None:
    """Sweep one chunk; return where the next one begins, ``None`` when there is none."""
    counts: Counter[str] = Counter()

    def work(transaction: Transaction) -> int | None:
        spared = _needed(transaction)

        def doomed(event: Event) -> bool:
            days = policy.days(event)
            old = days is not None and max(event.occurred_at, event.recorded_at) < now - timedelta(days=days)
            if old and event.subject not in spared:
                counts[event.kind] += 1
                return True
            return False

        swept = transaction.sweep(after, now - timedelta(days=policy.shortest), _CHUNK, doomed)
        if swept.removed and not rehearse:
            transaction.append(_told(counts, after, now))
        return swept.last

    last: int | None = _rehearsed(store, work) if rehearse else store.write(work).result()
    removed.update(counts)
    return last


def _needed(transaction: Transaction) -> set[Any]:
    """Return the subjects of events that an open alarm or incident needs."""
    records = transaction.find(_OPEN).features
    return {subject for record in records for subject in (record.id, record.attributes.get("device"))}


def _rehearsed(store: Store, work: Any) -> Any:
    """Return the result of a work that is undone."""
    results: list[Any] = []

    def undone(transaction: Transaction) -> None:
        results.append(work(transaction))
        raise _RehearsedError

    error = store.write(undone).exception()
    if not isinstance(error, _RehearsedError):
        raise error or RuntimeError("a rehearsal was not undone")
    return results[-1]


def _told(counts: Mapping[str, int], after: int, now: datetime) -> NewEvent:
    return NewEvent(
        kind=KIND,
        community="",
        subject="event",
        source=_SOURCE,
        source_seq=f"{now.isoformat()}:{after}",
        occurred_at=now,
        body={"removed": dict(counts)},
    )
