"""Where the synthetic community lies: site metres, map metres, degrees, heights and chance."""

import math
import random
from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

Point: TypeAlias = tuple[float, float]
"""Site coordinates: metres east and north of the community's south-west corner."""

MAP_CRS = "EPSG:4549"
DEGREE_CRS = "EPSG:4490"
ORIGIN_EAST_M = 518_750.0
ORIGIN_NORTH_M = 3_352_950.0
SIDE_M = 1000.0


@cache
def _transform(source: str, target: str) -> Callable[..., Any]:
    return pyproj.Transformer.from_crs(source, target, always_xy=True).transform


def to_map(geometry: BaseGeometry) -> BaseGeometry:
    """Return a site geometry in EPSG:4549 metres, easting first, rounded to the millimetre."""
    return shapely.transform(geometry, _metres)


def _metres(points: NDArray[np.float64]) -> NDArray[np.float64]:
    moved: NDArray[np.float64] = np.round(points + np.array([ORIGIN_EAST_M, ORIGIN_NORTH_M]), 3)
    return moved


def to_degrees(geometry: BaseGeometry) -> BaseGeometry:
    """Return a site geometry in CGCS2000 longitude, latitude; equal points stay equal (1e-9 degree, 0.1 mm).

    >>> to_degrees(shapely.Point(500, 500)).wkt
    'POINT (120.200115831 30.300569636)'
    >>> to_degrees(shapely.Polygon()).wkt   # nothing stays nothing
    'POLYGON EMPTY'
    """
    return shapely.transform(geometry, _degrees)


def _degrees(points: NDArray[np.float64]) -> NDArray[np.float64]:
    east, north = points[:, 0] + ORIGIN_EAST_M, points[:, 1] + ORIGIN_NORTH_M
    return np.round(np.column_stack(_transform(MAP_CRS, DEGREE_CRS)(east, north)), 9)


def xy(point: BaseGeometry) -> Point:
    """Return the two coordinates of a point."""
    return (float(shapely.get_x(point)), float(shapely.get_y(point)))


def lon_lat(point: Point) -> Point:
    """Return longitude and latitude in degrees of one site point."""
    return xy(to_degrees(shapely.Point(point)))


def convergence_deg(point: Point) -> float:
    """Return the meridian convergence of EPSG:4549 at a site point: degrees from true to grid north, clockwise."""
    lon, lat = lon_lat(point)
    return float(pyproj.Proj(MAP_CRS).get_factors(lon, lat).meridian_convergence)


def ground_m(x: float, y: float) -> float:
    """Return the height of the ground, metres (1985), at a site point: a gentle fall from north-west to south-east.

    >>> ground_m(0, 1000) > ground_m(500, 500) > ground_m(1000, 0)
    True
    """
    fall = 2.0 * (y - x) / SIDE_M
    swell = 0.25 * math.sin(x / 170.0) * math.cos(y / 210.0)
    return 6.5 + fall + swell


def chance(seed: int, topic: str) -> random.Random:
    """Return the random numbers of one topic: the same for the same seed, whatever other topics draw.

    >>> chance(2026, "people").random() == chance(2026, "people").random() != chance(2026, "cars").random()
    True
    """
    return random.Random(f"{seed}:{topic}")  # noqa: S311  a simulation, not a secret
