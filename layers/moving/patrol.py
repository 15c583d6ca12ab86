"""Patrols: what was planned, beside what the track shows. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any, Literal

import shapely
from shapely.geometry.base import BaseGeometry

from gis.errors import BadInput
from gis.local import metres_from
from layers.moving.position import Position

State = Literal["done", "late", "waiting", "missed"]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A point to be visited.

    Attributes:
        lon: Longitude, CRS84.
        radius_m: So near is there.
        after: Minutes from the start of the round before which a visit does not count.
        until: Minutes from the start by which it is due.
    """

    name: str
    lon: float
    lat: float
    radius_m: float
    after: float
    until: float


@dataclass(frozen=True, slots=True)
class Visit:
    """What became of a checkpoint: ``at`` is when it was visited, ``due`` by when it should have been."""

    checkpoint: Checkpoint
    state: State
    due: datetime
    at: datetime | None
    in_order: bool


@dataclass(frozen=True, slots=True)
class Round:
    """How a patrol went: its visits in the planned order, and when it was out of its area (beginning, end)."""

    visits: tuple[Visit, ...]
    outside: tuple[tuple[datetime, datetime], ...]

    @property
    def missed(self) -> tuple[Visit, ...]:
        """Return the visits that should have been made and were not."""
        return tuple(visit for visit in self.visits if visit.state == "missed")


def checkpoints_of(points: Any, where: str) -> tuple[Checkpoint, ...]:
    """Return the checkpoints that the field ``points`` of a patrol route holds.

    Raises:
        BadInput: ``patrol.bad_points``, naming the route and the point.

    >>> checkpoints_of([{"name": "东门", "lon": 120.15, "lat": 30.28, "until": 20}], "XL-1")[0].radius_m
    20.0
    >>> checkpoints_of([{"name": "东门", "lon": 120.15}], "XL-1")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: patrol.bad_points: XL-1, point 1: lat is missing. Give each point name, lon, lat and until ...
    """
    if not isinstance(points, Sequence) or isinstance(points, str) or not points:
        raise _bad(where, "no points")
    return tuple(_checkpoint(point, f"{where}, point {number}") for number, point in enumerate(points, start=1))


def _checkpoint(point: Any, where: str) -> Checkpoint:
    if not isinstance(point, Mapping):
        raise _bad(where, "no object")
    for name in ("name", "lon", "lat", "until"):
        if name not in point:
            raise _bad(where, f"{name} is missing")
    numbers = {"radius_m": 20.0, "after": 0.0, **{name: point[name] for name in point if name != "name"}}
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in numbers.values()):
        raise _bad(where, "not all are numbers")
    if set(numbers) != {"lon", "lat", "radius_m", "after", "until"} or numbers["until"] <= numbers["after"]:
        raise _bad(where, "it has other fields, or is due before it counts")
    return Checkpoint(str(point["name"]), **{name: float(value) for name, value in numbers.items()})


def _bad(where: str, fault: str) -> BadInput:
    return BadInput(
        "patrol.bad_points",
        f"{where}: {fault}.",
        "Give each point name, lon, lat and until (minutes from the start), and if wanted after and radius_m.",
        field="points",
    )


def judged(
    checkpoints: Sequence[Checkpoint],
    positions: Sequence[Position],
    started: datetime,
    now: datetime,
    area: BaseGeometry | None = None,
) -> Round:
    """Return how a round goes.

    A visit counts when the track comes within the radius, also between two positions; the first after ``after`` counts.

    Args:
        checkpoints: As planned, in order.
        positions: Of the one who patrols, in the order of time.
        started: When the round began.
        now: Until when to judge: a point that is not yet due waits.
        area: CRS84 polygon that must not be left; ``None`` when none is set.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 11, 21, 4, tzinfo=UTC)
    >>> gate = Checkpoint("东门", 120.15, 30.28, 20.0, 0.0, 10.0)
    >>> judged([gate], [], noon, noon + timedelta(minutes=5)).visits[0].state
    'waiting'
    >>> judged([gate], [], noon, noon + timedelta(minutes=11)).visits[0].state
    'missed'
    """
    track = [one for one in positions if started <= one.at <= now]
    visits: list[Visit] = []
    latest = started
    for point in checkpoints:
        at = _visited(point, track, started + timedelta(minutes=point.after))
        visits.append(_visit(point, at, started, now, latest))
        latest = latest if at is None else max(at, latest)
    return Round(tuple(visits), _outside(track, area))


def _visit(point: Checkpoint, at: datetime | None, started: datetime, now: datetime, latest: datetime) -> Visit:
    due = started + timedelta(minutes=point.until)
    if at is None:
        return Visit(point, "missed" if now >= due else "waiting", due, None, in_order=True)
    return Visit(point, "done" if at <= due else "late", due, at, in_order=at >= latest)


def _visited(point: Checkpoint, track: Sequence[Position], earliest: datetime) -> datetime | None:
    """Return when a track came near enough, straight on between positions."""
    if not track:
        return None
    x, y = metres_from(point.lon, point.lat, [one.lon for one in track], [one.lat for one in track])
    spots = list(zip(x.tolist(), y.tolist(), strict=True))
    for index, one in enumerate(track):
        if one.at < earliest:
            continue
        start = index if index == 0 or track[index - 1].at < earliest else index - 1
        way = shapely.LineString([spots[start], spots[index]])
        if way.distance(shapely.Point(0, 0)) <= point.radius_m:
            share = way.project(shapely.Point(0, 0), normalized=True) if way.length else 1.0
            return track[start].at + (one.at - track[start].at) * share
    return None


def _outside(track: Sequence[Position], area: BaseGeometry | None) -> tuple[tuple[datetime, datetime], ...]:
    if area is None or not track:
        return ()
    inside = shapely.intersects(area, shapely.points([(one.lon, one.lat) for one in track]))
    found: list[tuple[datetime, datetime]] = []
    for is_inside, run in groupby(zip(inside.tolist(), track, strict=True), key=itemgetter(0)):
        if not is_inside:
            moments = [one.at for _, one in run]
            found.append((moments[0], moments[-1]))
    return tuple(found)
