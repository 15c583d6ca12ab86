"""The API definition at ``/ogc/api``: one path for each collection, with its own parameters (OpenAPI 3.0)."""

from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from api import VERSION
from api.ogc.documents import Document, queryables_schema, title
from api.ogc.question import ITEMS
from twin.declaration import Layer


def definition(layers: Iterable[Layer], base: str) -> Document:
    """Return the OpenAPI document of these collections."""
    paths: Document = {
        "/": _get("landing", "入口 Landing page", "LandingPage"),
        "/conformance": _get("conformance", "符合性声明 Conformance", "Conformance"),
        "/collections": _get("collections", "图层 Collections", "Collections"),
    }
    for layer in layers:
        paths |= _paths(layer)
    return {
        "openapi": "3.0.3",
        "info": {"title": "里坊 Lifang · OGC API Features", "version": VERSION, "license": {"name": "Apache-2.0"}},
        "servers": [{"url": base}],
        "paths": paths,
        "components": _components(),
    }


def _paths(layer: Layer) -> Document:
    here, name, words = f"/collections/{layer.name}", layer.name, title(layer)
    properties = queryables_schema(layer, here)["properties"]
    asked = [
        {"name": key, "in": "query", "description": schema["title"], "schema": _plain(schema)}
        for key, schema in properties.items()
        if key not in (*ITEMS, "geometry")
    ]
    return {
        here: _get(name, words, "Collection"),
        f"{here}/queryables": _get(f"{name}.queryables", f"{words}: 可查询属性 Queryables", "Schema"),
        f"{here}/schema": _get(f"{name}.schema", f"{words}: 属性结构 Schema", "Schema"),
        f"{here}/items": _get(f"{name}.items", f"{words}: 要素 Features", "Features", *map(_shared, ITEMS), *asked),
        f"{here}/items/{{featureId}}": _get(
            f"{name}.item", f"{words}: 一个要素 One feature", "Feature", *map(_shared, ("featureId", "f", "crs"))
        ),
    }


def _plain(schema: Document) -> Document:
    return {key: schema[key] for key in ("type", "format", "enum") if key in schema}


def _get(identity: str, summary: str, response: str, *parameters: Document) -> Document:
    responses: Document = {"200": {"$ref": f"#/components/responses/{response}"}}
    responses |= {status: {"$ref": "#/components/responses/Problem"} for status in ("400", "404")}
    asked = list(parameters) or [_shared("f")]
    return {"get": {"operationId": identity, "summary": summary, "parameters": asked, "responses": responses}}


def _shared(name: str) -> Document:
    return {"$ref": f"#/components/parameters/{name}"}


@cache
def _components() -> Any:
    return yaml.safe_load((files("api.ogc") / "definition.yaml").read_text("utf-8"))
