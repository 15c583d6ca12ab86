"""Text parameters of requests and commands, turned into the query's nouns; every fault names its parameter."""

import re
from collections.abc import Sequence
from datetime import datetime

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from gis.errors import BadInput

MOST_SEQ = 2**63 - 1
"""No event of the log has a larger number."""

_WHOLE = re.compile(r"[+-]?[0-9]{1,9}")


def numbers(text: str, names: Sequence[str], parameter: str) -> tuple[float, ...]:
    """Return comma-separated numbers, exactly as many as there are names.

    >>> numbers("120.2,30.3,50", ("lon", "lat", "radius"), "near")
    (120.2, 30.3, 50.0)
    >>> numbers("120.2", ("lon", "lat"), "near")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: request.parameter: near='120.2' is not lon,lat. Separate the numbers by commas.
    """
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    if len(values) != len(names) or any(value != value or abs(value) == float("inf") for value in values):  # noqa: PLR0124
        wanted = ",".join(names)
        raise BadInput(
            "request.parameter",
            f"{parameter}={text!r:.60} is not {wanted}.",
            "Separate the numbers by commas.",
            parameter=parameter,
        )
    return values


def box(text: str, parameter: str) -> tuple[float, float, float, float]:
    """Return west, south, east, north; the query checks that they are a box."""
    west, south, east, north = numbers(text, ("west", "south", "east", "north"), parameter)
    return west, south, east, north


def words(text: str | None) -> tuple[str, ...]:
    """Return comma-separated words without the empty ones.

    >>> words("building, space,"), words(None)
    (('building', 'space'), ())
    """
    return () if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def integers(text: str | None, parameter: str) -> tuple[int, ...]:
    """Return comma-separated whole numbers of up to nine digits.

    >>> integers("1,-1", "storeys")
    (1, -1)
    >>> integers("1" + "0" * 40, "storeys")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: request.parameter: storeys='1000...' is not whole numbers. Write 1,2,-1.
    """
    parts = words(text)
    if not all(_WHOLE.fullmatch(part) for part in parts):
        raise BadInput(
            "request.parameter",
            f"{parameter}={text!r:.60} is not whole numbers.",
            "Write 1,2,-1.",
            parameter=parameter,
        )
    return tuple(int(part) for part in parts)


def moment(text: str | None, parameter: str) -> datetime | None:
    """Return an RFC 3339 moment; the zone is checked by the query."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text.replace(" ", "+"))  # '+' arrives as a space when not escaped
    except ValueError:
        raise BadInput(
            "request.parameter",
            f"{parameter}={text!r:.60} is not a time.",
            "Write 2026-11-21T08:00:00Z.",
            parameter=parameter,
        ) from None


def zoned(text: str | None, parameter: str) -> datetime | None:
    """Return an RFC 3339 moment that names its zone.

    Raises:
        BadInput: ``request.parameter``, ``query.time``.

    >>> zoned("2026-11-21", "from")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: query.time: from has no time zone. Add Z or +08:00.
    """
    found = moment(text, parameter)
    if found is not None and found.tzinfo is None:
        raise BadInput("query.time", f"{parameter} has no time zone.", "Add Z or +08:00.", parameter=parameter)
    return found


def pairs(texts: Sequence[str], parameter: str) -> tuple[tuple[str, str], ...]:
    """Return ``field:value`` conditions.

    >>> pairs(["type:smoke_detector"], "filter")
    (('type', 'smoke_detector'),)
    """
    found = []
    for text in texts:
        name, colon, value = text.partition(":")
        if not colon or not name:
            raise BadInput(
                "request.parameter",
                f"{parameter}={text!r:.60} is not field:value.",
                "Write type:smoke_detector.",
                parameter=parameter,
            )
        found.append((name, value))
    return tuple(found)


def fields(texts: Sequence[str], parameter: str) -> dict[str, str]:
    """Return ``field:value`` conditions by field; one asked for twice is refused: nothing is two things.

    >>> fields(["a:1", "a:2"], "filter")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: request.repeated: filter asks for a twice. Ask for one value.
    """
    found: dict[str, str] = {}
    for name, value in pairs(texts, parameter):
        if found.setdefault(name, value) != value:
            raise BadInput(
                "request.repeated", f"{parameter} asks for {name} twice.", "Ask for one value.", parameter=parameter
            )
    return found


def polygon(text: str | None, parameter: str) -> BaseGeometry | None:
    """Return an area given as WKT in CRS84, ``None`` when none is given; see :func:`area_of`."""
    return None if text is None else area_of(text, parameter)


def area_of(text: str, parameter: str) -> BaseGeometry:
    """Return an area given as WKT in CRS84.

    >>> area_of("POLYGON((120 30, 120 31, 121 30, 120 30))", "area").area
    0.5
    >>> area_of("POINT(120 30)", "area")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: request.parameter: area is no valid polygon. Write POLYGON((lon lat, …)) ...
    """
    with np.errstate(all="ignore"):  # numbers beyond any are no polygon, and no warning
        shape = shapely.from_wkt(text, on_invalid="ignore")
    inside = shape is not None and _inside_crs84(shape)
    if shape is None or not inside or shape.geom_type not in ("Polygon", "MultiPolygon") or not shape.is_valid:
        raise BadInput(
            "request.parameter",
            f"{parameter} is no valid polygon.",
            "Write POLYGON((lon lat, …)) in degrees, closed and without crossings.",
            parameter=parameter,
        )
    return shape


def position(text: str, parameter: str) -> tuple[float, ...]:
    """Return longitude, latitude and, when given, height.

    >>> position("120.2,30.3,6.5", "point")
    (120.2, 30.3, 6.5)
    """
    return numbers(text, ("longitude", "latitude", "height")[: max(2, text.count(",") + 1)], parameter)


def on_earth(lon_deg: float, lat_deg: float, parameter: str) -> BaseGeometry:
    """Return a position as a point.

    >>> on_earth(30.3, 120.2, "point")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: request.parameter: point=30.3,120.2 is not on the earth. Longitude first.
    """
    shape = shapely.Point(lon_deg, lat_deg)
    if not _inside_crs84(shape):
        raise BadInput(
            "request.parameter", f"{parameter}={lon_deg},{lat_deg} is not on the earth.", "Longitude first.",
            parameter=parameter,
        )  # fmt: skip
    return shape


def _inside_crs84(shape: BaseGeometry) -> bool:
    if shape.is_empty:
        return False
    west, south, east, north = shape.bounds
    return -180 <= west <= east <= 180 and -90 <= south <= north <= 90
