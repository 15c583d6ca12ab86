"""Between coordinate systems: any CRS to CRS84, the CGCS2000 zones, and the shifted map datums GCJ-02 and BD-09.

Inside the house positions are CRS84/CGCS2000 longitude and latitude in degrees. CGCS2000 and WGS 84 are taken as one:
no operation between them is published, and they differ by less than a survey does.

GCJ-02 is the datum of Chinese web maps; BD-09 adds Baidu's own shift. The forward formula is common knowledge; the way
back is found by iteration on it and closes to a micrometre.
"""

import math
from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from gis.errors import BadInput
from gis.local import Floats, Geometry, move_points

Move = Callable[[Floats, Floats], tuple[Floats, Floats]]

_CHINA = (72.004, 0.8293, 137.8347, 55.8271)
_AXIS_M = 6_378_245.0
_ECCENTRICITY2 = 0.00669342162296594323
_CLOSE_DEG = 1e-11
_CRS_MARGIN_DEG = 3.0


class Datum(StrEnum):
    """How longitudes and latitudes are shifted."""

    WGS84 = "wgs84"
    GCJ02 = "gcj02"
    BD09 = "bd09"


def convert(
    lon_deg: npt.ArrayLike, lat_deg: npt.ArrayLike, source: Datum | str, target: Datum | str
) -> tuple[Floats, Floats]:
    """Return longitudes and latitudes, degrees, in another map datum; arrays of one shape in and out.

    The shifted datums are defined in China only: a position outside the box 72.004-137.8347 E, 0.8293-55.8271 N is
    refused, never passed on unchanged.

    Raises:
        BadInput: ``datum.outside_china`` with the ``index`` of the first such position.

    >>> lon, lat = convert(116.377817, 39.911954, "wgs84", "gcj02")
    >>> round(float(lon), 9), round(float(lat), 9)
    (116.384047225, 39.913345455)
    >>> [axis.tolist() for axis in convert([], [], "bd09", "wgs84")]
    [[], []]
    >>> convert(2.35, 48.86, "gcj02", "wgs84")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: datum.outside_china: Position 0 (2.35, 48.86) is not in China. ...
    """
    lon, lat = np.asarray(lon_deg, dtype=np.float64), np.asarray(lat_deg, dtype=np.float64)
    _check_china(lon, lat)
    order = list(Datum)
    start, end = order.index(Datum(source)), order.index(Datum(target))
    for move in _FORWARD[start:end]:
        lon, lat = move(lon, lat)
    for move in reversed(_FORWARD[end:start]):
        lon, lat = _invert(move, lon, lat)
    return lon, lat


def convert_geometry(geometry: Geometry, source: Datum | str, target: Datum | str) -> Geometry:
    """Return a geometry, or an array of them, in another map datum; Z is dropped.

    Raises:
        BadInput: ``datum.outside_china``.

    >>> convert_geometry(shapely.Point(), "gcj02", "wgs84").is_empty
    True
    """
    return move_points(geometry, lambda points: np.column_stack(convert(points[:, 0], points[:, 1], source, target)))


def to_crs84(geometry: Geometry, crs: str | int | CRS) -> Geometry:
    """Return a geometry, or an array of them, in CRS84: longitude, latitude, degrees, without Z.

    The axes come in as east (longitude), then north (latitude), whatever the register says about the CRS.

    Args:
        geometry: What to transform.
        crs: EPSG number, ``EPSG:4549``, WKT or any other definition PROJ reads.

    Raises:
        BadInput: ``datum.unknown_crs``; ``datum.outside_crs`` when a position falls more than 3° outside the area in
            which the CRS is used, the mark of swapped axes or of another zone.

    >>> point = to_crs84(shapely.Point(514777.411, 3351983.077), "EPSG:4549")
    >>> round(point.x, 7), round(point.y, 7)
    (120.1536, 30.2874)
    >>> to_crs84(shapely.Point(3351983.077, 514777.411), "EPSG:4549")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: datum.outside_crs: A position lies outside the area of EPSG:4549. ...
    """
    transformer, area = _transformer(str(crs))
    moved = move_points(geometry, lambda points: np.column_stack(transformer.transform(*points.T)))
    _check_area(shapely.get_coordinates(moved), area, str(crs))
    return moved


def cgcs2000_zone(lon_deg: float, *, prefix: bool = False) -> int:
    """Return the EPSG number of the CGCS2000 3-degree Gauss-Krüger zone of a longitude.

    Args:
        lon_deg: Longitude, degrees.
        prefix: Eastings begin with the zone number (EPSG:4513-4533) or not (EPSG:4534-4554, by central meridian).

    Raises:
        BadInput: ``datum.no_zone`` outside 73.5-136.5 E.

    >>> cgcs2000_zone(120.15), cgcs2000_zone(120.15, prefix=True)
    (4549, 4528)
    >>> cgcs2000_zone(0.0)
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: datum.no_zone: CGCS2000 has no 3-degree zone at 0.0°. ...
    """
    if not 73.5 <= lon_deg < 136.5:
        raise BadInput(
            "datum.no_zone",
            f"CGCS2000 has no 3-degree zone at {lon_deg}°.",
            "Give a longitude from 73.5 to 136.5 degrees.",
            lon_deg=lon_deg,
        )
    zone = math.floor(lon_deg / 3 + 0.5)
    return zone - 25 + (4513 if prefix else 4534)


