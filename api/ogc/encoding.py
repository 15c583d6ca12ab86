"""Features as GeoJSON (RFC 7946) and JSON-FG (OGC 21-045r1), many at once."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

import numpy as np
import orjson
import shapely

from api.geojson import properties_of
from gis.crs import CRS84, from_crs84
from twin.feature import Feature
from twin.query import Row

_EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
CGCS2000 = f"{_EPSG}4490"
HEIGHTS = f"{_EPSG}5737"
"""Yellow Sea 1985 height, the national height datum."""


@dataclass(slots=True)
class Raw:
    """A part of a document that is JSON text already."""

    text: str


def dump(document: Any) -> bytes:
    """Return a document as JSON; numbers beyond 64 bits too, and never NaN.

    >>> dump({"a": float("nan"), "b": 2**70})
    b'{"a":null,"b":1180591620717411303424}'
    """
    try:
        return orjson.dumps(document, default=_raw, option=orjson.OPT_PASSTHROUGH_DATACLASS)
    except TypeError:
        return json.dumps(_plain(document), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _raw(value: Any) -> orjson.Fragment:
    if isinstance(value, Raw):
        return orjson.Fragment(value.text)
    raise TypeError(value)


def _plain(value: Any) -> Any:
    """Return a document that Python's own encoder takes: it is slower, but knows whole numbers of any size."""
    match value:
        case Raw(text):
            return json.loads(text)
        case dict():
            return {name: _plain(one) for name, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
        case float() if value != value or abs(value) == float("inf"):  # noqa: PLR0124
            return None
    return value


_FIXED = frozenset(properties_of(Feature(layer="", id="", community="")))


def geojson_rows(rows: Sequence[Row], crs: str) -> list[Raw]:
    """Return rows as GeoJSON objects, with the members that :func:`geojson` gives the features they are.

    The text of the attributes is handed on as it is, unless one of them is named like a member all features have.

    Args:
        rows: As they are in the twin.
        crs: Of the geometries, in its own axis order.
    """
    shapes = np.array([*(row.geometry for row in rows), None], dtype=object)[:-1]
    drawn = shapely.to_geojson(shapes if crs == CRS84 else from_crs84(shapes, crs)).tolist()
    return [Raw(_row_text(row, shape)) for row, shape in zip(rows, drawn, strict=True)]


def geojson_item(row: Row, crs: str, links: list[dict[str, Any]]) -> bytes:
    """Return a row as a GeoJSON object with links."""
    (one,) = geojson_rows([row], crs)
    return b'%b,"links":%b}' % (one.text[:-1].encode(), dump(links))


def _row_text(row: Row, shape: str | None) -> str:
    own = orjson.dumps(row.id).decode()
    return f'{{"type":"Feature","id":{own},"geometry":{shape or "null"},"properties":{_properties_text(row)}}}'


def properties_of_row(row: Row) -> Raw:
    """Return the properties members of a row, those that :func:`api.geojson.properties_of` gives its feature."""
    return Raw(_properties_text(row))


def _properties_text(row: Row) -> str:
    layer, _, name, place, parent, storey, z_min_m, z_max_m, stage, source, begin, end, _, attributes, _ = row
    fixed = {
        "layer": layer,
        "name": name,
        "place": place,
        "parent": parent,
        "storey": storey,
        "z_min_m": z_min_m,
        "z_max_m": z_max_m,
        "stage": stage,
        "source": source,
        "valid_from": _iso(begin),
        "valid_to": None if end is None else _iso(end),
    }
    own: dict[str, Any] = orjson.loads(attributes)
    if own and _FIXED.isdisjoint(own):
        return f"{attributes[:-1]},{orjson.dumps(fixed).decode()[1:]}"
    return dump({**json.loads(attributes), **fixed}).decode()


@lru_cache(maxsize=4096)
def _iso(moment: str) -> str:
    """Return a moment as RFC 3339; the rows of one import share theirs.

    >>> _iso("2026-11-21 08:00:00.5+00"), _iso("2026-11-21T08:00:00.000Z")
    ('2026-11-21T08:00:00.500000+00:00', '2026-11-21T08:00:00+00:00')
    """
    return datetime.fromisoformat(moment).isoformat()


def moved(features: Sequence[Feature], crs: str) -> Sequence[Feature]:
    """Return the features with their geometry in a CRS, in its own axis order."""
    if crs == CRS84:
        return features
    there = from_crs84(np.array([feature.geometry for feature in features], dtype=object), crs)
    return [replace(feature, geometry=geometry) for feature, geometry in zip(features, there, strict=True)]


def geojson(features: Sequence[Feature]) -> list[dict[str, Any]]:
    """Return the features as GeoJSON objects, ready for :func:`dump`."""
    return [
        {"type": "Feature", "id": feature.id, "geometry": geometry, "properties": properties_of(feature)}
        for feature, geometry in zip(features, _geometries(features), strict=True)
    ]


def _geometries(features: Sequence[Feature]) -> list["Raw | None"]:
    shapes = np.empty(len(features), dtype=object)
    shapes[:] = [feature.geometry for feature in features]
    return [None if text is None else Raw(text) for text in shapely.to_geojson(shapes).tolist()]


def json_fg(features: Sequence[Feature], crs: str) -> list[dict[str, Any]]:
    """Return the features as JSON-FG objects.

    ``geometry`` is CRS84. ``place`` says what GeoJSON cannot: the position in another CRS, a height, or a body between
    two heights (a prism); it is ``null`` where ``geometry`` says all. ``time`` is the interval in which it holds.

    Args:
        features: As they are in the twin.
        crs: Of ``place``; with heights, CRS84 is CGCS2000, for heights need a CRS with a height datum beside it.
    """
    flat = crs if crs != CRS84 else CGCS2000
    there = [None if one is None else json.loads(one.text) for one in _geometries(moved(features, flat))]
    return [
        {
            **feature,
            "featureType": source.layer,
            "time": {"interval": [_text(source.valid_from), _text(source.valid_to)]},
            **_place(source, shape, crs, flat),
        }
        for source, feature, shape in zip(features, geojson(features), there, strict=True)
    ]


def _place(feature: Feature, shape: Any, crs: str, flat: str) -> dict[str, Any]:
    """Return ``place`` and the CRS it is in."""
    if shape is None:
        return {"place": None}
    body = _body(shape, feature.z_min_m, feature.z_max_m)
    if body is not None:
        return {"place": body, "coordRefSys": [flat, HEIGHTS]}
    return {"place": None} if crs == CRS84 else {"place": shape, "coordRefSys": crs}


def _body(shape: Mapping[str, Any], low: float | None, high: float | None) -> dict[str, Any] | None:
    """Return a geometry with its height or between its heights; ``None`` when it has none.

    >>> _body({"type": "Point", "coordinates": [30.0, 120.0]}, 5.0, None)
    {'type': 'Point', 'coordinates': [30.0, 120.0, 5.0]}
    >>> _body({"type": "LineString", "coordinates": []}, None, 8.0) is None
    True
    """
    if low is not None and high is not None and high > low and shape["type"] in _BASES:
        return {"type": "Prism", "base": dict(shape), "lower": low, "upper": high}
    if low is not None and shape["type"] == "Point":
        return {"type": "Point", "coordinates": [*shape["coordinates"], low]}
    return None


_BASES = ("Point", "LineString", "Polygon")


def _text(moment: datetime | None) -> str:
    """Return an end of an interval as RFC 3339 in UTC; an open one as two dots."""
    return ".." if moment is None else moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
