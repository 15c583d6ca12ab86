"""What was called, how it went and how long it took: counted once, read by statistics and by /metrics. Pure."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the classes of latency; the last class has none."""
MOST_ROWS = 10_000
ANONYMOUS = "anonymous"


class Key(NamedTuple):
    """What is counted apart: who called, which route by its template, by which method."""

    application: str
    route: str
    method: str


@dataclass(slots=True)
class Cell:
    """Calls of one kind."""

    statuses: dict[int, int] = field(default_factory=dict)
    bytes: int = 0
    seconds: float = 0.0
    classes: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))

    @property
    def calls(self) -> int:
        """Return how many there were."""
        return sum(self.classes)

    @property
    def errors(self) -> int:
        """Return how many were answered with 400 or more."""
        return sum(number for status, number in self.statuses.items() if status >= 400)

    def shown(self) -> dict[str, Any]:
        """Return the figures as JSON; the histogram counts up to each bound in seconds, the last one all."""
        total, histogram = 0, []
        for bound, number in zip((*BOUNDS_S, None), self.classes, strict=True):
            total += number
            histogram.append([bound, total])
        return {
            "calls": self.calls,
            "errors": self.errors,
            "bytes": self.bytes,
            "seconds": round(self.seconds, 6),
            "statuses": {str(status): number for status, number in sorted(self.statuses.items())},
            "latency_s": histogram,
        }


@dataclass(slots=True)
class Day:
    """What an application did in a day."""

    calls: int = 0
    errors: int = 0
    bytes: int = 0


class Traffic:
    """Counts the calls of this process.

    >>> traffic, noon = Traffic(), datetime(2026, 11, 21, 12, tzinfo=UTC)
    >>> traffic.count(Key("app-1", "/v1/places/{code}", "GET"), 200, 700, 0.004, "2026-11-21")
    >>> traffic.count(Key("app-1", "/v1/places/{code}", "GET"), 404, 90, 11.0, "2026-11-21")
    >>> [(key.route, cell.calls, cell.errors) for key, cell in traffic.of("app-1")], traffic.today["app-1"].bytes
    ([('/v1/places/{code}', 2, 1)], 790)
    """

    def __init__(self) -> None:
        self.cells: dict[Key, Cell] = {}
        self.day = ""
        self.today: dict[str, Day] = defaultdict(Day)
        self._over: dict[tuple[str, str], Day] = {}

    def count(self, key: Key, status: int, sent: int, took_s: float, day: str) -> None:
        """Count one call."""
        cell = self.cells.get(key)
        if cell is None:
            # Routes and applications are few; a bound all the same, because methods are the caller's words.
            key = key if len(self.cells) < MOST_ROWS else Key("other", "other", "other")
            cell = self.cells.setdefault(key, Cell())
        cell.statuses[status] = cell.statuses.get(status, 0) + 1
        cell.bytes += sent
        cell.seconds += took_s
        cell.classes[bisect_left(BOUNDS_S, took_s)] += 1
        if key.application != ANONYMOUS:
            self._count_day(key.application, status, sent, day)

    def _count_day(self, application: str, status: int, sent: int, day: str) -> None:
        if day != self.day:
            self._over.update({(name, self.day): one for name, one in self.today.items() if one.calls})
            self.day, self.today = day, defaultdict(Day)
        one = self.today[application]
        one.calls += 1
        one.errors += status >= 400
        one.bytes += sent

    def of(self, application: str) -> Iterator[tuple[Key, Cell]]:
        """Yield what one application called."""
        return ((key, cell) for key, cell in self.cells.items() if key.application == application)

    def snapshot(self) -> list[tuple[Key, Cell]]:
        """Return a copy of all that was counted, for another thread."""
        return [
            (key, replace(cell, statuses=dict(cell.statuses), classes=list(cell.classes)))
            for key, cell in self.cells.items()
        ]

    def take(self) -> dict[tuple[str, str], Day]:
        """Return what was counted since it was last taken, by application and day, and begin anew."""
        taken = {**self._over, **{(name, self.day): one for name, one in self.today.items() if one.calls}}
        self._over, self.today = {}, defaultdict(Day)
        return taken

    def give_back(self, taken: dict[tuple[str, str], Day]) -> None:
        """Count again what could not be stored."""
        for (name, day), one in taken.items():
            into = self.today[name] if day == self.day else self._over.setdefault((name, day), Day())
            into.calls, into.errors, into.bytes = (
                into.calls + one.calls,
                into.errors + one.errors,
                into.bytes + one.bytes,
            )


def day_of(now_s: float) -> str:
    """Return the day (UTC) of a moment in seconds since 1970.

    >>> day_of(1.5e9)
    '2017-07-14'
    """
    return datetime.fromtimestamp(now_s, UTC).date().isoformat()


def days_before(day: str, number: int) -> list[str]:
    """Return a day and those before it, newest first.

    >>> days_before("2026-03-01", 2)
    ['2026-03-01', '2026-02-28']
    """
    last = datetime.fromisoformat(day)
    return [(last - timedelta(days=back)).date().isoformat() for back in range(number)]
