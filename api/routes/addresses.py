"""From an address to places, and from a position to an address."""

from typing import Annotated, Any

from fastapi import APIRouter
from fastapi import Query as Parameter

from api.addresses import address_of, geocoder
from api.answers import tells
from api.answers.places import AddressedPlace, AddressMatches
from api.parameters import numbers
from api.view import Seen, View
from gis.errors import BadInput, NotFound
from twin.address import Address, normalise
from twin.feature import Feature
from twin.geocode import INSIDE, Match
from twin.rooms import RoomIndex
from twin.spacecode import building_of

router = APIRouter(tags=["addresses"])

_TOUCHING_M = 0.01


@router.get("/v1/geocode", responses=tells(AddressMatches))
def geocode(
    seen: Seen,
    address: Annotated[str, Parameter(description="An address, however it is written.", max_length=200)],
    limit: Annotated[int, Parameter(ge=1, le=50)] = 10,
) -> dict[str, Any]:
    """Return the deepest places the address leads to, best first, and how it was read."""
    matches = geocoder(seen).find(address)
    try:
        read = normalise(address)
    except BadInput:
        read = Address()  # found by a name or number that is no address
    return {
        "address": read.text() or None,
        "notes": list(read.notes),
        "matches": [_match(seen, match) for match in matches[:limit]],
    }


@router.get("/v1/geocode/reverse", responses=tells(AddressedPlace))
def reverse(
    seen: Seen,
    position: Annotated[str, Parameter(description="longitude,latitude in degrees.")],
    height_m: Annotated[float | None, Parameter(description="Metres above the national height datum.")] = None,
) -> dict[str, Any]:
    """Return the place at a position and its address: the building, or the room when a height is given."""
    lon, lat = numbers(position, ("longitude", "latitude"), "position")
    building = next(iter(seen.find("building", near=(lon, lat, _TOUCHING_M))), None)
    if building is None:
        raise NotFound(
            "address.no_building", f"No building stands at {position}.", "Try a position inside a footprint."
        )
    held = [] if height_m is None else RoomIndex(seen.find(*INSIDE, within=building.id)).at(lon, lat, height_m)
    return _place(seen, held[0] if held else building)


def _match(seen: View, match: Match) -> dict[str, Any]:
    return {**_place(seen, match.place), "score": match.score, "reason": match.reason}


def _place(seen: View, place: Feature) -> dict[str, Any]:
    return {
        "code": place.id,
        "layer": place.layer,
        "name": place.name,
        "address": address_of(seen, place),
        "storey": place.storey,
        "z_min_m": place.z_min_m,
        "center": _center(seen, place),
    }


def _center(seen: View, place: Feature) -> list[float] | None:
    """Return the position of a place, of its building where it has none itself."""
    geometry = place.geometry
    if geometry is None and building_of(place.id) != place.id:
        geometry = next((one.geometry for one in seen.find("building", ids=(building_of(place.id),))), None)
    point = None if geometry is None else geometry.representative_point()
    return None if point is None else [point.x, point.y]
