"""The routes of OGC API Features: Part 1 Core, Part 2 CRS, Part 3 Filtering."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import numpy as np
from fastapi import APIRouter, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html

from api import geojson
from api.ogc import documents, pages
from api.ogc.definition import definition
from api.ogc.documents import Document
from api.ogc.question import ITEMS, crs, given, items_query
from api.state import Here, Services
from gis.crs import CRS84, from_crs84, offered
from gis.errors import BadInput, NotFound
from twin.declaration import Layer
from twin.feature import Feature
from twin.filter import queryables
from twin.query import Page, Query

PREFIX = "/ogc"
# Its own definition, with one path for each collection, is at /ogc/api.
router = APIRouter(prefix=PREFIX, include_in_schema=False)

_ENCODINGS = ("json", "html")


@router.get("")
@router.get("/")
def landing(request: Request) -> Response:
    """Return the landing page."""
    html = _wants_html(request, given(request, ("f",)))
    document = documents.landing(_base(request), _root(request), html=html)
    if not html:
        return _json(document)
    return _page(document["title"], document["description"], _crumbs(request, 1), pages.links(document))


@router.get("/conformance")
def conformance(request: Request) -> Response:
    """Return the conformance classes."""
    html = _wants_html(request, given(request, ("f",)))
    document = documents.conformance()
    if not html:
        return _json(document)
    rows = [(uri, uri, "") for uri in document["conformsTo"]]
    return _page("符合性声明 Conformance", "OGC API Features, CQL2", _crumbs(request, 2), pages.listed(rows))


@router.get("/api")
def api(here: Here, request: Request) -> Response:
    """Return the API definition, or the page that shows it."""
    if _wants_html(request, given(request, ("f",))):
        static = f"{_root(request)}static-offline-docs"
        return get_swagger_ui_html(
            openapi_url=f"{_base(request)}/api",
            title="里坊 Lifang · OGC API Features",
            swagger_js_url=f"{static}/swagger-ui-bundle.js",
            swagger_css_url=f"{static}/swagger-ui.css",
            swagger_favicon_url=f"{static}/favicon.png",
        )
    return _json(definition(_open_layers(here), _base(request)), documents.OPENAPI)


@router.get("/collections")
def collections(here: Here, request: Request) -> Response:
    """Return the open layers."""
    html = _wants_html(request, given(request, ("f",)))
    base = _base(request)
    listed = [_collection(here, request, layer, html=html) for layer in _open_layers(here)]
    if not html:
        return _json(documents.collections(listed, base, html=False))
    rows = [(f"{base}/collections/{one['id']}", one["title"], one["description"]) for one in listed]
    return _page("图层 Collections", "", _crumbs(request, 2), pages.listed(rows))


@router.get("/collections/{collection}")
def collection(here: Here, request: Request, collection: str) -> Response:
    """Return one layer's description."""
    html = _wants_html(request, given(request, ("f",)))
    document = _collection(here, request, _layer(here, collection), html=html)
    if not html:
        return _json(document)
    facts = {
        "坐标系 CRS": ", ".join(name.rpartition("/")[2] for name in document["crs"]),
        "范围 Extent": json.dumps(document.get("extent", {}).get("spatial", {}).get("bbox")),
        "起始 Since": json.dumps(document.get("extent", {}).get("temporal", {}).get("interval")),
    }
    parts = pages.table(facts), pages.links(document)
    return _page(document["title"], document["description"], _crumbs(request, 3), *parts)


@router.get("/collections/{collection}/queryables")
def collection_queryables(here: Here, request: Request, collection: str) -> Response:
    """Return what features can be filtered by, as JSON Schema."""
    return _schema(here, request, collection, "queryables")


@router.get("/collections/{collection}/schema")
def collection_schema(here: Here, request: Request, collection: str) -> Response:
    """Return what properties features have, as JSON Schema."""
    return _schema(here, request, collection, "schema")


@router.get("/collections/{collection}/items")
def items(here: Here, request: Request, collection: str) -> Response:
    """Return a page of features."""
    layer = _layer(here, collection)
    texts = given(request, tuple(dict.fromkeys((*ITEMS, *queryables(layer)))))
    html = _wants_html(request, texts)
    names = offered(here.extents.of(layer.name).bounds)
    shown = crs(texts, "crs", names)
    page = here.access.find(items_query(layer, texts, names))
    own = f"{_base(request)}/collections/{layer.name}/items"
    links = _page_links(layer, page, own, texts, html=html)
    if html:
        return _items_page(request, layer, page, own, links)
    tail = {
        "links": links,
        "timeStamp": documents.moment_text(here.clock()),
        "numberMatched": page.matched,
        "numberReturned": len(page.features),
    }
    members = ",".join(geojson.feature_json(feature) for feature in _moved(page.features, shown))
    body = f'{{"type":"FeatureCollection","features":[{members}],{_members(tail)}}}'
    return Response(body, media_type=documents.GEOJSON, headers={"Content-Crs": f"<{shown}>"})


