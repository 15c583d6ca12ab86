"""What the cockpit draws: the list of layers, and each layer's geometry as one binary block."""

import hashlib
from collections.abc import Sequence
from typing import Annotated, Any

import h3
import shapely
from fastapi import APIRouter, Request, Response
from fastapi import Query as Parameter

from api.answers import sends, tells
from api.answers.service import Scene
from api.finding import place_key
from api.parameters import integers
from api.people import people_in
from api.routes.query import Within
from api.state import Here, Services
from api.view import Seen, View
from gis.pack import pack_features
from twin.declaration import Layer
from twin.feature import Feature
from twin.query import Query

router = APIRouter(tags=["scene"])

HEAT_RESOLUTION = 11  # cells about 50 m across: coarser than a building, finer than a block


@router.get("/v1/scene", responses=tells(Scene))
def scene(here: Here) -> dict[str, Any]:
    """Return the community, its extent, and the layers with title, style, legend and a link to their geometry."""
    counts = here.store.counts()
    communities = here.store.find(Query(layers=("community",))).features
    bounds = _bounds(here, communities)
    return {
        "title": {"zh": "里坊 · 社区一张图", "en": "Lifang · Community on one map"},
        "community": {"code": communities[0].id, "name": communities[0].name} if communities else None,
        "bounds": bounds,
        "center": None if bounds is None else [(bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2],
        "seq": here.store.last_seq(),
        "layers": [
            _listed(layer, counts.get(layer.derived_from or layer.name, 0)) for layer in here.catalogue.values()
        ],
        "totals": {
            "population": _population(here),
            "devices": counts.get("device", 0),
            "buildings": counts.get("building", 0),
            "spaces": counts.get("space", 0),
        },
    }


@router.get(
    "/v1/pack/{layer}",
    response_class=Response,
    responses=sends("application/octet-stream") | {304: {"description": "unchanged"}},
)
def pack(
    seen: Seen,
    request: Request,
    layer: str,
    within: Within = None,
    storeys: Annotated[str | None, Parameter(description="Storey numbers.")] = None,
) -> Response:
    """Return a layer's features as an LFP1 block; unchanged layers answer 304."""
    here = seen.here
    declared = here.catalogue[layer]
    needed = (
        [declared.derived_from or declared.name, "building", "space"] if declared.kind == "derived" else [declared.name]
    )
    tag = _etag(here.store.version(needed), layer, within, storeys, seen.at, seen.known_at, declared.model_dump_json())
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    query = seen.query(layer, within=place_key(seen, within), storeys=integers(storeys, "storeys"))
    block = (
        _heat(seen, declared) if declared.style.draw == "heat" else _pack(declared, here.access.find(query).features)
    )
    return Response(block, media_type="application/octet-stream", headers=headers)


def _pack(layer: Layer, features: Sequence[Feature]) -> bytes:
    columns: dict[str, list[Any]] = {
        "name": [feature.name for feature in features],
        "place": [feature.place for feature in features],
    }
    for name in _drawn_fields(layer):
        columns[name] = [feature.attributes.get(name) for feature in features]
    return pack_features(
        [feature.id for feature in features],
        [feature.geometry for feature in features],
        z_min_m=[feature.z_min_m for feature in features],
        z_max_m=[feature.z_max_m for feature in features],
        storeys=[feature.storey for feature in features],
        columns=columns,
    )


def _drawn_fields(layer: Layer) -> list[str]:
    """Return the fields the map needs: the one that chooses the colour and those that shape a camera's view."""
    wanted = {layer.style.by, "device_type", "azimuth_deg", "view_angle_deg", "range_m", "width_m"}
    return [field.name for field in layer.fields if field.name in wanted and field.grade in ("P0", "P1")]


def _heat(seen: View, layer: Layer) -> bytes:
    found = seen.here.access.aggregate(
        seen.query(layer.derived_from or layer.name), "h3", total=layer.style.weight, resolution=HEAT_RESOLUTION
    )
    cells = [
        (group.key, group.value if layer.style.weight else group.count)
        for group in found.groups
        if group.count is not None
    ]
    rings = [shapely.Polygon([(lon, lat) for lat, lon in h3.cell_to_boundary(key)]) for key, _ in cells]
    return pack_features([key for key, _ in cells], rings, columns={"value": [value for _, value in cells]})


def _listed(layer: Layer, count: int) -> dict[str, Any]:
    drawn = layer.style.draw != "none" and (layer.access == "open" or layer.style.draw == "heat")
    shown = layer.model_dump(
        mode="json",
        include={"name", "title", "group", "geometry", "style", "access", "kind", "refresh_s", "derived_from"},
    )
    fields = [
        field.model_dump(mode="json", include={"name", "type", "title", "unit", "values"})
        for field in layer.fields
        if field.grade in ("P0", "P1")
    ]
    return {**shown, "count": count, "href": f"v1/pack/{layer.name}" if drawn else None, "fields": fields}


def _bounds(here: Services, communities: Sequence[Feature]) -> list[float] | None:
    """Return west, south, east, north of the community, or of the buildings when it has no outline."""
    outlines = [place.geometry for place in communities if place.geometry is not None]
    if not outlines:
        found = here.store.find(Query(layers=("building",))).features
        outlines = [place.geometry for place in found if place.geometry is not None]
    return [float(value) for value in shapely.total_bounds(outlines)] if outlines else None


def _population(here: Services) -> float | None:
    people = people_in(View(here, None, None), None)
    return None if people is None else people.value


def _etag(*parts: object) -> str:
    return f'"{hashlib.sha256(repr(parts).encode()).hexdigest()[:20]}"'
