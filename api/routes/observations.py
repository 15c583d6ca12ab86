"""Observations in, from anybody in the trusted network or from a device that proves who it is."""

import asyncio
from concurrent.futures import Future
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, SkipValidation

from api.answers import tells
from api.answers.live import ObservationReceipt
from api.bodies import Observation, Signature, Signer, described_as
from api.bounded import BoundedRoute
from api.state import Here
from layers.ingest import Receipt

router = APIRouter(tags=["live"], route_class=BoundedRoute)


class ObservationBatch(BaseModel):
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
    # Each item is judged by the decoder, which tells what is wrong with it and lets the others in.
    observations: Annotated[list[Annotated[dict[str, Any], SkipValidation]], described_as(list[Observation])]


@router.post("/v1/observations", status_code=201, responses=tells(ObservationReceipt, status=201))
async def observe(
    here: Here,
    request: Request,
    batch: ObservationBatch,
    device: Signer = None,
    signature: Signature = None,
) -> dict[str, Any]:
    """Take a batch. The answer comes after the durable commit; sending the same batch again changes nothing.

    An item may name its ``unit`` (UCUM), which is converted, and the ``position`` of what a camera saw. A device that
    signs its message may speak only for itself.
    """
    body = await request.body()

    def take() -> "Future[Receipt]":
        only = here.live.secrets.sender(device, signature, body)
        return here.ingest.observe(batch.observations, only=only)

    receipt = await asyncio.wrap_future(await asyncio.to_thread(take))
    return asdict(receipt)