@router.get("/collections/{collection}/items/{feature_id}")
def item(here: Here, request: Request, collection: str, feature_id: str) -> Response:
    """Return one feature as it is now."""
    layer = _layer(here, collection)
    texts = given(request, ("f", "crs"))
    html = _wants_html(request, texts)
    shown = crs(texts, "crs", offered(here.extents.of(layer.name).bounds))
    found = here.access.find(Query(layers=(layer.name,), ids=(feature_id,), limit=1)).features
    if not found:
        raise NotFound("feature.unknown", f"{layer.name} has no {feature_id!r} now.", "See its items.", id=feature_id)
    own = f"{_base(request)}/collections/{layer.name}"
    links = [
        *documents.self_links(str(request.url.replace(query="")).removesuffix("?"), documents.GEOJSON, html=html),
        documents.link(own, "collection", documents.JSON, documents.title(layer)),
    ]
    if html:
        title = found[0].name or feature_id
        drawn = pages.sketch(found), pages.table(geojson.properties_of(found[0])), pages.links({"links": links})
        return _page(title, feature_id, _crumbs(request, 5, layer), *drawn)
    body = f"{geojson.feature_json(_moved(found, shown)[0])[:-1]},{_members({'links': links})}}}"
    return Response(body, media_type=documents.GEOJSON, headers={"Content-Crs": f"<{shown}>"})


def _collection(here: Services, request: Request, layer: Layer, *, html: bool) -> Document:
    base = _base(request)
    document = documents.collection(layer, here.extents.of(layer.name), base, _root(request))
    return documents.self_collection(document, base, html=html)


def _schema(here: Services, request: Request, name: str, kind: str) -> Response:
    layer = _layer(here, name)
    html = _wants_html(request, given(request, ("f",)))
    write = documents.queryables_schema if kind == "queryables" else documents.schema
    document = write(layer, f"{_base(request)}/collections/{layer.name}")
    if not html:
        return _json(document, documents.SCHEMA)
    rows = {name: f"{about['title']} · {about.get('type', '')}" for name, about in document["properties"].items()}
    return _page(f"{documents.title(layer)}: {kind}", "", _crumbs(request, 4, layer), pages.table(rows))


def _items_page(request: Request, layer: Layer, page: Page, own: str, links: list[Document]) -> Response:
    rows = [
        (f"{own}/{feature.id}?f=html", feature.name or feature.id, _summary(layer, feature))
        for feature in page.features
    ]
    about = f"{len(page.features)} / {page.matched}"
    parts = pages.sketch(page.features), pages.listed(rows), pages.links({"links": links})
    return _page(documents.title(layer), about, _crumbs(request, 4, layer), *parts)


def _summary(layer: Layer, feature: Feature) -> str:
    values = ((field.title.zh, feature.attributes.get(field.name)) for field in layer.fields if field.name != "name")
    return " · ".join(f"{words} {value}" for words, value in values if value is not None)


def _page_links(layer: Layer, page: Page, own: str, texts: dict[str, str], *, html: bool) -> list[Document]:
    asked = {name: value for name, value in texts.items() if name != "f"}
    links = documents.self_links(_address(own, asked), documents.GEOJSON, html=html)
    links.append(documents.link(own.removesuffix("/items"), "collection", documents.JSON, documents.title(layer)))
    if page.next is not None:
        kind = documents.HTML if html else documents.GEOJSON
        further = _address(own, asked | {"cursor": page.next, "f": "html" if html else "json"})
        links.append(documents.link(further, "next", kind, "下一页 Next page"))
    return links


def _address(path: str, parameters: dict[str, str]) -> str:
    return f"{path}?{urlencode(parameters)}" if parameters else path


def _moved(features: Sequence[Feature], name: str) -> Sequence[Feature]:
    if name == CRS84:
        return features
    moved = from_crs84(np.array([feature.geometry for feature in features], dtype=object), name)
    return [replace(feature, geometry=geometry) for feature, geometry in zip(features, moved, strict=True)]


def _members(document: Document) -> str:
    return json.dumps(document, ensure_ascii=False)[1:-1]


def _layer(here: Services, name: str) -> Layer:
    layer = here.catalogue[name]
    here.access.check_open(layer)
    return layer


def _open_layers(here: Services) -> list[Layer]:
    return [layer for layer in here.catalogue.values() if layer.access == "open"]


def _wants_html(request: Request, texts: dict[str, str]) -> bool:
    """Tell which encoding is asked for: by ``f``, else by the Accept header's first word on it."""
    encoding = texts.get("f")
    if encoding is None:
        accepted = request.headers.get("accept", "")
        html, other = accepted.find("text/html"), accepted.find("json")
        return html >= 0 and not 0 <= other < html
    if encoding not in _ENCODINGS:
        raise BadInput("request.parameter", f"f={encoding!r:.60} is not offered.", "Use json or html.", parameter="f")
    return encoding == "html"


def _root(request: Request) -> str:
    return str(request.base_url)


def _base(request: Request) -> str:
    return _root(request).rstrip("/") + PREFIX


def _json(document: Any, media_type: str = documents.JSON) -> Response:
    return Response(json.dumps(document, ensure_ascii=False), media_type=media_type)


def _page(heading: str, text: str, crumbs: list[tuple[str, str]], *parts: str) -> Response:
    return Response(pages.page(heading, text, crumbs, *parts), media_type="text/html", headers=pages.HEADERS)


def _crumbs(request: Request, depth: int, layer: Layer | None = None) -> list[tuple[str, str]]:
    """Return the pages above one that lies so many steps deep; the cockpit comes first."""
    base = _base(request)
    steps = [
        (f"{_root(request)}cockpit", "驾驶舱 Cockpit"),
        (base, "OGC API"),
        (f"{base}/collections", "图层 Collections"),
    ]
    if layer is not None:
        own = f"{base}/collections/{layer.name}"
        steps += [(own, documents.title(layer)), (f"{own}/items?f=html", "要素 Features")]
    return steps[:depth]
