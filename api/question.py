"""The one question as a document: where × when × what × filter."""

import json
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from fastapi import Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from shapely.geometry.base import BaseGeometry

from api import geojson
from api.analysis.meeting import area_around
from api.analysis.walks import Barriers, middle_of, nearest_on_foot, starts_of, walked
from api.exporting import form_named, written
from api.finding import place_key
from api.ogc import cql2, encoding
from api.ogc.documents import FG_CLASSES, JSON_FG
from api.parameters import area_of, on_earth
from api.view import View
from gis.crs import CRS84, box_in_crs84
from gis.errors import BadInput, Forbidden
from twin.access import GROUPINGS
from twin.filter import Condition, queryables
from twin.query import Page, Query
from twin.suppression import Aggregation
from twin.walking import Start

Form = Literal["geojson", "jsonfg", "csv", "geoparquet", "arrow"]
FORMS: tuple[Form, ...] = ("geojson", "jsonfg", "csv", "geoparquet", "arrow")

By = Literal["line", "walk"]

Number = Annotated[float, Field(allow_inf_nan=False)]
Position = tuple[Number, Number]
"""Longitude and latitude, CRS84 degrees."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Near(_Part):
    """Within a distance of a position, nearest first."""

    position: Position
    radius_m: Number = Field(description="Above 0, up to 100000")


class Meets(_Part):
    """What meets, or lies so near to, a feature of another layer."""

    layer: str = Field(max_length=100)
    distance_m: Number = Field(default=0, ge=0, le=10_000)
    filter: dict[str, str] = Field(default={}, max_length=20)


class Where(_Part):
    """Conditions of place; all must hold."""

    within: str | None = Field(default=None, max_length=200, description="Code or any other name of a place")
    bbox: tuple[Number, Number, Number, Number] | None = Field(
        default=None, description="west, south, east, north in degrees; west above east crosses the 180th meridian"
    )
    area: str | None = Field(default=None, max_length=5_000_000, description="Polygon as WKT, CRS84")
    point: tuple[Number, Number] | tuple[Number, Number, Number] | None = Field(
        default=None, description="longitude, latitude and, if wanted, height in metres; what holds the point"
    )
    near: Near | None = None
    nearest: Position | Annotated[str, Field(max_length=200)] | None = Field(
        default=None, description="The limit nearest features to a position, or to a place: its code or any other name"
    )
    by: By = Field(default="line", description="How near: by the straight line, or on foot; then they tell walk_m")
    storeys: list[int] = Field(default=[], max_length=500, description="1 is the ground floor, -1 the first basement")
    z_min_m: Number | None = Field(default=None, description="Only what reaches above this height")
    z_max_m: Number | None = Field(default=None, description="Only what begins below this height")
    intersects: Meets | None = None


class When(_Part):
    """Both clocks."""

    at: AwareDatetime | None = Field(default=None, description="As it was at this moment")
    known_at: AwareDatetime | None = Field(default=None, description="As the twin knew it at this moment")


class Question(_Part):
    """Which features."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "layers": ["device"],
                    "where": {"bbox": [120.1, 30.2, 120.2, 30.3], "storeys": [1, 2]},
                    "filter": {"device_type": "smoke_detector"},
                    "limit": 10,
                }
            ]
        },
    )
    layers: list[str] = Field(min_length=1, max_length=50)
    ids: list[str] = Field(default=[], max_length=10_000)
    where: Where = Where()
    when: When = When()
    filter: dict[str, str] = Field(default={}, max_length=20, description="Field and value; all must be equal")
    cql2: str | dict[str, Any] | None = Field(
        default=None, description="A CQL2 filter, as text or JSON; of one layer. See docs/ogc.md."
    )
    limit: int = Field(default=100, description="Page size, 1 to 10000")
    cursor: str | None = Field(default=None, max_length=1000, description="next of the page before")
    format: Form = "geojson"


