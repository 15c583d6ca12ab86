"""Files sent in, what was imported, taking it back, and the doubts that a planner decides."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Any

import shapely
from fastapi import APIRouter, Request, Response
from fastapi import Query as Parameter
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from api.answers import sends, tells
from api.answers.imports import CommittedImport, DecidedReview, ImportJob, Imports, Reviews, UndoneImport
from api.hub import HEARTBEAT_S
from api.import_log import import_done, imports, undo_import
from api.spool import ENDED
from api.state import Here, Services
from twin import review
from twin.batch import Batch
from twin.feature import Feature
from twin.intake import decide

router = APIRouter(tags=["imports"])
_LOOK_S = 0.1


class ReviewDecision(BaseModel):
    """Which building a doubtful footprint is."""

    choice: str = Field(description="Code of the building it is, or: new.", examples=["new"])
    by: str = Field(min_length=1, max_length=100, description="Who decides.")


class UndoRequest(BaseModel):
    """Who takes an import back."""

    by: str = Field(min_length=1, max_length=100)


_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}}
                    | {
                        name: {"type": "string"}
                        for name in (
                            "commit",
                            "community",
                            "at",
                            "fit",
                            "bearing",
                            "same_as",
                            "layer",
                            "crs",
                            "encoding",
                            "table",
                        )
                    },
                }
            }
        },
    }
}


class ChangedOptions(BaseModel):
    """What is asked otherwise than before; null takes an option back."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"example": {"at": "120.2011,30.2968,12"}})
    __pydantic_extra__: dict[str, str | None]


@router.post("/v1/imports", status_code=202, openapi_extra=_FORM, responses=tells(ImportJob, status=202))
async def send(here: Here, request: Request, response: Response) -> dict[str, Any]:
    """Send one file in: a building model, or with `layer` a GIS file. It is rehearsed, then waits for a commit.

    With `commit=true` it does not wait. How far it is, and what it would change, is told under the answer's `Location`.
    """
    job = await here.jobs.receive(request.headers, request.stream())
    response.headers["Location"] = f"/v1/imports/{job['id']}"
    return job


@router.get("/v1/imports", responses=tells(Imports))
def list_imports(here: Here, limit: Annotated[int, Parameter(ge=1, le=1000)] = 100) -> dict[str, Any]:
    """Return the files sent in, and the imports in the log: what each added, changed and ended, and who undid it."""
    return {"jobs": here.jobs.listed()[:limit], "imports": imports(here.store)[:limit]}


@router.get("/v1/imports/{batch}", responses=tells(ImportJob, CommittedImport))
def show(here: Here, batch: str) -> dict[str, Any]:
    """Return one import: its state, and once it was read its receipt and the difference it makes."""
    if here.jobs.knows(batch):
        return here.jobs.shown(batch)
    return {"id": batch, "state": "committed", **import_done(here.store, batch)}


@router.get(
    "/v1/imports/{batch}/events",
    response_class=StreamingResponse,
    responses={200: {**sends("text/event-stream")[200], "description": "state: state, stage and share"}},
)
def follow(here: Here, batch: str) -> StreamingResponse:
    """Follow an import until it ends."""
    here.jobs.shown(batch)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_states(here, batch), media_type="text/event-stream", headers=headers)


@router.post("/v1/imports/{batch}/rehearse", status_code=202, responses=tells(ImportJob, status=202))
def rehearse(here: Here, batch: str, changed: ChangedOptions) -> dict[str, Any]:
    """Read a file again that waits or has failed, with some options changed."""
    return here.jobs.rehearse(batch, changed.__pydantic_extra__)


@router.post("/v1/imports/{batch}/commit", responses=tells(ImportJob))
def commit(here: Here, batch: str) -> dict[str, Any]:
    """Store exactly what was rehearsed; 409 with the new difference in place when the twin has changed since."""
    return here.jobs.commit(batch)


@router.delete("/v1/imports/{batch}", responses=tells(ImportJob))
def cancel(here: Here, batch: str) -> dict[str, Any]:
    """Give a file up that is not stored: its reading is ended, what was sent is removed."""
    return here.jobs.cancel(batch)


@router.post("/v1/imports/{batch}/undo", responses=tells(UndoneImport))
async def undo(here: Here, batch: str, request: UndoRequest) -> dict[str, Any]:
    """Take an import back as a whole; refused (409) when later imports changed the same things."""
    count = await asyncio.to_thread(undo_import, here.store, batch, request.by, here.clock())
    return {"batch": batch, "taken_back": count}


@router.get("/v1/reviews", responses=tells(Reviews))
def reviews(here: Here) -> dict[str, Any]:
    """Return the doubtful footprints that wait for a decision."""
    return {"reviews": [_shown(record) for record in review.waiting(here.store)]}


@router.post("/v1/reviews/{name}", responses=tells(DecidedReview))
async def decide_review(here: Here, name: str, decision: ReviewDecision) -> dict[str, str]:
    """Decide: the footprint is the building with this code, or a new one. Return the code it got."""
    batch = Batch(id=uuid.uuid4().hex, community="", source="", at=here.clock())
    work = here.store.write(lambda transaction: decide(transaction, name, decision.choice, decision.by, batch))
    return {"code": await asyncio.wrap_future(work)}


async def _states(here: Services, batch: str) -> AsyncIterator[bytes]:
    """Yield each change of state, stage or share; a comment now and then keeps the line open."""
    told, silent_s = None, 0.0
    while True:
        job = await asyncio.to_thread(here.jobs.shown, batch)
        now = {name: job[name] for name in ("state", "stage", "share")}
        if now != told or silent_s >= HEARTBEAT_S:
            yield f"event: state\ndata: {json.dumps(now)}\n\n".encode() if now != told else b": still here\n\n"
            told, silent_s = now, 0.0
        if now["state"] in ENDED:
            return
        await asyncio.sleep(_LOOK_S)
        silent_s += _LOOK_S


def _shown(record: Feature) -> dict[str, Any]:
    return {
        "id": record.id,
        "name": record.name,
        "reason": record.attributes["reason"],
        "candidates": record.attributes["candidates"],
        "source": record.source,
        "geometry": None if record.geometry is None else shapely.geometry.mapping(record.geometry),
    }
