"""How often alarms occurred, and what became of them: folded from the log."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any, Literal

from twin.event import Event
from twin.spacecode import building_of

By = Literal["type", "severity", "building", "storey", "device", "cause", "day", "hour"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """One alarm from its raising on, as it last was.

    Attributes:
        reports: How often the condition was reported.
        handled_s: Seconds from raising to acknowledgement; ``None`` while nobody took note.
        cleared_s: Seconds from raising to the end of the condition; ``None`` while it lasts.
    """

    alarm: str
    type: str
    severity: int
    cause: str
    device: str
    place: str | None
    center: tuple[float, float] | None
    raised_at: datetime
    reports: int
    handled_s: float | None
    cleared_s: float | None


def occurrences(events: Iterable[Event], start: datetime, end: datetime) -> list[Occurrence]:
    """Return what was raised from ``start`` on and before ``end``, from events that tell of alarms, in their order.

    >>> occurrences([], datetime.min, datetime.max)
    []
    """
    newest: dict[tuple[str, str], Mapping[str, Any]] = {}
    for event in events:
        newest[event.subject, event.body["raised_at"]] = event.body
    found = (_occurrence(name, body) for (name, _), body in newest.items())
    return [one for one in found if start <= one.raised_at < end]


def _occurrence(name: str, body: Mapping[str, Any]) -> Occurrence:
    raised = datetime.fromisoformat(body["raised_at"])
    center = body.get("center")
    return Occurrence(
        alarm=name,
        type=body["type"],
        severity=body["severity"],
        cause=body.get("cause", "reported"),
        device=body["device"],
        place=body.get("place"),
        center=None if center is None else (center[0], center[1]),
        raised_at=raised,
        reports=body["count"],
        handled_s=_since(raised, body.get("acknowledged_at")),
        cleared_s=None if body["active"] else _since(raised, body.get("cleared_at")),
    )


def _since(raised: datetime, text: str | None) -> float | None:
    return None if text is None else max((datetime.fromisoformat(text) - raised).total_seconds(), 0.0)


@dataclass(frozen=True, slots=True)
class Tally:
    """What a group of occurrences adds up to.

    Attributes:
        key: What they have in common; ``None`` when they stand in no such place.
        handled_share: Share that somebody took note of, 0 to 1.
        median_handled_s: Median of the seconds until then; ``None`` when nobody did.
    """

    key: str | None
    count: int
    reports: int
    worst: int
    handled_share: float
    median_handled_s: float | None
    median_cleared_s: float | None


def tallies(found: Sequence[Occurrence], by: By, zone: Any) -> list[Tally]:
    """Return the groups, most frequent first; days and hours are those of a time zone."""
    groups: dict[str | None, list[Occurrence]] = defaultdict(list)
    key = _KEYS[by]
    for one in found:
        groups[key(one, zone)].append(one)
    made = [tally(name, group) for name, group in groups.items()]
    return sorted(made, key=lambda group: (-group.count, group.key is None, group.key or ""))


def tally(key: str | None, group: Sequence[Occurrence]) -> Tally:
    """Return what these occurrences, at least one, add up to."""
    handled = [one.handled_s for one in group if one.handled_s is not None]
    cleared = [one.cleared_s for one in group if one.cleared_s is not None]
    return Tally(
        key=key,
        count=len(group),
        reports=sum(one.reports for one in group),
        worst=min(one.severity for one in group),
        handled_share=round(len(handled) / len(group), 4),
        median_handled_s=median(handled) if handled else None,
        median_cleared_s=median(cleared) if cleared else None,
    )


def _part(place: str | None, segments: int) -> str | None:
    parts = [] if place is None else place.split("-")
    return "-".join(parts[:segments]) if len(parts) >= segments else None


_KEYS: Mapping[By, Callable[[Occurrence, Any], str | None]] = {
    "type": lambda one, _: one.type,
    "severity": lambda one, _: str(one.severity),
    "cause": lambda one, _: one.cause,
    "device": lambda one, _: one.device,
    "building": lambda one, _: None if one.place is None else building_of(one.place),
    "storey": lambda one, _: _part(one.place, 4),
    "day": lambda one, zone: one.raised_at.astimezone(zone).date().isoformat(),
    "hour": lambda one, zone: f"{one.raised_at.astimezone(zone).hour:02d}",
}
