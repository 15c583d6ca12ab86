"""Figures of incidents (D 三(二)1.5)): how many of what, how many dealt with, how long it took, and how it develops."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import islice
from statistics import median
from typing import Any, Literal

from gis.errors import BadInput
from layers.incident.record import incident_of
from layers.incident.rules import Incident
from twin.feature import Feature
from twin.spacecode import building_of

Step = Literal["day", "week", "month"]

MOST_BUCKETS = 400
MOST_GROUPS = 100
_CHINA = timezone(timedelta(hours=8))


@dataclass(frozen=True, slots=True)
class Span:
    """A time, its end not part of it."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        """Refuse a span that ends before it begins."""
        if self.end <= self.start:
            raise BadInput("incident.span", "The time ends before it begins.", "Swap since and until.")

    def holds(self, moment: datetime) -> bool:
        """Tell whether a moment is in it."""
        return self.start <= moment < self.end


def figures(records: Sequence[Feature], span: Span, step: Step) -> dict[str, Any]:
    """Return the figures of the incidents reported in a time; groups beyond the 100 largest are summed up as ``null``.

    Raises:
        BadInput: ``incident.too_fine`` when the trend would have more than 400 steps.
    """
    incidents = [incident_of(record) for record in records]
    return {
        **_summary(incidents),
        "by_state": _counted(one.state for one in incidents),
        "by_class": _counted(one.class_ for one in incidents),
        "by_level": _counted(str(one.level) for one in incidents),
        "by_source": _counted(one.source for one in incidents),
        "by_grid": _counted(record.attributes.get("grid") for record in records),
        "by_building": _counted(record.place and building_of(record.place) for record in records),
        "trend": _trend(incidents, span, step),
    }


def before_and_after(records: Sequence[Feature], span: Span, split: datetime) -> dict[str, Any]:
    """Return the figures of the times before and after a moment, as rates a day, and the change from one to the other.

    Raises:
        BadInput: ``incident.split`` when the moment is not inside the time.
    """
    if not span.start < split < span.end:
        raise BadInput("incident.split", f"{split.isoformat()} is not inside the time.", "Choose one between its ends.")
    incidents = [incident_of(record) for record in records]
    sides = [
        _side([one for one in incidents if part.holds(one.reported_at)], part)
        for part in (Span(span.start, split), Span(split, span.end))
    ]
    before, after = (side["per_day"] for side in sides)
    change = None if before == 0 else round((after - before) / before, 4)
    return {"at": split.isoformat(), "before": sides[0], "after": sides[1], "change": change}


def _side(incidents: Sequence[Incident], span: Span) -> dict[str, Any]:
    days = (span.end - span.start) / timedelta(days=1)
    return {**_summary(incidents), "per_day": round(len(incidents) / days, 4)}


def _summary(incidents: Sequence[Incident]) -> dict[str, Any]:
    counted = [one for one in incidents if one.state != "merged"]  # what was reported twice is one thing
    handled = [one for one in counted if one.result is not None]
    answered = [(one.accepted_at - one.reported_at).total_seconds() for one in counted if one.accepted_at is not None]
    solved = [(one.feedback_at - one.reported_at).total_seconds() for one in counted if one.feedback_at is not None]
    return {
        "reports": len(incidents),
        "incidents": len(counted),
        "open": sum(one.open for one in counted),
        "handled": len(handled),
        "handling_rate": round(len(handled) / len(counted), 4) if counted else None,
        "median_accept_s": median(answered) if answered else None,
        "median_handle_s": median(solved) if solved else None,
    }


def _counted(keys: Iterable[str | None]) -> list[dict[str, Any]]:
    """Return the largest groups, largest first; what has no key, and what is beyond them, has the key ``null``."""
    counts = Counter(keys)
    nowhere = counts.pop(None, 0)
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0] or ""))
    rest = nowhere + sum(count for _, count in islice(ranked, MOST_GROUPS, None))
    shown = [{"key": key, "count": count} for key, count in ranked[:MOST_GROUPS]]
    return [*shown, {"key": None, "count": rest}] if rest else shown


def _trend(incidents: Sequence[Incident], span: Span, step: Step) -> list[dict[str, Any]]:
    starts = [_floor(span.start, step)]
    while (following := _following(starts[-1], step)) < span.end:
        if len(starts) == MOST_BUCKETS:
            raise BadInput(
                "incident.too_fine", f"More than {MOST_BUCKETS} steps.", "Take a shorter time or step=month."
            )
        starts.append(following)
    reported = Counter(_floor(one.reported_at, step) for one in incidents)
    handled = Counter(_floor(one.feedback_at, step) for one in incidents if one.feedback_at is not None)
    return [{"start": at.isoformat(), "reported": reported[at], "handled": handled[at]} for at in starts]


def _floor(moment: datetime, step: Step) -> datetime:
    """Return when the day, week or month of a moment began in China."""
    day = moment.astimezone(_CHINA).replace(hour=0, minute=0, second=0, microsecond=0)
    if step == "month":
        return day.replace(day=1)
    return day - timedelta(days=day.weekday()) if step == "week" else day


def _following(start: datetime, step: Step) -> datetime:
    if step == "month":
        return (start + timedelta(days=32)).replace(day=1)
    return start + timedelta(days=7 if step == "week" else 1)
