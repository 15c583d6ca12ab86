"""The API definition at ``/ogc/api``: one path for each collection, with its own parameters (OpenAPI 3.0)."""

from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from api import VERSION
from api.ogc.documents import GEOJSON, Document, has_tiles, queryables_schema, schema, title
from api.ogc.editing import KEPT, SHAPES, WRITABLE
from api.ogc.question import ITEMS
from twin.declaration import Layer

_TILE = ("tileMatrixSetId", "tileMatrix", "tileRow", "tileCol")


def definition(layers: Iterable[Layer], base: str) -> Document:
    """Return the OpenAPI document of these collections."""
    paths = _common_paths()
    for layer in layers:
        paths |= _paths(layer)
    return {
        "openapi": "3.0.3",
        "info": {"title": "里坊 Lifang · OGC API Features", "version": VERSION, "license": {"name": "Apache-2.0"}},
        "servers": [{"url": base}],
        "paths": paths,
        "components": _components(),
    }


def _common_paths() -> Document:
    one_set = _get("getTileMatrixSet", "瓦片矩阵集 Tile matrix set", "TileMatrixSet", "tileMatrixSetId", "f")
    return {
        "/": _get("getLandingPage", "入口 Landing page", "LandingPage", "f"),
        "/conformance": _get("getConformance", "符合性声明 Conformance", "Conformance", "f"),
        "/api": _get("getAPI", "接口定义 API definition", "Api", "f"),
        "/collections": _get("getCollectionsList", "图层 Collections", "Collections", "f"),
        "/tileMatrixSets": _get("getTileMatrixSetsList", "瓦片矩阵集 Tile matrix sets", "TileMatrixSets", "f"),
        "/tileMatrixSets/{tileMatrixSetId}": one_set,
        "/catalogue": _get("getCatalogue", "目录 Catalogue", "Catalogue", "f", "q"),
        "/catalogue/{layer}": _get("getRecord", "目录记录 Catalogue record", "Record", "layerId", "f"),
        **_tile_paths("/tiles", ".dataset.vector", "全部图层 All layers", "collections"),
    }


def _paths(layer: Layer) -> Document:
    here, name, words = f"/collections/{layer.name}", layer.name, title(layer)
    found = {
        here: _get(f"{name}.getCollection", words, "Collection", "f"),
        f"{here}/queryables": _get(f"{name}.getQueryables", f"{words}: 可查询属性 Queryables", "Schema", "f"),
        f"{here}/schema": _get(f"{name}.getSchema", f"{words}: 属性结构 Schema", "Schema", "f"),
        f"{here}/items": _items(layer, f"{words}: 要素 Features"),
        f"{here}/items/{{featureId}}": _item(layer, f"{words}: 一个要素 One feature"),
    }
    return found | (_tile_paths(f"{here}/tiles", f"{name}.collection.vector", words) if has_tiles(layer) else {})


def _tile_paths(here: str, identity: str, words: str, *narrowed: str) -> Document:
    """Return the paths of tiles; their operations end in the names that OGC API Tiles asks for (20-057, 11.3)."""
    tile = _get(f"{identity}.getTile", f"{words}: 瓦片 Tile", "Tile", *_TILE, "ifNoneMatch", *narrowed)
    tile["get"]["responses"] |= {"204": _answer("EmptyTile"), "304": _answer("UnchangedTile")}
    tileset = f"{words}: 瓦片集 Tileset"
    return {
        here: _get(f"{identity}.getTileSetsList", f"{words}: 瓦片集列表 Tilesets", "TileSets", "f"),
        f"{here}/{{tileMatrixSetId}}": _get(f"{identity}.getTileSet", tileset, "TileSet", _TILE[0], "tilesetForm"),
        f"{here}/{'/'.join(f'{{{name}}}' for name in _TILE)}": tile,
    }


# --- features -------------------------------------------------------------------------------------------------------


def _items(layer: Layer, words: str) -> Document:
    name = layer.name
    found = _get(f"{name}.getItems", words, "Features", *("form" if one == "f" else one for one in ITEMS))
    found["get"]["parameters"] += _properties_asked(layer)
    found["options"] = _operation(f"{name}.optionsOfItems", words, ("204", "Allowed"))
    if layer.editable:
        asked = ("community", "contentCrs", "by")
        found["post"] = _operation(f"{name}.create", f"{words}: 新建 Create", ("201", "Created"), *asked)
        found["post"] |= {"requestBody": _body(layer, GEOJSON, "application/json")}
        found["post"]["responses"]["409"] = _answer("Problem")
    return found


