"""A position that something moving reported."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gis.errors import BadInput

PROPERTY = "position"
"""The observed property whose result is a position."""

_BOUNDS = {
    "storey": (-20, 200),
    "height_m": (-500.0, 9000.0),
    "heading_deg": (0.0, 360.0),
    "speed_m_per_s": (0.0, 100.0),
    "accuracy_m": (0.0, 10_000.0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where something was.

    Attributes:
        lon: Longitude, CRS84 degrees.
        lat: Latitude.
        storey: Physical storey; ``None`` outdoors or when the device cannot tell.
        height_m: Metres in the community's height datum; ``None`` when not known.
        heading_deg: Degrees clockwise from true north.
        speed_m_per_s: Metres a second.
        accuracy_m: Radius that holds the true position in two of three cases, as satellite receivers state it.
    """

    device: str
    at: datetime
    lon: float
    lat: float
    storey: int | None = None
    height_m: float | None = None
    heading_deg: float | None = None
    speed_m_per_s: float | None = None
    accuracy_m: float | None = None


def position_of(device: str, result: Any, at: datetime) -> Position:
    """Return the position that a result of the property :data:`PROPERTY` holds.

    Raises:
        BadInput: ``position.malformed``, naming the field.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 11, 21, 4, tzinfo=UTC)
    >>> position_of("GW-1", {"lon": 120.15, "lat": 30.28, "storey": 2}, noon).storey
    2
    >>> position_of("GW-1", {"lon": 30.28, "lat": 120.15}, noon)
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: position.malformed: GW-1: lat=120.15 is out of range. Send longitude and latitude ...
    """
    if not isinstance(result, Mapping):
        raise _malformed(device, "result", "is no JSON object")
    values = {name: _number(device, result, name, low, high) for name, (low, high) in _BOUNDS.items() if name in result}
    lon, lat = _number(device, result, "lon", -180, 180), _number(device, result, "lat", -90, 90)
    if lon is None or lat is None:
        raise _malformed(device, "lon" if lon is None else "lat", "is missing")
    if (storey := values.pop("storey", None)) is not None and (storey != int(storey) or storey == 0):
        raise _malformed(device, "storey", "is no storey: 1 is the ground floor, -1 the first basement")
    return Position(device=device, at=at, lon=lon, lat=lat, storey=None if storey is None else int(storey), **values)


def _number(device: str, result: Mapping[str, Any], name: str, low: float, high: float) -> float | None:
    value = result.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _malformed(device, name, "is no number")
    if not low <= value <= high:
        raise _malformed(device, f"{name}={value}", "is out of range")
    return float(value)


def _malformed(device: str, field: str, fault: str) -> BadInput:
    return BadInput(
        "position.malformed",
        f"{device}: {field} {fault}.",
        "Send longitude and latitude in degrees (CRS84) and, when known, storey, height_m, heading_deg, "
        "speed_m_per_s, accuracy_m.",
        device=device,
        field=field.partition("=")[0],
    )
