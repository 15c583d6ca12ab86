"""From an address to the places it names, and from a place to its standard address."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from gis.errors import BadInput
from twin.address import Address, normalise
from twin.address_words import number
from twin.feature import Feature
from twin.spacecode import SpaceCode, building_of

INSIDE = ("unit", "storey", "space")
_DERIVED = "derived"


@dataclass(frozen=True, slots=True)
class Match:
    """A place that an address leads to.

    Attributes:
        score: The part of what the address says that was found, 0 to 1.
        reason: What was found, and what was not, in one sentence.
    """

    place: Feature
    score: float
    reason: str


class Geocoder:
    """Finds places by address among the buildings of one or more communities.

    Args:
        communities: Places of the layer ``community``; their names complete an address.
        buildings: Places of the layer ``building``.
        inside: Returns units, storeys and spaces of a building by its key.
    """

    def __init__(
        self, communities: Iterable[Feature], buildings: Iterable[Feature], inside: Callable[[str], Iterable[Feature]]
    ) -> None:
        self._communities = {place.community: place for place in communities}
        self._buildings = {place.id: (place, _site(place)) for place in buildings}
        self._inside = inside
        self._indices: dict[str, _Inside] = {}

    def find(self, text: str) -> list[Match]:
        """Return the deepest places that fit an address, best first; none when its building is not known.

        Several places with the same score fit equally well.

        Raises:
            BadInput: ``address.unreadable``.
        """
        named = [Match(place, 1.0, "It bears this name.") for place in self._named(text)]
        if named:
            return named
        address = normalise(text)
        found = [match for place in self._sites(address) for match in self._descend(place, address)]
        return sorted(found or self._areas(address), key=lambda match: (-match.score, match.place.id))

    def address_of(self, place: Feature) -> Address | None:
        """Return the standard address of a building or of a place in one; ``None`` when it has none.

        A room without door number has the address of its storey.
        """
        known = self._buildings.get(building_of(place.id))
        if known is None or not known[1].text():
            return None
        local = _within(known[1], place)
        community = self._communities.get(place.community)
        if community is None:
            return local
        said = community.attributes
        above: dict[str, Any] = {
            "county": said.get("district"),
            "town": said.get("street"),
            "community": community.name,
        }
        whole = replace(local, **{level: name for level, name in above.items() if name})
        return whole if _reads_back(whole) else local

    def _named(self, text: str) -> list[Feature]:
        wanted = text.strip().casefold()
        names = ((place, {str(place.name).casefold(), _number_of(place)}) for place, _ in self._buildings.values())
        return [place for place, known in names if wanted in known]

    def _sites(self, address: Address) -> Iterator[Feature]:
        """Yield the buildings that an address names."""
        wanted = address
        if address.building is None and address.door_plate and not address.street:
            # 安和里3号 is a door plate in one town and a building in the next.
            plates = {site.door_plate for _, site in self._buildings.values() if not site.street}
            wanted = address if address.door_plate in plates else replace(address, building=address.door_plate)
            wanted = wanted if wanted is address else replace(wanted, door_plate=None)
        for place, site in self._buildings.values():
            if self._in_area(place, address) and _is_site(wanted, place, site):
                yield place

    def _in_area(self, place: Feature, address: Address) -> bool:
        """Tell whether nothing that is known of a place contradicts the divisions of an address."""
        community = self._communities.get(place.community)
        said = {} if community is None else {**community.attributes, "name": community.name}
        pairs = ((address.county, "district"), (address.town, "street"), (address.community, "name"))
        return all(wanted is None or said.get(name) in (None, wanted) for wanted, name in pairs)

    def _areas(self, address: Address) -> list[Match]:
        """Return the communities an address without a building names."""
        if any((address.building, address.door_plate, address.unit, address.storey, address.room)):
            return []
        return [
            Match(place, 1.0, "It is this community.")
            for place in self._communities.values()
            if (address.community == place.name or address.compound in (place.name, place.attributes.get("compound")))
            and self._in_area(place, address)
        ]

    def _descend(self, place: Feature, address: Address) -> list[Match]:
        """Return the deepest places inside a building that fit."""
        asked = [level for level in ("unit", "storey", "room") if getattr(address, level) is not None]
        if not asked:
            return [Match(place, 1.0, "The building fits.")]
        if place.id not in self._indices:
            self._indices[place.id] = _Inside(self._inside(place.id))
        found, told = self._indices[place.id].deepest(address)
        depth = len(told) + 1
        missing = [f"{level} {getattr(address, level)}" for level in asked if level not in told]
        doubt = f" Not known here: {', '.join(missing)}." if missing else ""
        several = " Several fit equally." if len(found) > 1 else ""
        return [
            Match(one, round(depth / (len(asked) + 1), 3), f"The {one.layer} fits.{several}{doubt}")
            for one in found or [place]
        ]


class _Inside:
    """The inside of one building, by what addresses say."""

    def __init__(self, places: Iterable[Feature]) -> None:
        self._rooms: dict[str, list[tuple[SpaceCode, Feature]]] = defaultdict(list)
        self._storeys: dict[int, list[tuple[SpaceCode, Feature]]] = defaultdict(list)
        self._units: dict[str, list[tuple[SpaceCode, Feature]]] = defaultdict(list)
        for place in places:
            code = SpaceCode.parse(place.id)
            if place.layer == "space" and (room := _room(place, code)):
                self._rooms[room].append((code, place))
            if place.layer == "storey" and code.storey is not None:
                self._storeys[code.storey].append((code, place))
            if place.layer == "unit":
                self._units[str(code.unit)].append((code, place))

    def deepest(self, address: Address) -> tuple[list[Feature], set[str]]:
        """Return the deepest places that fit, and which levels of the address they answer."""
        levels = {level for level in ("unit", "storey", "room") if getattr(address, level) is not None}
        rooms = [found for label in _labels(address) for found in self._rooms.get(label, ())]
        fitting = _fitting(rooms, address, levels - {"room"})
        if fitting:
            return fitting, levels
        storey = address.storey or _storey_of(address.room)
        storeys = _fitting(self._storeys.get(storey or 0, ()), address, levels & {"unit"})
        if storeys:
            return storeys, levels & {"unit", "storey"}
        units = [place for _, place in self._units.get(address.unit or "", ())]
        return units, {"unit"} if units else set()


def _fitting(places: Sequence[tuple[SpaceCode, Feature]], address: Address, levels: set[str]) -> list[Feature]:
    """Return the places on the unit and storey of an address.

    In a building without units any unit is right; the whole storey stands for its units when none is asked for.
    """
    on_storey = [one for one in places if "storey" not in levels or one[0].storey == address.storey]
    units = {address.unit} if "unit" in levels else {"0"}
    exact = [place for code, place in on_storey if str(code.unit) in units]
    return exact or [place for code, place in on_storey if "unit" not in levels or code.unit == 0]


def _labels(address: Address) -> list[str]:
    """Return what may stand on the door: 502, or 2 on storey 5."""
    if address.room is None:
        return []
    short = address.storey is not None and address.room.isdigit() and len(address.room) <= 2
    return [address.room] + ([f"{address.storey}{address.room:0>2}"] if short else [])


def _storey_of(room: str | None) -> int | None:
    """Return the storey that a door number implies, 5 for 502; ``None`` when it implies none."""
    digits = re.match("[0-9]{3,4}", room or "")
    return int(digits[0][:-2]) if digits else None


def with_address(place: Feature, building: Feature) -> Feature:
    """Return the place with its address among its attributes, marked as derived; unchanged when one was given.

    Args:
        place: A building, or a place in it.
        building: The building itself.

    >>> shed = Feature(layer="building", id="N51H0429733232-0", community="c", name="安和里三栋")
    >>> dict(with_address(shed, shed).attributes)
    {'address': '安和里3幢', 'address_source': 'derived'}
    >>> with_address(Feature(layer="building", id="N51H0429733232-0", community="c"), shed).attributes["address"]
    '安和里3幢'
    """
    given = place.attributes.get("address")
    if given and place.attributes.get("address_source") != _DERIVED:
        return place
    kept = {name: value for name, value in place.attributes.items() if name not in ("address", "address_source")}
    site = _site(building)
    address = _within(site, place)
    text = address.text()
    if not site.text() or _read(text) != address or (place.layer == "space" and address.room is None):
        return place if kept == place.attributes else replace(place, attributes=kept)
    return replace(place, attributes={**kept, "address": text, "address_source": _DERIVED})


def _site(building: Feature) -> Address:
    """Return the part of the address that all places of a building share: street, plate, compound, number."""
    said = building.attributes
    stated = None if said.get("address_source") == _DERIVED else said.get("address")
    return _site_of(building.name, *map(_text, (said.get("door_plate_no"), stated, said.get("compound"))))


@lru_cache(maxsize=4096)  # asked for every place in a building
def _site_of(name: str | None, plate_text: str | None, stated_text: str | None, in_compound: str | None) -> Address:
    named, plate, stated = _read(name), _read(plate_text), _read(stated_text)
    numbers = [one.building for one in (named, stated, plate) if one and one.building and not one.notes]
    plates = [one for one in (plate, stated) if one and one.door_plate]
    compound = next((one.compound for one in (named, stated, plate) if one and one.building and one.compound), None)
    return Address(
        street=plates[0].street if plates else None,
        door_plate=plates[0].door_plate if plates else None,
        compound=(compound or in_compound) if numbers else name,
        building=numbers[0] if numbers else None,
    )


def _within(site: Address, place: Feature) -> Address:
    if place.layer not in INSIDE:
        return site
    code = SpaceCode.parse(place.id)
    return replace(
        site,
        unit=str(code.unit) if code.unit else None,
        storey=code.storey,
        room=_room(place, code) if place.layer == "space" else None,
    )


def _room(place: Feature, code: SpaceCode) -> str | None:
    """Return a door number as addresses write it; ``None`` for a space without one."""
    label = code.room or _text(place.attributes.get("room_no"))
    return None if label is None else number(label.lstrip("0") or label)


def _is_site(address: Address, place: Feature, site: Address) -> bool:
    """Tell whether a building is the one an address names."""
    if address.door_plate and site.door_plate:
        plate = (address.street or site.street, address.door_plate)
        if plate != (site.street, site.door_plate):
            return False
        if address.building is None:
            return True
    elif address.door_plate and not address.building:
        return False
    if address.building:
        return address.building == site.building and _same_compound(address.compound, site.compound)
    return address.compound is not None and address.compound == place.name


def _same_compound(wanted: str | None, known: str | None) -> bool:
    """Tell whether two names of a compound may mean one: 杭州安和里 is 安和里."""
    return wanted is None or known is None or wanted.casefold().endswith(known.casefold())


def _number_of(building: Feature) -> str | None:
    value = building.attributes.get("building_no")
    return None if value is None else str(value).casefold()


def _read(text: object) -> Address | None:
    try:
        return normalise(str(text)) if text else None
    except BadInput:
        return None  # a name need not be an address


def _reads_back(address: Address) -> bool:
    return _read(address.text()) == address


def _text(value: object) -> str | None:
    return None if value in (None, "") else str(value)
