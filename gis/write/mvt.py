"""Mapbox Vector Tiles 2.1: features clipped, simplified and packed for one tile, all geometries of a layer at once.

The axis order inside a tile is x to the right, y down, in 1/4096 of the tile's side.
"""

import hashlib
import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from gis.tilegrid import Tile
from gis.varint import field, varint, varints

EXTENT = 4096
BUFFER = 64
"""How far around the tile geometry is kept, in tile units: lines and outlines go on unseen beyond its edge."""
TOLERANCE = 2.0
"""How far a simplified line may lie from the true one, in tile units: an eighth of a pixel of a 256-pixel tile."""
MAX_FEATURES = 20_000
MAX_POINTS = 400_000

MEDIA_TYPE = "application/vnd.mapbox-vector-tile"

Geometries = npt.NDArray[np.object_]
Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_POINT, _LINE, _POLYGON = 1, 2, 3
_TYPES = {0: _POINT, 4: _POINT, 1: _LINE, 2: _LINE, 5: _LINE, 3: _POLYGON, 6: _POLYGON}
_MOVE, _LINE_TO, _CLOSE = 1, 2, 15


@dataclass(frozen=True, slots=True)
class Drawn:
    """One layer of a tile.

    Attributes:
        content: The layer as a field of the tile message; empty when nothing of it is in the tile. Layers are put
            into one tile by joining their contents.
        count: How many features it holds.
        dropped: How many smaller ones were left out because the tile would have become too big.
    """

    content: bytes
    count: int
    dropped: int


def encode(
    name: str, ids: Sequence[str], geometries: Geometries, properties: Sequence[Mapping[str, Any]], tile: Tile
) -> Drawn:
    """Return the features that lie in a tile as one layer of it.

    Outer rings run clockwise as seen on the screen, holes the other way; what is invalid or collapses on the grid of
    the tile is mended or left out. The largest features come first when not all fit.

    Args:
        name: Of the layer.
        ids: Become the property ``id`` and, hashed to 53 bits, the numeric id.
        geometries: CRS84; ``None`` is left out.
        properties: Text, numbers and booleans as they are, ``None`` left out, anything else as JSON text.
        tile: Which one.

    >>> tile = Tile.holding(120.155, 30.28, 14)
    >>> drawn = encode("building", ["B-1", "B-2"], np.array([shapely.Point(120.155, 30.28), None]), [{}, {}], tile)
    >>> drawn.count, drawn.dropped
    (1, 0)
    >>> encode("building", [], np.array([], dtype=object), [], tile)
    Drawn(content=b'', count=0, dropped=0)
    """
    shapes, rows = _fitted(geometries, tile)
    chosen = _largest(shapes)
    dropped = len(rows) - len(chosen)
    shapes, rows = shapes[chosen], rows[chosen]
    kinds, packed = _packed(shapes)
    table = _Table()
    tags = [table.tags(ids[row], properties[row]) for row in rows]
    numbers = [[numeric_id(ids[row])] for row in rows]
    members = zip(_joined(numbers), _joined(tags), kinds, packed, strict=True)
    features = [_feature(*member) for member in members if member[-1]]
    if not features:
        return Drawn(b"", 0, dropped)
    content = b"".join((field(1, name.encode()), *features, *table.keys_and_values(), _HEAD))
    return Drawn(field(3, content), len(features), dropped)


_HEAD = b"\x28" + varint(EXTENT) + b"\x78\x02"  # extent, version 2


def _feature(number: bytes, tags: bytes, kind: int, geometry: bytes) -> bytes:
    size_tags, size_geometry = varint(len(tags)), varint(len(geometry))
    length = len(number) + len(tags) + len(geometry) + len(size_tags) + len(size_geometry) + 5
    head = b"\x12" + varint(length) + b"\x08" + number
    return b"".join((head, b"\x12", size_tags, tags, b"\x18", bytes((kind,)), b"\x22", size_geometry, geometry))


def numeric_id(feature_id: str) -> int:
    """Return a number for an id that is the same in every tile: 53 bits, so that a browser keeps it whole.

    >>> numeric_id("B-1") == numeric_id("B-1") != numeric_id("B-2")
    True
    """
    return int.from_bytes(hashlib.blake2b(feature_id.encode(), digest_size=8).digest()) >> 11


class _Table:
    """The keys and values of a layer, each written once."""

    def __init__(self) -> None:
        self._keys: dict[str, int] = {}
        self._values: dict[tuple[type, Any], int] = {}

    def tags(self, feature_id: str, properties: Mapping[str, Any]) -> list[int]:
        """Return the numbers of key and value in turn."""
        keys, values = self._keys, self._values
        found = [keys.setdefault("id", len(keys)), values.setdefault((str, feature_id), len(values))]
        for name, value in properties.items():
            if value is None or name == "id":
                continue
            kind = value.__class__
            if kind not in _WRITERS:
                kind, value = str, json.dumps(value, ensure_ascii=False)  # noqa: PLW2901
            found.append(keys.setdefault(name, len(keys)))
            found.append(values.setdefault((kind, value), len(values)))
        return found

    def keys_and_values(self) -> Iterable[bytes]:
        """Yield the fields of the layer that hold them."""
        yield from (field(3, key.encode()) for key in self._keys)
        yield from (field(4, _WRITERS[kind](value)) for kind, value in self._values)


