"""The one question over HTTP: where × when × what."""

from dataclasses import asdict
from typing import Annotated, Any

import h3
import shapely
from fastapi import APIRouter, Response
from fastapi import Query as Parameter

from api import geojson
from api.answers import tells
from api.answers.analysis import Aggregate
from api.answers.common import FeaturePage, FeaturePageFg
from api.exporting import form_named
from api.finding import place_key
from api.ogc.documents import JSON_FG
from api.parameters import box, fields, integers, numbers, pairs, position, words
from api.question import FORMS, By, Form, Question, Sums, answer, asked, respond, summed
from api.view import Present, Seen
from twin.access import GROUPINGS
from twin.suppression import Aggregation

router = APIRouter(tags=["query"])

Layers = Annotated[str, Parameter(description="Layer names, separated by commas.", examples=["building,device"])]
Within = Annotated[str | None, Parameter(description="Space code: that place and everything in it.")]
Filters = Annotated[list[str], Parameter(description="field:value, repeatable; all must hold.")]


_FLAT = [form_named(name).media_type.partition(";")[0] for name in FORMS if "json" not in name]
_ANSWER = tells(FeaturePage, media_type=geojson.MEDIA_TYPE, beside=_FLAT)
_ANSWER[200]["content"] |= tells(FeaturePageFg, media_type=JSON_FG)[200]["content"]


@router.get("/v1/query", response_class=Response, responses=_ANSWER)
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
    nearest: Annotated[
        str | None, Parameter(description="longitude,latitude, or the code of a place: the limit nearest features.")
    ] = None,
    by: Annotated[By, Parameter(description="How near `nearest` is: by the straight line, or on foot.")] = "line",
    storeys: Annotated[
        str | None, Parameter(description="Storey numbers: 1 is the ground floor, -1 the first basement.")
    ] = None,
    z_min: Annotated[float | None, Parameter(description="Only what reaches above this height, metres.")] = None,
    z_max: Annotated[float | None, Parameter(description="Only what begins below this height, metres.")] = None,
    filter: Filters = [],  # noqa: A002, B006  the parameter's name on the wire; FastAPI copies it
    intersects: Annotated[
        str | None, Parameter(description="Another layer: what meets one of its features.", examples=["shelter"])
    ] = None,
    intersects_m: Annotated[float, Parameter(description="So near to one of them is enough, metres.")] = 0,
    intersects_filter: Annotated[list[str], Parameter(description="field:value of the other layer.")] = [],  # noqa: B006
    limit: Annotated[int, Parameter(description="Page size, 1 to 10000.")] = 100,
    cursor: Annotated[str | None, Parameter(description="next of the page before.")] = None,
    format: Annotated[Form, Parameter(description="Form of the answer.")] = "geojson",  # noqa: A002
) -> Response:
    """Return the features that meet all conditions as GeoJSON, with ``matched``, ``returned`` and ``next``."""
    where = {
        "within": within,
        "bbox": None if bbox is None else box(bbox, "bbox"),
        "area": area,
        "point": None if point is None else position(point, "point"),
        "near": None if near is None else _near(near),
        "nearest": None if nearest is None else _start(nearest),
        "by": by,
        "storeys": integers(storeys, "storeys"),
        "z_min_m": z_min,
        "z_max_m": z_max,
        "intersects": intersects
        and {
            "layer": intersects,
            "distance_m": intersects_m,
            "filter": fields(intersects_filter, "intersects_filter"),
        },
    }
    question = asked(
        layers=words(layers),
        ids=words(ids),
        where=where,
        filter=fields(filter, "filter"),
        limit=limit,
        cursor=cursor,
        format=format,
    )
    return respond(seen, answer(seen, question))


@router.post("/v1/query", response_class=Response, responses=_ANSWER)
def ask(seen: Present, question: Question) -> Response:
    """Return the same as GET for a question as a JSON document, which also takes a CQL2 filter."""
    return respond(seen, answer(seen, question))


@router.get("/v1/aggregate", responses=tells(Aggregate))
def aggregate(
    seen: Seen,
    layer: Annotated[str, Parameter(description="The layer to count.")],
    by: Annotated[str, Parameter(description="What it is counted by.", json_schema_extra={"enum": list(GROUPINGS)})],
    sum: Annotated[str | None, Parameter(description="Numeric field to sum.")] = None,  # noqa: A002
    resolution: Annotated[int, Parameter(description="H3 resolution for by=h3.")] = 11,
    within: Within = None,
    filter: Filters = [],  # noqa: A002, B006
) -> dict[str, Any]:
    """Return counts, sums, means and extremes by place or H3 cell; groups of too few persons are ``null``."""
    question = seen.query(*words(layer), within=place_key(seen, within), filters=pairs(filter, "filter"))
    return _told(seen.here.access.aggregate(question, by, total=sum, resolution=resolution), by)


@router.post("/v1/aggregate", responses=tells(Aggregate))
def sum_up(seen: Present, sums: Sums) -> dict[str, Any]:
    """Return the same as GET for a question as a document: of what lies in an area, at a height, near a position."""
    return _told(summed(seen, sums), sums.by)


def _told(found: Aggregation, by: str) -> dict[str, Any]:
    groups = [asdict(group) for group in found.groups]
    if by == "h3":
        for group in groups:
            group["geometry"] = _cell(group["key"])
    return {"groups": groups, "suppressed": found.suppressed}


def _cell(key: str) -> Any:
    ring = [(lon, lat) for lat, lon in h3.cell_to_boundary(key)]
    return shapely.geometry.mapping(shapely.Polygon(ring))


def _start(text: str) -> Any:
    """Return a position, or the name of a place, in which there is neither comma nor point."""
    return position(text, "nearest")[:2] if {",", "."} & set(text) else text


def _near(text: str) -> dict[str, Any]:
    lon, lat, radius_m = numbers(text, ("longitude", "latitude", "radius"), "near")
    return {"position": (lon, lat), "radius_m": radius_m}
