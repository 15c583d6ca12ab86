"""Where a record stands: by what its row says about the place, else by its position and height."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import shapely

from gis.errors import BadInput
from twin.feature import Feature, RecordDraft
from twin.geocode import INSIDE, Geocoder
from twin.minting import room_key, storey_key, unit_key
from twin.rooms import RoomIndex
from twin.spacecode import SpaceCode, building_of


@dataclass(frozen=True, slots=True)
class Located:
    """The place a record stands in.

    Attributes:
        place: Key; ``None`` when it stands in no building.
        storey: Physical storey; ``None`` when only the building, or not even that, is known.
        problem: What the row said that could not be found; ``None`` when nothing was wrong.
    """

    place: str | None
    storey: int | None = None
    problem: str | None = None


class Locator:
    """Finds the places of records among the places of one community.

    Args:
        places: Buildings, units, storeys and spaces.
        numbers: Building number (建筑编号) → building key.
    """

    def __init__(self, places: Iterable[Feature], numbers: Mapping[str, str]) -> None:
        self._places = {place.id: place for place in places}
        self._numbers = numbers
        self._buildings = [
            place for place in self._places.values() if place.layer == "building" and place.geometry is not None
        ]
        self._tree = shapely.STRtree([place.geometry for place in self._buildings if place.geometry is not None])
        self._rooms = RoomIndex(place for place in self._places.values() if place.layer in ("storey", "space"))
        inside: dict[str, list[Feature]] = defaultdict(list)
        for place in self._places.values():
            if place.layer in INSIDE:
                inside[building_of(place.id)].append(place)
        buildings = [place for place in self._places.values() if place.layer == "building"]
        self._geocoder = Geocoder((), buildings, lambda building: inside[building])

    def locate(self, draft: RecordDraft) -> Located:
        """Return where a record stands; what its row says goes before where it lies, numbers before text."""
        said = {name: value for name, value in draft.where.items() if value not in (None, "")}
        if "code" in said:
            return self._by_code(str(said["code"]))
        if "building_no" in said:
            building = self._numbers.get(str(said["building_no"]))
            if building is not None:
                return self._by_numbers(building, said)
            return self._by_position(draft, f"building {said['building_no']!r} is not known")
        if "address" in said:
            return self._by_address(str(said["address"]), draft)
        return self._by_position(draft)

    def _by_code(self, text: str) -> Located:
        try:
            key = SpaceCode.parse(text).key
        except BadInput as fault:
            return Located(None, problem=fault.message)
        known = self._places.get(key)
        return Located(None, problem=f"place {key} is not known") if known is None else Located(key, known.storey)

    def _by_numbers(self, building: str, said: Mapping[str, Any]) -> Located:
        """Return the deepest place that the unit, storey and room numbers lead to."""
        storey, unit = _whole(said.get("storey")), _whole(said.get("unit"))
        if storey is None:
            key = unit_key(building, unit)
            return Located(key if key in self._places else building)
        for key in _candidates(building, unit, storey, said.get("room")):
            if key in self._places:
                return Located(key, storey)
        return Located(building, storey)

    def _by_address(self, text: str, draft: RecordDraft) -> Located:
        """Return the deepest place an address leads to; where several fit equally, what they have in common."""
        try:
            matches = self._geocoder.find(text)
        except BadInput as fault:
            return self._by_position(draft, fault.message)
        best = [match.place for match in matches if match.score == matches[0].score]
        shared = _shared([place.id for place in best])
        if shared not in self._places:
            return self._by_position(draft, f"address {text!r} is not known")
        storeys = {place.storey for place in best}
        return Located(shared, storeys.pop() if len(storeys) == 1 else None)

    def _by_position(self, draft: RecordDraft, problem: str | None = None) -> Located:
        geometry, height_m = draft.geometry, draft.height_m
        if geometry is None or geometry.is_empty:
            return Located(None, problem=problem)
        point = geometry.representative_point()
        hits = sorted(self._buildings[index].id for index in self._tree.query(point, predicate="intersects"))
        if not hits:
            return Located(None, problem=problem)
        held = [] if height_m is None else self._rooms.at(point.x, point.y, height_m)
        best = next((place for place in held if place.id.startswith(hits[0] + "-")), None)
        return Located(hits[0], None, problem) if best is None else Located(best.id, best.storey, problem)


def _shared(keys: Sequence[str]) -> str:
    """Return the key of the deepest place that contains all of these."""
    levels = zip(*(key.split("-") for key in keys), strict=False)
    return "-".join(level[0] for level in takewhile(lambda level: len(set(level)) == 1, levels))


def _candidates(building: str, unit: int | None, storey: int, room: Any) -> Sequence[str]:
    """Return the keys to try, the most exact first."""
    storeys = [storey_key(building, number, storey) for number in dict.fromkeys((unit, None))]
    rooms = [key for at in storeys if (key := room_key(at, None if room is None else str(room))) is not None]
    return [*rooms, *storeys]


def _whole(value: Any) -> int | None:
    try:
        number = int(value)
    except (TypeError, ValueError):
        return None
    return number if number != 0 and abs(number) <= 99 else None
