"""Where walks begin and end, what stands in their way, and the shortest of them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import shapely
from shapely.geometry.base import BaseGeometry

from api.finding import find_place
from api.parameters import numbers
from api.view import View
from gis.errors import BadInput, NotFound
from gis.local import buffer_m, distance_m
from gis.network import PACE_M_PER_S, Position, Route
from twin.asker import still_asked
from twin.feature import Feature
from twin.query import Query
from twin.walking import Start, Walking

_POSITION = re.compile(r"-?[\d.]+,-?[\d.]+")
_AROUND_M = 10.0
"""So much around a building that is to be avoided is avoided too."""
_FIRST_TRIED = 50
_MOST_TRIED = 10_000


@dataclass(frozen=True, slots=True)
class Barriers:
    """What cannot be walked: ids of lines, doors and rooms, and an area to keep out of."""

    closed: frozenset[str] = frozenset()
    area: BaseGeometry | None = None


def is_position(text: str) -> bool:
    """Tell whether a text is meant as longitude and latitude.

    >>> is_position("120.15,30.28"), is_position("N51H0429733232-0")
    (True, False)
    """
    return _POSITION.fullmatch(text) is not None


def starts_of(seen: View, network: Walking, text: str) -> list[Start]:
    """Return where a walk from or to ``longitude,latitude`` or a place begins.

    Raises:
        NotFound: ``place.unknown``, ``network.no_entrance``.
    """
    if is_position(text):
        lon, lat = numbers(text, ("longitude", "latitude"), "position")
        return [Start((lon, lat), indoors=False)]
    return network.starts(find_place(seen, text))


def middle_of(seen: View, text: str, parameter: str) -> Position:
    """Return the position a person, a place or a click is at.

    Raises:
        NotFound: ``place.unknown``.
        BadInput: ``place.no_geometry``.
    """
    if is_position(text):
        lon, lat = numbers(text, ("longitude", "latitude"), parameter)
        return lon, lat
    found = find_place(seen, text)
    at = position_of(found)
    if at is None:
        raise BadInput("place.no_geometry", f"Nobody knows where {found.id} lies.", "Import its outline.", id=found.id)
    return at


def barriers_of(seen: View, closed: Sequence[str], area: BaseGeometry | None, places: Sequence[str]) -> Barriers:
    """Return what cannot be walked, with the outlines of places to keep out of."""
    outlines = [area] if area is not None else []
    for code in places:
        found = find_place(seen, code)
        if found.geometry is not None:
            outlines.append(buffer_m(found.geometry, _AROUND_M))
    return Barriers(frozenset(closed), shapely.union_all(outlines) if outlines else None)


@dataclass(frozen=True, slots=True)
class Found:
    """A route, and whether it leads through the rooms at its ends."""

    route: Route
    start: Start
    end: Start


def shortest(network: Walking, starts: Sequence[Start], ends: Sequence[Start], barriers: Barriers) -> Found | None:
    """Return the shortest way from any of the starts to any of the ends, ``None`` when none may be walked.

    Raises:
        NotFound: ``network.no_access`` when no start, or no end, is near a path.
    """
    found: list[Found] = []
    faults: list[NotFound] = []
    for start, end in product(starts, ends):
        still_asked()
        try:
            route = network.network.route(start.at, end.at, closed=barriers.closed, avoid=barriers.area)
        except NotFound as fault:
            faults.append(fault)
            continue
        if route is not None:
            found.append(Found(route, start, end))
    if len(faults) == len(starts) * len(ends):
        raise faults[0]
    return min(found, key=lambda one: one.route.length_m, default=None)


def nearest_on_foot(
    seen: View, network: Walking, question: Query, starts: Sequence[Start], begin: Position, barriers: Barriers
) -> list[tuple[Feature, float]]:
    """Return the things that meet a question and can be walked to, nearest first, as many as its limit says.

    Distances are metres on foot. Things are tried in the order of the straight line until none beyond can be nearer
    than those found; of what lies farther than the :data:`_MOST_TRIED` nearest nobody is told.

    Args:
        seen: Who asks.
        network: What is walked on.
        question: Which things.
        starts: Where the walk may begin.
        begin: The position of those, longitude and latitude.
        barriers: What cannot be walked.

    Raises:
        NotFound: ``network.no_access`` when no path is near a start.
    """
    count = question.limit or 1
    tried = max(_FIRST_TRIED, count)
    while True:
        page = seen.here.access.nearest(question, *begin, tried)
        things = [(thing, at) for thing in page.features if (at := position_of(thing)) is not None]
        nearest = _walked(network, starts, [at for _, at in things], barriers)[:count]
        farthest_m = distance_m(*begin, *things[-1][1]) if things else 0.0
        sure = len(nearest) == count and nearest[-1][1] <= farthest_m
        if sure or len(page.features) < tried or tried == _MOST_TRIED:
            return [(things[index][0], length_m) for index, length_m in nearest]
        tried = min(tried * 4, _MOST_TRIED)


def _walked(
    network: Walking, starts: Sequence[Start], targets: Sequence[Position], barriers: Barriers
) -> list[tuple[int, float]]:
    """Return index and walking distance of targets, nearest first, from whichever start is nearest to each."""
    best: dict[int, float] = {}
    for start in starts:
        still_asked()
        for index, length_m in network.network.nearest(start.at, targets, closed=barriers.closed, avoid=barriers.area):
            best[index] = min(length_m, best.get(index, length_m))
    return sorted(best.items(), key=lambda item: item[1])


def walked(length_m: float) -> dict[str, float]:
    """Return what people are told of a walk: metres and seconds.

    >>> walked(100.04)
    {'walk_m': 100.0, 'walk_s': 80}
    """
    return {"walk_m": round(length_m, 1), "walk_s": round(length_m / PACE_M_PER_S)}


def position_of(feature: Feature) -> Position | None:
    """Return where people go to reach a thing: the point itself, or a point of its area."""
    if feature.geometry is None or feature.geometry.is_empty:
        return None
    point = shapely.point_on_surface(feature.geometry)
    return float(shapely.get_x(point)), float(shapely.get_y(point))
