"""The one question over HTTP: where × when × what."""

from dataclasses import asdict
from typing import Annotated, Any

import h3
import shapely
from fastapi import APIRouter, Response
from fastapi import Query as Parameter

from api import geojson
from api.analysis.meeting import area_around
from api.finding import place_key
from api.parameters import box, held_point, integers, numbers, pairs, polygon, words
from api.view import Seen
from twin.query import Page

router = APIRouter(tags=["query"])

Layers = Annotated[str, Parameter(description="Layer names, separated by commas.", examples=["building,device"])]
Within = Annotated[str | None, Parameter(description="Space code: that place and everything in it.")]
Filters = Annotated[list[str], Parameter(description="field:value, repeatable; all must hold.")]


@router.get("/v1/query", response_class=Response, responses={200: {"content": {geojson.MEDIA_TYPE: {}}}})
def query(
    seen: Seen,
    layers: Layers,
    ids: Annotated[str | None, Parameter(description="Ids, separated by commas.")] = None,
    bbox: Annotated[str | None, Parameter(description="west,south,east,north in degrees.")] = None,
    within: Within = None,
    area: Annotated[str | None, Parameter(description="Polygon as WKT, CRS84; what intersects it.")] = None,
    point: Annotated[
        str | None, Parameter(description="longitude,latitude[,height in metres]; what holds the point.")
    ] = None,
    near: Annotated[str | None, Parameter(description="longitude,latitude,radius in metres; nearest first.")] = None,
    nearest: Annotated[str | None, Parameter(description="longitude,latitude: the limit nearest features.")] = None,
    storeys: Annotated[
        str | None, Parameter(description="Storey numbers: 1 is the ground floor, -1 the first basement.")
    ] = None,
    z_min: Annotated[float | None, Parameter(description="Only what reaches above this height, metres.")] = None,
    z_max: Annotated[float | None, Parameter(description="Only what begins below this height, metres.")] = None,
    filter: Filters = [],  # noqa: A002, B006  the parameter's name on the wire; FastAPI copies it
    intersects: Annotated[
        str | None, Parameter(description="Another layer: what meets one of its features.", examples=["shelter"])
    ] = None,
    intersects_m: Annotated[
        float, Parameter(ge=0, le=10_000, description="So near to one of them is enough, metres.")
    ] = 0,
    intersects_filter: Annotated[list[str], Parameter(description="field:value of the other layer.")] = [],  # noqa: B006
    limit: Annotated[int, Parameter(description="Page size, 1 to 10000.")] = 100,
    cursor: Annotated[str | None, Parameter(description="next of the page before.")] = None,
) -> Response:
    """Return the features that meet all conditions as GeoJSON, with ``matched``, ``returned`` and ``next``."""
    shape, height_m = (polygon(area, "area"), None) if point is None else held_point(area, point)
    if intersects is not None:
        others = area_around(seen, intersects, pairs(intersects_filter, "intersects_filter"), intersects_m)
        shape = others if shape is None else shape.intersection(others)
        if shape.is_empty:
            return Response(geojson.collection_json(Page((), 0, None)), media_type=geojson.MEDIA_TYPE)
    question = seen.query(
        *words(layers),
        ids=words(ids),
        bbox=None if bbox is None else box(bbox, "bbox"),
        within=place_key(seen.here, within),
        area=shape,
        near=None if near is None else _three(near),
        storeys=integers(storeys, "storeys"),
        z_min_m=z_min if height_m is None else height_m,
        z_max_m=z_max if height_m is None else height_m,
        filters=pairs(filter, "filter"),
        limit=limit,
        cursor=cursor,
    )
    access = seen.here.access
    if nearest is None:
        page = access.find(question)
    else:
        lon, lat = numbers(nearest, ("longitude", "latitude"), "nearest")
        page = access.nearest(question, lon, lat, limit)
    return Response(geojson.collection_json(page), media_type=geojson.MEDIA_TYPE)


@router.get("/v1/aggregate")
def aggregate(
    seen: Seen,
    layer: Annotated[str, Parameter(description="The layer to count.")],
    by: Annotated[str, Parameter(description="community, grid, building, storey or h3.")],
    sum: Annotated[str | None, Parameter(description="Numeric field to sum.")] = None,  # noqa: A002
    resolution: Annotated[int, Parameter(description="H3 resolution for by=h3.")] = 11,
    within: Within = None,
    filter: Filters = [],  # noqa: A002, B006
) -> dict[str, Any]:
    """Return counts and sums by place or H3 cell; groups of too few persons are suppressed (``null``)."""
    question = seen.query(*words(layer), within=place_key(seen.here, within), filters=pairs(filter, "filter"))
    found = seen.here.access.aggregate(question, by, total=sum, resolution=resolution)
    groups = [asdict(group) for group in found.groups]
    if by == "h3":
        for group in groups:
            group["geometry"] = _cell(group["key"])
    return {"groups": groups, "suppressed": found.suppressed}


def _cell(key: str) -> Any:
    ring = [(lon, lat) for lat, lon in h3.cell_to_boundary(key)]
    return shapely.geometry.mapping(shapely.Polygon(ring))


def _three(text: str) -> tuple[float, float, float]:
    lon, lat, radius_m = numbers(text, ("longitude", "latitude", "radius"), "near")
    return lon, lat, radius_m
