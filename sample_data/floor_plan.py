"""The rooms and walls of the buildings that come as models, in the building's own axes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, pairwise
from typing import TypeAlias

import shapely
from shapely.geometry.base import BaseGeometry

from sample_data.site import Building, table

Box: TypeAlias = tuple[float, float, float, float]
"""West, south, east, north in the building's own axes, metres."""

SLAB_M = 0.12
WALL_M = 0.2
BASEMENT_HEIGHT_M = 3.9
_CORE_WIDTH_M = 7.0


@dataclass(frozen=True, slots=True)
class Cell:
    """A part of a storey between wall axes: what it is for, its unit (``None`` when shared) and its door number."""

    kind: str
    box: Box
    unit: int | None
    door: str

    @property
    def clear(self) -> Box:
        """The floor between the wall faces."""
        west, south, east, north = self.box
        half = WALL_M / 2
        return (west + half, south + half, east - half, north - half)


@dataclass(frozen=True, slots=True)
class Storey:
    """One storey; ``floor_m`` is its finished floor above the building's ±0.00, ``clear_m`` the height of its rooms."""

    number: int
    floor_m: float
    clear_m: float
    cells: tuple[Cell, ...]

    @property
    def name(self) -> str:
        """Return the name on the lift's button panel."""
        return f"{self.number}层" if self.number > 0 else f"地下{-self.number}层"


@dataclass(frozen=True, slots=True)
class Room:
    """One room with everything a device needs to stand in it; heights in metres, 1985 datum."""

    building: Building
    storey: int
    cell: Cell
    floor_m: float
    ceiling_m: float

    @property
    def footprint(self) -> BaseGeometry:
        """Return the floor between the wall faces, site metres."""
        return self.building.place(shapely.box(*self.cell.clear))


@cache
def storeys(building: Building) -> tuple[Storey, ...]:
    """Return the storeys from the lowest up; empty for a building that is only a footprint.

    >>> from sample_data.site import building
    >>> storeys(building("安和集市"))
    ()
    >>> [storey.name for storey in storeys(building("安和里44幢"))][:3]
    ['地下2层', '地下1层', '1层']
    """
    if building.model is None:
        return ()
    below = [_basement(building, number) for number in range(-building.basements, 0)]
    return (*below, *(_upper(building, number) for number in range(1, building.storeys + 1)))


def rooms(building: Building) -> Iterator[Room]:
    """Yield every room of a building, storey by storey."""
    for storey in storeys(building):
        floor = building.ground_floor_m + storey.floor_m
        for cell in storey.cells:
            yield Room(building, storey.number, cell, round(floor, 3), round(floor + storey.clear_m, 3))


def _upper(building: Building, number: int) -> Storey:
    floor = round((number - 1) * building.storey_height_m, 3)
    cells = _unit_cells(building, number) if building.units else _hall_cells(building, number)
    return Storey(number, floor, round(building.storey_height_m - SLAB_M, 3), tuple(cells))


def _basement(building: Building, number: int) -> Storey:
    depth, width = building.depth_m, building.width_m
    west = round(width * 0.7, 2)
    thirds = [0.0, round(depth / 3, 2), round(depth * 2 / 3, 2), depth]
    names = ("配电房", "水泵房", "设备间") if number == -1 else ("人防地下室", "风机房", "储藏室")
    side = [(name, (west, low, width, high)) for name, (low, high) in zip(names, pairwise(thirds), strict=True)]
    parts = [("地下车库", (0.0, 0.0, west, depth)), *side]
    cells = (Cell(kind, box, None, f"B{-number}{index:02d}") for index, (kind, box) in enumerate(parts, start=1))
    return Storey(number, round(number * BASEMENT_HEIGHT_M, 3), round(BASEMENT_HEIGHT_M - SLAB_M, 3), tuple(cells))


def _unit_cells(building: Building, storey: int) -> Iterator[Cell]:
    for unit in range(1, building.units + 1):
        shift = (unit - 1) * building.unit_width_m
        parts = _unit_parts(building.dwellings, building.unit_width_m, building.depth_m)
        # Dwellings come first, so that their doors read 01, 02 … as people count them.
        for index, (kind, (west, south, east, north)) in enumerate(parts, start=1):
            box = (round(west + shift, 3), south, round(east + shift, 3), north)
            yield Cell(kind, box, unit, f"{storey:02d}{index:02d}")


