"""Is it alive, and what is in it."""

from typing import Any

from fastapi import APIRouter

from api import VERSION
from api.answers import tells
from api.answers.service import Layers, ServiceState
from api.state import Here

router = APIRouter(tags=["service"])


@router.get("/v1/health", responses=tells(ServiceState))
def health(here: Here) -> dict[str, Any]:
    """Return the state of the service: its newest event and how many features each layer holds."""
    counts = {name: count for name, count in here.store.counts().items() if name in here.catalogue}
    return {
        "status": "ok",
        "version": VERSION,
        "seq": here.store.last_seq(),
        "counts": counts,
        "stream": here.hub.counts(),
        "webhooks": here.hooks.counts(),
    }


@router.get("/v1/layers", responses=tells(Layers))
def layers(here: Here) -> dict[str, Any]:
    """Return the declarations of all layers, in drawing order."""
    return {"layers": [layer.model_dump(mode="json") for layer in here.catalogue.values()]}