def _double(value: float) -> bytes:
    return b"\x19" + struct.pack("<d", value)


def _integer(value: int) -> bytes:
    """Return the value zigzag encoded; beyond 64 bits as text."""
    if not -(2**63) <= value < 2**63:
        return field(1, str(value).encode())
    return b"\x30" + varint(value << 1 ^ value >> 63)


_WRITERS: Mapping[type, Any] = {
    str: lambda value: field(1, value.encode("utf-8", "replace")),
    float: _double,
    int: _integer,
    bool: lambda value: b"\x38\x01" if value else b"\x38\x00",
}


def _joined(lists: Sequence[list[int]]) -> list[bytes]:
    """Return each list as packed varints."""
    numbers = np.fromiter(chain.from_iterable(lists), dtype=np.int64)
    ends = np.cumsum([len(one) for one in lists], dtype=np.int64)
    return varints(numbers, ends)


# --- geometry onto the tile's grid ----------------------------------------------------------------------------------


def _fitted(geometries: Geometries, tile: Tile) -> tuple[Geometries, Integers]:
    """Return what lies in the tile on its grid of whole numbers, and the row of each."""
    rows = np.flatnonzero(~(shapely.is_missing(geometries) | shapely.is_empty(geometries)))
    shapes = shapely.transform(geometries[rows], lambda at: tile.units(at, EXTENT))
    low, high = -BUFFER, EXTENT + BUFFER
    west, north, east, south = shapely.bounds(shapes).T
    inside = (west <= high) & (east >= low) & (north <= high) & (south >= low)
    shapes, rows = shapes[inside], rows[inside]
    crossing = ((west < low) | (east > high) | (north < low) | (south > high))[inside]
    shapes = _thinned(shapes)
    shapes[crossing] = _clipped(shapes[crossing])
    return _snapped(shapes, rows)


def _thinned(shapes: Geometries) -> Geometries:
    many = shapely.get_num_coordinates(shapes) > _FEW
    shapes[many] = shapely.simplify(shapes[many], TOLERANCE, preserve_topology=False)
    return shapes


_FEW = 8


def _clipped(shapes: Geometries) -> Geometries:
    low, high = -BUFFER, EXTENT + BUFFER
    broken = ~shapely.is_valid(shapes)
    shapes[broken] = shapely.make_valid(shapes[broken])
    clipped: Geometries = shapely.clip_by_rect(shapes, low, low, high, high)
    return clipped


def _snapped(shapes: Geometries, rows: Integers) -> tuple[Geometries, Integers]:
    """Return the shapes on whole numbers, without those that vanish there; polygons stay valid."""
    flat = shapely.get_dimensions(shapes)
    snapped = shapely.transform(shapes, np.round)
    areal = flat == 2
    broken = np.flatnonzero(areal)[~shapely.is_valid(snapped[areal])]
    if len(broken):
        snapped[broken] = _mended(shapes[broken])
    kept = ~shapely.is_empty(snapped) & (shapely.get_dimensions(snapped) == flat)
    kept &= (flat < 1) | (shapely.length(snapped) > 0)
    kept &= (flat < 2) | (shapely.area(snapped) > 0)
    return snapped[kept], rows[kept]


def _mended(shapes: Geometries) -> Geometries:
    valid = shapely.make_valid(shapes, method="structure", keep_collapsed=False)
    mended: Geometries = shapely.set_precision(valid, 1.0)
    return mended


def _largest(shapes: Geometries) -> Integers:
    """Return which shapes fit, in their order: the largest, when not all do."""
    points = shapely.get_num_coordinates(shapes)
    if len(shapes) <= MAX_FEATURES and points.sum() <= MAX_POINTS:
        return np.arange(len(shapes))
    ranked = np.lexsort((-shapely.length(shapes), -shapely.area(shapes)))
    fitting = (np.cumsum(points[ranked]) <= MAX_POINTS) & (np.arange(len(shapes)) < MAX_FEATURES)
    return np.sort(ranked[fitting])


# --- geometry as commands -------------------------------------------------------------------------------------------


def _packed(shapes: Geometries) -> tuple[list[int], list[bytes]]:
    """Return type and commands of each shape; no bytes for what has no form of its own in a tile."""
    kinds = [_TYPES.get(kind, 0) for kind in shapely.get_type_id(shapes).tolist()]
    found = [b""] * len(shapes)
    for kind, write in ((_POINT, _points), (_LINE, _lines), (_POLYGON, _rings)):
        rows = [row for row, one in enumerate(kinds) if one == kind]
        if rows:
            for row, packed in zip(rows, write(shapes[rows]), strict=True):
                found[row] = packed
    return kinds, found


