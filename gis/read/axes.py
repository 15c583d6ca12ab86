"""Frames as city models and web services name them, and which of their axes comes first."""

import re
from dataclasses import replace

import shapely
from pyproj import CRS
from pyproj.exceptions import CRSError

from gis.errors import BadInput
from gis.read.causes import CRS84, lies_in_area
from gis.read.row import OnWarning, Row

# Registers of names that let the register's own order of axes hold; a bare EPSG:n does not.
_STRICT = re.compile(r"urn:|https?://www\.opengis\.net/def/", re.IGNORECASE)
_EPSG = re.compile(r"(?:EPSG(?::[\d.]*:|/[\w.]+/|:)|epsg\.xml#)(\d+)", re.IGNORECASE)
_GERMAN = re.compile(r"urn:adv:crs:ETRS89_UTM(3[123])", re.IGNORECASE)
_DEGREES84 = re.compile(r"CRS:?84h?$|OGC[:/][\d.]*[:/]CRS84h?$", re.IGNORECASE)


def named_frame(name: str | None) -> tuple[str | None, bool]:
    """Return the horizontal frame a name means, and whether the name says that north comes first.

    Of a compound frame the first part counts. A name nobody knows is ``None``.

    >>> named_frame("urn:ogc:def:crs,crs:EPSG:6.12:25833,crs:EPSG:6.12:5783")
    ('EPSG:25833', False)
    >>> named_frame("http://www.opengis.net/def/crs/EPSG/0/6697"), named_frame("EPSG:4490"), named_frame("somewhere")
    (('EPSG:6697', True), ('EPSG:4490', False), (None, False))
    >>> named_frame("urn:ogc:def:crs:OGC:1.3:CRS84"), named_frame(None)
    (('OGC:CRS84', False), (None, False))
    """
    if not name:
        return None, False
    if _DEGREES84.search(name):
        return CRS84, False
    code, german = _EPSG.search(name), _GERMAN.match(name)
    frame = f"EPSG:{code.group(1)}" if code else f"EPSG:258{german.group(1)}" if german else name
    try:
        first = CRS.from_user_input(frame).axis_info[:1]
    except CRSError:
        return None, False
    return frame, bool(_STRICT.match(name) and first and first[0].direction == "north")


def east_first(rows: list[Row], frame: CRS, north_first: bool, file: str, on_warning: OnWarning) -> list[Row]:  # noqa: FBT001
    """Return the rows with east before north, whichever order their source keeps.

    Many writers name a frame whose order is north first and write east first all the same; the order in which
    the positions lie where the frame is made for wins, and is reported when it is not the one that was stated.
    """
    shapes = [row.geometry for row in rows if row.geometry is not None and not row.geometry.is_empty]
    if not shapes:
        return rows
    x, y = (float(value) for value in shapely.get_coordinates(shapes[len(shapes) // 2])[0])
    orders = [north_first, not north_first]
    swap = next((order for order in orders if lies_in_area(*((y, x) if order else (x, y)), frame)), north_first)
    if swap != north_first:
        said, found = ("north", "east") if north_first else ("east", "north")
        on_warning(
            BadInput(
                "gis.axis_order",
                f"{file} names {frame.name} with {said} first, but its positions only fit with {found} first;"
                " they are read so.",
                file=file,
            )
        )
    return [_swapped(row) for row in rows] if swap else rows


def _swapped(row: Row) -> Row:
    if row.geometry is None:
        return row
    return replace(row, geometry=shapely.transform(row.geometry, lambda points: points[:, ::-1]))
