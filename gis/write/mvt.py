"""Mapbox Vector Tiles 2.1: features clipped, simplified and packed for one tile, all geometries of a layer at once.

The axis order inside a tile is x to the right, y down, in 1/4096 of the tile's side.
"""

import hashlib
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from gis.tilegrid import Tile
from gis.varint import field, packed, varint, widths

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
_TYPES = np.array([_POINT, _LINE, _LINE, _POLYGON, _POINT, _LINE, _POLYGON, 0, 0])
"""By the type number of a geometry; the last two are a collection, and none at all (-1)."""
_SIMPLE = 3
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
    name: str, ids: Sequence[str], geometries: Geometries, columns: Mapping[str, Sequence[Any]], tile: Tile
) -> Drawn:
    """Return the features that lie in a tile as one layer of it.

    Outer rings run clockwise as seen on the screen, holes the other way; what is invalid or collapses on the grid of
    the tile is mended or left out. The largest are chosen when not all fit. Features are in the order of their ids, so
    that the same ones make the same tile.

    Args:
        name: Of the layer.
        ids: Become the property ``id`` and, hashed to 53 bits, the numeric id.
        geometries: CRS84; ``None`` is left out.
        columns: Properties, each with one value a feature: text, numbers and booleans; anything else is left out.
        tile: Which one.

    >>> tile = Tile.holding(120.155, 30.28, 14)
    >>> drawn = encode("building", ["B-1", "B-2"], np.array([shapely.Point(120.155, 30.28), None]), {}, tile)
    >>> drawn.count, drawn.dropped
    (1, 0)
    >>> encode("building", [], np.array([], dtype=object), {}, tile)
    Drawn(content=b'', count=0, dropped=0)
    """
    shapes, rows = _fitted(geometries, tile)
    chosen = _largest(shapes)
    dropped = len(rows) - len(chosen)
    kinds, commands = _commands_of(shapes[chosen])
    formed = np.flatnonzero(commands.counts)
    if not len(formed):
        return Drawn(b"", 0, dropped)
    rows = rows[chosen][formed]
    order = sorted(range(len(rows)), key=[ids[row] for row in rows.tolist()].__getitem__)
    held = rows[order].tolist()
    told = [ids[row] for row in held]
    table = _Table()
    tags = table.tags({"id": told, **_picked(columns, held)})
    features = packed(_messages(_numeric_ids(told), tags, kinds[formed][order], commands.picked(formed[order])))
    content = b"".join((field(1, name.encode()), features, *table.keys_and_values(), _HEAD))
    return Drawn(field(3, content), len(formed), dropped)


def joined(layers: Sequence[Drawn]) -> Drawn:
    """Return a tile of several layers.

    >>> joined([Drawn(b"a", 1, 0), Drawn(b"b", 2, 3)])
    Drawn(content=b'ab', count=3, dropped=3)
    """
    content = b"".join(one.content for one in layers)
    return Drawn(content, sum(one.count for one in layers), sum(one.dropped for one in layers))


def _picked(columns: Mapping[str, Sequence[Any]], rows: Sequence[int]) -> dict[str, list[Any]]:
    """Return those rows of the columns that hold anything."""
    full = {key: column for key, column in columns.items() if key != "id" and column.count(None) < len(column)}
    return {key: [column[row] for row in rows] for key, column in full.items()}


_HEAD = b"\x28" + varint(EXTENT) + b"\x78\x02"  # extent, version 2


@dataclass(frozen=True, slots=True)
class _Ragged:
    """Numbers in groups, one after another."""

    numbers: Integers
    counts: Integers

    @property
    def begins(self) -> Integers:
        return np.cumsum(self.counts) - self.counts

    def positions(self, begins: Integers) -> Integers:
        """Return where each number comes to lie when the groups begin there."""
        return np.arange(len(self.numbers)) + np.repeat(begins - self.begins, self.counts)

    def picked(self, groups: Integers) -> "_Ragged":
        """Return some of the groups."""
        counts = self.counts[groups]
        begins = np.cumsum(counts) - counts
        source = np.arange(int(counts.sum())) + np.repeat(self.begins[groups] - begins, counts)
        return _Ragged(self.numbers[source], counts)

    def bytes(self) -> Integers:
        """Return how many bytes each group takes as packed varints."""
        sums = np.concatenate(([0], np.cumsum(widths(self.numbers))))
        found: Integers = sums[self.begins + self.counts] - sums[self.begins]
        return found


