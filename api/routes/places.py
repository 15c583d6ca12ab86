"""Everything about one place, and search."""

from collections.abc import Mapping
from typing import Annotated, Any

import shapely
from fastapi import APIRouter
from fastapi import Query as Parameter

from api.alarms import alarm_messages
from api.geojson import properties_of
from api.people import people_in
from api.state import Here, Services
from gis.errors import BadInput, NotFound
from twin.feature import Feature
from twin.query import Query
from twin.spacecode import SpaceCode
from twin.store import Identifier

router = APIRouter(tags=["places"])

_LAYERS = ("community", "grid", "building", "unit", "storey", "space")


@router.get("/v1/places/{code}")
def place(here: Here, code: str) -> dict[str, Any]:
    """Return the place with this code (or other identifier), with its neighbours, devices, alarms and people."""
    found = _find(here, code)
    key = found.id
    spatial = found.layer not in ("community", "grid")
    return {
        **_named(found),
        "layer": found.layer,
        "name": found.name,
        "address": found.attributes.get("address"),
        "storey": found.storey,
        "z_min_m": found.z_min_m,
        "z_max_m": found.z_max_m,
        "geometry": None if found.geometry is None else shapely.geometry.mapping(found.geometry),
        "attributes": dict(found.attributes),
        "parent": found.parent,
        "ancestors": [_short(above) for above in _ancestors(here, found)],
        "children": [_short(below) for below in _children(here, found)],
        "identifiers": [_identifier(name) for name in here.store.identifiers(key)],
        "records": {"device": _devices(here, key)} if spatial else {},
        "population": _population(here, key) if spatial else None,
        "alarms": alarm_messages(here, here.access.find(Query(layers=("alarm",), within=key)).features),
        "valid_from": None if found.valid_from is None else found.valid_from.isoformat(),
        "source": found.source,
    }


@router.get("/v1/search")
def search(
    here: Here,
    q: Annotated[
        str,
        Parameter(description="Name, address, code or identifier; the last word may be a beginning.", max_length=200),
    ],
    limit: Annotated[int, Parameter(ge=1, le=50)] = 10,
) -> dict[str, Any]:
    """Return what bears that name, best match first, with its position."""
    found = [here.access.masked(feature) for feature in here.store.search(q, limit)]
    known = {(feature.layer, feature.id) for feature in found}
    for key in here.store.lookup(q.strip()):
        named = _by_key(here, key)
        if named is not None and (named.layer, named.id) not in known:
            found.insert(0, named)
    return {"results": [_result(feature) for feature in found[:limit]]}


def _result(feature: Feature) -> dict[str, Any]:
    point = None if feature.geometry is None else feature.geometry.representative_point()
    return {
        "layer": feature.layer,
        "id": feature.id,
        "name": feature.name,
        "place": feature.place,
        "text": feature.attributes.get("address") or feature.name or feature.id,
        "center": None if point is None else [point.x, point.y],
        "storey": feature.storey,
    }


def _identifier(name: Identifier) -> dict[str, Any]:
    return {
        "scheme": name.scheme,
        "value": name.value,
        "source": name.source,
        "valid_from": None if name.valid_from is None else name.valid_from.isoformat(),
        "valid_to": None if name.valid_to is None else name.valid_to.isoformat(),
    }


def _find(here: Services, code: str) -> Feature:
    """Return the place of a code or of any identifier that only one place bears."""
    try:
        found = _by_key(here, SpaceCode.parse(code).key)
    except BadInput as fault:
        found = _by_key(here, code) or _by_identifier(here, code)
        if found is None:
            raise NotFound(
                "place.unknown",
                f"{code!r} is no space code ({fault.message}) and no known identifier.",
                fault.cure,
                value=code,
            ) from fault
    if found is None:
        raise NotFound("place.unknown", f"There is no place {code!r}.", "Search with /v1/search?q=.", parameter="code")
    return found


def _by_key(here: Services, key: str) -> Feature | None:
    page = here.access.find(Query(layers=_LAYERS, ids=(key,)))
    return page.features[0] if page.features else None


def _by_identifier(here: Services, value: str) -> Feature | None:
    keys = here.store.lookup(value)
    return _by_key(here, keys[0]) if len(keys) == 1 else None


def _named(found: Feature) -> dict[str, str | None]:
    if found.layer in ("community", "grid"):
        return {"code": found.id, "check": None, "text": found.id}
    code = SpaceCode.parse(found.id)
    return {"code": code.key, "check": code.check, "text": code.text}


def _short(feature: Feature) -> dict[str, Any]:
    return {"code": feature.id, "name": feature.name, "layer": feature.layer, "storey": feature.storey}


def _ancestors(here: Services, found: Feature) -> list[Feature]:
    """Return the places above, from the top down."""
    line: list[Feature] = []
    above = found.parent
    while above is not None and len(line) < 8:
        parent = _by_key(here, above)
        if parent is None:
            break
        line.insert(0, parent)
        above = parent.parent
    return line


def _children(here: Services, found: Feature) -> list[Feature]:
    if found.layer in ("community", "grid"):
        return []
    below = here.access.find(Query(layers=("unit", "storey", "space"), within=found.id)).features
    children = [place for place in below if place.parent == found.id]
    return sorted(children, key=lambda child: (child.layer != "unit", child.storey or 0, child.id))


def _devices(here: Services, key: str) -> list[dict[str, Any]]:
    devices = here.access.find(Query(layers=("device",), within=key, limit=1000)).features
    values: dict[str, dict[str, Any]] = {device.id: {} for device in devices}
    for latest in here.store.latest(values):
        values[latest.device][latest.name] = {"value": latest.value, "time": latest.occurred_at.isoformat()}
    return [_device(device, values[device.id]) for device in devices]


def _device(device: Feature, values: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": device.id, "name": device.name, "attributes": properties_of(device), "values": values}


def _population(here: Services, key: str) -> dict[str, Any] | None:
    people = people_in(here, key)
    return (
        None
        if people is None
        else {"households": people.count, "persons": people.value, "suppressed": people.count is None}
    )
