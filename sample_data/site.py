"""The plan of the synthetic community: its ground, streets, buildings, fences and open spaces, in site metres."""

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, TypeAlias

import shapely
import yaml
from shapely import affinity
from shapely.geometry.base import BaseGeometry

from sample_data.frame import Point, ground_m, xy

Row: TypeAlias = dict[str, Any]
Schema: TypeAlias = Literal["IFC2X3", "IFC4", "IFC4X3"]

_DATA = Path(__file__).with_name("data")
BAY_M = (2.5, 5.3)
GATE_WIDTH_M = 8.0


@dataclass(frozen=True, slots=True)
class Model:
    """How a building's IFC file is written: its dialect and the way it states its position."""

    schema: Schema
    unit: str | None
    georeference: str
    units_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Building:
    """One building. ``width_m`` runs along its own x axis, which is turned ``rotation_deg`` anticlockwise from east.

    Attributes:
        units: Number of stairwell units (单元); 0 when it is not divided.
        dwellings: Dwellings on each storey of each unit.
        ground_floor_m: Height of the ground floor (±0.00), metres, 1985 datum.
        model: ``None`` for a footprint only.
    """

    no: str
    name: str
    kind: str
    use: str
    structure: str
    year: int
    storeys: int
    basements: int
    storey_height_m: float
    units: int
    dwellings: int
    unit_width_m: float
    depth_m: float
    centre: Point
    rotation_deg: float
    entrance: str | None
    ground_floor_m: float
    model: Model | None

    @property
    def width_m(self) -> float:
        """Whole length along its own x axis, metres."""
        return self.unit_width_m * max(self.units, 1)

    @property
    def height_m(self) -> float:
        """Height of the roof above the ground floor, metres."""
        return round(self.storeys * self.storey_height_m, 2)

    @property
    def footprint(self) -> BaseGeometry:
        """Outer face of the walls (0.1 m outside the axes), in site metres."""
        return self.place(shapely.box(-0.1, -0.1, self.width_m + 0.1, self.depth_m + 0.1))

    def place(self, geometry: BaseGeometry) -> BaseGeometry:
        """Return a geometry given in the building's own axes (origin at its south-west corner) in site metres."""
        centred = affinity.translate(geometry, -self.width_m / 2, -self.depth_m / 2)
        return affinity.translate(affinity.rotate(centred, self.rotation_deg, origin=(0, 0)), *self.centre)

    def dwelling_rooms(self) -> Iterator[tuple[int, int, str]]:
        """Yield unit, storey and door number of every dwelling."""
        for unit in range(1, self.units + 1):
            for storey in range(1, self.storeys + 1):
                for number in range(1, self.dwellings + 1):
                    yield unit, storey, f"{storey:02d}{number:02d}"

    def doors(self) -> Iterator[tuple[int | None, Point]]:
        """Yield unit (``None`` when not divided) and site point of every entrance on the ground."""
        if self.entrance is not None:
            y = self.depth_m + 0.1 if self.entrance == "north" else -0.1
            for index, x in enumerate(self.door_axes_m(), start=1):
                east, north = xy(self.place(shapely.Point(x, y)))
                yield (index if self.units else None), (round(east, 2), round(north, 2))

    def door_axes_m(self) -> list[float]:
        """Return where the entrances stand along the building's own x axis."""
        # Six dwellings: the core stands left of the middle of the north side.
        core = self.unit_width_m * 0.405 if self.dwellings == 6 else self.unit_width_m / 2
        return [round(index * self.unit_width_m + core, 3) for index in range(max(self.units, 1))]


@cache
def site() -> Mapping[str, Any]:
    """Return the plan's data file."""
    document: Mapping[str, Any] = yaml.safe_load((_DATA / "site.yaml").read_text(encoding="utf-8"))
    return document


@cache
def table(name: str) -> tuple[Mapping[str, str], ...]:
    """Return the rows of a data table of this package."""
    with (_DATA / name).open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


@cache
def buildings() -> tuple[Building, ...]:
    """Return all buildings in the order of their numbers.

    >>> first, *_, last = buildings()
    >>> first.no, first.name, last.name, last.units   # a shop has no units
    ('AH-001', '安和里1幢', '公园东街坊', 0)
    """
    places = [(block, (x, y)) for block in site()["blocks"] for y in block["rows"] for x in block["columns"]]
    return tuple(_building(number, block, at) for number, (block, at) in enumerate(places, start=1))


