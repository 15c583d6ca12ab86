"""The documents of OGC API Features, as plain JSON values."""

from collections.abc import Iterable, Mapping
from typing import Any

from gis.crs import CRS84, offered
from gis.tilegrid import WEB_MERCATOR_QUAD
from twin.declaration import FieldDeclaration, Layer
from twin.filter import COLUMNS, queryables
from twin.spacecode import KINDS
from twin.store import Extent

JSON = "application/json"
GEOJSON = "application/geo+json"
JSON_FG = "application/vnd.ogc.fg+json"
SCHEMA = "application/schema+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
HTML = "text/html"
TILEJSON = "application/vnd.mapbox.tilejson+json"
GREGORIAN = "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"
_REL = "http://www.opengis.net/def/rel/ogc/1.0/"
_FEATURES = "http://www.opengis.net/spec/ogcapi-features"
_TILES = "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf"
_FG = "http://www.opengis.net/spec/json-fg-1/1.0/conf"
_CQL2 = "http://www.opengis.net/spec/cql2/1.0/conf"

FG_CLASSES = (f"{_FG}/core", f"{_FG}/prisms")

CONFORMS_TO = (
    f"{_FEATURES}-1/1.0/conf/core",
    f"{_FEATURES}-1/1.0/conf/geojson",
    f"{_FEATURES}-1/1.0/conf/html",
    f"{_FEATURES}-1/1.0/conf/oas30",
    f"{_FEATURES}-2/1.0/conf/crs",
    f"{_FEATURES}-3/1.0/conf/queryables",
    f"{_FEATURES}-3/1.0/conf/queryables-query-parameters",
    f"{_FEATURES}-3/1.0/conf/filter",
    f"{_FEATURES}-3/1.0/conf/features-filter",
    f"{_FEATURES}-4/1.0/conf/create-replace-delete",
    f"{_FEATURES}-4/1.0/conf/update",
    f"{_FEATURES}-4/1.0/conf/features",
    f"{_FEATURES}-4/1.0/conf/optimistic-locking-etags",
    *(
        f"{_TILES}/{name}"
        for name in ("core", "tileset", "tilesets-list", "dataset-tilesets", "geodata-tilesets", "mvt", "oas30")
    ),
    *FG_CLASSES,
    f"{_CQL2}/cql2-text",
    f"{_CQL2}/cql2-json",
    f"{_CQL2}/basic-cql2",
    f"{_CQL2}/advanced-comparison-operators",
    f"{_CQL2}/basic-spatial-functions",
    f"{_CQL2}/basic-spatial-functions-plus",
    f"{_CQL2}/temporal-functions",
)

_COLUMN_TITLES = {
    "name": ("名称", "Name"),
    "place": ("所在空间编码", "Space code of the place it stands in"),
    "parent": ("上级空间编码", "Space code of the place above"),
    "storey": ("楼层，地下为负", "Storey, below ground negative"),
    "z_min_m": ("底部高程", "Lower height"),
    "z_max_m": ("顶部高程", "Upper height"),
    "stage": ("生命周期阶段", "Life-cycle stage"),
    "source": ("来源", "Source"),
    "valid_from": ("有效起始", "Valid from"),
    "valid_to": ("有效截止", "Valid to"),
}
_UNITS = {"z_min_m": "m", "z_max_m": "m"}
_JSON_TYPES: Mapping[str, Mapping[str, str]] = {
    "string": {"type": "string"},
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "time": {"type": "string", "format": "date-time"},
    "datetime": {"type": "string"},
    "json": {},
}
_GEOMETRY_FORMATS = {"polygon": "geometry-polygon-any", "line": "geometry-linestring-any", "point": "geometry-point"}

Document = dict[str, Any]


def link(href: str, rel: str, type_: str, title: str) -> Document:
    """Return a link object (RFC 8288 as JSON)."""
    return {"href": href, "rel": rel, "type": type_, "title": title}


def self_links(href: str, type_: str, *, html: bool) -> list[Document]:
    """Return the links to this document and to its other encoding; ``href`` has no ``f`` parameter."""
    mark = "&" if "?" in href else "?"
    kinds = [(f"{href}{mark}f=json", type_, "JSON"), (f"{href}{mark}f=html", HTML, "网页 HTML")]
    shown, other = reversed(kinds) if html else kinds
    return [
        link(shown[0], "self", shown[1], f"本文档 This document ({shown[2]})"),
        link(other[0], "alternate", other[1], f"本文档 This document ({other[2]})"),
    ]


