"""Who and what is inside an area, building by building and storey by storey."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from shapely.geometry.base import BaseGeometry

from api.view import View
from gis.local import LocalFrame
from twin.access import Count
from twin.feature import Feature
from twin.spacecode import building_of

PEOPLE = "household"
_PERSONS = "persons"


@dataclass(slots=True)
class _Touched:
    """Buildings that lie wholly inside, and the places inside of those that do not."""

    whole: set[str] = field(default_factory=set)
    places: set[str] = field(default_factory=set)

    def holds(self, place: str | None) -> bool:
        return place is not None and (building_of(place) in self.whole or place in self.places)


def inside(seen: View, area: BaseGeometry, storeys: Sequence[int]) -> dict[str, Any]:
    """Return buildings, households, persons, devices and key places inside an area.

    A room counts when its outline meets the area; where rooms have no outline, all of the building counts.

    Args:
        seen: The twin as the request sees it.
        area: CRS84.
        storeys: Only these; empty for all.
    """
    buildings = seen.find("building", area=area)
    touched = _touched(seen, buildings, area)
    people = seen.here.access.counted(
        seen.query(PEOPLE, storeys=tuple(storeys)),
        lambda place, storey: (building_of(place), storey) if place and touched.holds(place) else None,
        _PERSONS,
        inside=[one.id for one in buildings],
    )
    devices = seen.here.access.columns(seen.query("device", area=area, storeys=tuple(storeys)), ("device_type",))
    types = Counter(map(str, devices.values["device_type"]))
    by_building: dict[str, list[tuple[int | None, Count]]] = defaultdict(list)
    for (building, storey), count in people.groups.items():
        by_building[building].append((storey, count))
    return {
        "people": people.total.as_json(),
        "buildings": [_building(one, area, by_building.get(one.id, [])) for one in buildings],
        "devices": {"count": types.total(), "by_type": dict(sorted(types.items()))},
        "key_places": [
            {"id": one.id, "name": one.name, "place": one.place} for one in seen.find("key_place", area=area)
        ],
    }


def _touched(seen: View, buildings: Iterable[Feature], area: BaseGeometry) -> _Touched:
    touched = _Touched()
    partly: set[str] = set()
    for one in buildings:
        (touched.whole if area.covers(one.geometry) else partly).add(one.id)
    if not partly:
        return touched
    touched.places = set(seen.here.access.columns(seen.query("space", area=area), (), sorted(partly)).ids)
    drawn = {building_of(room) for room in touched.places}
    touched.whole |= partly - drawn
    return touched


def _building(one: Feature, area: BaseGeometry, counts: Iterable[tuple[int | None, Count]]) -> dict[str, Any]:
    return {
        "code": one.id,
        "name": one.name,
        "share": None if one.geometry is None else round(_share(one.geometry, area), 3),
        "storeys": [
            {"storey": storey, **count.as_json()}
            for storey, count in sorted(counts, key=lambda pair: (pair[0] is None, pair[0] or 0))
        ],
    }


def _share(outline: BaseGeometry, area: BaseGeometry) -> float:
    """Return how much of an outline an area covers, 0 to 1."""
    frame = LocalFrame.around(outline)
    flat = frame.forward(outline)
    return flat.intersection(frame.forward(area)).area / flat.area if flat.area else 1.0
