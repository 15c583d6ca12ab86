"""Who and what is inside an area, building by building and storey by storey."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
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
        lambda home: _group(home) if touched.holds(home.place) else None,
        _PERSONS,
    )
    devices = seen.find("device", area=area, storeys=tuple(storeys))
    by_building: dict[str, list[tuple[int | None, Count]]] = defaultdict(list)
    for (building, storey), count in people.groups.items():
        by_building[building].append((storey, count))
    return {
        "people": people.total.as_json(),
        "buildings": [_building(one, area, by_building.get(one.id, [])) for one in buildings],
        "devices": {"count": len(devices), "by_type": _by_type(devices)},
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
    rooms = [room for room in seen.find("space", "storey", area=area) if building_of(room.id) in partly]
    drawn = {building_of(room.id) for room in rooms if room.layer == "space"}
    touched.whole |= partly - drawn
    touched.places = {room.id for room in rooms if room.layer == "space"}
    return touched


def _group(home: Feature) -> tuple[str, int | None]:
    return building_of(home.place or ""), home.storey


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


def _by_type(devices: Iterable[Feature]) -> Mapping[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for device in devices:
        counts[str(device.attributes.get("device_type"))] += 1
    return dict(sorted(counts.items()))
