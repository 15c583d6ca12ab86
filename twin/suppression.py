"""Sums about persons: groups too small to hide anybody are not told, nor what would give one away."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MIN_PERSONS = 5
"""Groups of fewer persons are not told apart from one another."""


@dataclass(frozen=True, slots=True)
class Group:
    """One group of an aggregation.

    Attributes:
        key: Code of the place, or H3 cell.
        count: Number of records; ``None`` when suppressed.
        value: Sum of the asked field; ``None`` when suppressed or not asked.
        mean: Mean of the records that state the field.
        low: Least value; of layers about persons never told, as it is one person's.
        high: Greatest value; likewise.
    """

    key: str
    count: int | None
    value: float | None
    mean: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Aggregation:
    """Groups by key, and how many of them were too small to tell."""

    groups: tuple[Group, ...]
    suppressed: int


@dataclass(frozen=True, slots=True)
class Count:
    """How many records, and the sum of the asked field; both ``None`` when suppressed."""

    records: int | None
    value: float | None

    def as_json(self) -> dict[str, float | None]:
        """Return plain JSON values."""
        return {"records": self.records, "value": self.value}


@dataclass(frozen=True, slots=True)
class Counted:
    """Counts by group and in all; a group can not be told from the total and the other groups."""

    groups: Mapping[Any, Count]
    total: Count


def aggregated(groups: Mapping[str, Sequence[float | None]], *, personal: bool, summed: bool) -> Aggregation:
    """Return the groups, each with the values of its records."""
    told, small = [], 0
    for key, held in sorted(groups.items()):
        values = [value for value in held if value is not None]
        if personal and (sum(values) if summed else len(held)) < MIN_PERSONS:
            small += 1
            told.append(Group(key, None, None))
        else:
            told.append(_group(key, len(held), values, personal=personal, summed=summed))
    return Aggregation(tuple(told), small)


def _group(key: str, count: int, values: Sequence[float], *, personal: bool, summed: bool) -> Group:
    if not summed or not values:
        return Group(key, count, 0.0 if summed else None)
    low, high = (None, None) if personal else (min(values), max(values))
    return Group(key, count, sum(values), sum(values) / len(values), low, high)


def _hidden(sums: Mapping[Hashable, Sequence[float]]) -> set[Hashable]:
    """Return the groups that must not be told."""
    small = {key for key, (_, persons) in sums.items() if persons < MIN_PERSONS}
    others = [(persons, str(key), key) for key, (_, persons) in sums.items() if key not in small]
    return {*small, min(others)[2]} if len(small) == 1 and others else small


def counted(sums: Mapping[Hashable, Sequence[float]], *, personal: bool) -> Counted:
    """Return the groups and all of them together.

    Where one group alone is too small, the smallest of the others is not told either: the total would give it away.

    Args:
        sums: Group → number of records, and their sum.
        personal: It is a layer about persons.
    """
    kept = _hidden(sums) if personal else set()
    groups = {key: _count(held, suppressed=key in kept) for key, held in sums.items()}
    whole = [sum(held[0] for held in sums.values()), sum(held[1] for held in sums.values())]
    return Counted(groups, _count(whole, suppressed=personal and 0 < whole[1] < MIN_PERSONS))


def _count(held: Sequence[float], *, suppressed: bool) -> Count:
    return Count(None, None) if suppressed else Count(int(held[0]), held[1])