def _points(shapes: Geometries) -> list[bytes]:
    at, owner = _coordinates(shapes)
    counts = np.bincount(owner, minlength=len(shapes))
    starts = np.concatenate(([0], np.cumsum(counts)[:-1]))
    return _commands(at, starts, counts, np.arange(len(shapes)), len(shapes), kind=_POINT)


def _lines(shapes: Geometries) -> list[bytes]:
    parts, owner = shapely.get_parts(shapes, return_index=True)
    at, line = _coordinates(parts)
    at, line = _without_repeats(at, line)
    return _parts(at, line, owner, len(shapes), kind=_LINE, least=2)


def _rings(shapes: Geometries) -> list[bytes]:
    parts, owner = shapely.get_parts(shapes, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    at, ring = _coordinates(rings)
    at, ring = _without_repeats(at, ring)
    last = np.append(ring[1:] != ring[:-1], True)  # the point that closes a ring is not written
    at, ring = at[~last], ring[~last]
    outer = np.append(True, part[1:] != part[:-1])
    at = _turned(at, ring, outer)
    return _parts(at, ring, owner[part], len(shapes), kind=_POLYGON, least=3)


def _coordinates(shapes: Geometries) -> tuple[Integers, Integers]:
    at, owner = shapely.get_coordinates(shapes, return_index=True)
    return at.astype(np.int64), owner


def _without_repeats(at: Integers, owner: Integers) -> tuple[Integers, Integers]:
    fresh = np.append(True, (at[1:] != at[:-1]).any(axis=1) | (owner[1:] != owner[:-1]))
    return at[fresh], owner[fresh]


def _turned(at: Integers, ring: Integers, outer: npt.NDArray[np.bool_]) -> Integers:
    """Return the points of open rings so that outer rings have a positive area by the surveyor's formula (4.3.4.4)."""
    counts = np.bincount(ring, minlength=len(outer))
    starts = np.concatenate(([0], np.cumsum(counts)[:-1]))
    following = np.arange(1, len(at) + 1)
    held = counts > 0
    following[(starts + counts - 1)[held]] = starts[held]
    cross = at[:, 0] * at[following, 1] - at[following, 0] * at[:, 1]
    areas = np.bincount(ring, weights=cross, minlength=len(outer))
    wrong = np.flatnonzero((areas > 0) != outer)
    order = np.arange(len(at))
    flipped = np.isin(ring, wrong)
    # Reversed in place: the mirror of a position in its ring.
    order[flipped] = (2 * starts + counts - 1)[ring[flipped]] - order[flipped]
    return at[order]


def _parts(at: Integers, part: Integers, owner: Integers, size: int, *, kind: int, least: int) -> list[bytes]:
    """Return the commands of each of the ``size`` shapes; parts of fewer points than ``least`` are left out."""
    counts = np.bincount(part, minlength=len(owner))
    enough = counts >= least
    at, counts, owner = at[enough[part]], counts[enough], owner[enough]
    starts = np.concatenate(([0], np.cumsum(counts)[:-1]))
    return _commands(at, starts, counts, owner, size, kind=kind)


def _commands(
    at: Integers, starts: Integers, counts: Integers, owner: Integers, size: int, *, kind: int
) -> list[bytes]:
    """Return the commands of each shape: MoveTo, LineTo, ClosePath with steps from point to point (4.3)."""
    if not len(counts):
        return [b""] * size
    steps = np.diff(at, axis=0, prepend=0)
    first = np.append(True, owner[1:] != owner[:-1])
    steps[starts[first]] = at[starts[first]]  # a feature begins at the corner of the tile
    steps = (steps << 1) ^ (steps >> 63)
    head = 1 if kind == _POINT else 2
    widths = head + 2 * counts + (1 if kind == _POLYGON else 0)
    ends = np.cumsum(widths)
    begins = ends - widths
    numbers = np.empty(ends[-1], dtype=np.int64)
    # Each point lies behind the heads and tails of the parts before it, and behind its own part's heads.
    part = np.repeat(np.arange(len(counts)), counts)
    place = np.arange(len(at)) - starts[part]
    target = begins[part] + 1 + 2 * place + (0 if kind == _POINT else (place > 0))
    numbers[target], numbers[target + 1] = steps[:, 0], steps[:, 1]
    numbers[begins] = (counts << 3 | _MOVE) if kind == _POINT else (1 << 3 | _MOVE)
    if kind != _POINT:
        numbers[begins + 3] = (counts - 1) << 3 | _LINE_TO
    if kind == _POLYGON:
        numbers[ends - 1] = _CLOSE
    return varints(numbers, np.cumsum(np.bincount(owner, weights=widths, minlength=size)).astype(np.int64))
