"""LFP1: features as one binary block that a browser hands to its graphics card without parsing geometry.

    bytes 0-3   "LFP1"
    bytes 4-7   length of the header, unsigned 32 bit, little endian; a multiple of 8
    header      JSON, UTF-8, padded with spaces
    arrays      little endian, each starting at a multiple of 8 bytes from the end of the header

Polygons are cut into triangles here, with their holes, so the browser need not. Their rings stay closed, outer
rings clockwise and holes counter-clockwise: walls can be raised from them and face outwards.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import mapbox_earcut
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from gis.errors import BadInput

MAGIC = b"LFP1"
MISSING = -1
"""Code of a dictionary column that stands for no value."""

Array: TypeAlias = NDArray[Any]

_ALIGN = 8
_PREFIX = struct.Struct("<4sI")
_KINDS = {"point": (0, 4), "line": (1, 2, 5), "polygon": (3, 6)}


@dataclass(frozen=True, slots=True)
class Pack:
    """A decoded block.

    Attributes:
        origin: Longitude, latitude (degrees, CRS84) and height (metres) that positions are offsets from. Longitude
            and latitude are ``None`` when nothing has a geometry, the height when no feature's height is known.
        ids: One a feature.
        columns: Attribute → one value a feature, ``None`` where it has none.
        arrays: Of each feature ``z_min`` and ``z_max`` (metres, NaN: not known) and ``storey`` (0: none). Of each
            geometry kind present (``polygon``, ``line``, ``point``): ``KIND.positions`` (vertices × 3, degrees
            and metres from the origin), ``KIND.feature`` (which feature a part belongs to), for polygons and
            lines ``KIND.start`` (first vertex of each part, and the end), for polygons ``polygon.triangles``
            (vertex numbers, three a triangle) and ``polygon.wall`` (1 where a wall leads to the next vertex,
            0 at the end of a ring).
    """

    origin: tuple[float | None, float | None, float | None]
    ids: list[str]
    columns: Mapping[str, list[Any]]
    arrays: Mapping[str, Array]


def pack_features(
    ids: Sequence[str],
    geometries: Sequence[BaseGeometry | None],
    *,
    names: Sequence[str | None] | None = None,
    places: Sequence[str | None] | None = None,
    z_min_m: Sequence[float | None] | None = None,
    z_max_m: Sequence[float | None] | None = None,
    storeys: Sequence[int | None] | None = None,
    columns: Mapping[str, Sequence[Any]] | None = None,
) -> bytes:
    """Return the features as one LFP1 block; the same features give the same bytes.

    Geometry is CRS84 (longitude, latitude, degrees); heights are metres above the community's datum. A feature without
    geometry keeps its row and is not drawn. Within 5 km of the origin positions are true to 1 mm.

    Args:
        ids: One a feature, in drawing order.
        geometries: Any type; collections are taken apart.
        names: What people call each; the column ``name``.
        places: Code of the place each stands in; the column ``place``.
        z_min_m: Lower height of each feature; positions start there.
        z_max_m: Upper height of each feature.
        storeys: Physical storey numbers.
        columns: Attribute → one value a feature. Numbers stay numbers; everything else is coded by a dictionary.

    Raises:
        BadInput: ``pack.ragged``: a sequence is not as long as ``ids``.

    >>> unpack(pack_features([], [])).ids                         # nothing to draw
    []
    >>> hut = shapely.box(116.0, 39.0, 116.1, 39.1)
    >>> unpack(pack_features(["hut"], [hut])).arrays["z_min"]     # a height nobody knows is NaN, not 0
    array([nan], dtype=float32)
    """
    count = len(ids)
    given = {"name": names, "place": places, **(columns or {})}
    named = {name: values for name, values in given.items() if values is not None}
    for name, values in {"geometries": geometries, **named}.items():
        _same_length(name, values, count)
    heights = {"z_min": _numbers("z_min_m", z_min_m, count), "z_max": _numbers("z_max_m", z_max_m, count)}
    shapes = np.array(geometries, dtype=object)
    origin = _origin(shapes, heights["z_min"])
    arrays: dict[str, Array] = {name: values.astype("<f4") for name, values in heights.items()}
    arrays["storey"] = _storeys(storeys, count)
    arrays |= _geometry_arrays(shapes, heights["z_min"], origin)
    coded = {name: _encode_column(values) for name, values in named.items()}
    arrays |= {f"column.{name}": codes for name, (codes, _) in coded.items()}
    header = {
        "origin": origin,
        "ids": list(ids),
        "columns": {name: {"values": values} for name, (_, values) in coded.items()},
    }
    return _container(header, arrays)


def unpack(block: bytes) -> Pack:
    """Return what a block holds; arrays are read-only views of it.

    Raises:
        BadInput: ``pack.not_lfp1``: the bytes are something else or were cut off.

    >>> unpack(b"GIF89a..")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: pack.not_lfp1: These bytes are not an LFP1 block. Fetch them again from /v1/pack.
    """
    broken = BadInput("pack.not_lfp1", "These bytes are not an LFP1 block.", "Fetch them again from /v1/pack.")
    if len(block) < _PREFIX.size or block[:4] != MAGIC:
        raise broken
    body = _PREFIX.size + _PREFIX.unpack_from(block)[1]
    try:
        header = json.loads(block[_PREFIX.size : body])
        arrays = {name: _view(block, body, spec) for name, spec in header["arrays"].items()}
    except (ValueError, KeyError, TypeError) as error:
        raise broken from error
    columns = {
        name: _decode_column(arrays[f"column.{name}"], spec["values"]) for name, spec in header["columns"].items()
    }
    return Pack(tuple(header["origin"]), header["ids"], columns, arrays)


def _same_length(name: str, values: Sequence[Any], count: int) -> None:
    if len(values) != count:
        raise BadInput(
            "pack.ragged", f"{name} has {len(values)} entries for {count} ids.", "Give one a feature.", field=name
        )


def _numbers(name: str, values: Sequence[float | None] | None, count: int) -> Array:
    if values is None:
        return np.full(count, np.nan)
    _same_length(name, values, count)
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def _storeys(values: Sequence[int | None] | None, count: int) -> Array:
    if values is None:
        return np.zeros(count, dtype="<i2")
    _same_length("storeys", values, count)
    return np.array([value or 0 for value in values], dtype="<i2")


def _origin(shapes: Array, z_min: Array) -> tuple[float | None, float | None, float | None]:
    """Return the middle of everything, rounded so that a small edit does not move it, and the lowest known height."""
    west, south, east, north = shapely.total_bounds(shapes) if len(shapes) else (np.nan,) * 4
    lowest = None if np.isnan(z_min).all() else float(np.floor(np.nanmin(z_min)))
    if np.isnan(west):
        return None, None, lowest
    return round((west + east) / 2, 4), round((south + north) / 2, 4), lowest


def _geometry_arrays(
    shapes: Array, z_min: Array, origin: tuple[float | None, float | None, float | None]
) -> dict[str, Array]:
    parts, owner = _simple_parts(shapes)
    base = np.nan_to_num(z_min - (origin[2] or 0.0), nan=0.0)
    arrays: dict[str, Array] = {}
    for kind, build in (("polygon", _polygons), ("line", _lines), ("point", _points)):
        chosen = np.isin(shapely.get_type_id(parts), _KINDS[kind])
        if chosen.any():
            offsets = (origin[0] or 0.0, origin[1] or 0.0)
            built = build(parts[chosen], owner[chosen], base, offsets)
            arrays |= {f"{kind}.{name}": values for name, values in built.items()}
    return arrays


def _simple_parts(shapes: Array) -> tuple[Array, Array]:
    """Return points, lines and polygons taken out of multi-geometries and collections, and whose each is."""
    parts, owner = shapes, np.arange(len(shapes))
    while (shapely.get_type_id(parts) >= 4).any():
        parts, index = shapely.get_parts(parts, return_index=True)
        owner = owner[index]
    solid = ~(shapely.is_missing(parts) | shapely.is_empty(parts))
    return parts[solid], owner[solid]


def _positions(coordinates: Array, height: Array, offsets: tuple[float, float]) -> Array:
    return np.column_stack([coordinates - np.array(offsets), height]).astype("<f4")


def _points(parts: Array, owner: Array, base: Array, offsets: tuple[float, float]) -> dict[str, Array]:
    return {
        "positions": _positions(shapely.get_coordinates(parts), base[owner], offsets),
        "feature": owner.astype("<u4"),
    }


def _lines(parts: Array, owner: Array, base: Array, offsets: tuple[float, float]) -> dict[str, Array]:
    coordinates, part = shapely.get_coordinates(parts, return_index=True)
    return {
        "positions": _positions(coordinates, base[owner][part], offsets),
        "start": _starts(np.bincount(part, minlength=len(parts))),
        "feature": owner.astype("<u4"),
    }


def _polygons(parts: Array, owner: Array, base: Array, offsets: tuple[float, float]) -> dict[str, Array]:
    polygons = shapely.orient_polygons(parts, exterior_cw=True)
    rings, polygon_of_ring = shapely.get_rings(polygons, return_index=True)
    coordinates, ring = shapely.get_coordinates(rings, return_index=True)
    ring_ends = np.cumsum(np.bincount(ring, minlength=len(rings)))
    wall = np.ones(len(coordinates), dtype="<u2")
    wall[ring_ends - 1] = 0
    features, first_polygon = np.unique(owner, return_index=True)
    polygon_start = _starts(np.bincount(polygon_of_ring[ring], minlength=len(polygons)))
    return {
        "positions": _positions(coordinates, base[owner][polygon_of_ring[ring]], offsets),
        "start": np.append(polygon_start[first_polygon], polygon_start[-1]).astype("<u4"),
        "feature": features.astype("<u4"),
        "triangles": _triangles(coordinates - np.array(offsets), polygon_start, ring_ends),
        "wall": wall,
    }


def _triangles(coordinates: Array, polygon_start: Array, ring_ends: Array) -> Array:
    """Return vertex numbers, three a triangle; earcut drops the closing vertex of a ring by itself."""
    ring_of_end = np.searchsorted(ring_ends, polygon_start[1:], side="right")
    first_ring = np.concatenate([[0], ring_of_end[:-1]])
    cut = [np.empty(0, dtype="<u4")]
    for start, end, ring, next_ring in zip(polygon_start, polygon_start[1:], first_ring, ring_of_end, strict=False):
        ends = (ring_ends[ring:next_ring] - start).astype(np.uint32)
        cut.append(mapbox_earcut.triangulate_float64(coordinates[start:end], ends) + start)
    return np.concatenate(cut).astype("<u4")


def _starts(sizes: Array) -> Array:
    return np.concatenate([[0], np.cumsum(sizes)]).astype("<u4")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _encode_column(values: Sequence[Any]) -> tuple[Array, list[Any] | None]:
    """Return a column's array and, unless it holds numbers only, the values its codes stand for."""
    known = [value for value in values if value is not None]
    if known and all(_is_number(value) for value in known):
        return np.array([np.nan if value is None else value for value in values], dtype="<f8"), None
    dictionary: dict[str, int] = {}
    spelled = [json.dumps(value, ensure_ascii=False, sort_keys=True) for value in values]
    codes = [
        MISSING if value is None else dictionary.setdefault(text, len(dictionary))
        for text, value in zip(spelled, values, strict=True)
    ]
    return np.array(codes, dtype="<i4"), [json.loads(text) for text in dictionary]


def _decode_column(codes: Array, values: list[Any] | None) -> list[Any]:
    if values is None:
        return [None if np.isnan(number) else number for number in codes.tolist()]
    return [None if code == MISSING else values[code] for code in codes]


def _padded(data: bytes, filler: bytes) -> bytes:
    return data + filler * (-len(data) % _ALIGN)


def _container(header: dict[str, Any], arrays: Mapping[str, Array]) -> bytes:
    blocks, specs, offset = [], {}, 0
    for name, values in arrays.items():
        specs[name] = {"dtype": values.dtype.str, "shape": values.shape, "offset": offset}
        blocks.append(_padded(values.tobytes(), b"\0"))
        offset += len(blocks[-1])
    text = json.dumps({**header, "arrays": specs}, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    encoded = _padded(text.encode(), b" ")
    return b"".join([_PREFIX.pack(MAGIC, len(encoded)), encoded, *blocks])


def _view(block: bytes, body: int, spec: Mapping[str, Any]) -> Array:
    size = int(np.prod(spec["shape"], dtype=np.int64))
    flat = np.frombuffer(block, dtype=spec["dtype"], count=size, offset=body + spec["offset"])
    return flat.reshape(spec["shape"])