def _item(layer: Layer, words: str) -> Document:
    name = layer.name
    found = _get(f"{name}.getItem", words, "Feature", "featureId", "form", "crs")
    found["options"] = _operation(f"{name}.optionsOfItem", words, ("204", "Allowed"), "featureId")
    if layer.editable:
        asked = ("featureId", "ifMatch", "by")
        changed, ended, crs = ("200", "Changed"), ("204", "Ended"), "contentCrs"
        found["put"] = _operation(f"{name}.replace", f"{words}: 替换 Replace", changed, *asked, crs)
        found["patch"] = _operation(f"{name}.update", f"{words}: 修改 Update", changed, *asked, crs)
        found["delete"] = _operation(f"{name}.delete", f"{words}: 结束 Delete", ended, *asked)
        found["put"]["requestBody"] = _body(layer, GEOJSON, "application/json")
        found["patch"]["requestBody"] = _body(layer, "application/merge-patch+json", partly=True)
        for method in ("put", "patch", "delete"):
            found[method]["responses"]["412"] = _answer("Problem")
    return found


def _properties_asked(layer: Layer) -> list[Document]:
    return [
        {"name": key, "in": "query", "description": about["title"], "schema": _plain(about)}
        for key, about in queryables_schema(layer, "")["properties"].items()
        if key not in (*ITEMS, "geometry")
    ]


def _plain(about: Document) -> Document:
    return {key: about[key] for key in ("type", "format", "enum") if key in about}


def _body(layer: Layer, *kinds: str, partly: bool = False) -> Document:
    """Return what an edit of a layer may state; members that the twin keeps may come, and are passed over."""
    described = schema(layer, "")["properties"]
    names = [*WRITABLE, *(field.name for field in layer.fields if field.grade in ("P0", "P1"))]
    values: Document = {name: {"description": "由系统维护 Kept by the twin", "readOnly": True} for name in sorted(KEPT)}
    values |= {name: _nullable(described[name]) for name in names}
    needed = [field.name for field in layer.fields if field.required and field.name != layer.id_field]
    feature: Document = {
        "type": "object",
        "properties": {
            "type": {"type": "string", "enum": ["Feature"]},
            "id": {"type": "string"},
            "geometry": _geometry(layer),
            "properties": {"type": "object", "properties": values, "additionalProperties": False},
        },
    }
    if not partly:
        feature["required"] = ["type", "geometry", "properties"]
        feature["properties"]["properties"] |= {"required": needed} if needed else {}
    return {"required": True, "content": {kind: {"schema": feature} for kind in kinds}}


def _nullable(about: Document) -> Document:
    found = _plain(about)
    if "type" in found:
        found["nullable"] = True
    return found | ({"enum": [*found["enum"], None]} if "enum" in found else {})


def _geometry(layer: Layer) -> Document:
    found: Document = {"type": "object", "nullable": True, "required": ["type", "coordinates"]}
    allowed = SHAPES.get(layer.geometry)
    kind: Document = {"type": "string"} | ({"enum": sorted(allowed)} if allowed else {})
    return found | {"properties": {"type": kind, "coordinates": {"type": "array", "items": {}}}}


# --- operations -----------------------------------------------------------------------------------------------------


def _get(identity: str, summary: str, answer: str, *parameters: str) -> Document:
    return {"get": _operation(identity, summary, ("200", answer), *parameters)}


def _operation(identity: str, summary: str, answer: tuple[str, str], *parameters: str) -> Document:
    status, name = answer
    problems = {code: _answer("Problem") for code in ("400", "404", "default")}
    return {
        "operationId": identity,
        "summary": summary,
        "parameters": [{"$ref": f"#/components/parameters/{parameter}"} for parameter in parameters],
        "responses": {status: _answer(name), **problems},
    }


def _answer(name: str) -> Document:
    return {"$ref": f"#/components/responses/{name}"}


@cache
def _components() -> Any:
    return yaml.safe_load((files("api.ogc") / "definition.yaml").read_text("utf-8"))
