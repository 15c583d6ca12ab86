"""Why a position is where it cannot be: the usual mistakes, told apart by undoing each and looking where it lands."""

import re
from functools import cache
from typing import NamedTuple

from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError

from gis.datum import cgcs2000_zone
from gis.errors import BadInput

CRS84 = "OGC:CRS84"

# 3-degree zones of CGCS2000; each has a frame with the zone number before the easting and one without.
_ZONES = range(25, 46)
_NEAR_AREA_DEG = 6.0


class Cause(NamedTuple):
    """A mistake and its cure, each a clause for an error message."""

    what: str
    cure: str


def explain(x: float, y: float, crs: CRS) -> Cause | None:
    """Return why (x, y) makes no sense in the frame; ``None`` when it may, or when the cause is not known.

    Args:
        x: East or longitude as it stands in the file.
        y: North or latitude.
        crs: Frame of the file.

    >>> explain(30.2874, 120.1536, CRS("EPSG:4490")).what
    'latitude stands before longitude'
    >>> explain(40514777.4, 3351983.1, CRS("EPSG:4549")).cure
    'Name the frame with --crs EPSG:4528.'
    >>> explain(120.1536, 30.2874, CRS("EPSG:4490")) is None
    True
    """
    return _zone(x, y, crs) or _zone(y, x, crs, swapped=True) or _degrees(x, y, crs) or _axes(x, y, crs)


@cache
def to_crs84_transformer(crs: CRS) -> Transformer:
    """Return the transformer into CRS84, east before north; kept, because finding it takes half a second.

    Raises:
        BadInput: ``gis.unknown_crs`` when the frame has no place on earth.
    """
    try:
        return Transformer.from_crs(crs, CRS84, always_xy=True)
    except ProjError as error:
        raise BadInput(
            "gis.unknown_crs",
            f"From {crs.name} no way leads to longitude and latitude.",
            "Name the frame with --crs, such as EPSG:4549.",
            parameter="crs",
        ) from error


def zone_of_meridian(crs: CRS, shift_deg: float) -> str | None:
    """Return the CGCS2000 frame whose central meridian lies ``shift_deg`` further east; ``None`` when there is none.

    >>> zone_of_meridian(CRS("EPSG:4548"), 3), zone_of_meridian(CRS("EPSG:4326"), 3)
    ('EPSG:4549', None)
    """
    meridian = re.search(r"CM (\d+)E", crs.name)
    zone = round((int(meridian.group(1)) + shift_deg) / 3) if meridian else 0
    return _zone_frame(zone, numbered=False) if zone in _ZONES else None


def _zone_frame(zone: int, *, numbered: bool) -> str:
    return f"EPSG:{cgcs2000_zone(zone * 3, prefix=numbered)}"


def _zone(x: float, y: float, crs: CRS, *, swapped: bool = False) -> Cause | None:
    if not crs.is_projected or not 0 <= y < 10_000_000:
        return None
    axes = "northing stands before easting, and " if swapped else ""
    zone, frame_has_number = int(x // 1_000_000), _false_easting(crs) > 1_000_000
    if zone in _ZONES and not frame_has_number:
        named = _zone_frame(zone, numbered=True)
        return Cause(f"{axes}the easting carries zone number {zone}", f"Name the frame with --crs {named}.")
    if 0 < x < 1_000_000 and frame_has_number and not swapped:
        zone = int(_false_easting(crs) // 1_000_000)
        named = _zone_frame(zone, numbered=False)
        return Cause("the easting lacks the frame's zone number", f"Name the frame with --crs {named}.")
    return None


@cache
def _false_easting(crs: CRS) -> float:
    operation = crs.coordinate_operation
    offsets = [param.value for param in operation.params if param.name == "False easting"] if operation else []
    return float(offsets[0]) if offsets else 0.0


def _degrees(x: float, y: float, crs: CRS) -> Cause | None:
    if crs.is_geographic and max(abs(x), abs(y)) > 360:
        return Cause("these are metres, not degrees", "Name the projected frame with --crs, such as EPSG:4549.")
    if crs.is_projected and abs(x) <= 180 and abs(y) <= 180:
        return Cause("these are degrees, not metres", "Name the geographic frame with --crs, such as EPSG:4490.")
    return None


def _axes(x: float, y: float, crs: CRS) -> Cause | None:
    if lies_in_area(x, y, crs, _NEAR_AREA_DEG) or not lies_in_area(y, x, crs, 0):
        return None
    first, second = ("latitude", "longitude") if crs.is_geographic else ("northing", "easting")
    return Cause(f"{first} stands before {second}", "Swap the two axes or columns.")


def lies_in_area(x: float, y: float, crs: CRS, margin_deg: float = 0) -> bool:
    """Tell whether (x, y), east first, lies within the area a frame was made for, or so many degrees outside it.

    >>> lies_in_area(120.15, 30.28, CRS("EPSG:4490")), lies_in_area(float("nan"), 30.28, CRS("EPSG:4490"))
    (True, False)
    """
    west, south, east, north = crs.area_of_use.bounds if crs.area_of_use else (-180.0, -90.0, 180.0, 90.0)
    lon, lat = to_crs84_transformer(crs).transform(x, y)
    beyond_lon = max(west - lon, lon - east, 0.0)
    return bool(beyond_lon <= margin_deg and max(south - margin_deg, -90) <= lat <= min(north + margin_deg, 90))
