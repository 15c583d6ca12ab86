"""For who runs the service: is it alive, may it be sent requests, what are its figures."""

import asyncio
from typing import Any

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from api.answers import sends, tells
from api.answers.service import Alive, Ready
from api.metrics import exposition
from api.state import Here
from gis.errors import Unavailable

router = APIRouter(tags=["service"])
READY_S = 5.0


@router.get("/livez", responses=tells(Alive))
async def live() -> dict[str, str]:
    """Return ``ok`` while the process answers at all; if not, start it anew."""
    return {"status": "ok"}


@router.get("/readyz", responses=tells(Ready))
async def ready(here: Here) -> dict[str, Any]:
    """Return ``ok`` when the store answers; if not (503), send requests elsewhere for the while."""
    try:
        async with asyncio.timeout(READY_S):
            seq = await asyncio.to_thread(here.store.last_seq)
    except TimeoutError:
        raise Unavailable(
            "service.not_ready", f"The store has not answered within {READY_S:.0f} s.", "Look at the store."
        ) from None
    return {"status": "ok", "seq": seq}


@router.get("/metrics", response_class=Response, responses=sends("text/plain"))
async def metrics(here: Here) -> Response:
    """Return the figures of the process that answers, for Prometheus; with several, each speaks for itself."""
    told = await asyncio.to_thread(exposition, here, here.gateway.traffic.snapshot())
    return Response(told, media_type=CONTENT_TYPE_LATEST)
