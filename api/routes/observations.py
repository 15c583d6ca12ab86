"""Devices in: observations, and the acknowledgement of the alarms they raise."""

import asyncio
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from fastapi import Query as Parameter
from pydantic import BaseModel, ConfigDict, Field

from api.alarms import alarm_messages
from api.state import Here
from api.view import Seen
from twin.query import Query

router = APIRouter(tags=["live"])


class Batch(BaseModel):
    """Observations of any registered devices; each is judged on its own."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "observations": [
                        {
                            "device": "D-0001",
                            "property": "fire_smoke",
                            "result": True,
                            "phenomenonTime": "2026-11-21T08:00:00Z",
                            "source": "gateway-1",
                            "source_seq": "42",
                        }
                    ]
                }
            ]
        }
    )
    observations: list[dict[str, Any]]


class Acknowledgement(BaseModel):
    """Who took note of an alarm."""

    by: str = Field(min_length=1, max_length=100)


@router.post("/v1/observations", status_code=201)
async def observe(here: Here, batch: Batch) -> dict[str, Any]:
    """Take a batch. The answer comes after the durable commit; sending the same batch again changes nothing."""
    receipt = await asyncio.wrap_future(await asyncio.to_thread(here.ingest.observe, batch.observations))
    return asdict(receipt)


@router.get("/v1/alarms")
def alarms(
    seen: Seen,
    state: Annotated[
        Literal["active", "open"], Parameter(description="open: active or not yet acknowledged.")
    ] = "open",
) -> dict[str, Any]:
    """Return the alarms on the operator's list: worst first, then unacknowledged, then newest."""
    shown = [record for record in seen.find("alarm") if state == "open" or record.attributes["active"]]
    shown.sort(key=lambda record: record.attributes["raised_at"], reverse=True)
    shown.sort(
        key=lambda record: (
            not record.attributes["active"],
            record.attributes["severity"],
            record.attributes["acknowledged"],
        )
    )
    return {"alarms": alarm_messages(seen.here, shown)}


@router.post("/v1/alarms/{alarm_id}/acknowledge")
async def acknowledge(here: Here, alarm_id: str, note: Acknowledgement) -> dict[str, Any]:
    """Note that a person saw the alarm; a second acknowledgement is refused (409)."""
    return await asyncio.wrap_future(here.ingest.acknowledge(alarm_id, note.by))


@router.get("/v1/states")
def states(here: Here) -> dict[str, Any]:
    """Return the devices that are not in their normal state: in alarm, or silent although they measure."""
    seq = here.store.last_seq()
    active = here.store.find(Query(layers=("alarm",), filters=(("active", "1"),))).features
    found = dict.fromkeys(here.ingest.silent(), "silent")
    found.update((record.attributes["device"], "alarm") for record in active)
    return {"seq": seq, "devices": found}
