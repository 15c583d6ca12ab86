"""GeoSOT plane codes, GB/T 40087-2020: what other Chinese platforms exchange positions by.

Each axis is cut into sign, degrees, minutes, seconds and 1/2048″, 32 bits; each level adds one bit of latitude and one
of longitude as a digit 0 to 3. Our own codes embed the BeiDou grid (:mod:`gis.beidou`); this one is only spoken.
"""

from gis.errors import BadInput

LEVELS = range(1, 33)
_PARTS_PER_SECOND = 2048
_SNAP = 1e-6


def encode(lon_deg: float, lat_deg: float, level: int) -> str:
    """Return the code of the cell that holds a position; CGCS2000 degrees.

    Raises:
        BadInput: ``geosot.bad_level``, ``geosot.bad_position``.

    >>> encode(116.315222, 39.910278, 15)
    'G001310322230230'
    >>> encode(0.0, 0.0, 3)
    'G000'
    >>> encode(39.9, 116.3, 15)
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: geosot.bad_position: There is no position (39.9, 116.3). Give longitude, then latitude, ...
    """
    if level not in LEVELS:
        raise BadInput("geosot.bad_level", f"There is no level {level}.", "Use 1 to 32.", parameter="level")
    if not (abs(lon_deg) <= 180 and abs(lat_deg) <= 90):
        message = f"There is no position ({lon_deg}, {lat_deg})."
        raise BadInput("geosot.bad_position", message, "Give longitude, then latitude, in degrees.")
    lon, lat = _bits(lon_deg), _bits(lat_deg)
    digits = (2 * (lat >> place & 1) + (lon >> place & 1) for place in range(31, 31 - level, -1))
    return "G" + "".join(map(str, digits))


def _bits(deg: float) -> int:
    """Return sign 1, degrees 8, minutes 6, seconds 6, parts 11: 32 bits, cut down from the position."""
    exact = abs(deg) * 3600 * _PARTS_PER_SECOND
    # A decimal degree that names a cell's corner may fall short of it by its last bit.
    parts = round(exact) if abs(exact - round(exact)) < _SNAP else int(exact)
    seconds, part = divmod(parts, _PARTS_PER_SECOND)
    minutes, second = divmod(seconds, 60)
    degree, minute = divmod(minutes, 60)
    return (deg < 0) << 31 | degree << 23 | minute << 17 | second << 11 | part
