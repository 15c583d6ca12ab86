"""Height code of GB/T 39409-2020, annex C: the third axis of the BeiDou grid.

Layers grow with the distance from the earth's centre, so that cells keep their proportions. Layer ``n`` begins at

    H(n) = r0 * (1 + pi/180) ** (n / 7372800) - r0,        r0 = 6378137 m

metres above the ellipsoid; a height ``H`` lies in layer ``floor(n(H))``. The 32 bits of ``n`` are cut
1|6|3|1|4|4|1|3|3|3|3 for the sign and levels 1 to 10. Clause 6.2 names 0 to E for the two hexadecimal digits, yet they
are fields of four bits and reach F from about 1.8 km up; F is written and read here.

Below the ellipsoid the text of annex C can be read in two ways and prints no example. Written here is the sign and then
the magnitude of ``floor(n)``, as the published codecs do; codes from a two's-complement writer name other layers.
"""

import math

from gis.errors import BadInput

EARTH_RADIUS_M = 6_378_137.0

_LAYERS_PER_STEP = 7_372_800
_STEP = math.log1p(math.pi / 180)
_LIMIT = 1 << 31
_BITS = (6, 3, 1, 4, 4, 1, 3, 3, 3, 3)
_HEX = "0123456789ABCDEF"


def layer_bottom_m(layer: int) -> float:
    """Return the ellipsoidal height, metres, at which a layer begins.

    >>> layer_bottom_m(0)
    0.0
    >>> round(layer_bottom_m(255 * 7_372_800) / 1000, 6)   # annex C.2, kilometres
    519501.834158
    """
    return EARTH_RADIUS_M * math.expm1(layer / _LAYERS_PER_STEP * _STEP)


def layer_of(ellipsoidal_height_m: float) -> int:
    """Return the number of the layer that holds an ellipsoidal height in metres.

    Raises:
        BadInput: ``beidou.height`` when the grid does not reach there.

    >>> layer_of(0.0), layer_of(-0.001)
    (0, -1)
    >>> layer_of(float("nan"))
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: beidou.height: nan m is outside the grid. ...
    """
    ratio = ellipsoidal_height_m / EARTH_RADIUS_M
    exact = math.log1p(ratio) / _STEP * _LAYERS_PER_STEP if ratio > -1 else math.nan
    if not abs(exact) < _LIMIT - 1:
        raise BadInput(
            "beidou.height",
            f"{ellipsoidal_height_m} m is outside the grid.",
            "Give the height above the ellipsoid in metres.",
        )
    nearest = round(exact)
    return nearest if abs(exact - nearest) < 1e-6 else math.floor(exact)


def encode_height(ellipsoidal_height_m: float, level: int) -> str:
    """Return the height digits down to a level: sign first, then each level's own.

    Raises:
        BadInput: ``beidou.height``.

    >>> encode_height(8.5, 10), encode_height(-10.0, 10), encode_height(8.5, 1)
    ('000000001067', '100000001235', '000')
    """
    layer = layer_of(ellipsoidal_height_m)
    rest, digits = abs(layer), []
    for bits in reversed(_BITS):
        rest, field = divmod(rest, 1 << bits)
        digits.append(f"{field:02d}" if bits == 6 else _HEX[field])
    return ("1" if layer < 0 else "0") + "".join(reversed(digits))[: height_digits(level).stop - 1]


def decode_height(digits: str) -> tuple[float, float]:
    """Return the bottom and the top, ellipsoidal metres, of the layers that height digits name.

    Raises:
        BadInput: ``beidou.bad_height``.

    >>> [round(height, 3) for height in decode_height("000000001067")]
    [8.487, 8.502]
    >>> decode_height("064")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: beidou.bad_height: '064' is not a height code: '64' has no meaning at level 1. ...
    """
    magnitude, level = 0, len(digits) - 2
    for step, bits in enumerate(_BITS[:level], start=1):
        magnitude = (magnitude << bits) + _field(digits, step, bits)
    spare = sum(_BITS[level:])
    low, high = magnitude << spare, (magnitude + 1) << spare
    if digits[0] == "1":
        return layer_bottom_m(1 - high), layer_bottom_m(1 - max(low, 1))
    return layer_bottom_m(low), layer_bottom_m(high)


def height_digits(level: int) -> slice:
    """Return where the digits of one level, 1 to 10, stand in a height code.

    >>> height_digits(1), height_digits(2)
    (slice(1, 3, None), slice(3, 4, None))
    """
    return slice(1, 3) if level == 1 else slice(level + 1, level + 2)


def _field(digits: str, level: int, bits: int) -> int:
    text = digits[height_digits(level)]
    base = 10 if bits == 6 else 1 << bits
    legal = digits[0] in "01" and all(letter in _HEX[:base] for letter in text)
    value = int(text, max(base, 10)) if legal else _LIMIT
    if value >= 1 << bits:
        raise BadInput(
            "beidou.bad_height",
            f"{digits!r} is not a height code: {text!r} has no meaning at level {level}.",
            "Read the code again; the sign is 0 or 1, level 1 is 00 to 63.",
        )
    return value
