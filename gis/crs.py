"""Coordinate reference systems by their OGC name, in the axis order their register defines.

Inside the house a position is longitude, latitude. A client that names EPSG:4326 or EPSG:4490 expects latitude first,
and in the CGCS2000 Gauss-Krüger zones northing first (OGC API Features Part 2, requirement 10).
"""

import re
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry

from gis.datum import cgcs2000_zone
from gis.errors import BadInput
from gis.local import Floats, move_points

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
_EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
_GEOGRAPHIC = (CRS84, f"{_EPSG}4326", f"{_EPSG}4490")
_STEPS_PER_SIDE = 64
"""A straight side of a box is curved in degrees: 64 chords leave less than a millimetre over 10 km."""

Box = tuple[float, float, float, float]
Geometries = npt.NDArray[np.object_]


def offered(bounds: Box | None) -> tuple[str, ...]:
    """Return the names of the CRS in which data within these CRS84 bounds is offered; the first is CRS84.

    CRS84, WGS 84 and CGCS2000, and the CGCS2000 3-degree zones (by central meridian) the bounds touch.

    >>> [name.rpartition("/")[2] for name in offered((119.9, 30.2, 121.6, 30.3))]
    ['CRS84', '4326', '4490', '4549', '4550']
    >>> len(offered(None)), len(offered((-5, 50, -4, 51)))
    (3, 3)
    """
    if bounds is None or not 73.5 <= bounds[0] <= bounds[2] < 136.5:
        return _GEOGRAPHIC
    zones = range(cgcs2000_zone(bounds[0]), cgcs2000_zone(bounds[2]) + 1)
    return (*_GEOGRAPHIC, *(f"{_EPSG}{zone}" for zone in zones))


def from_crs84(geometries: Geometries, name: str) -> Geometries:
    """Return CRS84 geometries in the CRS of this name, in its own axis order; ``None`` stays.

    >>> [point] = from_crs84(np.array([shapely.Point(120.1536, 30.2874)]), f"{_EPSG}4549")
    >>> round(point.x, 2), round(point.y, 2)
    (3351983.08, 514777.41)
    >>> from_crs84(np.array([None]), f"{_EPSG}4326").tolist()
    [None]
    """
    if name == CRS84:
        return geometries
    transformer = _transformer(name)
    return move_points(geometries, lambda points: np.column_stack(transformer.transform(*points.T)))


def box_in_crs84(box: Box, name: str) -> Box | BaseGeometry:
    """Return a box given in a CRS's own axis order: as a CRS84 box when its sides run along degrees, else its outline.

    A box of CRS84 whose west lies east of its east crosses the 180th meridian; it becomes two.

    Raises:
        BadInput: ``crs.bbox`` when it is no box of that CRS.

    >>> box_in_crs84((30, 120, 31, 121), f"{_EPSG}4490")
    (120, 30, 121, 31)
    >>> outline = box_in_crs84((3351000, 514000, 3352000, 515000), f"{_EPSG}4549")
    >>> [round(edge, 3) for edge in outline.bounds]
    [120.146, 30.279, 120.156, 30.288]
    >>> box_in_crs84((120, 31, 121, 30), CRS84)
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: crs.bbox: (120, 31, 121, 30) is no box in CRS84. ...
    """
    if name in _GEOGRAPHIC:
        west, south, east, north = box if name == CRS84 else (box[1], box[0], box[3], box[2])
        _check(-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90, box, name)
        if west > east:
            return shapely.union_all([shapely.box(west, south, 180, north), shapely.box(-180, south, east, north)])
        return west, south, east, north
    _check(box[0] <= box[2] and box[1] <= box[3], box, name)
    corners = shapely.LineString([box[:2], box[2:]])
    flat = box[0] == box[2] or box[1] == box[3]
    return to_crs84(shapely.Point(box[:2]) if corners.length == 0 else corners if flat else shapely.box(*box), name)


def to_crs84(geometry: BaseGeometry, name: str) -> BaseGeometry:
    """Return a geometry given in a CRS's own axis order in CRS84; straight sides of a projection become chords.

    Raises:
        BadInput: ``crs.outside`` when a position is none of that CRS.

    >>> to_crs84(shapely.Point(30, 120), f"{_EPSG}4326").wkt
    'POINT (120 30)'
    >>> to_crs84(shapely.Point(120, 30), f"{_EPSG}4326")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: crs.outside: A position lies outside 4326. ...
    """
    if name in _GEOGRAPHIC:
        moved = geometry if name == CRS84 else move_points(geometry, lambda points: points[:, ::-1])
    else:
        west, south, east, north = geometry.bounds
        dense = geometry.segmentize(max(east - west, north - south, 1e-3) / _STEPS_PER_SIDE)
        transformer = _transformer(name)
        moved = move_points(dense, lambda points: _back(transformer, points))
    if not (np.abs(shapely.get_coordinates(moved)) <= (180, 90)).all():
        raise BadInput(
            "crs.outside",
            f"A position lies outside {name.rpartition('/')[2]}.",
            "Give positions in the axis order of the CRS.",
            crs=name,
        )
    return moved


def _back(transformer: Transformer, points: Floats) -> Floats:
    return np.column_stack(transformer.transform(points[:, 0], points[:, 1], direction="INVERSE"))


def _check(fine: bool, box: Box, name: str) -> None:  # noqa: FBT001
    if not fine:
        raise BadInput(
            "crs.bbox",
            f"{box} is no box in {name.rpartition('/')[2]}.",
            "Give the smaller corner first, in the axis order of the CRS.",
            parameter="bbox",
        )


@lru_cache(maxsize=64)
def _transformer(name: str) -> Transformer:
    found = re.fullmatch(re.escape(_EPSG) + r"(\d{4,5})", name)
    if found is None:
        raise BadInput("crs.unknown", f"There is no CRS {name!r} here.", "Use one the collection lists.", crs=name)
    return Transformer.from_crs("OGC:CRS84", f"EPSG:{found[1]}")
