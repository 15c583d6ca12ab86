"""The walking network: pavements, paths of the quarters, and the way to every door; connected, one row an edge."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from sample_data.frame import Point
from sample_data.site import Building, buildings, site

_SPINE_M = 16.0
_PAVEMENT_M = 4.0
_REACH_M = {"south": -6.0, "north": 8.0}


@cache
def edges() -> tuple[tuple[str, Point, Point], ...]:
    """Return class, start and end of every edge in site metres; edges meet only at their ends.

    >>> kinds = {kind for kind, _, _ in edges()}
    >>> sorted(kinds)
    ['人行道', '入户路', '小区步道']
    """
    lines = list(_lines())
    noded = shapely.get_parts(shapely.node(shapely.union_all([line for _, line in lines])))
    tree = shapely.STRtree([line for _, line in lines])
    # An edge lies within exactly the lines it was cut from; the first of them names its class.
    middles = [edge.interpolate(0.5, normalized=True) for edge in noded]
    first = [min(tree.query(middle, predicate="dwithin", distance=1e-6)) for middle in middles]
    found = [(lines[index][0], *_ends(edge)) for index, edge in zip(first, noded, strict=True)]
    return tuple(sorted(found, key=lambda edge: edge[1:]))


def _ends(edge: BaseGeometry) -> tuple[Point, Point]:
    (x0, y0), (x1, y1) = edge.coords[0], edge.coords[-1]
    start, end = sorted([(round(x0, 2), round(y0, 2)), (round(x1, 2), round(y1, 2))])
    return start, end


def _lines() -> Iterator[tuple[str, BaseGeometry]]:
    for line in site()["sidewalks"]:
        yield "人行道", shapely.LineString(line)
    for line in site()["paths"]:
        yield "小区步道", shapely.LineString(line)
    for quarter in site()["quarters"]:
        yield from (("小区步道", line) for line in quarter_paths(quarter))
    for building in buildings():
        for _, door in building.doors():
            yield "入户路", shapely.LineString([door, (door[0], _path_y(building, door))])


def quarter_paths(quarter: Mapping[str, Any]) -> Iterator[BaseGeometry]:
    """Yield the paths of a quarter: one along each row of houses, one at each side, and the ways to the gates."""
    west, south, east, north = quarter["box"]
    rows = sorted({_row_path_y(house) for house in buildings() if house.units and _inside(house, quarter)})
    left, right = west + _SPINE_M, east - _SPINE_M
    yield from (shapely.LineString([(left, y), (right, y)]) for y in rows)
    if rows:
        yield from (shapely.LineString([(x, rows[0]), (x, rows[-1])]) for x in (left, right))
    yield from (shapely.LineString(path) for path in quarter.get("paths", ()))
    for x, y in quarter["gates"]:
        outer, inner = _gate_way(x, y, (west, south, east, north), rows)
        # The gate itself is a node.
        yield from (shapely.LineString([end, (x, y)]) for end in (outer, inner))


def _gate_way(x: float, y: float, box: tuple[float, float, float, float], rows: list[float]) -> tuple[Point, Point]:
    west, south, east, _ = box
    if y == south:
        return (x, y - _PAVEMENT_M), (x, rows[0])
    outward = -1 if x == west else 1
    inner = west + _SPINE_M if x == west else east - _SPINE_M
    return (x + outward * _PAVEMENT_M, y), (inner, y)


def _inside(building: Building, quarter: Mapping[str, Any]) -> bool:
    return bool(shapely.box(*quarter["box"]).covers(shapely.Point(building.centre)))


def _row_path_y(building: Building) -> float:
    # From the axes, not from a turned building's door, so that neighbours share one path.
    side = building.depth_m / 2 if building.entrance == "north" else -building.depth_m / 2
    return building.centre[1] + side + _REACH_M[str(building.entrance)]


def _path_y(building: Building, door: Point) -> float:
    if building.units:
        return _row_path_y(building)
    up = building.entrance == "north"
    levels = [line[0][1] for line in site()["paths"] if _spans(line, door)]
    levels += [line[0][1] for quarter in site()["quarters"] for line in quarter.get("paths", ()) if _spans(line, door)]
    beyond = [y for y in levels if (y > door[1]) == up]
    return float(min(beyond) if up else max(beyond))


def _spans(line: list[list[float]], door: Point) -> bool:
    return line[0][0] <= door[0] <= line[1][0]
