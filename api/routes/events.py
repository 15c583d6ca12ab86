"""The event interface of the standards: other systems report events over HTTP (A 5.2.1.3b-d, B 7.1.3.1, E 7.3.2)."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request

from api.answers import tells
from api.answers.alarms import EventsTaken, EventTaken
from api.bodies import NewEvent, NewEvents, Signature, Signer, described_as
from api.bounded import BoundedRoute
from api.community_events import fault_of, state_of, take_event
from api.state import Here, Services
from gis.errors import LifangError
from layers.sources.events import decode_event
from layers.sources.payload import listed

router = APIRouter(tags=["live"], route_class=BoundedRoute)

_SHAPE = described_as(NewEvent | list[NewEvent] | NewEvents)
_EXAMPLE = {
    "events": [
        {
            "event_no": "XF-2026-0042",
            "name": "烟雾报警",
            "device_no": "D-0001",
            "event_type": "fire_smoke",
            "description": "3层走廊有烟",
            "source": "消防物联网平台",
            "occurred_at": "2026-11-21T08:00:00+08:00",
        }
    ]
}


@router.post("/v1/events", status_code=201, responses=tells(EventsTaken, status=201))
async def report(
    here: Here,
    request: Request,
    events: Annotated[Any, _SHAPE, Body(examples=[_EXAMPLE])],
    device: Signer = None,
    signature: Signature = None,
) -> dict[str, Any]:
    """Report one event, a list of them, or `{"events": [...]}`; members in English or Chinese.

    What a device can raise becomes its alarm, anything else an incident of the class that `event_type` names. The
    answer holds each event's disposal (处置状态, 处置人, 处置时间); reporting it again changes nothing, unless `status`
    is now `handled`. Each event is judged on its own.
    """
    only = await asyncio.to_thread(here.live.secrets.sender, device, signature, await request.body())
    return await asyncio.to_thread(_take, here, listed(events, "events"), only)


def _take(here: Services, values: list[Any], only: str | None) -> dict[str, Any]:
    taken, rejected = [], []
    for index, value in enumerate(values):
        try:
            taken.append({"index": index, **take_event(here, decode_event(value), only)})
        except LifangError as error:
            if error.http_status >= 500:
                raise
            rejected.append(fault_of(index, error))
    return {"events": taken, "rejected": rejected}


@router.get("/v1/events/{source}/{event_no}", responses=tells(EventTaken))
def disposal(here: Here, source: str, event_no: str) -> dict[str, Any]:
    """Return what an event became, and its disposal: what a system that reported it asks for."""
    return state_of(here, source, event_no)
