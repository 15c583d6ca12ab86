"""What was imported, taking it back, and the doubts that a planner decides."""

import asyncio
import uuid
from typing import Annotated, Any

import shapely
from fastapi import APIRouter
from fastapi import Query as Parameter
from pydantic import BaseModel, Field

from api.import_log import imports, undo_import
from api.state import Here
from twin import review
from twin.feature import Feature
from twin.intake import Batch, decide

router = APIRouter(tags=["imports"])


class Decision(BaseModel):
    """Which building a doubtful footprint is."""

    choice: str = Field(description="Code of the building it is, or: new.", examples=["new"])
    by: str = Field(min_length=1, max_length=100, description="Who decides.")


class Undo(BaseModel):
    """Who takes an import back."""

    by: str = Field(min_length=1, max_length=100)


@router.get("/v1/imports")
def list_imports(here: Here, limit: Annotated[int, Parameter(ge=1, le=1000)] = 100) -> dict[str, Any]:
    """Return the imports, newest first: what each added, changed and ended, and whether it was undone."""
    return {"imports": imports(here.store)[:limit]}


@router.post("/v1/imports/{batch}/undo")
async def undo(here: Here, batch: str, request: Undo) -> dict[str, Any]:
    """Take an import back as a whole; refused (409) when later imports changed the same things."""
    count = await asyncio.to_thread(undo_import, here.store, batch, request.by, here.clock())
    return {"batch": batch, "taken_back": count}


@router.get("/v1/reviews")
def reviews(here: Here) -> dict[str, Any]:
    """Return the doubtful footprints that wait for a decision."""
    return {"reviews": [_shown(record) for record in review.waiting(here.store)]}


@router.post("/v1/reviews/{name}")
async def decide_review(here: Here, name: str, decision: Decision) -> dict[str, str]:
    """Decide: the footprint is the building with this code, or a new one. Return the code it got."""
    batch = Batch(id=uuid.uuid4().hex, community="", source="", at=here.clock())
    work = here.store.write(lambda transaction: decide(transaction, name, decision.choice, decision.by, batch))
    return {"code": await asyncio.wrap_future(work)}


def _shown(record: Feature) -> dict[str, Any]:
    return {
        "id": record.id,
        "name": record.name,
        "reason": record.attributes["reason"],
        "candidates": record.attributes["candidates"],
        "source": record.source,
        "geometry": None if record.geometry is None else shapely.geometry.mapping(record.geometry),
    }
