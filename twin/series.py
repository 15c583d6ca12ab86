"""Readings in time: which ones are asked for, and their summaries per minute, hour and day."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from gis.errors import BadInput

Step = Literal["minute", "hour", "day"]

_STEPS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Which readings.

    Attributes:
        devices: Numbers of devices; at least one.
        names: Properties; all when empty.
        start: First phenomenon time asked for; ``None`` from the beginning.
        end: What happened at or after this moment is left out; ``None`` to the end.
        known_at: Only what had been recorded by then.
        newest_first: Turns the order round.
        limit: Page size; ``None`` for all (inside the house only).
        skip: How many to leave out first.
        after: Phenomenon time and sequence number of the last reading of the page before, in the order asked for.
    """

    devices: tuple[str, ...]
    names: tuple[str, ...] = ()
    start: datetime | None = None
    end: datetime | None = None
    known_at: datetime | None = None
    newest_first: bool = False
    limit: int | None = None
    skip: int = 0
    after: tuple[datetime, int] | None = None

    def __post_init__(self) -> None:
        """Refuse a moment without a zone: local time of whom?"""
        for moment, parameter in ((self.start, "start"), (self.end, "end"), (self.known_at, "known_at")):
            if moment is not None and moment.tzinfo is None:
                raise BadInput("query.time", f"{parameter} has no time zone.", "Add Z or +08:00.", parameter=parameter)


@dataclass(frozen=True, slots=True)
class Bucket:
    """The readings of one property of one device in one minute, hour or day.

    Attributes:
        start: When it begins (UTC).
        count: How many readings; a reading sent twice counts once.
        low: Least value; ``None`` when they are no numbers.
        high: Greatest value.
        total: Their sum.
        last: Value of the last phenomenon time, whenever it was recorded.
        last_at: That time.
        last_seq: Its number in the log.
    """

    community: str
    device: str
    name: str
    start: datetime
    count: int
    low: float | None
    high: float | None
    total: float | None
    last: Any
    last_at: datetime
    last_seq: int

    @property
    def mean(self) -> float | None:
        """Return the mean; ``None`` when they are no numbers."""
        return None if self.total is None else self.total / self.count


def floor(moment: datetime, step: Step, offset: timedelta = timedelta()) -> datetime:
    """Return when the bucket that holds a moment begins, UTC.

    >>> floor(datetime(2026, 11, 21, 15, 59, tzinfo=UTC), "day", timedelta(hours=8)).isoformat()
    '2026-11-20T16:00:00+00:00'
    """
    return moment - (moment.astimezone(UTC) + offset - _EPOCH) % _STEPS[step]


def whole_buckets(asked: Series, step: Step, offset: timedelta) -> tuple[datetime | None, datetime | None]:
    """Return first and end moment of the buckets that begin in the time asked for.

    Raises:
        BadInput: ``series.offset`` when local time is not whole hours away from UTC.

    >>> whole_buckets(Series(devices=("D-1",)), "day", timedelta(minutes=30))
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: series.offset: Days that begin 0:30:00 off UTC cannot be summed from hours. ...
    """
    if offset % _STEPS["hour"]:
        raise BadInput(
            "series.offset",
            f"Days that begin {offset} off UTC cannot be summed from hours.",
            "Use whole hours, such as +08:00.",
        )
    return _ceiling(asked.start, step, offset), _ceiling(asked.end, step, offset)


def _ceiling(moment: datetime | None, step: Step, offset: timedelta) -> datetime | None:
    if moment is None:
        return None
    begin = floor(moment, step, offset)
    return begin if begin == moment else begin + _STEPS[step]


def joined(parts: Iterable[Bucket], step: Step, offset: timedelta) -> list[Bucket]:
    """Return the buckets of a step from finer ones, or from several parts of the same, in order."""
    found: dict[tuple[str, str, datetime], Bucket] = {}
    for part in parts:
        key = part.device, part.name, floor(part.start, step, offset)
        found[key] = _sum(found.get(key), part, key[2])
    return [found[key] for key in sorted(found)]


def _sum(one: Bucket | None, other: Bucket, start: datetime) -> Bucket:
    parts = [other] if one is None else [one, other]
    last = max(parts, key=lambda part: (part.last_at, part.last_seq))
    lows, highs, totals = (
        [value for part in parts if (value := getattr(part, name)) is not None] for name in ("low", "high", "total")
    )
    return Bucket(
        other.community,
        other.device,
        other.name,
        start,
        sum(part.count for part in parts),
        min(lows, default=None),
        max(highs, default=None),
        sum(totals) if totals else None,
        last.last,
        last.last_at,
        last.last_seq,
    )
