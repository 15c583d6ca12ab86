"""Who and what is inside an area, building by building and storey by storey."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from shapely.geometry.base import BaseGeometry

from api.view import View
from twin.feature import Feature
from twin.spacecode import building_of
from twin.suppression import Count

PEOPLE = "household"
_PERSONS = "persons"


@dataclass(frozen=True, slots=True)
class _Touched:
    """Buildings that an area covers, and the places that count: all of a building, or those of its rooms inside."""

    covered: set[str]
    places: list[str]


def inside(seen: View, area: BaseGeometry, storeys: Sequence[int]) -> dict[str, Any]:
    """Return buildings, households, persons, devices and key places inside an area.

    A room counts when its outline meets the area; where rooms have no outline, all of the building counts.

    Args:
        seen: The twin as the request sees it.
        area: CRS84.
        storeys: Only these; empty for all.
    """
    found = seen.find("building", "key_place", area=area)
    buildings = [one for one in found if one.layer == "building"]
    touched = _touched(seen, buildings, area)
    people = seen.here.access.counted(
        seen.query(PEOPLE, storeys=tuple(storeys)),
        lambda place, storey: (building_of(place), storey),
        _PERSONS,
        inside=touched.places,
    )
    devices = seen.here.access.columns(seen.query("device", area=area, storeys=tuple(storeys)), (), ("device_type",))
    types = Counter(map(str, devices.values["device_type"]))
    by_building: dict[str, list[tuple[int | None, Count]]] = defaultdict(list)
    for (building, storey), count in people.groups.items():
        by_building[building].append((storey, count))
    return {
        "people": people.total.as_json(),
        "buildings": [
            _building(one, None if one.id in touched.covered else area, by_building.get(one.id, []))
            for one in buildings
        ],
        "devices": {"count": types.total(), "by_type": dict(sorted(types.items()))},
        "key_places": [
            {"id": one.id, "name": one.name, "place": one.place} for one in found if one.layer == "key_place"
        ],
    }


def _touched(seen: View, buildings: Iterable[Feature], area: BaseGeometry) -> _Touched:
    outlines = {one.id: one.geometry for one in buildings}
    covered = {key for key, outline in outlines.items() if area.covers(outline)}
    partly = sorted(outlines.keys() - covered)
    if not partly:
        return _Touched(covered, sorted(covered))
    rooms = set(seen.here.access.columns(seen.query("space", area=area), ("ids",), inside=partly).ids)
    whole = outlines.keys() - {building_of(room) for room in rooms}
    return _Touched(covered, sorted(whole | rooms))


def _building(one: Feature, area: BaseGeometry | None, counts: Iterable[tuple[int | None, Count]]) -> dict[str, Any]:
    """Return what is told of a building; ``area`` is ``None`` where it covers all of it."""
    return {
        "code": one.id,
        "name": one.name,
        "share": 1.0 if area is None or one.geometry is None else round(_share(one.geometry, area), 3),
        "storeys": [
            {"storey": storey, **count.as_json()}
            for storey, count in sorted(counts, key=lambda pair: (pair[0] is None, pair[0] or 0))
        ],
    }


def _share(outline: BaseGeometry, area: BaseGeometry) -> float:
    """Return how much of an outline an area covers, 0 to 1; of one building, degrees are as good as metres."""
    return outline.intersection(area).area / outline.area if outline.area else 1.0
