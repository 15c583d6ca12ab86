"""The stream: what happens, as server-sent events or over a WebSocket, resumable from any sequence number."""

import re
from typing import Annotated, cast

from fastapi import APIRouter, Header, WebSocket
from fastapi import Query as Parameter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from api.answers import sends
from api.parameters import MOST_SEQ
from api.state import Here, Services
from api.stream.asked import from_text
from api.stream.checking import filter_of
from api.stream.sent import Conversation, same_site, server_sent
from gis.errors import BadInput

router = APIRouter(tags=["live"])
_SEQ = re.compile(r"[0-9]{1,18}")


@router.get(
    "/v1/stream",
    response_class=StreamingResponse,
    responses={
        200: {
            **sends("text/event-stream")[200],
            "description": "hello, observations, alarm, alarm_quiet, device, incident, change, undo, resync",
        }
    },
)
async def stream(
    here: Here,
    kinds: Annotated[str | None, Parameter(description="observations,alarm,change,undo …; all when left out.")] = None,
    layers: Annotated[str | None, Parameter(description="Layers the messages are about, comma-separated.")] = None,
    place: Annotated[str | None, Parameter(description="Space code: this place and everything in it.")] = None,
    area: Annotated[str | None, Parameter(description="Polygon, WKT, CRS84.")] = None,
    bbox: Annotated[str | None, Parameter(description="west,south,east,north in degrees.")] = None,
    storeys: Annotated[str | None, Parameter(description="Physical storeys, comma-separated.")] = None,
    after: Annotated[
        int | None, Parameter(ge=0, le=MOST_SEQ, description="Resume behind this sequence number.")
    ] = None,
    last_event_id: Annotated[str | None, Header(description="The same, as browsers send it.")] = None,
) -> StreamingResponse:
    """Follow the log. Every message's id is its sequence number; send it back to lose nothing and see nothing twice."""
    if last_event_id is not None:
        if _SEQ.fullmatch(last_event_id) is None:
            raise BadInput(
                "request.parameter", "Last-Event-ID is no number.", "Send the last id.", parameter="Last-Event-ID"
            )
        after = int(last_event_id)
    asked = from_text(kinds, layers, place, area, bbox, storeys)
    wanted = await run_in_threadpool(filter_of, here, asked)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(server_sent(here.hub, wanted, after), media_type="text/event-stream", headers=headers)


@router.websocket("/v1/stream/ws")
async def conversation(socket: WebSocket) -> None:
    """Tell the same over a WebSocket: ``{"subscribe": {…}}`` begins or changes it, ``{"ping": 1}`` is answered."""
    here = cast("Services", socket.app.state.services)
    if not same_site(socket.headers.get("origin"), socket.headers.get("host", ""), here.public_origin):
        await socket.close(1008, "of another site")
        return
    await socket.accept()
    await Conversation(socket, here).run()
