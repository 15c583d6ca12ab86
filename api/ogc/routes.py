"""The routes of OGC API Features: Part 1 Core, Part 2 CRS, Part 3 Filtering."""

import json

from fastapi import APIRouter, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html

from api.ogc import documents, pages
from api.ogc.answers import (
    PREFIX,
    base,
    crumbs,
    json_answer,
    layer_named,
    open_layers,
    page_answer,
    root,
    wants_html,
)
from api.ogc.definition import definition
from api.ogc.documents import Document
from api.ogc.question import given
from api.state import Here, Services
from twin.declaration import Layer

# Its own definition, with one path for each collection, is at /ogc/api.
router = APIRouter(prefix=PREFIX, include_in_schema=False)


@router.get("")
@router.get("/")
def landing(request: Request) -> Response:
    """Return the landing page."""
    html = wants_html(request, given(request, ("f",)))
    document = documents.landing(base(request), root(request), html=html)
    if not html:
        return json_answer(document)
    return page_answer(document["title"], document["description"], crumbs(request, 1), pages.links(document))


@router.get("/conformance")
def conformance(request: Request) -> Response:
    """Return the conformance classes."""
    html = wants_html(request, given(request, ("f",)))
    document = documents.conformance()
    if not html:
        return json_answer(document)
    rows = [(uri, uri, "") for uri in document["conformsTo"]]
    return page_answer("符合性声明 Conformance", "OGC API Features, CQL2", crumbs(request, 2), pages.listed(rows))


@router.get("/api")
def api(here: Here, request: Request) -> Response:
    """Return the API definition, or the page that shows it."""
    if wants_html(request, given(request, ("f",))):
        static = f"{root(request)}static-offline-docs"
        return get_swagger_ui_html(
            openapi_url=f"{base(request)}/api",
            title="里坊 Lifang · OGC API Features",
            swagger_js_url=f"{static}/swagger-ui-bundle.js",
            swagger_css_url=f"{static}/swagger-ui.css",
            swagger_favicon_url=f"{static}/favicon.png",
        )
    return json_answer(definition(open_layers(here), base(request)), documents.OPENAPI)


@router.get("/collections")
def collections(here: Here, request: Request) -> Response:
    """Return the open layers."""
    html = wants_html(request, given(request, ("f",)))
    start = base(request)
    listed = [_collection(here, request, layer, html=html) for layer in open_layers(here)]
    if not html:
        return json_answer(documents.collections(listed, start, html=False))
    rows = [(f"{start}/collections/{one['id']}", one["title"], one["description"]) for one in listed]
    return page_answer("图层 Collections", "", crumbs(request, 2), pages.listed(rows))


@router.get("/collections/{collection}")
def collection(here: Here, request: Request, collection: str) -> Response:
    """Return one layer's description."""
    html = wants_html(request, given(request, ("f",)))
    document = _collection(here, request, layer_named(here, collection), html=html)
    if not html:
        return json_answer(document)
    facts = {
        "坐标系 CRS": ", ".join(name.rpartition("/")[2] for name in document["crs"]),
        "范围 Extent": json.dumps(document.get("extent", {}).get("spatial", {}).get("bbox")),
        "起始 Since": json.dumps(document.get("extent", {}).get("temporal", {}).get("interval")),
    }
    parts = pages.table(facts), pages.links(document)
    return page_answer(document["title"], document["description"], crumbs(request, 3), *parts)


@router.get("/collections/{collection}/queryables")
def collection_queryables(here: Here, request: Request, collection: str) -> Response:
    """Return what features can be filtered by, as JSON Schema."""
    return _schema(here, request, collection, "queryables")


@router.get("/collections/{collection}/schema")
def collection_schema(here: Here, request: Request, collection: str) -> Response:
    """Return what properties features have, as JSON Schema."""
    return _schema(here, request, collection, "schema")


def _collection(here: Services, request: Request, layer: Layer, *, html: bool) -> Document:
    start = base(request)
    document = documents.collection(layer, here.extents.of(layer.name), start, root(request))
    return documents.self_collection(document, start, html=html)


def _schema(here: Services, request: Request, name: str, kind: str) -> Response:
    layer = layer_named(here, name)
    html = wants_html(request, given(request, ("f",)))
    write = documents.queryables_schema if kind == "queryables" else documents.schema
    document = write(layer, f"{base(request)}/collections/{layer.name}")
    if not html:
        return json_answer(document, documents.SCHEMA)
    rows = {name: f"{about['title']} · {about.get('type', '')}" for name, about in document["properties"].items()}
    return page_answer(f"{documents.title(layer)}: {kind}", "", crumbs(request, 4, layer), pages.table(rows))