class Sums(_Part):
    """Counts and sums of what a question would return."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"layer": "device", "by": "storey", "where": {"bbox": [120.1, 30.2, 120.2, 30.3]}}]
        },
    )
    layer: str = Field(max_length=100)
    by: str = Field(max_length=20, description="What it is counted by", json_schema_extra={"enum": list(GROUPINGS)})
    sum: str | None = Field(default=None, max_length=100, description="Numeric field")
    resolution: int = Field(default=11, description="H3 resolution for by=h3")
    where: Where = Where()
    when: When = When()
    filter: dict[str, str] = Field(default={}, max_length=20, description="Field and value; all must be equal")
    cql2: str | dict[str, Any] | None = Field(default=None, description="A CQL2 filter, as text or JSON")


def asked(**said: Any) -> Question:
    """Return the question that parameters of an address state.

    Raises:
        BadInput: ``request.parameter``, naming the parameter.

    >>> asked(layers=["device"], where={"storeys": [1] * 501})
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: request.parameter: storeys: List should have at most 500 items ... See /docs.
    """
    try:
        return Question.model_validate(said)
    except ValidationError as error:
        first = error.errors()[0]
        named = [part for part in first["loc"] if isinstance(part, str) and part != "where"]
        name = named[0] if named else "layers"
        raise BadInput("request.parameter", f"{name}: {first['msg']}.", "See /docs.", parameter=name) from error


@dataclass(frozen=True, slots=True)
class Answer:
    """A page and the form it is wanted in."""

    page: Page
    layers: tuple[str, ...]
    form: Form


def answer(view: View, question: Question) -> Answer:
    """Return the page that a question asks for.

    Args:
        view: Who asks; its clocks give way to those of the question.
        question: The document.
    """
    seen = View(view.here, question.when.at or view.at, question.when.known_at or view.known_at)
    query = _compiled(seen, question)
    page = Page((), 0, None) if query is None else _page(seen, query, question.where)
    return Answer(page, tuple(question.layers), question.format)


def summed(view: View, sums: Sums) -> Aggregation:
    """Return the sums that a document asks for.

    Raises:
        BadInput: ``aggregate.…``; ``aggregate.all`` for the nearest so many.
        Forbidden: ``aggregate.persons``.
    """
    if sums.where.nearest is not None or sums.where.by != "line":
        raise BadInput("aggregate.all", "The nearest so many are not summed.", "Use near.", parameter="nearest")
    seen = View(view.here, sums.when.at or view.at, sums.when.known_at or view.known_at)
    where = sums.where.model_dump(exclude_defaults=True, exclude={"within"})
    if seen.here.catalogue[sums.layer].access != "open" and (where or sums.cql2 is not None):
        # Of two areas that differ by a household, the difference would be that household.
        raise Forbidden(
            "aggregate.persons",
            f"{sums.layer} is about persons: it is summed by places only.",
            "Name a place with within, or ask /v1/analysis/inside who is in an area.",
            layer=sums.layer,
        )
    question = Question(layers=[sums.layer], where=sums.where, filter=sums.filter, cql2=sums.cql2)
    query = _compiled(seen, question)
    if query is None:
        return Aggregation((), 0)
    return seen.here.access.aggregate(query, sums.by, total=sums.sum, resolution=sums.resolution)


def _compiled(seen: View, question: Question) -> Query | None:
    """Return the query of a question; ``None`` when nothing can meet it."""
    where = question.where
    shape, height_m = _shape(where)
    if where.intersects is not None:
        meets = where.intersects
        shape = _both(shape, area_around(seen, meets.layer, tuple(meets.filter.items()), meets.distance_m))
    bbox = where.bbox
    if bbox is not None and bbox[0] > bbox[2]:
        across = box_in_crs84(bbox, CRS84)  # two boxes, one at each side of the 180th meridian
        bbox, shape = (across, shape) if isinstance(across, tuple) else (None, _both(shape, across))
    if shape is not None and shape.is_empty:
        return None
    return seen.query(
        *question.layers,
        ids=tuple(question.ids),
        bbox=bbox,
        within=place_key(seen, where.within),
        area=shape,
        near=None if where.near is None else (*where.near.position, where.near.radius_m),
        storeys=tuple(where.storeys),
        z_min_m=where.z_min_m if height_m is None else height_m,
        z_max_m=where.z_max_m if height_m is None else height_m,
        filters=tuple(question.filter.items()),
        where=_condition(seen, question),
        limit=question.limit,
        cursor=question.cursor,
    )


def _both(one: BaseGeometry | None, other: BaseGeometry) -> BaseGeometry:
    return other if one is None else one.intersection(other)


def respond(view: View, found: Answer) -> Response:
    """Return a page in its form; tables tell what follows in the headers ``Lifang-Matched`` and ``Lifang-Next``.

    Raises:
        BadInput: ``export.one_layer`` for a flat form of several layers.
        Unavailable: ``export.no_pyarrow``.
    """
    if found.form == "geojson":
        return Response(geojson.collection_json(found.page), media_type=geojson.MEDIA_TYPE)
    if found.form == "jsonfg":
        return Response(_json_fg(found.page), media_type=JSON_FG)
    form = form_named(found.form)
    content = b"".join(written(view.here.catalogue, form, found.layers, found.page.features, view.here.clock()))
    headers = {"Lifang-Matched": str(found.page.matched)}
    if found.page.next is not None:
        headers["Lifang-Next"] = found.page.next
    return Response(content, media_type=form.media_type, headers=headers)


def _json_fg(page: Page) -> bytes:
    return encoding.dump(
        {
            "type": "FeatureCollection",
            "conformsTo": FG_CLASSES,
            "features": encoding.json_fg(page.features, CRS84),
            "matched": page.matched,
            "returned": len(page.features),
            "next": page.next,
        }
    )


def _page(seen: View, query: Query, where: Where) -> Page:
    if where.by == "walk":
        return _on_foot(seen, query, where.nearest)
    access = seen.here.access
    if where.nearest is None:
        return access.find(query)
    return access.nearest(query, *_middle(seen, where.nearest), query.limit or 1)


def _middle(seen: View, begin: Position | str) -> Position:
    return middle_of(seen, begin, "nearest") if isinstance(begin, str) else begin


def _on_foot(seen: View, query: Query, begin: Position | str | None) -> Page:
    """Return the nearest by walking distance, each with ``walk_m`` and ``walk_s`` beside its attributes.

    Raises:
        BadInput: ``query.walk_from`` without a start, ``query.walk_then`` at another moment, ``network.empty``,
            ``place.no_geometry``.
        NotFound: ``network.no_access``, ``place.unknown``.
    """
    if begin is None:
        raise BadInput(
            "query.walk_from",
            "by=walk needs a position or a place to walk from.",
            "Give nearest as well.",
            parameter="by",
        )
    if not seen.is_now:
        raise BadInput(
            "query.walk_then",
            "Ways on foot are known as they are now only.",
            "Leave at and known_at out, or use by=line.",
            parameter="by",
        )
    network = seen.here.ways.now()
    starts = starts_of(seen, network, begin) if isinstance(begin, str) else [Start(begin, indoors=False)]
    found = nearest_on_foot(seen, network, query, starts, _middle(seen, begin), Barriers())
    features = tuple(replace(thing, attributes={**thing.attributes, **walked(length_m)}) for thing, length_m in found)
    return Page(features, len(features), None)


def _shape(where: Where) -> tuple[BaseGeometry | None, float | None]:
    if where.point is None:
        return (None if where.area is None else area_of(where.area, "area")), None
    if where.area is not None:
        raise BadInput("request.parameter", "area and point exclude one another.", "Leave one out.", parameter="point")
    return on_earth(where.point[0], where.point[1], "point"), where.point[2] if len(where.point) == 3 else None


def _condition(seen: View, question: Question) -> Condition | None:
    if question.cql2 is None:
        return None
    if len(question.layers) != 1:
        raise BadInput("query.one_layer", "A CQL2 filter is about one layer.", "Name one layer.", parameter="layers")
    layer = seen.here.catalogue[question.layers[0]]
    seen.here.access.check_open(layer)
    text = question.cql2 if isinstance(question.cql2, str) else json.dumps(question.cql2)
    language = "cql2-text" if isinstance(question.cql2, str) else "cql2-json"
    return cql2.parse(text, language, cql2.Scope(queryables(layer)))