def _messages(numbers: Integers, tags: _Ragged, kinds: Integers, commands: _Ragged) -> Integers:
    """Return all features as fields of a layer: every key, length and value in them is a varint (4.2)."""
    tag_bytes, command_bytes = tags.bytes(), commands.bytes()
    lengths = 5 + widths(numbers) + widths(tag_bytes) + tag_bytes + widths(command_bytes) + command_bytes
    sizes = 10 + tags.counts + commands.counts
    begins = np.cumsum(sizes) - sizes
    out = np.empty(int(sizes.sum()), dtype=np.int64)
    before: tuple[int | Integers, ...] = (0x12, lengths, 0x08, numbers, 0x12, tag_bytes)
    for place, value in enumerate(before):
        out[begins + place] = value
    out[tags.positions(begins + 6)] = tags.numbers
    middle: tuple[int | Integers, ...] = (0x18, kinds, 0x22, command_bytes)
    after = begins + 6 + tags.counts
    for place, value in enumerate(middle):
        out[after + place] = value
    out[commands.positions(after + 4)] = commands.numbers
    return out


def numeric_id(feature_id: str) -> int:
    """Return a number for an id that is the same in every tile: 53 bits, so that a browser keeps it whole.

    >>> numeric_id("B-1") == numeric_id("B-1") != numeric_id("B-2")
    True
    """
    return int(_numeric_ids([feature_id])[0])


def _numeric_ids(ids: Sequence[str]) -> Integers:
    digests = b"".join([hashlib.blake2b(one.encode(), digest_size=8).digest() for one in ids])
    return (np.frombuffer(digests, dtype=">u8") >> np.uint64(11)).astype(np.int64)


class _Table:
    """The keys and values of a layer, each written once."""

    def __init__(self) -> None:
        self._keys: list[str] = []
        self._values: list[tuple[type, Any]] = []
        self._known: dict[type, dict[Any, int]] = {kind: {None: -1} for kind in _WRITERS}

    def tags(self, columns: Mapping[str, Sequence[Any]]) -> _Ragged:
        """Return the numbers of key and value in turn, feature by feature; what has no value is not told."""
        kinds = {key: {value.__class__ for value in column if value is not None} for key, column in columns.items()}
        plain = [key for key, held in kinds.items() if len(held) == 1 and held <= _WRITERS.keys()]
        different = {key: dict.fromkeys(columns[key]) for key in plain}
        # What is the same in many features comes first: it is told by the shortest numbers.
        plain.sort(key=lambda key: len(different[key]))
        mixed = [key for key, held in kinds.items() if key not in different and not held.isdisjoint(_WRITERS)]
        self._keys = [*plain, *mixed]
        for key in plain:
            self._learn(min(kinds[key]), different[key])
        numbers = [self._told(self._known[min(kinds[key])], columns[key]) for key in plain]
        numbers += [np.array([self._number(value) for value in columns[key]]) for key in mixed]
        values = np.column_stack(numbers)
        pairs = np.stack(np.broadcast_arrays(np.arange(len(self._keys)), values), axis=-1)
        present = values >= 0
        return _Ragged(pairs[present].reshape(-1), 2 * present.sum(axis=1))

    def _learn(self, kind: type, values: Iterable[Any]) -> None:
        known = self._known[kind]
        for value in values:
            if value not in known:
                known[value] = len(self._values)
                self._values.append((kind, value))

    def _told(self, known: Mapping[Any, int], column: Sequence[Any]) -> Integers:
        return np.fromiter(map(known.__getitem__, column), dtype=np.int64, count=len(column))

    def _number(self, value: Any) -> int:
        kind = value.__class__
        if kind not in _WRITERS:
            return -1
        self._learn(kind, (value,))
        return self._known[kind][value]

    def keys_and_values(self) -> Iterable[bytes]:
        """Yield the fields of the layer that hold them."""
        yield from (field(3, key.encode()) for key in self._keys)
        yield from (field(4, _WRITERS[kind](value)) for kind, value in self._values)


def _double(value: float) -> bytes:
    return b"\x19" + struct.pack("<d", value)


