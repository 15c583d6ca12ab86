"""The routes of OGC API Features: Part 1 Core, Part 2 CRS, Part 3 Filtering."""

import json
from collections.abc import Sequence
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html

from api import geojson
from api.ogc import documents, encoding, pages
from api.ogc.answers import (
    PREFIX,
    base,
    crumbs,
    feature_form,
    json_answer,
    layer_named,
    open_layers,
    page_answer,
    root,
    wants_html,
)
from api.ogc.definition import definition
from api.ogc.documents import Document
from api.ogc.editing import tag_of
from api.ogc.question import ITEMS, crs, given, hits, items_query, offered_to
from api.ogc.sorting import find_sorted, orders
from api.state import Here, Services
from gis.errors import NotFound
from twin.declaration import Layer
from twin.feature import Feature
from twin.filter import queryables
from twin.query import Page, Query

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


@router.get("/collections/{collection}/items")
def items(here: Here, request: Request, collection: str) -> Response:
    """Return a page of features."""
    layer = layer_named(here, collection)
    known = queryables(layer)
    texts = given(request, tuple(dict.fromkeys((*ITEMS, *known))))
    form = feature_form(request, texts)
    names = offered_to(texts, lambda: here.extents.of(layer.name).bounds)
    shown = crs(texts, "crs", names)
    question = items_query(layer, texts, names)
    if "sortby" in texts:
        page = find_sorted(here.access, question, orders(texts["sortby"], known))
    else:
        page = here.access.find(question)
    own = f"{base(request)}/collections/{layer.name}/items"
    links = _page_links(layer, page, own, texts, form)
    if form == "html":
        return _items_page(request, layer, page, own, links)
    features = () if question.counted else page.features
    document = {
        "type": "FeatureCollection",
        **({"conformsTo": documents.FG_CLASSES} if form == "jsonfg" else {}),
        "features": _encoded(features, form, shown),
        "links": links,
        "timeStamp": documents.moment_text(here.clock()),
        **_counts(question, page),
        "numberReturned": len(features),
    }
    return _features_answer(document, form, shown)


@router.get("/collections/{collection}/items/{feature_id}")
def item(here: Here, request: Request, collection: str, feature_id: str) -> Response:
    """Return one feature as it is now; its ETag names the version."""
    layer = layer_named(here, collection)
    texts = given(request, ("f", "crs"))
    form = feature_form(request, texts)
    shown = crs(texts, "crs", offered_to(texts, lambda: here.extents.of(layer.name).bounds))
    found = here.access.find(Query(layers=(layer.name,), ids=(feature_id,), limit=1)).features
    if not found:
        raise NotFound("feature.unknown", f"{layer.name} has no {feature_id!r} now.", "See its items.", id=feature_id)
    own = f"{base(request)}/collections/{layer.name}"
    links = [
        *documents.feature_links(f"{own}/items/{quote(feature_id, safe='')}", form),
        documents.link(own, "collection", documents.JSON, documents.title(layer)),
    ]
    if form == "html":
        title = found[0].name or feature_id
        drawn = pages.sketch(found), pages.table(geojson.properties_of(found[0])), pages.links({"links": links})
        return page_answer(title, feature_id, crumbs(request, 5, layer), *drawn)
    (document,) = _encoded(found, form, shown)
    extra = {"conformsTo": documents.FG_CLASSES} if form == "jsonfg" else {}
    answer = _features_answer(document | extra | {"links": links}, form, shown)
    answer.headers["ETag"] = tag_of(found[0])
    return answer


def _counts(question: Query, page: Page) -> Document:
    """Return how many features match, when that was asked or the page holds them all."""
    whole = question.cursor is None and page.next is None
    return {"numberMatched": page.matched} if question.counted or whole else {}


def _encoded(features: Sequence[Feature], form: str, shown: str) -> list[Document]:
    if form == "jsonfg":
        return encoding.json_fg(features, shown)
    return encoding.geojson(encoding.moved(features, shown))


def _features_answer(document: Document, form: str, shown: str) -> Response:
    media_type = documents.JSON_FG if form == "jsonfg" else documents.GEOJSON
    return Response(encoding.dump(document), media_type=media_type, headers={"Content-Crs": f"<{shown}>"})


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


def _items_page(request: Request, layer: Layer, page: Page, own: str, links: list[Document]) -> Response:
    rows = [
        (f"{own}/{feature.id}?f=html", feature.name or feature.id, _summary(layer, feature))
        for feature in page.features
    ]
    about = f"{len(page.features)}{'' if page.next is None else '+'}"
    parts = pages.sketch(page.features), pages.listed(rows), pages.links({"links": links})
    return page_answer(documents.title(layer), about, crumbs(request, 4, layer), *parts)


def _summary(layer: Layer, feature: Feature) -> str:
    values = ((field.title.zh, feature.attributes.get(field.name)) for field in layer.fields if field.name != "name")
    return " · ".join(f"{words} {value}" for words, value in values if value is not None)


def _page_links(layer: Layer, page: Page, own: str, texts: dict[str, str], form: str) -> list[Document]:
    asked = {name: value for name, value in texts.items() if name != "f"}
    links = documents.feature_links(_address(own, asked), form)
    links.append(documents.link(own.removesuffix("/items"), "collection", documents.JSON, documents.title(layer)))
    if page.next is not None and not hits(texts):
        further = _address(own, asked | {"cursor": page.next, "f": form})
        links.append(documents.link(further, "next", documents.FEATURE_FORMS[form][0], "下一页 Next page"))
    return links


def _address(path: str, parameters: dict[str, str]) -> str:
    return f"{path}?{urlencode(parameters)}" if parameters else path
