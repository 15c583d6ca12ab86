"""Items of a collection and single ones: what is asked for most of all, on a short way from request to store.

They are plain routes, to be tried before all others: what FastAPI does for a parameter, they have no use for.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, urlencode

import shapely
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
from api.state import Services, services
from gis.crs import CRS84, offered
from gis.errors import NotFound
from twin.declaration import Layer
from twin.feature import Feature
from twin.filter import queryables
from twin.query import Page, Query, Rows

T = TypeVar("T")


async def items(request: Request) -> Response:
    """Return a page of features."""
    here, name = await services(request), request.path_params["collection"]
    layer = layer_named(here, name)
    texts = given(request, (*ITEMS, *queryables(layer)))
    if _is_short(request, texts):
        return await _short_page(here, request, layer, texts)
    return await asyncio.to_thread(_items, here, request, layer, texts)


async def item(request: Request) -> Response:
    """Return one feature as it is now; its ETag names the version."""
    here, named = await services(request), request.path_params
    layer = layer_named(here, named["collection"])
    texts = given(request, ("f", "crs"))
    if _is_short(request, texts):
        return await _short_item(here, request, layer, named["feature_id"])
    return await asyncio.to_thread(_item, here, request, layer, texts, named["feature_id"])


_PATH = f"{PREFIX}/collections/{{collection}}/items"
ROUTES = (Route(_PATH, items, methods=["GET"]), Route(f"{_PATH}/{{feature_id}}", item, methods=["GET"]))


_LONG = frozenset({"sortby", "filter", "crs", "bbox-crs", "filter-crs"})
"""What may take long before the store is asked, or asks more than once; that is no work for the event loop."""
_SHORT = 200
"""So many features are written on the event loop, if they have no more points than are written in some milliseconds."""
_MANY_POINTS = 20_000


def _is_short(request: Request, texts: dict[str, str]) -> bool:
    """Tell whether a request is for GeoJSON and soon understood, so that no thread is needed for it."""
    return _LONG.isdisjoint(texts) and feature_form(request, texts) == "json"


async def _short_page(here: Services, request: Request, layer: Layer, texts: dict[str, str]) -> Response:
    question = items_query(layer, texts, offered(None))
    if (question.limit or 0) > _SHORT:
        return await asyncio.to_thread(_items, here, request, layer, texts)
    found = await here.access.rows_async(question)
    if sum(shapely.get_num_coordinates([row.geometry for row in found.rows]).tolist()) > _MANY_POINTS:
        return await asyncio.to_thread(_rows_answer, here, request, layer, texts, question, found)
    return _rows_answer(here, request, layer, texts, question, found)


def _rows_answer(
    here: Services, request: Request, layer: Layer, texts: dict[str, str], question: Query, found: Rows
) -> Response:
    page = _Found(encoding.geojson_rows(found.rows, CRS84), found.matched, found.next)
    return _page_answer(here, request, layer, texts, question, page)


async def _short_item(here: Services, request: Request, layer: Layer, feature_id: str) -> Response:
    found = await here.access.rows_async(_by_id(layer, feature_id))
    return _row_answer(request, layer, feature_id, found, CRS84)


def _items(here: Services, request: Request, layer: Layer, texts: dict[str, str]) -> Response:
    form = feature_form(request, texts)
    names = offered_to(texts, lambda: here.extents.of(layer.name).bounds)
    shown = crs(texts, "crs", names)
    question = items_query(layer, texts, names)
    if form == "html":
        page = _page(here, layer, question, texts)
        own = _own(request, layer)
        return _items_page(request, layer, page, own, _page_links(layer, page.next, own, texts, form))
    found = _found(here, layer, question, texts, form, shown)
    return _page_answer(here, request, layer, texts, question, found, form, shown)


def _own(request: Request, layer: Layer) -> str:
    return f"{base(request)}/collections/{layer.name}/items"


def _page_answer(
    here: Services,
    request: Request,
    layer: Layer,
    texts: dict[str, str],
    question: Query,
    found: "_Found",
    form: str = "json",
    shown: str = CRS84,
) -> Response:
    features = [] if question.counted else found.features
    document = {
        "type": "FeatureCollection",
        **({"conformsTo": documents.FG_CLASSES} if form == "jsonfg" else {}),
        "features": features,
        "links": _page_links(layer, found.next, _own(request, layer), texts, form),
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


def _by_id(layer: Layer, feature_id: str) -> Query:
    return Query(layers=(layer.name,), ids=(feature_id,), limit=1, counted=False)


def _item(here: Services, request: Request, layer: Layer, texts: dict[str, str], feature_id: str) -> Response:
    form = feature_form(request, texts)
    shown = crs(texts, "crs", offered_to(texts, lambda: here.extents.of(layer.name).bounds))
    question = _by_id(layer, feature_id)
    if form == "json":
        return _row_answer(request, layer, feature_id, here.access.rows(question), shown)
    feature = _only(here.access.find(question).features, layer, feature_id)
    links = _item_links(request, layer, feature_id, form)
    if form == "html":
        parts = pages.sketch([feature]), pages.table(geojson.properties_of(feature)), pages.links({"links": links})
        return page_answer(feature.name or feature_id, feature_id, crumbs(request, 5, layer), *parts)
    (document,) = encoding.json_fg([feature], shown)
    document |= {"conformsTo": documents.FG_CLASSES, "links": links}
    return _answer(encoding.dump(document), form, shown, ETag=tag_of(feature))


def _row_answer(request: Request, layer: Layer, feature_id: str, found: Rows, shown: str) -> Response:
    row = _only(found.rows, layer, feature_id)
    links = _item_links(request, layer, feature_id, "json")
    return _answer(encoding.geojson_item(row, shown, links), "json", shown, ETag=tag_of(row))


def _item_links(request: Request, layer: Layer, feature_id: str, form: str) -> list[Document]:
    own = f"{base(request)}/collections/{layer.name}"
    return [
        *documents.feature_links(f"{own}/items/{quote(feature_id, safe='')}", form),
        documents.link(own, "collection", documents.JSON, documents.title(layer)),
    ]


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