FEATURE_FORMS: Mapping[str, tuple[str, str]] = {
    "json": (GEOJSON, "GeoJSON"),
    "jsonfg": (JSON_FG, "JSON-FG"),
    "html": (HTML, "网页 HTML"),
}
"""Encodings of features by the name that ``f`` gives them: media type and title."""


def feature_links(href: str, form: str) -> list[Document]:
    """Return the links of features to themselves and to their other encodings; ``href`` has no ``f`` parameter."""
    mark = "&" if "?" in href else "?"
    return [
        link(f"{href}{mark}f={name}", "self" if name == form else "alternate", kind, f"本文档 This document ({words})")
        for name, (kind, words) in FEATURE_FORMS.items()
    ]


def landing(base: str, root: str, *, html: bool) -> Document:
    """Return the landing page (core, 7.2); ``root`` is the address of the service, with a slash at its end."""
    return {
        "title": "里坊 Lifang",
        "description": "社区数字孪生的开放图层。 The open layers of a community's digital twin.",
        "links": [
            *self_links(base, JSON, html=html),
            link(f"{base}/api", "service-desc", OPENAPI, "接口定义 API definition"),
            link(f"{base}/api?f=html", "service-doc", HTML, "接口说明 API documentation"),
            link(f"{base}/conformance", "conformance", JSON, "符合性声明 Conformance"),
            link(f"{base}/collections", "data", JSON, "图层 Collections"),
            *tile_links(base),
            link(f"{base}/tileMatrixSets", f"{_REL}tiling-schemes", JSON, "瓦片矩阵集 Tile matrix sets"),
            link(f"{base}/catalogue", f"{_REL}ogc-catalog", GEOJSON, "目录 Catalogue"),
            link(f"{root}cockpit", "related", HTML, "驾驶舱 Cockpit"),
        ],
    }


def conformance() -> Document:
    """Return the conformance declaration (core, 7.4)."""
    return {"conformsTo": list(CONFORMS_TO)}


def collections(layers: list[Document], base: str, *, html: bool) -> Document:
    """Return the list of collections (core, 7.13)."""
    return {"links": self_links(f"{base}/collections", JSON, html=html), "collections": layers}


def collection(layer: Layer, extent: Extent, base: str, root: str) -> Document:
    """Return one collection (core, 7.14; Part 2, 6.2), without links to itself."""
    here = f"{base}/collections/{layer.name}"
    document: Document = {
        "id": layer.name,
        "title": title(layer),
        "description": _description(layer, extent),
        "itemType": "feature",
        "crs": list(offered(extent.bounds)),
        "storageCrs": CRS84,
        "links": [
            link(f"{here}/items", "items", GEOJSON, "要素 Features"),
            link(f"{here}/items?f=html", "items", HTML, "要素 Features"),
            link(f"{here}/queryables", f"{_REL}queryables", SCHEMA, "可查询属性 Queryables"),
            link(f"{here}/schema", f"{_REL}schema", SCHEMA, "属性结构 Schema"),
        ],
    }
    document["links"] += [*_file_links(layer, extent, root), *(tile_links(here) if has_tiles(layer) else [])]
    if layer.geometry != "none":
        document["links"].append(
            link(f"{root}v1/pack/{layer.name}", "alternate", "application/octet-stream", "二进制 LFP1 block")
        )
    return document | _extent(extent)


_FILES: Mapping[str, tuple[str, str]] = {
    "geoparquet": ("application/vnd.apache.parquet", "GeoParquet"),
    "flatgeobuf": ("application/flatgeobuf", "FlatGeobuf"),
    "csv": ("text/csv", "CSV"),
}
_BODIES: Mapping[str, tuple[str, str]] = {
    "3dtiles": ("application/zip", "3D Tiles"),
    "cityjson": ("application/city+json", "CityJSON"),
}


def _file_links(layer: Layer, extent: Extent, root: str) -> list[Document]:
    """Return the links to all items as files; where places have a body, also as 3-D models."""
    files = {**_FILES, **(_BODIES if layer.name in KINDS and extent.solid else {})}
    return [
        link(f"{root}v1/export?layers={layer.name}&format={name}", "enclosure", kind, words)
        for name, (kind, words) in files.items()
    ]


