"""Ways on foot: routes, reachable areas, the nearest by walking distance, the way out of a building."""

from dataclasses import replace
from typing import Annotated, Any, Literal

import shapely
from fastapi import APIRouter
from fastapi import Query as Parameter
from pydantic import BaseModel, ConfigDict, Field

from api.analysis.directions import steps_of
from api.analysis.walks import (
    Barriers,
    Found,
    barriers_of,
    middle_of,
    nearest_on_foot,
    position_of,
    shortest,
    starts_of,
    walked,
)
from api.answers import tells
from api.answers.ways import Connectivity, Evacuation, Isochrones, NearThings, RouteFound
from api.parameters import numbers, pairs, polygon, words
from api.view import Present, View
from gis.errors import BadInput
from gis.local import bearing_deg, distance_m
from gis.network import PACE_M_PER_S, Position
from twin.feature import Feature
from twin.query import Query
from twin.walking import Walking

router = APIRouter(tags=["ways"])

SHELTER = "shelter"
MAX_MINUTES = 60

End = Annotated[
    str, Parameter(description="longitude,latitude, or the code or any other name of a place.", examples=["120.1,30.2"])
]
Closed = Annotated[
    str | None, Parameter(description="What cannot be walked: ids of walkways and doors, codes of rooms; by commas.")
]
Avoid = Annotated[str | None, Parameter(description="Area to keep out of, as WKT in CRS84.")]
AvoidPlaces = Annotated[
    str | None, Parameter(description="Places to keep out of, such as a burning building; codes, by commas.")
]


class RouteQuestion(BaseModel):
    """A way to be found; areas too large for an address fit in here."""

    model_config = ConfigDict(populate_by_name=True)

    start: str = Field(alias="from", description="longitude,latitude or code")
    end: str = Field(alias="to", description="longitude,latitude or code")
    closed: list[str] = Field(default=[], max_length=1000)
    avoid: str | None = Field(default=None, description="WKT, CRS84", max_length=2_000_000)
    avoid_places: list[str] = Field(default=[], max_length=100)


@router.get("/v1/route", responses=tells(RouteFound))
def route(
    seen: Present,
    start: Annotated[End, Parameter(alias="from")],
    end: Annotated[End, Parameter(alias="to")],
    closed: Closed = None,
    avoid: Avoid = None,
    avoid_places: AvoidPlaces = None,
) -> dict[str, Any]:
    """Return the shortest way on foot, in words and as GeoJSON; ``route`` is null when there is no safe way."""
    barriers = barriers_of(seen, words(closed), polygon(avoid, "avoid"), words(avoid_places))
    return _routed(seen, start, end, barriers)


@router.post("/v1/route", responses=tells(RouteFound))
def route_around(seen: Present, walk: RouteQuestion) -> dict[str, Any]:
    """Return the same as GET, for areas and lists that are too long for an address."""
    barriers = barriers_of(seen, walk.closed, polygon(walk.avoid, "avoid"), walk.avoid_places)
    return _routed(seen, walk.start, walk.end, barriers)


@router.get("/v1/isochrone", responses=tells(Isochrones))
def isochrone(
    seen: Present,
    start: Annotated[End, Parameter(alias="from")],
    minutes: Annotated[str, Parameter(description="Walking times, by commas.")] = "5,10,15",
    closed: Closed = None,
    avoid: Avoid = None,
) -> dict[str, Any]:
    """Return what can be reached on foot in so many minutes, as GeoJSON; larger areas hold the smaller ones."""
    network = seen.here.ways.now()
    limits = _minutes(minutes)
    barriers = barriers_of(seen, words(closed), polygon(avoid, "avoid"), ())
    lengths = [limit * 60 * PACE_M_PER_S for limit in limits]
    reached = [
        network.network.reach(begin.at, lengths, closed=barriers.closed, avoid=barriers.area)
        for begin in starts_of(seen, network, start)
    ]
    features = [
        {
            "type": "Feature",
            "properties": {"minutes": limit, "walked_m": round(length, 1)},
            "geometry": shapely.geometry.mapping(shapely.union_all([areas[index] for areas in reached])),
        }
        for index, (limit, length) in enumerate(zip(limits, lengths, strict=True))
    ]
    return {"type": "FeatureCollection", "features": features}


@router.get("/v1/nearest", responses=tells(NearThings))
def nearest(
    seen: Present,
    layer: Annotated[str, Parameter(description="Layer to look in.", examples=["hydrant"])],
    start: Annotated[End, Parameter(alias="from")],
    filter: Annotated[list[str], Parameter(description="field:value, repeatable.")] = [],  # noqa: A002, B006
    count: Annotated[int, Parameter(ge=1, le=50)] = 5,
    by: Annotated[
        Literal["walk", "line"], Parameter(description="By walking distance, or as the crow flies.")
    ] = "walk",
    closed: Closed = None,
    avoid: Avoid = None,
) -> dict[str, Any]:
    """Return the nearest cameras, hydrants, shelters … of a position or place, with distance and bearing."""
    question = seen.query(layer, filters=pairs(filter, "filter"))
    begin = middle_of(seen, start, "from")
    if by == "line":
        things = seen.here.access.nearest(question, *begin, count).features
        return {"by": by, "results": [_near(thing, begin, None) for thing in things]}
    barriers = barriers_of(seen, words(closed), polygon(avoid, "avoid"), ())
    return {"by": by, "results": _nearest_on_foot(seen, question, start, begin, count, barriers)}


