"""What moves: who is where, tracks for a stated purpose, and patrols."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import shapely
from fastapi import APIRouter
from fastapi import Query as Parameter
from pydantic import BaseModel, Field

from api.answers import moving as answers
from api.answers import tells
from api.answers.common import DateTime
from api.audit import Asker, Purpose, record_read
from api.finding import find_place
from api.parameters import moment, numbers, polygon, words
from api.state import Here
from api.view import Present, View
from gis.errors import BadInput, NotFound
from layers.moving.movers import Mover, movers, nearest
from layers.moving.patrol import Visit
from layers.moving.position import Position
from layers.moving.rounds import ROUNDS, Watched
from layers.moving.tracks import Track, line_of, simplified, track_of
from twin.query import Query

router = APIRouter(tags=["moving"])

LONGEST = timedelta(days=31)
MAX_POSITIONS = 100_000


class NewPatrol(BaseModel):
    """A round that begins now."""

    route: str = Field(min_length=1, max_length=200, description="Number of the patrol route")
    device: str = Field(min_length=1, max_length=200, description="Number of the terminal that is carried")


@router.get("/v1/movers", responses=tells(answers.MovingDevices))
def moving(
    seen: Present,
    types: Annotated[str | None, Parameter(alias="type", description="Device types, by commas.")] = None,
    near: Annotated[str | None, Parameter(description="longitude,latitude: the nearest first.")] = None,
    within: Annotated[
        str | None, Parameter(description="Code of a grid, building or other place with an outline.")
    ] = None,
    area: Annotated[str | None, Parameter(description="Polygon as WKT, CRS84.")] = None,
    fresh: Annotated[bool, Parameter(description="Only positions of the last minutes.")] = False,  # noqa: FBT002 - a request parameter
    count: Annotated[int, Parameter(ge=1, le=10_000)] = 1000,
) -> dict[str, Any]:
    """Return the terminals, robots and vehicles that report positions, where they are and since when.

    Who carries a terminal is not told, and people in care are never on this list.
    """
    here = seen.here
    seq, now, wanted = here.store.last_seq(), here.clock(), set(words(types))
    found = [
        one
        for one in movers(here.store, here.live.registry, now)
        if (not wanted or one.device.attributes["device_type"] in wanted) and (one.fresh or not fresh)
    ]
    found = _inside(seen, found, within, area)
    if near is None:
        return {"seq": seq, "movers": [_mover(one, now, None) for one in found[:count]]}
    lon, lat = numbers(near, ("longitude", "latitude"), "near")
    return {"seq": seq, "movers": [_mover(one, now, away) for one, away in nearest(found, lon, lat, count)]}


@router.get("/v1/tracks/{device}", responses=tells(answers.Track))
def track(
    here: Here,
    device: str,
    start: Annotated[DateTime, Parameter(alias="from", description="From this moment on (RFC 3339).")],
    end: Annotated[DateTime | None, Parameter(alias="to", description="Before this moment; now when left out.")] = None,
    tolerance_m: Annotated[float, Parameter(ge=0, le=1000, description="The line may differ so much.")] = 2.0,
    by: Asker = None,
    purpose: Purpose = None,
) -> dict[str, Any]:
    """Return where something went, as GeoJSON: a line a trip with the time of each point, and its stays.

    Needs ``by`` and ``purpose``; each read is kept in the audit log. Positions that cannot be true are listed apart.
    """
    since, until = _interval(start, end, here.clock())
    carrier = here.live.registry.devices().get(device)
    if carrier is None:
        raise NotFound("device.unknown", f"No device {device!r} is registered.", "See GET /v1/devices.", device=device)
    asked = {"what": "track", "from": since.isoformat(), "to": until.isoformat()}
    record_read(here, device, carrier.community, by, purpose, asked)
    positions = here.live.patrols.positions(device, since, until)
    if len(positions) > MAX_POSITIONS:
        raise BadInput(
            "track.too_long", f"{len(positions)} positions are too many.", "Ask about less time.", parameter="from"
        )
    return _track(device, track_of(positions), tolerance_m)


@router.post("/v1/patrols", status_code=201, responses=tells(answers.Patrol, status=201))
async def begin(here: Here, beginning: NewPatrol) -> dict[str, Any]:
    """Begin a round; a missed point or a left area is an alarm of the terminal that is carried (D 三(六)4)."""
    begun = await asyncio.to_thread(here.live.patrols.begin, beginning.route, beginning.device)
    record = await asyncio.wrap_future(begun)
    return {"id": record.id, **record.attributes}


@router.get("/v1/patrols", responses=tells(answers.Patrols))
def rounds(
    here: Here,
    state: Literal["under_way", "over"] | None = None,
    limit: Annotated[int, Parameter(ge=1, le=1000)] = 100,
) -> dict[str, Any]:
    """Return the rounds, newest first."""
    filters = () if state is None else (("state", state),)
    found = here.store.find(Query(layers=(ROUNDS,), filters=filters)).features
    newest = sorted(found, key=lambda one: str(one.attributes["started_at"]), reverse=True)[:limit]
    return {"patrols": [{"id": one.id, **one.attributes} for one in newest]}


@router.get("/v1/patrols/{patrol}", responses=tells(answers.PatrolProgress))
def round_(here: Here, patrol: str) -> dict[str, Any]:
    """Return how a round goes: which points were visited when, which were missed, when the area was left."""
    found = here.store.find(Query(layers=(ROUNDS,), ids=(patrol,), limit=1)).features
    if not found:
        raise NotFound("patrol.unknown", f"There is no round {patrol!r}.", "See GET /v1/patrols.", patrol=patrol)
    return _watched(here.live.patrols.watched(found[0]))


@router.post("/v1/patrols/{patrol}/end", responses=tells(answers.Patrol))
async def end(here: Here, patrol: str) -> dict[str, Any]:
    """End a round before its last point is due."""
    record = await asyncio.wrap_future(here.live.patrols.end(patrol))
    return {"id": record.id, **record.attributes}


def _inside(seen: View, found: Sequence[Mover], within: str | None, area: str | None) -> list[Mover]:
    shape = polygon(area, "area")
    if within is not None:
        place = find_place(seen, within)
        if place.geometry is None:
            raise BadInput("place.no_geometry", f"{place.id} has no geometry.", "Import its outline.", id=place.id)
        shape = place.geometry if shape is None else shape.intersection(place.geometry)
    if shape is None or not found:
        return list(found)
    held = shapely.intersects_xy(shape, [(one.position.lon, one.position.lat) for one in found])
    return [one for one, is_inside in zip(found, held.tolist(), strict=True) if is_inside]


def _mover(one: Mover, now: datetime, away_m: float | None) -> dict[str, Any]:
    return {
        "device": one.device.id,
        "type": one.device.attributes["device_type"],
        "family": one.device.attributes.get("family"),
        **_position(one.position),
        "age_s": round((now - one.position.at).total_seconds(), 1),
        "fresh": one.fresh,
        "distance_m": None if away_m is None else round(away_m, 1),
    }


def _position(one: Position) -> dict[str, Any]:
    return {
        "position": [one.lon, one.lat],
        "storey": one.storey,
        "height_m": one.height_m,
        "heading_deg": one.heading_deg,
        "speed_m_per_s": one.speed_m_per_s,
        "accuracy_m": one.accuracy_m,
        "at": one.at.isoformat(),
    }


def _track(device: str, found: Track, tolerance_m: float) -> dict[str, Any]:
    trips = [[trip[index] for index in simplified(trip, tolerance_m)] for trip in found.trips]
    features = [
        {
            "type": "Feature",
            "properties": {
                "times": [one.at.isoformat() for one in trip],
                "storeys": [one.storey for one in trip],
                "positions": len(whole),
            },
            "geometry": None if (line := line_of(trip)) is None else shapely.geometry.mapping(line),
        }
        for trip, whole in zip(trips, found.trips, strict=True)
    ]
    return {
        "type": "FeatureCollection",
        "device": device,
        "length_m": round(found.length_m, 1),
        "features": features,
        "stays": [
            {"position": [stay.lon, stay.lat], "from": stay.start.isoformat(), "to": stay.end.isoformat(),
             "positions": stay.positions}
            for stay in found.stays
        ],
        "jumps": [_position(one) for one in found.jumps],
    }  # fmt: skip


def _watched(watched: Watched) -> dict[str, Any]:
    line = line_of(watched.track)
    return {
        "id": watched.record.id,
        **watched.record.attributes,
        "route_name": watched.route.name,
        "points": [_visit(visit) for visit in watched.judged.visits],
        "outside": [{"from": start.isoformat(), "to": end.isoformat()} for start, end in watched.judged.outside],
        "track": None if line is None else shapely.geometry.mapping(line),
    }


def _visit(visit: Visit) -> dict[str, Any]:
    point = visit.checkpoint
    return {
        "name": point.name,
        "position": [point.lon, point.lat],
        "state": visit.state,
        "due": visit.due.isoformat(),
        "at": None if visit.at is None else visit.at.isoformat(),
        "in_order": visit.in_order,
    }


def _interval(start: str, end: str | None, now: datetime) -> tuple[datetime, datetime]:
    since, until = moment(start, "from"), moment(end, "to") or now
    Query(layers=(ROUNDS,), during=(since, until))  # refuses moments without a zone and ends before beginnings
    if since is None or until - since > LONGEST:
        raise BadInput("track.too_long", "Tracks are shown for 31 days at most.", "Ask about less.", parameter="from")
    return since, until
