"""BeiDou grid location code, GB/T 39409-2020: plane code (clause 5) and 3-D code (clause 6), levels 1 to 10.

Frame: CGCS2000, longitude and latitude in degrees. The polar caps (|latitude| >= 88°) have another grid: refused.
Rows and columns count away from the equator and from Greenwich, so every cell owns its edge nearer to them.

All arithmetic is in whole level-10 cells of 1/2048 second of arc, 7,372,800 to the degree. A position is snapped
to such a cell once, and only integer division follows; a cell corner written as decimal degrees codes to its own cell.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from shapely import Polygon, box

from gis.errors import BadInput
from gis.height_code import decode_height, encode_height, height_digits

PER_DEGREE = 7_372_800
"""Level-10 cells (1/2048″) in one degree."""

LEVELS = range(1, 11)
LATITUDE_LIMIT_DEG = 88

_TURN = 360 * PER_DEGREE
_POLE = LATITUDE_LIMIT_DEG * PER_DEGREE
_DIGITS = "0123456789ABCDE"
_BANDS = "ABCDEFGHIJKLMNOPQRSTUV"
_SNAP = 1e-6

Integers = npt.NDArray[np.int64]


class _Split(NamedTuple):
    """How one level divides a cell of the level above it, and what its cells measure in 1/2048″."""

    columns: int
    rows: int
    width: int
    height: int
    length: int  # of the code at this level

    @property
    def paired(self) -> bool:
        """Two digits, longitude first; otherwise one digit numbers the cells in Z order."""
        return self.columns * self.rows > 6


def _splits() -> dict[int, _Split]:
    """Clause 5.2, figures 2 to 8."""
    width, height, length = 6 * PER_DEGREE, 4 * PER_DEGREE, 4
    splits = {1: _Split(60, 22, width, height, length)}
    shapes = ((12, 8), (2, 3), (15, 10), (15, 15), (2, 2), (8, 8), (8, 8), (8, 8), (8, 8))
    for level, (columns, rows) in enumerate(shapes, start=2):
        width, height = width // columns, height // rows
        length += 2 if columns * rows > 6 else 1
        splits[level] = _Split(columns, rows, width, height, length)
    return splits


_SPLITS = _splits()
_LEVEL_OF_LENGTH = {split.length: level for level, split in _SPLITS.items()}


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the plane grid.

    Attributes:
        code: Its code.
        level: 1 to 10.
        west: Western edge in 1/2048″, exact; negative west of Greenwich.
        south: Southern edge in 1/2048″, exact; negative south of the equator.
    """

    code: str
    level: int
    west: int
    south: int

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north in degrees."""
        split = _SPLITS[self.level]
        edges = (self.west, self.south, self.west + split.width, self.south + split.height)
        west, south, east, north = (edge / PER_DEGREE for edge in edges)
        return west, south, east, north

    @property
    def centre(self) -> tuple[float, float]:
        """Longitude and latitude of the middle, degrees."""
        west, south, east, north = self.bounds
        return (west + east) / 2, (south + north) / 2

    @property
    def polygon(self) -> Polygon:
        """The cell as a polygon, CRS84."""
        return box(*self.bounds)


@dataclass(frozen=True, slots=True)
class Cell3D:
    """One cell of the 3-D grid: a plane cell between two ellipsoidal heights, in metres."""

    cell: Cell
    bottom_m: float
    top_m: float


def encode(lon_deg: float, lat_deg: float, level: int) -> str:
    """Return the plane code of the cell that holds a position.

    Longitude 180 belongs to the easternmost cell and -180 to the westernmost.

    Raises:
        BadInput: ``beidou.outside`` or ``beidou.level``.

    >>> encode(120.1536, 30.2874, 7)
    'N51H0429733232'
    >>> encode(0, 0, 1), encode(-180, -87.9, 1)
    ('N31A', 'S01V')
    >>> encode(120.0, 88.0, 7)
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: beidou.outside: Position 0 (120.0, 88.0) is outside the grid. ...
    """
    return str(encode_many(np.array([lon_deg]), np.array([lat_deg]), level)[0])


def encode_many(lon_deg: npt.ArrayLike, lat_deg: npt.ArrayLike, level: int) -> npt.NDArray[np.str_]:
    """Return the plane codes of many positions; two arrays of equal length in, one array of text out.

    Raises:
        BadInput: ``beidou.outside``, naming the first position that has no code, or ``beidou.level``.

    >>> encode_many([120.1536, -120.1536], [30.2874, -30.2874], 3).tolist()
    ['N51H042', 'S10H042']
    >>> encode_many([], [], 7).tolist()
    []
    """
    lon, lat = np.asarray(lon_deg, dtype=np.float64), np.asarray(lat_deg, dtype=np.float64)
    _check_level(level)
    inside = (np.abs(lon) <= 180) & (np.abs(lat) < LATITUDE_LIMIT_DEG)
    if not inside.all():
        first = int(np.argmin(inside))
        raise BadInput(
            "beidou.outside",
            f"Position {first} ({lon[first]}, {lat[first]}) is outside the grid.",
            "Give longitude, then latitude, in degrees, with |longitude| <= 180 and |latitude| < 88.",
            index=first,
        )
    return _write(_snap(lon, _TURN // 2), _snap(lat, _POLE), level)


def decode(code: str) -> Cell:
    """Return the cell that a plane code names.

    Raises:
        BadInput: ``beidou.bad_length`` or ``beidou.bad_character`` with its ``position``, counted from 0.

    >>> decode("N51H04").bounds
    (120.0, 30.0, 120.5, 30.5)
    >>> decode("N51H0C")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: beidou.bad_character: 'C' cannot stand at position 5 of 'N51H0C'. ...
    """
    level = level_of(code)
    hemisphere = _digit(code, 0, "NS")
    zone = 10 * _digit(code, 1, "0123456789") + _digit(code, 2, "0123456789")
    if not 1 <= zone <= 60:
        raise _bad_character(code, 2, "zones are 01 to 60")
    band = _digit(code, 3, _BANDS)
    column, row = (zone - 31 if zone > 30 else 30 - zone), band
    for split in (_SPLITS[step] for step in range(2, level + 1)):
        across, up = _read_pair(code, split)
        column, row = column * split.columns + across, row * split.rows + up
    # Away from Greenwich and the equator the counting turns round: cell 0 of the west lies at index -1.
    signed = (column if zone > 30 else -1 - column, row if hemisphere == 0 else -1 - row)
    return Cell(code, level, signed[0] * _SPLITS[level].width, signed[1] * _SPLITS[level].height)


def level_of(code: str) -> int:
    """Return the level of a plane code, told by its length.

    >>> level_of("N51H0429733232")
    7
    >>> level_of("")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: beidou.bad_length: '' has 0 characters; no level has so many. ...
    """
    level = _LEVEL_OF_LENGTH.get(len(code))
    if level is None:
        lengths = ", ".join(map(str, _LEVEL_OF_LENGTH))
        raise BadInput(
            "beidou.bad_length",
            f"{code!r} has {len(code)} characters; no level has so many.",
            f"Plane codes have {lengths} characters.",
            length=len(code),
        )
    return level


def ring(code: str) -> tuple[str, ...]:
    """Return the codes of the eight cells around a cell, row by row from the south-west.

    The ring crosses zones, bands, the equator, Greenwich and the 180th meridian. Next to the polar caps it has five.

    >>> ring("N51A")
    ('S50A', 'S51A', 'S52A', 'N50A', 'N52A', 'N50B', 'N51B', 'N52B')
    >>> len(ring("N51V"))
    5
    """
    cell, split = decode(code), _SPLITS[level_of(code)]
    steps = [(dx, dy) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dx, dy) != (0, 0)]
    west = np.array([cell.west + dx * split.width for dx, _ in steps])
    south = np.array([cell.south + dy * split.height for _, dy in steps])
    kept = (south >= -_POLE) & (south < _POLE)
    wrapped = (west + _TURN // 2) % _TURN - _TURN // 2
    return tuple(_write(wrapped[kept], south[kept], cell.level).tolist())


def encode_3d(lon_deg: float, lat_deg: float, ellipsoidal_height_m: float | None, level: int) -> str:
    """Return the 3-D code: plane and height digits interleaved level by level (clause 6).

    The height is above the CGCS2000 ellipsoid. A normal height (1985 datum) must have the height anomaly of the
    place added first, or the code names another layer. Negative heights: see :mod:`gis.height_code`.

    Raises:
        BadInput: ``beidou.no_height`` when the height is ``None``; otherwise as :func:`encode`.

    >>> encode_3d(120.1536, 30.2874, 8.5, 7)
    'N051H000402097033020321'
    >>> encode_3d(120.1536, 30.2874, None, 7)
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: beidou.no_height: A 3-D code needs the ellipsoidal height. ...
    """
    if ellipsoidal_height_m is None:
        raise BadInput(
            "beidou.no_height",
            "A 3-D code needs the ellipsoidal height.",
            "Add the height anomaly of the place to the normal height, or use the plane code.",
        )
    plane = encode(lon_deg, lat_deg, level)
    height = encode_height(ellipsoidal_height_m, level)
    pieces = [plane[0], height[0]]
    for step in range(1, level + 1):
        pieces += [plane[_plane_digits(step)], height[height_digits(step)]]
    return "".join(pieces)


def decode_3d(code: str) -> Cell3D:
    """Return the cell and the heights that a 3-D code names; hexadecimal height digits may be 0 to F.

    Raises:
        BadInput: ``beidou.bad_length``, ``beidou.bad_character`` or ``beidou.bad_height``.

    >>> solid = decode_3d("N051H000402097033020321")
    >>> solid.cell.code, round(solid.bottom_m, 2), round(solid.top_m, 2)
    ('N51H0429733232', 7.66, 15.33)
    >>> decode_3d("N0")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: beidou.bad_length: 'N0' has 2 characters; no level of the 3-D code has so many. ...
    """
    level = next((step for step in LEVELS if _solid_length(step) == len(code)), None)
    if level is None:
        lengths = ", ".join(str(_solid_length(step)) for step in LEVELS)
        raise BadInput(
            "beidou.bad_length",
            f"{code!r} has {len(code)} characters; no level of the 3-D code has so many.",
            f"3-D codes have {lengths} characters.",
            length=len(code),
        )
    plane, height, at = code[0], code[1], 2
    for step in range(1, level + 1):
        across, up = _width(_plane_digits(step)), _width(height_digits(step))
        plane, height = plane + code[at : at + across], height + code[at + across : at + across + up]
        at += across + up
    bottom_m, top_m = decode_height(height)
    return Cell3D(decode(plane), bottom_m, top_m)


def _check_level(level: int) -> None:
    if level not in LEVELS:
        raise BadInput("beidou.level", f"There is no level {level}.", "Use a level from 1 to 10.", level=level)


def _snap(deg: npt.NDArray[np.float64], limit: int) -> Integers:
    """Signed index of the level-10 cell; a position within 1e-6 cell of an edge is taken to be on it."""
    cells = np.abs(deg) * PER_DEGREE
    nearest = np.rint(cells)
    index = np.where(np.abs(cells - nearest) < _SNAP, nearest, np.floor(cells)).astype(np.int64)
    index = np.minimum(index, limit - 1)
    signed: Integers = np.where(deg < 0, -1 - index, index)
    return signed


def _write(west: Integers, south: Integers, level: int) -> npt.NDArray[np.str_]:
    """Codes of the cells that hold these signed level-10 cells."""
    along, up = np.where(west < 0, -1 - west, west), np.where(south < 0, -1 - south, south)
    zone, along = np.divmod(along, _SPLITS[1].width)
    band, up = np.divmod(up, _SPLITS[1].height)
    zone = np.where(west < 0, 30 - zone, 31 + zone)
    columns = [np.where(south < 0, ord("S"), ord("N")), zone // 10 + ord("0"), zone % 10 + ord("0"), band + ord("A")]
    alphabet = np.frombuffer(_DIGITS.encode(), dtype=np.uint8)
    for split in (_SPLITS[step] for step in range(2, level + 1)):
        column, along = np.divmod(along, split.width)
        row, up = np.divmod(up, split.height)
        digits = [column, row] if split.paired else [split.columns * row + column]
        columns += [alphabet[digit] for digit in digits]
    letters = np.stack(columns, axis=-1).astype(np.uint8, order="C")
    return letters.view(f"S{len(columns)}")[:, 0].astype(f"U{len(columns)}")


def _read_pair(code: str, split: _Split) -> tuple[int, int]:
    """Column and row inside the parent, from the digits with which the code of this level ends."""
    if split.paired:
        across = _digit(code, split.length - 2, _DIGITS[: split.columns])
        return across, _digit(code, split.length - 1, _DIGITS[: split.rows])
    row, column = divmod(_digit(code, split.length - 1, _DIGITS[: split.columns * split.rows]), split.columns)
    return column, row


def _digit(code: str, position: int, alphabet: str) -> int:
    value = alphabet.find(code[position])
    if value < 0:
        raise _bad_character(code, position, f"use one of {alphabet}")
    return value


def _bad_character(code: str, position: int, rule: str) -> BadInput:
    return BadInput(
        "beidou.bad_character",
        f"{code[position]!r} cannot stand at position {position} of {code!r}.",
        f"Read the code again: {rule} there, in upper case.",
        position=position,
    )


def _plane_digits(level: int) -> slice:
    return slice(1 if level == 1 else _SPLITS[level - 1].length, _SPLITS[level].length)


def _width(part: slice) -> int:
    return int(part.stop - part.start)


def _solid_length(level: int) -> int:
    return int(_SPLITS[level].length + height_digits(level).stop)
