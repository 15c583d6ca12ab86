"""The routes of OGC API Features Part 4: Create, Replace, Update and Delete."""

import asyncio
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from api.ogc import documents, editing, encoding
from api.ogc.answers import PREFIX, base, layer_named
from api.ogc.editing import By, Edit
from api.ogc.question import given
from api.state import Here, Services
from gis.crs import CRS84, offered
from gis.errors import BadInput
from twin.declaration import Layer
from twin.feature import Feature
from twin.store import Transaction

router = APIRouter(prefix=PREFIX, include_in_schema=False)

_BODIES = ("application/geo+json", "application/json", "application/merge-patch+json")
_WHO = "lifang-by"
T = TypeVar("T")


@router.options("/collections/{collection}/items")
def items_options(here: Here, collection: str) -> Response:
    """Say what may be done with the features of a layer."""
    return _allowed(layer_named(here, collection), "GET, HEAD, OPTIONS", "POST")


@router.options("/collections/{collection}/items/{feature_id}")
def item_options(here: Here, collection: str, feature_id: str) -> Response:  # noqa: ARG001  part of the path
    """Say what may be done with one feature."""
    return _allowed(layer_named(here, collection), "GET, HEAD, OPTIONS", "PUT, PATCH, DELETE")


@router.post("/collections/{collection}/items")
async def create(here: Here, request: Request, collection: str) -> Response:
    """Create a feature."""
    layer, edit = await _edit(here, request, collection)
    community = given(request, ("community",)).get("community") or _only(here.store.communities())
    by = _by(here, request, community)
    made = await _write(here, lambda transaction: editing.create(transaction, layer, edit, by))
    where = f"{base(request)}/collections/{layer.name}/items/{quote(made.id, safe='')}"
    return _answer(here, made, 201, {"Location": where})


@router.put("/collections/{collection}/items/{feature_id}")
async def replace(here: Here, request: Request, collection: str, feature_id: str) -> Response:
    """Replace a feature as a whole."""
    return await _changed(here, request, collection, feature_id, partly=False)


@router.patch("/collections/{collection}/items/{feature_id}")
async def update(here: Here, request: Request, collection: str, feature_id: str) -> Response:
    """Change what is named of a feature and leave the rest; ``null`` forgets."""
    return await _changed(here, request, collection, feature_id, partly=True)


@router.delete("/collections/{collection}/items/{feature_id}")
async def delete(here: Here, request: Request, collection: str, feature_id: str) -> Response:
    """End a feature."""
    given(request, ())
    layer = layer_named(here, collection)
    editing.check_editable(layer)
    by = _by(here, request)
    await _write(here, lambda transaction: editing.delete(transaction, layer, feature_id, by))
    return Response(status_code=204)


async def _changed(here: Services, request: Request, collection: str, feature_id: str, *, partly: bool) -> Response:
    given(request, ())
    layer, edit = await _edit(here, request, collection, partly=partly)
    by = _by(here, request)
    made = await _write(
        here, lambda transaction: editing.change(transaction, layer, feature_id, edit, by, partly=partly)
    )
    return _answer(here, made, 200, {})


async def _edit(here: Services, request: Request, collection: str, *, partly: bool = False) -> tuple[Layer, Edit]:
    layer = layer_named(here, collection)
    editing.check_editable(layer)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _BODIES:
        raise BadInput("edit.media_type", f"{kind!r:.60} is not taken.", f"Send {_BODIES[0]}.")
    body = await request.body()
    return layer, await asyncio.to_thread(_read, here, request, layer, body, partly)


def _read(here: Services, request: Request, layer: Layer, body: bytes, partly: bool) -> Edit:  # noqa: FBT001
    crs = request.headers.get("content-crs", f"<{CRS84}>").strip().strip("<>")
    if crs != CRS84 and crs not in (names := offered(here.extents.of(layer.name).bounds)):
        raise BadInput("crs.not_offered", f"Content-Crs {crs!r:.100} is not offered.", f"Use: {', '.join(names)}.")
    return editing.read(layer, body, crs, partly=partly)


def _by(here: Services, request: Request, community: str | None = None) -> By:
    address = "" if request.client is None else request.client.host
    who = request.headers.get(_WHO, "").strip()[:100] or address
    return By(who, here.clock(), request.headers.get("if-match", ""), community)


def _only(communities: list[str]) -> str | None:
    return communities[0] if len(communities) == 1 else None


async def _write(here: Services, work: Callable[[Transaction], T]) -> T:
    return await asyncio.wrap_future(here.store.write(work))


def _answer(here: Services, made: Feature, status: int, headers: dict[str, str]) -> Response:
    (document,) = encoding.geojson([here.access.masked(made)])
    headers |= {"ETag": editing.tag_of(made), "Content-Crs": f"<{CRS84}>"}
    return Response(encoding.dump(document), status, headers, media_type=documents.GEOJSON)


def _allowed(layer: Layer, always: str, editable: str) -> Response:
    allowed = f"{always}, {editable}" if layer.editable else always
    return Response(status_code=204, headers={"Allow": allowed})