@cache
def _unit_parts(dwellings: int, width: float, depth: float) -> tuple[tuple[str, Box], ...]:
    return _stair_house(width, depth) if dwellings == 2 else _corridor_house(dwellings, width, depth)


def _stair_house(width: float, depth: float) -> tuple[tuple[str, Box], ...]:
    left, right = width / 2 - 1.5, width / 2 + 1.5
    return (
        ("住宅", (0.0, 0.0, left, depth)),
        ("住宅", (right, 0.0, width, depth)),
        ("走廊", (left, 0.0, right, 4.0)),
        ("设备间", (left, 4.0, right, 5.4)),
        ("楼梯间", (left, 5.4, right, depth)),
    )


def _corridor_house(dwellings: int, width: float, depth: float) -> tuple[tuple[str, Box], ...]:
    half, low, high = dwellings // 2, 8.5, 10.5
    homes = [("住宅", (width * i / half, 0.0, width * (i + 1) / half, low)) for i in range(half)]
    breadth = (width - _CORE_WIDTH_M) / half
    west = breadth * (half // 2)
    lefts = [breadth * i + (_CORE_WIDTH_M if i >= half // 2 else 0.0) for i in range(half)]
    homes += [("住宅", (left, high, left + breadth, depth)) for left in lefts]
    core = [("走廊", (0.0, low, width, high)), *_core(west, high, depth)]
    return tuple((kind, _rounded(box)) for kind, box in [*homes, *core])


def _core(west: float, low: float, high: float) -> list[tuple[str, Box]]:
    middle, east, shaft = west + 2.8, west + _CORE_WIDTH_M, low + 2.2
    return [
        ("楼梯间", (west, shaft, middle, high)),
        ("电梯厅", (middle, shaft, east, high)),
        ("强电间", (west, low, middle, shaft)),
        ("弱电间", (middle, low, middle + 2.0, shaft)),
        ("设备间", (middle + 2.0, low, east, shaft)),
    ]


def _rounded(box: Box) -> Box:
    west, south, east, north = (round(value, 3) for value in box)
    return (west, south, east, north)


def _hall_cells(building: Building, storey: int) -> Iterator[Cell]:
    low, high = building.depth_m / 2 - 1, building.depth_m / 2 + 1
    of_storey = [row for row in table("centre_rooms.csv") if int(row["storey"]) == storey]
    south = _row_of_rooms([row for row in of_storey if row["row"] == "south"], 0.0, low)
    north = _row_of_rooms([row for row in of_storey if row["row"] == "north"], high, building.depth_m)
    parts = [*south, *north, ("走廊", (0.0, low, building.width_m, high))]
    for index, (kind, box) in enumerate(parts, start=1):
        yield Cell(kind, box, None, f"{storey:02d}{index:02d}")


def _row_of_rooms(rows: Sequence[Mapping[str, str]], south: float, north: float) -> list[tuple[str, Box]]:
    edges = pairwise(accumulate((float(row["width_m"]) for row in rows), initial=0.0))
    return [(row["room"], (west, south, east, north)) for row, (west, east) in zip(rows, edges, strict=True)]


def room_use(kind: str) -> str:
    """Return what a room is used for: the centre's rooms by their table, all others by their own name."""
    return next((row["kind"] for row in table("centre_rooms.csv") if row["room"] == kind), kind)


def partitions(storey: Storey, building: Building) -> list[Box]:
    """Return the inner walls: every cell's east and north edge that is not on the outline, once each."""
    half = WALL_M / 2
    walls: list[Box] = []
    for west, south, east, north in (cell.box for cell in storey.cells):
        if east < building.width_m:
            walls.append(_rounded((east - half, south + half, east + half, north - half)))
        if north < building.depth_m:
            walls.append(_rounded((west + half, north - half, east - half, north + half)))
    return walls


def outer_walls(building: Building) -> list[Box]:
    """Return the four outer walls."""
    half, width, depth = WALL_M / 2, building.width_m, building.depth_m
    return [
        (-half, -half, width + half, half),
        (-half, depth - half, width + half, depth + half),
        (-half, half, half, depth - half),
        (width - half, half, width + half, depth - half),
    ]
