"""Where readings come from: how the broker's connection is, what could not be taken, and uplinks over HTTP."""

import asyncio
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from api.answers import tells
from api.answers.live import IgnoredUplink, ObservationReceipt, RejectedMessages, Sources
from api.bounded import BoundedRoute
from api.description import raw_body
from api.parameters import MOST_SEQ
from api.state import Here
from layers.sources.chirpstack import decode_uplink
from layers.sources.rejected import KIND

router = APIRouter(tags=["live"], route_class=BoundedRoute)


@router.get("/v1/sources", responses=tells(Sources))
def sources(here: Here) -> dict[str, Any]:
    """Return the state of the sources that the service itself keeps open; ``mqtt`` is null without a broker."""
    return {"mqtt": None if here.mqtt is None else here.mqtt.state()}


@router.get("/v1/sources/rejected", responses=tells(RejectedMessages))
def rejected(
    here: Here,
    after: Annotated[int, Query(ge=0, le=MOST_SEQ, description="Only what the log holds after this number.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> dict[str, Any]:
    """Return what came from a broker and could not be taken, oldest first, with the reason and the cure."""
    found = here.store.events(after, limit, (KIND,))
    return {
        "rejected": [{**one.body, "seq": one.seq, "at": one.recorded_at.isoformat()} for one in found],
        "next": found[-1].seq if len(found) == limit else None,
    }


@router.post(
    "/v1/sources/chirpstack",
    status_code=201,
    openapi_extra=raw_body("application/json"),
    responses=tells(ObservationReceipt, IgnoredUplink, status=201),
)
async def chirpstack(
    here: Here,
    request: Request,
    event: Annotated[str, Query(description="Kind of the event; only uplinks (`up`) hold readings.")],
) -> dict[str, Any]:
    """Take an event of ChirpStack's HTTP integration (v4, JSON). Events other than uplinks are answered and left."""
    if event != "up":
        return {"ignored": event}
    body = await request.body()
    await asyncio.to_thread(here.live.secrets.sender, None, None, body)
    items = decode_uplink(body, {})
    receipt = await asyncio.wrap_future(await asyncio.to_thread(here.ingest.observe, items))
    return asdict(receipt)
