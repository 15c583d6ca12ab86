"""Observations created as OGC SensorThings 1.1 does it: entities, and data arrays."""

import asyncio
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from api.bounded import BoundedRoute
from api.description import raw_body
from api.state import Here, Services
from gis.errors import BadInput, LifangError
from layers.ingest import Receipt
from layers.sources.payload import Item, parse
from layers.sources.sensorthings import decode_arrays, decode_entity
from twin.event import Event
from twin.series import Series

router = APIRouter(prefix="/sta/v1.1", tags=["sensorthings"], route_class=BoundedRoute)

_MOST_BYTES = 10_000_000
_ENTITY = raw_body("application/json")


@router.post("/Observations", status_code=201, response_class=Response, openapi_extra=_ENTITY)
async def create(here: Here, request: Request) -> Response:
    """Create an Observation whose `Datastream` is linked by its id; `Location` names it, also when it was there."""
    return await _created(here, decode_entity(await _body(here, request)), request)


@router.post("/Datastreams({datastream})/Observations", status_code=201, response_class=Response, openapi_extra=_ENTITY)
async def create_below(here: Here, request: Request, datastream: str) -> Response:
    """Create an Observation of the Datastream that the address names."""
    name = datastream.removeprefix("'").removesuffix("'").replace("''", "'")
    return await _created(here, decode_entity(await _body(here, request), name), request)


@router.post("/CreateObservations", status_code=201, openapi_extra=raw_body("application/json", kind="array"))
async def create_many(here: Here, request: Request) -> list[str]:
    """Create the Observations of data arrays; the answer has a link for each row, or `error: ` and why not."""
    decoded = decode_arrays(await _body(here, request))
    items = [one for one in decoded if not isinstance(one, LifangError)]
    receipt = await _observed(here, items)
    answers = iter(await asyncio.to_thread(_links, here, request, items, receipt))
    return [f"error: {one}" if isinstance(one, LifangError) else next(answers) for one in decoded]


async def _body(here: Services, request: Request) -> Any:
    body = await request.body()
    await asyncio.to_thread(here.live.secrets.sender, None, None, body)
    return parse(body, _MOST_BYTES)


async def _observed(here: Services, items: Sequence[Item]) -> Receipt:
    return await asyncio.wrap_future(await asyncio.to_thread(here.ingest.observe, items))


async def _created(here: Services, item: Item, request: Request) -> Response:
    receipt = await _observed(here, [item])
    for fault in receipt.rejected:
        raise BadInput(fault["code"], fault["message"], fault["cure"])
    (link,) = await asyncio.to_thread(_links, here, request, [item], receipt)
    return Response(status_code=201, headers={"Location": link})


def _links(here: Services, request: Request, items: Sequence[Item], receipt: Receipt) -> list[str]:
    """Return the address of each item's Observation, or why there is none."""
    faults = {fault["index"]: f"error: {fault['code']}: {fault['message']}" for fault in receipt.rejected}
    return [faults.get(index) or _link(here, request, item) for index, item in enumerate(items)]


def _link(here: Services, request: Request, item: Item) -> str:
    event = here.store.event(str(item["source"]), str(item["source_seq"])) or _standing(here, item)
    base = str(request.base_url).rstrip("/")
    return f"{base}/sta/v1.1/Observations({quote(repr(str(event.seq)))})" if event else "error: not found"


def _standing(here: Services, item: Item) -> Event | None:
    """Return the Observation that stands for one which said nothing new and so was not kept."""
    asked = Series(devices=(str(item["device"]),), names=(str(item["property"]),), newest_first=True, limit=1)
    return next(iter(here.store.observations(asked)), None)
