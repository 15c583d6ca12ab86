"""The geocoder as one request sees it."""

from collections.abc import Iterable

from api.view import View
from gis.errors import BadInput
from twin.division import AdminCode
from twin.feature import Feature
from twin.geocode import INSIDE, Geocoder
from twin.spacecode import building_of


def geocoder(seen: View) -> Geocoder:
    """Return a geocoder over all buildings."""
    return _geocoder(seen, seen.find("community"), seen.find("building"))


def address_of(seen: View, place: Feature) -> str | None:
    """Return the address a source gave a place, else its standard address; ``None`` when it has neither."""
    given = place.attributes.get("address")
    if given and place.attributes.get("address_source") is None:
        return str(given)
    building = seen.find("building", ids=(building_of(place.id),))
    address = _geocoder(seen, _communities(seen, place), building).address_of(place)
    return None if address is None else address.text()


def _geocoder(seen: View, communities: Iterable[Feature], buildings: Iterable[Feature]) -> Geocoder:
    return Geocoder(communities, buildings, lambda key: seen.find(*INSIDE, within=key))


def _communities(seen: View, place: Feature) -> Iterable[Feature]:
    """Return the communities that share a place's partition; all are read only where none bears its name."""
    named = [one for one in seen.find("community", ids=(place.community,)) if one.community == place.community]
    return named or (one for one in seen.find("community") if one.community == place.community)


def divisions_of(seen: View, place: Feature) -> list[dict[str, str | None]]:
    """Return the administrative divisions a place lies in, province first; names where the community tells them."""
    community = next(iter(_communities(seen, place)), None)
    if community is None:
        return []
    try:
        code = AdminCode.parse(community.id)
    except BadInput:
        return []  # a community need not be named by an administrative code
    said = community.attributes
    names = {"county": said.get("district"), "town": said.get("street"), code.level: community.name}
    return [{"level": one.level, "code": one.text, "name": names.get(one.level)} for one in (*code.ancestors, code)]
