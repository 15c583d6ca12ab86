"""Items of a collection and single ones: what is asked for most of all, on a short way from request to store.

They are plain routes, to be tried before all others: what FastAPI does for a parameter, they have no use for.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar, cast
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api import geojson
from api.ogc import documents, encoding, pages
from api.ogc.answers import PREFIX, base, crumbs, feature_form, layer_named, page_answer
from api.ogc.documents import Document
from api.ogc.editing import tag_of
from api.ogc.question import ITEMS, crs, given, hits, items_query, offered_to
from api.ogc.sorting import find_sorted, orders
from api.state import Services
from gis.errors import NotFound
from twin.declaration import Layer
from twin.feature import Feature
from twin.filter import queryables
from twin.query import Page, Query

T = TypeVar("T")


async def items(request: Request) -> Response:
    """Return a page of features."""
    return await asyncio.to_thread(_items, _here(request), request, request.path_params["collection"])


async def item(request: Request) -> Response:
    """Return one feature as it is now; its ETag names the version."""
    named = request.path_params
    return await asyncio.to_thread(_item, _here(request), request, named["collection"], named["feature_id"])


_PATH = f"{PREFIX}/collections/{{collection}}/items"
ROUTES = (Route(_PATH, items, methods=["GET"]), Route(f"{_PATH}/{{feature_id}}", item, methods=["GET"]))


def _here(request: Request) -> Services:
    return cast("Services", request.app.state.services)


def _items(here: Services, request: Request, collection: str) -> Response:
    layer = layer_named(here, collection)
    texts = given(request, (*ITEMS, *queryables(layer)))
    form = feature_form(request, texts)
    names = offered_to(texts, lambda: here.extents.of(layer.name).bounds)
    shown = crs(texts, "crs", names)
    question = items_query(layer, texts, names)
    own = f"{base(request)}/collections/{layer.name}/items"
    if form == "html":
        page = _page(here, layer, question, texts)
        return _items_page(request, layer, page, own, _page_links(layer, page.next, own, texts, form))
    found = _found(here, layer, question, texts, form, shown)
    features = [] if question.counted else found.features
    document = {
        "type": "FeatureCollection",
        **({"conformsTo": documents.FG_CLASSES} if form == "jsonfg" else {}),
        "features": features,
        "links": _page_links(layer, found.next, own, texts, form),
        "timeStamp": documents.moment_text(here.clock()),
        **_counts(question, found),
        "numberReturned": len(features),
    }
    return _answer(encoding.dump(document), form, shown)


class _Found(NamedTuple):
    """A page whose features are encoded."""

    features: Sequence[Any]
    matched: int
    next: str | None


def _found(here: Services, layer: Layer, question: Query, texts: Mapping[str, str], form: str, shown: str) -> _Found:
    if form == "json" and "sortby" not in texts:
        found = here.access.rows(question)
        return _Found(encoding.geojson_rows(found.rows, shown), found.matched, found.next)
    page = _page(here, layer, question, texts)
    return _Found(_encoded(page.features, form, shown), page.matched, page.next)


def _page(here: Services, layer: Layer, question: Query, texts: Mapping[str, str]) -> Page:
    if "sortby" in texts:
        return find_sorted(here.access, question, orders(texts["sortby"], queryables(layer)))
    return here.access.find(question)


def _item(here: Services, request: Request, collection: str, feature_id: str) -> Response:
    layer = layer_named(here, collection)
    texts = given(request, ("f", "crs"))
    form = feature_form(request, texts)
    shown = crs(texts, "crs", offered_to(texts, lambda: here.extents.of(layer.name).bounds))
    question = Query(layers=(layer.name,), ids=(feature_id,), limit=1, counted=False)
    own = f"{base(request)}/collections/{layer.name}"
    links = [
        *documents.feature_links(f"{own}/items/{quote(feature_id, safe='')}", form),
        documents.link(own, "collection", documents.JSON, documents.title(layer)),
    ]
    if form == "json":
        row = _only(here.access.rows(question).rows, layer, feature_id)
        return _answer(encoding.geojson_item(row, shown, links), form, shown, ETag=tag_of(row))
    feature = _only(here.access.find(question).features, layer, feature_id)
    if form == "html":
        parts = pages.sketch([feature]), pages.table(geojson.properties_of(feature)), pages.links({"links": links})
        return page_answer(feature.name or feature_id, feature_id, crumbs(request, 5, layer), *parts)
    (document,) = encoding.json_fg([feature], shown)
    document |= {"conformsTo": documents.FG_CLASSES, "links": links}
    return _answer(encoding.dump(document), form, shown, ETag=tag_of(feature))


def _only(found: Sequence[T], layer: Layer, feature_id: str) -> T:
    if not found:
        raise NotFound("feature.unknown", f"{layer.name} has no {feature_id!r} now.", "See its items.", id=feature_id)
    return found[0]


def _counts(question: Query, found: _Found) -> Document:
    """Return how many features match, when that was asked or the page holds them all."""
    whole = question.cursor is None and found.next is None
    return {"numberMatched": found.matched} if question.counted or whole else {}


def _encoded(features: Sequence[Feature], form: str, shown: str) -> list[Document]:
    if form == "jsonfg":
        return encoding.json_fg(features, shown)
    return encoding.geojson(encoding.moved(features, shown))


def _answer(body: bytes, form: str, shown: str, **more: str) -> Response:
    media_type = documents.JSON_FG if form == "jsonfg" else documents.GEOJSON
    return Response(body, media_type=media_type, headers={"Content-Crs": f"<{shown}>", **more})


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


def _page_links(layer: Layer, behind: str | None, own: str, texts: dict[str, str], form: str) -> list[Document]:
    asked = {name: value for name, value in texts.items() if name != "f"}
    links = documents.feature_links(_address(own, asked), form)
    links.append(documents.link(own.removesuffix("/items"), "collection", documents.JSON, documents.title(layer)))
    if behind is not None and not hits(texts):
        further = _address(own, asked | {"cursor": behind, "f": form})
        links.append(documents.link(further, "next", documents.FEATURE_FORMS[form][0], "下一页 Next page"))
    return links


def _address(path: str, parameters: dict[str, str]) -> str:
    return f"{path}?{urlencode(parameters)}" if parameters else path
