"""The light envelope of a building or a storey, for a map to draw."""

import asyncio
import hashlib

from fastapi import APIRouter, Request, Response

from api.answers import sends
from api.finding import find_place
from api.view import Seen
from gis.errors import NotFound
from gis.write.glb import join
from layers.envelopes import LAYER, scenes_of

router = APIRouter(tags=["places"])


@router.get(
    "/v1/places/{code}/envelope.glb",
    response_class=Response,
    responses=sends("model/gltf-binary") | {304: {"description": "unchanged"}},
)
async def envelope(seen: Seen, request: Request, code: str) -> Response:
    """Return walls, slabs, roofs and curtain walls of a building or storey as GLB; unchanged ones answer 304.

    Metres east, up and south of the origin in `asset.extras`; the `extras` of each primitive name the GlobalIds in it
    and the first triangle of each.
    """
    place = await asyncio.to_thread(find_place, seen, code)
    tag = f'"{hashlib.sha256(f"{seen.here.store.version([LAYER])} {place.id}".encode()).hexdigest()[:20]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    scenes = await asyncio.to_thread(lambda: list(scenes_of(seen.here.store, place.id)))
    if not scenes:
        raise NotFound(
            "envelope.none", f"There is no envelope of {place.id}.", "Import its model (IFC).", place=place.id
        )
    return Response(join(scenes), media_type="model/gltf-binary", headers=headers)
