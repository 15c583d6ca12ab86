"""The stream: what happens, as server-sent events, resumable from any sequence number."""

from typing import Annotated

from fastapi import APIRouter, Header
from fastapi import Query as Parameter
from fastapi.responses import StreamingResponse

from api.parameters import words
from api.state import Here
from gis.errors import BadInput

router = APIRouter(tags=["live"])


@router.get(
    "/v1/stream",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/event-stream": {}}, "description": "hello, observations, alarm, change, undo, resync"}
    },
)
async def stream(
    here: Here,
    kinds: Annotated[str | None, Parameter(description="observations,alarm,change,undo; all when left out.")] = None,
    after: Annotated[int | None, Parameter(ge=0, description="Resume behind this sequence number.")] = None,
    last_event_id: Annotated[str | None, Header(description="The same, as browsers send it.")] = None,
) -> StreamingResponse:
    """Follow the log. Every message's id is its sequence number; send it back to lose nothing and see nothing twice."""
    if last_event_id is not None:
        if not last_event_id.isascii() or not last_event_id.isdigit():
            raise BadInput(
                "request.parameter", "Last-Event-ID is no number.", "Send the last id.", parameter="Last-Event-ID"
            )
        after = int(last_event_id)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(here.hub.stream(after, words(kinds)), media_type="text/event-stream", headers=headers)
