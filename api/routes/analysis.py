"""Who is inside, where it is dense, what occurs how often."""

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import h3
import shapely
from fastapi import APIRouter
from fastapi import Query as Parameter
from pydantic import BaseModel, ConfigDict, Field

from api.analysis.inside import inside
from api.analysis.walks import position_of
from api.answers import tells
from api.answers.alarms import AlarmStatistics
from api.answers.analysis import Density, HotSpots, WhoIsInside
from api.answers.common import DateTime
from api.finding import place_key
from api.parameters import area_of, pairs, zoned
from api.routes.query import Filters, Within
from api.state import Here, Services
from api.view import Seen, View, present
from gis.density import hot_spots, kernel_density
from gis.errors import BadInput
from layers.alarm.desk import KINDS
from layers.alarm.occurrences import By, Occurrence, occurrences, tallies, tally
from twin.query import Query

router = APIRouter(tags=["analysis"])

MAX_EVENTS = 200_000
_PAGE = 10_000
_FORTNIGHT = timedelta(days=14)

Layer = Annotated[str, Parameter(description="Layer whose features are counted.", examples=["device"])]
From = Annotated[DateTime | None, Parameter(alias="from", description="From this moment on (RFC 3339).")]
To = Annotated[DateTime | None, Parameter(alias="to", description="Before this moment (RFC 3339); now when left out.")]
Zone = Annotated[str, Parameter(description="Time zone of days and hours.")]