def to_zone(geometry: Geometry, zone: int) -> Geometry:
    """Return a CRS84 geometry, or an array of them, in a CGCS2000 zone: easting, then northing, metres, without Z.

    Args:
        geometry: CRS84.
        zone: EPSG number, as :func:`cgcs2000_zone` gives it.

    >>> point = to_zone(shapely.Point(120.1536, 30.2874), 4549)
    >>> round(point.x, 3), round(point.y, 3)
    (514777.411, 3351983.077)
    >>> to_zone(shapely.Polygon(), 4549).is_empty
    True
    """
    transformer, _ = _transformer(str(zone))
    return move_points(
        geometry, lambda points: np.column_stack(transformer.transform(points[:, 0], points[:, 1], direction="INVERSE"))
    )


def _wgs84_to_gcj02(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    x, y = lon - 105, lat - 35
    common = 20 * np.sin(6 * np.pi * x) + 20 * np.sin(2 * np.pi * x)
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * np.sqrt(np.abs(x))
    north += (common + _waves(y, (20, 1), (40, 1 / 3), (160, 1 / 12), (320, 1 / 30))) * 2 / 3
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * np.sqrt(np.abs(x))
    east += (common + _waves(x, (20, 1), (40, 1 / 3), (150, 1 / 12), (300, 1 / 30))) * 2 / 3
    flat = 1 - _ECCENTRICITY2 * np.sin(np.radians(lat)) ** 2
    meridian_m = _AXIS_M * (1 - _ECCENTRICITY2) / flat**1.5
    parallel_m = _AXIS_M / np.sqrt(flat) * np.cos(np.radians(lat))
    return lon + np.degrees(east / parallel_m), lat + np.degrees(north / meridian_m)


def _waves(at: Floats, *waves: tuple[float, float]) -> Floats:
    total = np.zeros_like(at)
    for height, frequency in waves:
        total = total + height * np.sin(frequency * np.pi * at)
    return total


def _gcj02_to_bd09(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    turn = np.pi * 3000 / 180
    radius = np.hypot(lon, lat) + 0.00002 * np.sin(lat * turn)
    angle = np.arctan2(lat, lon) + 0.000003 * np.cos(lon * turn)
    return radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.006


_FORWARD: tuple[Move, ...] = (_wgs84_to_gcj02, _gcj02_to_bd09)
"""Each step leads from one datum to the next, in the order of :class:`Datum`."""


def _invert(move: Move, lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """Fixed point: go back by the shift at the last guess; it hardly changes over its own length: this closes fast."""
    guess_lon, guess_lat = lon, lat
    for _ in range(30):
        there_lon, there_lat = move(guess_lon, guess_lat)
        off_lon, off_lat = there_lon - lon, there_lat - lat
        guess_lon, guess_lat = guess_lon - off_lon, guess_lat - off_lat
        if max(np.max(np.abs(off_lon), initial=0), np.max(np.abs(off_lat), initial=0)) < _CLOSE_DEG:
            break
    return guess_lon, guess_lat


def _check_china(lon: Floats, lat: Floats) -> None:
    west, south, east, north = _CHINA
    inside = np.atleast_1d((west <= lon) & (lon <= east) & (south <= lat) & (lat <= north))
    if not inside.all():
        first = int(np.argmin(inside))
        raise BadInput(
            "datum.outside_china",
            f"Position {first} ({np.atleast_1d(lon)[first]}, {np.atleast_1d(lat)[first]}) is not in China.",
            "GCJ-02 and BD-09 are defined in China only; give longitude, then latitude, in degrees.",
            index=first,
        )


def _check_area(points: Floats, area: tuple[float, float, float, float] | None, crs: str) -> None:
    west, south, east, north = area or (-180, -90, 180, 90)
    margin = _CRS_MARGIN_DEG if area else 0
    low, high = np.array([west - margin, south - margin]), np.array([east + margin, north + margin])
    low, high = np.maximum(low, [-180, -90]), np.minimum(high, [180, 90])
    if not ((points >= low) & (points <= high)).all():
        raise BadInput(
            "datum.outside_crs",
            f"A position lies outside the area of {crs}.",
            "Check the zone, and that easting comes before northing and longitude before latitude.",
            crs=crs,
        )


@lru_cache(maxsize=64)
def _transformer(definition: str) -> tuple[Transformer, tuple[float, float, float, float] | None]:
    try:
        crs = CRS.from_user_input(int(definition) if definition.isdecimal() else definition)
    except CRSError as error:
        raise BadInput(
            "datum.unknown_crs",
            f"PROJ does not know the coordinate reference system {definition!r}.",
            "Name it as EPSG:4549 or the like, or give its WKT.",
            crs=definition,
        ) from error
    area = crs.area_of_use
    bounds = (area.west, area.south, area.east, area.north) if area and area.west <= area.east else None
    return Transformer.from_crs(crs, "OGC:CRS84", always_xy=True), bounds
