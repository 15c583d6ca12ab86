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
from gis.errors import NotFound
from gis.local import buffer_m
from gis.network import Position, Route
from twin.asker import still_asked
from twin.feature import Feature
from twin.walking import Start, Walking

_POSITION = re.compile(r"-?[\d.]+,-?[\d.]+")
_AROUND_M = 10.0
"""So much around a building that is to be avoided is avoided too."""


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


def position_of(feature: Feature) -> Position | None:
    """Return where people go to reach a thing: the point itself, or a point of its area."""
    if feature.geometry is None or feature.geometry.is_empty:
        return None
    point = shapely.point_on_surface(feature.geometry)
    return float(shapely.get_x(point)), float(shapely.get_y(point))