def _building(number: int, block: Mapping[str, Any], at: Point) -> Building:
    kind = site()["kinds"][block["kind"]]
    model = next((model for model in site()["models"] if tuple(model["at"]) == at), None)
    return Building(
        no=f"AH-{number:03d}",
        name=block.get("name", f"安和里{number}幢"),
        kind=block["kind"],
        use=kind["use"],
        structure=kind["structure"],
        year=kind["year"] + number % 3,
        storeys=kind["storeys"],
        basements=kind.get("basements", 0),
        storey_height_m=kind["storey_height_m"],
        units=kind.get("units", 0),
        dwellings=kind.get("dwellings", 0),
        unit_width_m=kind["unit_width_m"],
        depth_m=kind["depth_m"],
        centre=at,
        rotation_deg=model["rotation_deg"] if model else 0.0,
        entrance=kind.get("entrance"),
        ground_floor_m=round(ground_m(*at) + 0.45, 2),
        model=Model(model["schema"], model["unit"], model["georeference"], model["units_by"]) if model else None,
    )


def building(name: str) -> Building:
    """Return the building of this name or number."""
    return next(building for building in buildings() if name in (building.name, building.no))


def _ring(nodes: Sequence[str]) -> BaseGeometry:
    return shapely.Polygon([site()["nodes"][node] for node in nodes])


def community() -> BaseGeometry:
    """Return the community's area in site metres."""
    return _ring(site()["outline"])


def grids() -> list[tuple[Mapping[str, Any], BaseGeometry]]:
    """Return each governance grid's declaration and area; neighbours share their nodes."""
    return [(grid, _ring(grid["ring"])) for grid in site()["grids"]]


def grid_of(point: Point) -> str:
    """Return the three digits of the grid a site point lies in."""
    return next(str(grid["number"]) for grid, area in grids() if area.covers(shapely.Point(point)))


def greens() -> list[tuple[str, str, BaseGeometry]]:
    """Return name, class and area of the green spaces: parks, verges, and a strip behind every dwelling house."""
    named = [(green["name"], green["class"], shapely.box(*green["box"])) for green in site()["greens"]]
    waters = shapely.union_all([area for _, _, _, area in water_bodies()])
    return [(name, kind, area - waters) for name, kind, area in named] + list(_garden_strips())


def _garden_strips() -> Iterator[tuple[str, str, BaseGeometry]]:
    for house in buildings():
        if house.units:
            side = house.depth_m + 2 if house.entrance == "south" else -8
            yield f"{house.name}宅旁绿地", "宅旁绿地", house.place(shapely.box(2, side, house.width_m - 2, side + 6))


def water_bodies() -> list[tuple[str, str, float, BaseGeometry]]:
    """Return name, class, level (metres, 1985) and area of the waters."""
    return [(water["name"], water["class"], water["level_m"], _water(water)) for water in site()["waters"]]


def _water(water: Mapping[str, Any]) -> BaseGeometry:
    if "ellipse" in water:
        x, y, a, b = water["ellipse"]
        turns = [math.tau * step / 36 for step in range(36)]
        return shapely.Polygon([(x + a * math.cos(t), y + b * math.sin(t)) for t in turns])
    west, south, east, north = water["box"]
    clipped: BaseGeometry = shapely.box(west, south, east, north) & community()
    return clipped


def parking_bays() -> Iterator[tuple[str, BaseGeometry]]:
    """Yield name of the parking area and area of every bay."""
    width, depth = BAY_M
    for area in site()["parkings"]:
        x, y = area["corner"]
        across = area["bays"] // area["rows"]
        for index in range(area["bays"]):
            # Two rows leave a 6 m lane between them.
            left, low = x + width * (index % across), y + (depth + 6) * (index // across)
            yield area["name"], shapely.box(left, low, left + width, low + depth)


def fences() -> Iterator[tuple[str, str, BaseGeometry]]:
    """Yield name, class and line of every stretch of fence and of every gate; together they close each quarter."""
    for quarter in site()["quarters"]:
        ring = shapely.box(*quarter["box"]).exterior
        gates = [ring & shapely.Point(gate).buffer(GATE_WIDTH_M / 2) for gate in quarter["gates"]]
        rest = shapely.line_merge(ring - shapely.union_all([gate.buffer(1e-6) for gate in gates]))
        for index, part in enumerate(shapely.get_parts(rest), start=1):
            yield f"{quarter['name']}围栏{index}段", quarter.get("wall", "铁艺围栏"), part
        for index, gate in enumerate(gates, start=1):
            yield f"{quarter['name']}{index}号门", "小区大门", gate


def gates() -> list[tuple[str, Point]]:
    """Return name and site point of every gate of the fenced quarters."""
    return [
        (f"{quarter['name']}{index}号门", (float(gate[0]), float(gate[1])))
        for quarter in site()["quarters"]
        for index, gate in enumerate(quarter["gates"], start=1)
    ]


def along(line: Sequence[Point], step_m: float, offset_m: float) -> Iterator[Point]:
    """Yield points every ``step_m`` along a line, ``offset_m`` to its left."""
    for start, end in pairwise(line):
        length = math.dist(start, end)
        ux, uy = (end[0] - start[0]) / length, (end[1] - start[1]) / length
        for index in range(int(length // step_m)):
            at = (index + 0.5) * step_m
            yield start[0] + ux * at - uy * offset_m, start[1] + uy * at + ux * offset_m
