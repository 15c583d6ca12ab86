"""How many alarms of each kind stand where: counted as they come and go, not when somebody asks. Pure."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from layers.alarm.entry import Entry, Kind

By = Literal["community", "building", "unit", "storey", "type", "severity"]
Counts = Mapping[Kind, int]


def _level(entry: Entry, levels: int) -> str | None:
    """Return the place of that many levels (building, unit, storey) an alarm stands in, ``None`` when it is in none."""
    parts = (entry.place or "").split("-")
    return "-".join(parts[:levels]) if len(parts) >= levels else None


_GROUPS: Mapping[By, Callable[[Entry], str | None]] = {
    "community": lambda entry: entry.community,
    "building": lambda entry: entry.building,
    "unit": lambda entry: _level(entry, 3),
    "storey": lambda entry: _level(entry, 4),
    "type": lambda entry: entry.type,
    "severity": lambda entry: str(entry.severity),
}


class Tally:
    """Counts of what stands, by every grouping, as of the last change."""

    def __init__(self) -> None:
        self._counts: dict[By, dict[str | None, dict[Kind, int]]] = {by: {} for by in _GROUPS}

    def count(self, entry: Entry, more: Literal[1, -1]) -> None:
        """Note that an alarm came, or that one went that had come."""
        kind = entry.kind
        for by, key in _GROUPS.items():
            groups, name = self._counts[by], key(entry)
            counts = groups.setdefault(name, {})
            counts[kind] = counts.get(kind, 0) + more
            if not counts[kind]:
                del counts[kind]
                if not counts:
                    del groups[name]

    def groups(self, by: By) -> Mapping[str | None, Counts]:
        """Return group → kind → number of alarms; only what is there has a number."""
        return self._counts[by]


def grouped(by: By, entries: Iterable[Entry]) -> Mapping[str | None, Counts]:
    """Return the same as :meth:`Tally.groups` of some alarms only."""
    key, found = _GROUPS[by], defaultdict[str | None, Counter[Kind]](Counter)
    for entry in entries:
        found[key(entry)][entry.kind] += 1
    return found


def rows(groups: Mapping[str | None, Counts]) -> list[dict[str, Any]]:
    """Return one row a group, worst first; a group without alarms has none."""
    found = [_row(name, counts) for name, counts in groups.items() if counts]
    return sorted(found, key=lambda row: (row["worst"] or 9, -row["count"], row["key"] or "~"))


def _row(key: str | None, counts: Counts) -> dict[str, Any]:
    severities = Counter[int]()
    for kind, number in counts.items():
        severities[kind.severity] += number
    return {
        "key": key,
        "count": sum(counts.values()),
        "active": sum(number for kind, number in counts.items() if kind.active),
        "unacknowledged": sum(number for kind, number in counts.items() if not kind.acknowledged),
        "shelved": sum(number for kind, number in counts.items() if kind.shelved),
        "worst": min((kind.severity for kind in counts if kind.active), default=None),
        "severities": {str(level): number for level, number in sorted(severities.items())},
    }
