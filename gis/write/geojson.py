"""GeoJSON (RFC 7946), whole and as a sequence of texts (RFC 8142)."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from gis.local import move_points
from gis.write.table import Table

_DECIMALS = 9  # 0.1 mm


def feature_text(feature_id: str, geometry: BaseGeometry | None, properties: Mapping[str, Any]) -> str:
    """Return one feature; positions as they are.

    >>> feature_text("a", None, {"名": None})
    '{"type":"Feature","id":"a","geometry":null,"properties":{"名":null}}'
    """
    shape = "null" if geometry is None else shapely.to_geojson(geometry)
    return f'{{"type":"Feature","id":{_json(feature_id)},"geometry":{shape},"properties":{_json(properties)}}}'


def encode(tables: Sequence[Table]) -> Iterator[bytes]:
    """Yield one feature collection; the property ``layer`` tells the tables apart.

    Positions are longitude, latitude to 1e-9 degree; outer rings run counter-clockwise (RFC 7946, 3.1.6).

    >>> b"".join(encode([]))
    b'{"type":"FeatureCollection","features":[]}'
    """
    yield b'{"type":"FeatureCollection","features":['
    for number, text in enumerate(_features(tables)):
        yield f"{',' if number else ''}\n{text}".encode()
    yield b"]}"


def encode_sequence(tables: Sequence[Table]) -> Iterator[bytes]:
    """Yield one feature a line, each begun by a record separator."""
    for text in _features(tables):
        yield f"\x1e{text}\n".encode()


def _features(tables: Iterable[Table]) -> Iterator[str]:
    for table in tables:
        shapes = _by_the_rule(table.geometries)
        for row, (feature_id, shape) in enumerate(zip(table.ids, shapes, strict=True)):
            own = {name: column.values[row] for name, column in table.columns.items()}
            yield feature_text(feature_id, shape, {"layer": table.name, **own})


def _by_the_rule(geometries: Sequence[BaseGeometry | None]) -> Iterable[BaseGeometry | None]:
    rounded = move_points(np.array(geometries, dtype=object), lambda points: np.round(points, _DECIMALS))
    turned: Iterable[BaseGeometry | None] = shapely.orient_polygons(rounded)
    return turned


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