def has_tiles(layer: Layer) -> bool:
    """Tell whether a layer has tiles: it holds geometry of its own."""
    return layer.geometry != "none" and layer.kind != "derived"


def tile_links(here: str) -> list[Document]:
    """Return the links from a collection, or the landing page, to its tiles."""
    return [
        link(f"{here}/tiles", f"{_REL}tilesets-vector", JSON, "矢量瓦片 Vector tiles"),
        link(f"{here}/tiles/{WEB_MERCATOR_QUAD}?f=tilejson", "describedby", TILEJSON, "TileJSON"),
    ]


def self_collection(document: Document, base: str, *, html: bool) -> Document:
    """Return a collection with the links to itself before the others."""
    own = self_links(f"{base}/collections/{document['id']}", JSON, html=html)
    return document | {"links": [*own, *document["links"]]}


def title(layer: Layer) -> str:
    """Return a layer's name in both languages."""
    return f"{layer.title.zh} {layer.title.en}"


def _description(layer: Layer, extent: Extent) -> str:
    fields = ", ".join(f"{field.title.zh} {field.title.en}" for field in _shown(layer)[:4])
    about = f"{layer.title.zh}，{extent.count} 个要素。 {layer.title.en}, features: {extent.count}."
    return f"{about} {fields} …" if fields else about


def _extent(extent: Extent) -> Document:
    found: Document = {}
    if extent.bounds is not None:
        found["spatial"] = {"bbox": [list(extent.bounds)], "crs": CRS84}
    if extent.begin is not None:
        found["temporal"] = {"interval": [[moment_text(extent.begin), None]], "trs": GREGORIAN}
    return {"extent": found} if found else {}


def moment_text(moment: Any) -> str:
    """Return a UTC moment as RFC 3339 writes it."""
    return str(moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"))


def queryables_schema(layer: Layer, here: str) -> Document:
    """Return the JSON Schema of what can be filtered by (Part 3, 6.2)."""
    return _schema(layer, f"{here}/queryables", {name: _property(layer, name) for name in queryables(layer)})


def schema(layer: Layer, here: str) -> Document:
    """Return the JSON Schema of a feature's properties."""
    names = dict.fromkeys([*COLUMNS, *(field.name for field in _shown(layer))])
    return _schema(layer, f"{here}/schema", {name: _property(layer, name) for name in names})


def tile_schema(layer: Layer, names: Iterable[str]) -> Document:
    """Return the JSON Schema of the properties that features have in tiles."""
    properties = {name: _property(layer, name) or {"title": "标识 Identity", "type": "string"} for name in names}
    return {"type": "object", "properties": properties}


def _schema(layer: Layer, identity: str, properties: Document) -> Document:
    if layer.geometry != "none":
        form = _GEOMETRY_FORMATS.get(layer.geometry, "geometry-any")
        properties["geometry"] = {"title": "几何 Geometry", "format": form, "x-ogc-role": "primary-geometry"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": identity,
        "type": "object",
        "title": title(layer),
        "properties": properties,
        "additionalProperties": False,
    }


def _property(layer: Layer, name: str) -> Document:
    if name in COLUMNS:
        kind = "integer" if name == "storey" else COLUMNS[name]
        words: Document = {"title": " ".join(_COLUMN_TITLES[name]), **_JSON_TYPES[kind]}
        return words | ({"x-ogc-unit": _UNITS[name]} if name in _UNITS else {})
    field = layer.field(name)
    return {} if field is None else _field(field)


def _field(field: FieldDeclaration) -> Document:
    found: Document = {"title": f"{field.title.zh} {field.title.en}", **_JSON_TYPES[field.type]}
    if field.unit is not None:
        found["x-ogc-unit"] = field.unit
    if field.values:
        labels = "; ".join(f"{code} {text.zh} {text.en}" for code, text in field.values.items())
        found |= {"description": labels} | ({"enum": list(field.values)} if field.type == "string" else {})
    return found


def _shown(layer: Layer) -> list[FieldDeclaration]:
    return [field for field in layer.fields if field.grade in ("P0", "P1")]