def _integer(value: int) -> bytes:
    """Return the value zigzag encoded; beyond 64 bits as a real number, as near as that comes."""
    if not -(2**63) <= value < 2**63:
        return _double(float(str(value)))
    return b"\x30" + varint(value << 1 ^ value >> 63)


_WRITERS: Mapping[type, Any] = {
    str: lambda value: field(1, value.encode("utf-8", "replace")),
    float: _double,
    int: _integer,
    bool: lambda value: b"\x38\x01" if value else b"\x38\x00",
}


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


def _commands_of(shapes: Geometries) -> tuple[Integers, _Ragged]:
    """Return type and commands of each shape; no commands for what has no form of its own in a tile."""
    kinds = _TYPES[shapely.get_type_id(shapes)]
    written = [
        (rows, write(shapes[rows])) for kind, write in _WAYS for rows in [np.flatnonzero(kinds == kind)] if len(rows)
    ]
    counts = np.zeros(len(shapes), dtype=np.int64)
    for rows, part in written:
        counts[rows] = part.counts
    found = _Ragged(np.empty(int(counts.sum()), dtype=np.int64), counts)
    for rows, part in written:
        found.numbers[part.positions(found.begins[rows])] = part.numbers
    return kinds, found


def _points(shapes: Geometries) -> _Ragged:
    at, owner = _coordinates(shapes)
    counts = np.bincount(owner, minlength=len(shapes))
    return _commands(at, counts, np.arange(len(shapes)), len(shapes), kind=_POINT)


def _lines(shapes: Geometries) -> _Ragged:
    parts, owner = shapely.get_parts(shapes, return_index=True)
    at, line = _coordinates(parts)
    at, line = _without_repeats(at, line)
    return _parts(at, line, owner, len(shapes), kind=_LINE, least=2)


def _rings(shapes: Geometries) -> _Ragged:
    rings, part, owner = _rings_of(shapes)
    at, ring = _coordinates(rings)
    at, ring = _without_repeats(at, ring)
    last = np.append(ring[1:] != ring[:-1], True)  # the point that closes a ring is not written
    at, ring = at[~last], ring[~last]
    outer = np.append(True, part[1:] != part[:-1])
    at = _turned(at, ring, outer)
    return _parts(at, ring, owner[part], len(shapes), kind=_POLYGON, least=3)


def _rings_of(shapes: Geometries) -> tuple[Geometries, Integers, Integers]:
    """Return all rings, the polygon of each, and the shape of each polygon."""
    if (shapely.get_type_id(shapes) == _SIMPLE).all() and not shapely.get_num_interior_rings(shapes).any():
        each = np.arange(len(shapes))
        return shapes, each, each  # a polygon without holes has the points of its ring, and most are such
    parts, owner = shapely.get_parts(shapes, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    return rings, part, owner


_WAYS = ((_POINT, _points), (_LINE, _lines), (_POLYGON, _rings))


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


def _parts(at: Integers, part: Integers, owner: Integers, size: int, *, kind: int, least: int) -> _Ragged:
    """Return the commands of each of the ``size`` shapes; parts of fewer points than ``least`` are left out."""
    counts = np.bincount(part, minlength=len(owner))
    enough = counts >= least
    return _commands(at[enough[part]], counts[enough], owner[enough], size, kind=kind)


def _commands(at: Integers, counts: Integers, owner: Integers, size: int, *, kind: int) -> _Ragged:
    """Return the commands of each shape: MoveTo, LineTo, ClosePath with steps from point to point (4.3)."""
    starts = np.cumsum(counts) - counts
    steps = np.diff(at, axis=0, prepend=np.zeros((1, 2), dtype=np.int64))
    first = np.append(True, owner[1:] != owner[:-1])[: len(owner)]
    steps[starts[first]] = at[starts[first]]  # a feature begins at the corner of the tile
    steps = (steps << 1) ^ (steps >> 63)
    head = 1 if kind == _POINT else 2
    sizes = head + 2 * counts + (1 if kind == _POLYGON else 0)
    ends = np.cumsum(sizes)
    begins = ends - sizes
    numbers = np.empty(int(sizes.sum()), dtype=np.int64)
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
    return _Ragged(numbers, np.bincount(owner, weights=sizes, minlength=size).astype(np.int64))
