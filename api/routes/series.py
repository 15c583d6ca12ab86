"""Readings over time for charts, and the latest values of a whole place."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import APIRouter, Response
from fastapi import Query as Parameter
from fastapi.responses import JSONResponse

from api.answers import tells
from api.answers.common import DateTime
from api.answers.live import LatestValues, ReadingSeries
from api.finding import find_place
from api.parameters import zoned
from api.sta.model import HIDDEN
from api.state import Here, Services
from api.view import Seen
from gis.errors import BadInput, NotFound
from twin.query import Query
from twin.series import Bucket, Series

router = APIRouter(tags=["live"])

MOST = 10_000
_DAY = timedelta(days=1)

Rollup = Literal["raw", "minute", "hour", "day"]


@router.get("/v1/series", response_class=Response, responses=tells(ReadingSeries, beside=["text/csv"]))
def series(
    here: Here,
    device: Annotated[str, Parameter(max_length=200)],
    observed: Annotated[str, Parameter(alias="property", max_length=200)],
    start: Annotated[DateTime | None, Parameter(alias="from", description="From this moment on; the last day.")] = None,
    end: Annotated[DateTime | None, Parameter(alias="to", description="Before this moment; now when left out.")] = None,
    rollup: Annotated[Rollup, Parameter(description="raw readings, or one point a minute, hour or day.")] = "raw",
    timezone: Annotated[str, Parameter(description="Whose days.")] = "Asia/Shanghai",
    known_at: Annotated[DateTime | None, Parameter(description="As the twin knew it at this moment.")] = None,
    limit: Annotated[int, Parameter(ge=1, le=MOST)] = 1000,
    format: Annotated[Literal["json", "csv"], Parameter()] = "json",  # noqa: A002 - its name on the wire
) -> Response:
    """Return one property of one device over time; ``next`` is where the following points begin."""
    until = zoned(end, "to") or here.clock()
    asked = Series(
        devices=(_known(here, device, observed),),
        names=(observed,),
        start=zoned(start, "from") or until - _DAY,
        end=until,
        known_at=zoned(known_at, "known_at"),
    )
    Query(layers=("device",), during=(asked.start, asked.end))  # refuses ends before beginnings
    points = list(
        _raw(here, asked, limit) if rollup == "raw" else _rolled(here, asked, rollup, _offset(timezone, until))
    )
    following = points[limit]["time"] if len(points) > limit else None
    if format == "csv":
        return _csv(points[:limit], following)
    unit = _unit(here, device, observed)
    body = {"device": device, "property": observed, "unit": unit, "rollup": rollup, "points": points[:limit]}
    return JSONResponse({**body, "next": following})


@router.get("/v1/places/{code}/latest", responses=tells(LatestValues))
def latest(seen: Seen, code: str) -> dict[str, Any]:
    """Return the latest values of everything that stands in a place or below it, and how old they are.

    Values that speak of persons are left out.
    """
    found, here = find_place(seen, code), seen.here
    now = seen.at or here.clock()
    values = here.store.latest(within=found.id, at=seen.at, known_at=seen.known_at)
    return {
        "code": found.id,
        "at": now.isoformat(),
        "values": [
            {
                "device": one.device,
                "property": one.name,
                "value": one.value,
                "time": one.occurred_at.isoformat(),
                "age_s": round((now - one.occurred_at).total_seconds(), 1),
            }
            for one in values
            if one.name not in HIDDEN
        ],
    }


def _known(here: Services, device: str, observed: str) -> str:
    found = here.live.registry.devices().get(device)
    if found is None:
        raise NotFound("device.unknown", f"No device {device!r} is registered.", "See GET /v1/devices.", device=device)
    kind = here.live.registry.kind(found)
    if observed in HIDDEN or (observed not in kind.measures and observed not in kind.alarms):
        told = [name for name in (*kind.measures, *kind.alarms) if name not in HIDDEN]
        raise BadInput(
            "series.property",
            f"A {kind.name} has no property {observed!r:.60} to be shown.",
            f"Use one of: {', '.join(told)}." if told else "Choose another device.",
            parameter="property",
        )
    return device


def _raw(here: Services, asked: Series, limit: int) -> Iterator[dict[str, Any]]:
    for event in here.store.observations(replace(asked, limit=limit + 1)):
        yield {"time": event.occurred_at.isoformat(), "value": event.body["result"]}


def _rolled(
    here: Services, asked: Series, step: Literal["minute", "hour", "day"], offset: timedelta
) -> Iterator[dict[str, Any]]:
    for bucket in here.store.rollup(asked, step, offset):
        yield _bucket(bucket)


def _bucket(bucket: Bucket) -> dict[str, Any]:
    return {
        "time": bucket.start.isoformat(),
        "count": bucket.count,
        "mean": bucket.mean,
        "low": bucket.low,
        "high": bucket.high,
        "last": bucket.last,
    }


def _unit(here: Services, device: str, observed: str) -> str | None:
    measure = here.live.registry.kind(here.live.registry.devices()[device]).measures.get(observed)
    return None if measure is None else measure.unit


def _csv(points: Sequence[dict[str, Any]], following: str | None) -> Response:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(points[0]) if points else ["time", "value"])
    writer.writeheader()
    writer.writerows(points)
    headers = {} if following is None else {"Lifang-Next": following}
    return Response("\ufeff" + text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def _offset(timezone: str, at: datetime) -> timedelta:
    try:
        return at.astimezone(ZoneInfo(timezone)).utcoffset() or timedelta()
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadInput(
            "request.parameter", f"timezone={timezone!r:.60} is none.", "Write Asia/Shanghai.", parameter="timezone"
        ) from None