class AreaQuestion(BaseModel):
    """An area, and optionally the storeys of interest."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"area": "POLYGON((120.1 30.2,120.2 30.2,120.2 30.3,120.1 30.3,120.1 30.2))"}]}
    )
    area: str = Field(description="Polygon as WKT in CRS84", max_length=5_000_000)
    storeys: list[int] = Field(default=[], max_length=200, description="1 is the ground floor, -1 the first basement")


@router.post("/v1/analysis/inside", responses=tells(WhoIsInside))
def who_is_inside(seen: Seen, asked: AreaQuestion) -> dict[str, Any]:
    """Return the buildings, households, persons, devices and key places inside an area, storey by storey.

    ``records`` are households, ``value`` persons. Groups of too few persons are ``null``, and so is one more where the
    total would give a single one away.
    """
    return inside(seen, area_of(asked.area, "area"), asked.storeys)


@router.get("/v1/density", responses=tells(Density))
def density(
    seen: Seen,
    layer: Layer,
    bandwidth_m: Annotated[float, Parameter(gt=0, le=5000, description="How far a thing is felt, metres.")] = 100,
    cell_m: Annotated[float | None, Parameter(gt=0, description="Edge of a cell; a fifth of the bandwidth.")] = None,
    weight: Annotated[str | None, Parameter(description="Numeric field that counts; 1 each when left out.")] = None,
    within: Within = None,
    filter: Filters = [],  # noqa: A002, B006
) -> dict[str, Any]:
    """Return the kernel density of a layer: rows from south to north, columns from west to east, per km²."""
    found = seen.find(layer, within=place_key(seen, within), filters=pairs(filter, "filter"))
    placed = [(at, _weight(seen, layer, thing.attributes, weight)) for thing in found if (at := position_of(thing))]
    lon, lat = [at[0] for at, _ in placed], [at[1] for at, _ in placed]
    grid = kernel_density(lon, lat, [held for _, held in placed], bandwidth_m, cell_m or bandwidth_m / 5)
    return {**asdict(grid), "unit": "/km2", "count": len(placed), "values": grid.values.round(4).tolist()}


@router.get("/v1/hotspots", responses=tells(HotSpots))
def hotspots(
    seen: Seen,
    layer: Layer,
    resolution: Annotated[int, Parameter(ge=8, le=13, description="H3 resolution of the cells.")] = 11,
    radius_m: Annotated[float | None, Parameter(gt=0, le=5000, description="Neighbours; two cells wide.")] = None,
    start: From = None,
    end: To = None,
    within: Within = None,
    filter: Filters = [],  # noqa: A002, B006
) -> dict[str, Any]:
    """Return the cells of the community with Getis-Ord Gi*: hot above z = 1.96, cold below -1.96 (95 %).

    Alarms count as often as they were raised between ``from`` and ``to``; everything else as it stands.
    """
    if layer == "alarm":
        points = [one.center for one in _raised(seen.here, start, end) if one.center is not None]
    else:
        found = seen.find(layer, within=place_key(seen, within), filters=pairs(filter, "filter"))
        points = [at for thing in found if (at := position_of(thing)) is not None]
    held = dict.fromkeys(_cells(seen, resolution), 0.0)
    for lon, lat in points:
        cell = h3.latlng_to_cell(lat, lon, resolution)
        held[cell] = held.get(cell, 0.0) + 1.0
    wide = radius_m or 4 * h3.average_hexagon_edge_length(resolution, unit="m")
    features = [
        {
            "type": "Feature",
            "properties": {"cell": spot.cell, "value": spot.value, "z": round(spot.z, 3), "p": round(spot.p, 6)},
            "geometry": _hexagon(spot.cell),
        }
        for spot in hot_spots(held, wide)
    ]
    return {"type": "FeatureCollection", "features": features}


@router.get("/v1/statistics/alarms", responses=tells(AlarmStatistics))
def alarm_statistics(
    here: Here,
    by: Annotated[By, Parameter(description="What alarms are grouped by; the most frequent come first.")] = "type",
    start: From = None,
    end: To = None,
    compare_from: Annotated[DateTime | None, Parameter(description="Begin of an earlier time to compare with.")] = None,
    compare_to: Annotated[DateTime | None, Parameter(description="End of that time.")] = None,
    within: Within = None,
    timezone: Zone = "Asia/Shanghai",
) -> dict[str, Any]:
    """Return how often alarms were raised, how many were taken note of and how soon; beside another time when asked."""
    zone, key = _zone(timezone), place_key(present(here), within)
    found = _within(_raised(here, start, end), key)
    answer = _statistics(found, by, zone)
    if compare_from is None:
        return answer
    before = _within(_raised(here, compare_from, compare_to, "compare_from", "compare_to"), key)
    change = len(found) - len(before)
    return {
        **answer,
        "before": _statistics(before, by, zone),
        "change": change,
        "change_share": round(change / len(before), 4) if before else None,
    }


def _statistics(found: list[Occurrence], by: By, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "total": asdict(tally(None, found)) if found else None,
        "groups": [asdict(group) for group in tallies(found, by, zone)],
    }


def _raised(
    here: Services, start: str | None, end: str | None, first: str = "from", last: str = "to"
) -> list[Occurrence]:
    """Return the alarms raised in a time, the last fortnight when nobody says.

    Raises:
        BadInput: ``statistics.too_many`` when more happened than is counted at once.
    """
    until = zoned(end, last) or here.clock()
    since = zoned(start, first) or until - _FORTNIGHT
    Query(layers=("alarm",), during=(since, until))  # refuses what ends before it begins
    events, after = [], 0
    while page := here.store.events(after, _PAGE, KINDS, start=since):
        events += page
        after = page[-1].seq
        if len(events) > MAX_EVENTS:
            raise BadInput(
                "statistics.too_many",
                f"More than {MAX_EVENTS} events happened since {since.isoformat()}.",
                "Ask about less time.",
                parameter=first,
            )
    return occurrences(events, since, until)


def _within(found: list[Occurrence], key: str | None) -> list[Occurrence]:
    if key is None:
        return found
    return [one for one in found if one.place is not None and f"{one.place}-".startswith(f"{key}-")]


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadInput(
            "request.parameter", f"timezone={name!r:.60} is none.", "Write Asia/Shanghai.", parameter="timezone"
        ) from None


def _weight(seen: View, layer: str, attributes: Any, name: str | None) -> float:
    if name is None:
        return 1.0
    declared = seen.here.catalogue[layer].field(name)
    if declared is None or declared.type not in ("integer", "number"):
        raise BadInput(
            "aggregate.field", f"{name!r} is no number of {layer}.", "Name a numeric field.", parameter="weight"
        )
    value = attributes.get(name)
    return max(float(value), 0.0) if isinstance(value, int | float) else 0.0


def _cells(seen: View, resolution: int) -> set[str]:
    """Return the cells of the communities' areas: those that hold nothing count as well."""
    cells: set[str] = set()
    for community in seen.find("community"):
        if community.geometry is not None:
            cells |= set(h3.geo_to_cells(community.geometry, resolution))
    return cells


def _hexagon(cell: str) -> Any:
    return shapely.geometry.mapping(shapely.Polygon([(lon, lat) for lat, lon in h3.cell_to_boundary(cell)]))
