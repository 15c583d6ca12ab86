"""What a camera sees on the ground: a sector from its azimuth, its angle of view and its range (B 6.2.1.2). Pure."""

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from gis.errors import BadInput
from gis.local import LocalFrame

_STEP_DEG = 5.0


def view_sector(lon_deg: float, lat_deg: float, azimuth_deg: float, angle_deg: float, range_m: float) -> BaseGeometry:
    """Return the sector a camera covers, CRS84; a full circle from 360 degrees on.

    Args:
        lon_deg: Longitude of the camera.
        lat_deg: Latitude.
        azimuth_deg: Where the middle of the picture looks, clockwise from north.
        angle_deg: Horizontal angle of view, above 0 to 360.
        range_m: How far it recognises things, metres on the ground.

    Raises:
        BadInput: ``device.view`` when angle or range are none.

    >>> sector = view_sector(120.0, 30.0, 90.0, 60.0, 50.0)   # looks east
    >>> sector.contains(shapely.Point(120.0004, 30.0)), sector.contains(shapely.Point(119.9999, 30.0))
    (True, False)
    >>> view_sector(120.0, 30.0, 0.0, 0.0, 50.0)
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: device.view: A view of 0.0 degrees and 50.0 m is none. Give an angle up to 360 and a range.
    """
    if not (0 < angle_deg <= 360 and 0 < range_m <= 10_000 and math.isfinite(azimuth_deg)):
        raise BadInput(
            "device.view",
            f"A view of {angle_deg} degrees and {range_m} m is none.",
            "Give an angle up to 360 and a range.",
            field="view_angle_deg",
        )
    frame = LocalFrame(lon_deg, lat_deg)
    if angle_deg == 360:
        return frame.inverse(shapely.Point(0, 0).buffer(range_m, quad_segs=18))
    steps = max(2, math.ceil(angle_deg / _STEP_DEG) + 1)
    bearings = (azimuth_deg - angle_deg / 2 + angle_deg * step / (steps - 1) for step in range(steps))
    arc = [(range_m * math.sin(math.radians(b)), range_m * math.cos(math.radians(b))) for b in bearings]
    return frame.inverse(shapely.Polygon([(0.0, 0.0), *arc]))


def view_of(geometry: BaseGeometry | None, attributes: Mapping[str, Any]) -> BaseGeometry | None:
    """Return the sector of a registered camera; ``None`` when nobody said where it looks.

    >>> view_of(shapely.Point(120, 30), {"azimuth_deg": 0}) is None
    True
    """
    given = [attributes.get(name) for name in ("azimuth_deg", "view_angle_deg", "range_m")]
    if geometry is None or any(value is None for value in given):
        return None
    point = geometry.centroid
    return view_sector(point.x, point.y, *(float(value) for value in given if value is not None))


def clipped(sector: BaseGeometry, lon_deg: float, lat_deg: float, walls: BaseGeometry) -> BaseGeometry:
    """Return what of a sector is in sight: what stands in between hides what lies behind it.

    Each wall's shadow is what lies behind it seen from the camera. A camera inside an outline looks out of it.

    >>> sector = view_sector(120.0, 30.0, 90.0, 40.0, 100.0)
    >>> house = shapely.box(120.0004, 29.9999, 120.0006, 30.0001)
    >>> seen = clipped(sector, 120.0, 30.0, house)
    >>> seen.contains(shapely.Point(120.0002, 30.0)), seen.contains(shapely.Point(120.0008, 30.0))
    (True, False)
    """
    frame = LocalFrame(lon_deg, lat_deg)
    seen, eye = frame.forward(sector), shapely.Point(0, 0)
    reach = max(abs(bound) for bound in seen.bounds) * 4
    for wall in shapely.get_parts(shapely.intersection(frame.forward(walls), seen.envelope)):
        if isinstance(wall, shapely.Polygon) and not wall.intersects(eye):
            seen = seen.difference(_shadow(wall, reach))
    lit = [part for part in shapely.get_parts(seen) if part.distance(eye) < 0.01]
    return frame.inverse(shapely.union_all(lit))


def _shadow(wall: shapely.Polygon, reach_m: float) -> BaseGeometry:
    corners = shapely.get_coordinates(wall.exterior)
    sides = []
    for (ax, ay), (bx, by) in pairwise(corners):
        far = [(x * reach_m / math.hypot(x, y), y * reach_m / math.hypot(x, y)) for x, y in ((bx, by), (ax, ay))]
        sides.append(shapely.Polygon([(ax, ay), (bx, by), *far]).buffer(0))
    return shapely.union_all([wall, *sides])
