"""From levels as drawn to storeys as counted.

A model's levels are drawing aids: foundations, parapets, half landings. A storey is what people stand on, with one
number in its building: 1 is the lowest floor not more than half a clear height below the ground outside; below it
-1, -2 …; there is no 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

SAME_FLOOR_M = 0.6
"""Levels nearer than this are one storey: a raised floor, a sunken bathroom."""

LOWEST_STOREY_M = 1.5
"""A level without rooms nearer than this to the next is no storey: a foundation, a parapet."""

USUAL_CLEAR_M = 2.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A level of one building.

    Attributes:
        floor_m: Height of its floor, local metres.
        rooms: How many rooms it holds.
        clear_m: Median height of its rooms; ``None`` without rooms.
    """

    key: str
    floor_m: float
    rooms: int = 0
    clear_m: float | None = None


@dataclass(frozen=True, slots=True)
class Storey:
    """One or more levels that are one floor; ``main`` names it."""

    number: int
    main: Level
    levels: tuple[Level, ...]

    @property
    def floor_m(self) -> float:
        """Height of the floor people stand on, local metres."""
        return self.main.floor_m


def number_storeys(levels: Sequence[Level], ground_m: float | None) -> list[Storey]:
    """Return the storeys of a building, lowest first.

    Args:
        levels: In any order.
        ground_m: Height of the ground outside, local metres; ``None`` takes the floor nearest to zero for it.

    >>> house = [Level(key="EG", floor_m=0.0), Level(key="KG", floor_m=-2.9), Level(key="OG", floor_m=2.8)]
    >>> [(storey.number, storey.main.key) for storey in number_storeys(house, None)]
    [(-1, 'KG'), (1, 'EG'), (2, 'OG')]
    >>> number_storeys([], 0.0)
    []
    """
    groups = _group(sorted(levels, key=lambda level: level.floor_m))
    mains = [max(group, key=lambda level: (level.rooms, -abs(level.floor_m))) for group in groups]
    first = _first_above_ground([main.floor_m for main in mains], ground_m, _clear_height_m(mains))
    numbers = [index - first + (1 if index >= first else 0) for index in range(len(groups))]
    return [Storey(*parts) for parts in zip(numbers, mains, groups, strict=True)]


def _group(ordered: Sequence[Level]) -> list[tuple[Level, ...]]:
    groups: list[list[Level]] = []
    for level in ordered:
        if groups and _is_one(groups[-1], level):
            groups[-1].append(level)
        else:
            groups.append([level])
    return [tuple(group) for group in groups]


def _is_one(group: Sequence[Level], level: Level) -> bool:
    furnished = [member for member in group if member.rooms]
    if level.rooms and furnished:
        return level.floor_m - furnished[0].floor_m < SAME_FLOOR_M
    return level.floor_m - group[0].floor_m < LOWEST_STOREY_M


def _first_above_ground(floors_m: Sequence[float], ground_m: float | None, clear_m: float) -> int:
    """Return the index of storey 1; the number of floors when all lie below the ground."""
    if ground_m is None:
        ground_m = min(floors_m, key=abs, default=0.0)
    return sum(floor_m < ground_m - clear_m / 2 for floor_m in floors_m)


def _clear_height_m(mains: Sequence[Level]) -> float:
    known = [main.clear_m for main in mains if main.clear_m]
    return median(known) if known else USUAL_CLEAR_M