@router.get("/v1/evacuation/{code}", responses=tells(Evacuation))
def evacuation(
    seen: Present, code: str, closed: Closed = None, avoid: Avoid = None, avoid_places: AvoidPlaces = None
) -> dict[str, Any]:
    """Return the way from a room out of its building and on to the nearest shelter that can be reached safely.

    Lifts are never part of it. ``route`` is null when there is no safe way; ``reason`` says what stands against it.
    """
    barriers = barriers_of(seen, words(closed), polygon(avoid, "avoid"), words(avoid_places))
    begin = middle_of(seen, code, "code")
    found = _nearest_on_foot(seen, seen.query(SHELTER), code, begin, 1, barriers)
    if not found:
        return {"shelter": None, **_no_way("没有可安全到达的避难场所", "No shelter can be reached safely")}
    lon, lat = found[0]["position"]
    return {"shelter": found[0], **_routed(seen, code, f"{lon},{lat}", barriers)}


@router.get("/v1/connectivity", responses=tells(Connectivity))
def connectivity(seen: Present) -> dict[str, Any]:
    """Return which entrances cannot be reached on foot from the rest of the community (C 4.3.5)."""
    network = seen.here.ways.now().network
    doors = [(door, at) for door in seen.find("entrance") if (at := position_of(door)) is not None]
    reached = network.on_largest_part([at for _, at in doors])
    parts = network.parts()
    return {
        "entrances": len(doors),
        "reached_share": round(sum(reached) / len(doors), 4) if doors else None,
        "unreached": [_named(door) for (door, _), on in zip(doors, reached, strict=True) if not on],
        "other_parts": [{"ways": len(part), "ids": sorted(part)[:20]} for part in parts[1:]],
    }


def _routed(seen: View, start: str, end: str, barriers: Barriers) -> dict[str, Any]:
    network = seen.here.ways.now()
    found = shortest(network, starts_of(seen, network, start), starts_of(seen, network, end), barriers)
    if found is not None:
        return {"route": _told(seen, network, found), "reason": None}
    if barriers == Barriers():
        return _no_way("两地之间没有步行通道", "No path leads from one to the other")
    return _no_way(
        "没有安全路线：所有通道均被封闭或穿过需避开的区域",
        "No safe way: every path is closed or leads through what must be avoided",
    )


def _no_way(zh: str, en: str) -> dict[str, Any]:
    return {"route": None, "reason": {"zh": zh, "en": en}}


def _told(seen: View, network: Walking, found: Found) -> dict[str, Any]:
    route = found.route
    rooms = {leg.id for leg in route.legs} & network.rooms
    named = {room.id: room for room in seen.find("space", ids=tuple(sorted(rooms)))} if rooms else {}
    return {
        "type": "Feature",
        "geometry": shapely.geometry.mapping(route.geometry),
        "properties": {
            "length_m": round(route.length_m, 1),
            "seconds": round(route.seconds),
            "indoors": {"from": found.start.indoors, "to": found.end.indoors},
            "exposed_m": round(route.exposed_m, 1),
            "steps": [step.as_json() for step in steps_of(route, network.connections, named)],
        },
    }


def _minutes(text: str) -> list[float]:
    limits = [float(value) for value in numbers(text, ("minutes",) * (text.count(",") + 1), "minutes")]
    if len(limits) > 6 or not all(0 < limit <= MAX_MINUTES for limit in limits):
        raise BadInput(
            "request.parameter",
            f"minutes={text!r:.60} is out of range.",
            f"Give up to 6 times above 0, up to {MAX_MINUTES}.",
            parameter="minutes",
        )
    return limits


def _nearest_on_foot(
    seen: View, question: Query, start: str, begin: Position, count: int, barriers: Barriers
) -> list[dict[str, Any]]:
    network = seen.here.ways.now()
    starts = starts_of(seen, network, start)
    found = nearest_on_foot(seen, network, replace(question, limit=count), starts, begin, barriers)
    return [_near(thing, begin, walked_m) for thing, walked_m in found]


def _near(thing: Feature, begin: Position, walked_m: float | None) -> dict[str, Any]:
    at = position_of(thing)
    return {
        **_named(thing),
        "position": at,
        "distance_m": None if at is None else round(distance_m(*begin, *at), 1),
        "bearing_deg": None if at is None else round(bearing_deg(*begin, *at), 1),
        **({"walk_m": None, "walk_s": None} if walked_m is None else walked(walked_m)),
    }


def _named(thing: Feature) -> dict[str, Any]:
    return {
        "layer": thing.layer,
        "id": thing.id,
        "name": thing.name,
        "place": thing.place,
        "storey": thing.storey,
        "attributes": dict(thing.attributes),
    }
