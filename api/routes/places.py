"""Everything about one place, and search."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Annotated, Any

import orjson
import shapely
from fastapi import APIRouter, Response
from fastapi import Query as Parameter
from pydantic import AwareDatetime, BaseModel, Field

from api.addresses import address_of, divisions_of
from api.alarms import alarm_messages
from api.answers import JSON, tells
from api.answers import places as answers
from api.finding import by_key, find_place
from api.ogc.encoding import Raw, dump, properties_of_row
from api.parameters import words
from api.people import people_in
from api.state import Here
from api.view import Seen, View
from gis.errors import BadInput, Conflict
from layers.device.types import DeviceType
from twin.feature import Feature
from twin.filter import Compare, Property
from twin.matching import integrity
from twin.query import Row
from twin.spacecode import SpaceCode
from twin.store import Identifier, Transaction

router = APIRouter(tags=["places"])


@router.get("/v1/places/{code}", response_class=Response, responses=tells(answers.Place))
def place(
    seen: Seen,
    code: str,
    include: Annotated[
        str | None,
        Parameter(
            description="Parts of the answer, by commas: address, divisions, geometry, ancestors, children, "
            "identifiers, descent, records, population, alarms; and, only when named, facilities, incidents, history."
        ),
    ] = None,
) -> Response:
    """Return the place with this code (or other identifier), with its neighbours, devices, alarms and people."""
    found = find_place(seen, code)
    told = {
        **_named(found),
        "layer": found.layer,
        "name": found.name,
        "storey": found.storey,
        "z_min_m": found.z_min_m,
        "z_max_m": found.z_max_m,
        "stage": found.stage,
        "integrity": _integrity(found),
        "attributes": dict(found.attributes),
        "parent": found.parent,
        **{name: PARTS[name](seen, found) for name in _wanted(include)},
        **_provenance(found),
    }
    return Response(dump(told), media_type=JSON)


def _wanted(include: str | None) -> tuple[str, ...]:
    if include is None:
        return _USUAL
    unknown = [name for name in words(include) if name not in PARTS]
    if unknown:
        raise BadInput(
            "request.parameter",
            f"There is no part {unknown[0]!r} of a place.",
            f"Use some of: {', '.join(PARTS)}.",
            parameter="include",
        )
    return words(include)


@router.get("/v1/places/{code}/history", responses=tells(answers.PlaceHistory))
def history(here: Here, code: str) -> dict[str, Any]:
    """Return every version of a place, in the order they were recorded: when it was true, when the twin believed it."""
    seen = View(here, None, None)
    found = find_place(seen, code, ended=True)
    return {"code": found.id, "versions": _versions(seen, found)}


class NewIdentifier(BaseModel):
    """Another name of a place; official codes are opaque values."""

    scheme: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9:_-]{1,40}$", examples=["zhejiang_building"])
    value: str = Field(min_length=1, max_length=200)
    source: str = Field(min_length=1, max_length=200)
    valid_from: AwareDatetime | None = None
    valid_to: AwareDatetime | None = None


@router.post("/v1/places/{code}/identifiers", status_code=201, responses=tells(answers.Identifier, status=201))
async def identify(here: Here, code: str, name: NewIdentifier) -> dict[str, Any]:
    """Give a place another name, or end one with ``valid_to``; refused (409) when another place bears it."""
    found = await asyncio.to_thread(find_place, View(here, None, None), code)
    given = Identifier(community=found.community, place=found.id, **name.model_dump())

    def work(transaction: Transaction) -> None:
        bearer = transaction.lookup(given.scheme, given.value)
        if bearer not in (None, found.id):
            raise Conflict(
                "identifier.taken",
                f"{given.scheme} {given.value} is the name of {bearer}.",
                "End it there first, with valid_to.",
                place=bearer,
            )
        transaction.identify(given)

    await asyncio.wrap_future(here.store.write(work))
    return _identifier(given)


@router.get("/v1/search", responses=tells(answers.SearchResults))
def search(
    seen: Seen,
    q: Annotated[
        str,
        Parameter(
            description="Name, address however written, code, identifier or device number; the last word may be a "
            "beginning, and one slip is forgiven.",
            max_length=200,
        ),
    ],
    layers: Annotated[
        str | None, Parameter(description="Only these layers, separated by commas.", examples=["facility,device"])
    ] = None,
    limit: Annotated[int, Parameter(ge=1, le=50)] = 10,
) -> dict[str, Any]:
    """Return what bears that name, best match first, with its position; with `at`, what bore it then."""
    here, wanted = seen.here, words(layers)
    for name in wanted:
        here.access.check_open(here.catalogue[name])
    found = here.store.search(q, limit, wanted, at=seen.at, known_at=seen.known_at)
    return {"results": [_result(here.access.masked(one)) for one in found]}


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


def _named(found: Feature) -> dict[str, str | None]:
    if found.layer in ("community", "grid"):
        return {"code": found.id, "check": None, "text": found.id}
    code = SpaceCode.parse(found.id)
    return {"code": code.key, "check": code.check, "text": code.text}


def _integrity(found: Feature) -> str | None:
    """Tell whether a building still lies where its code was anchored: exact, near or drift."""
    return integrity(found.id, found.geometry) if found.layer == "building" and found.geometry is not None else None


def _provenance(feature: Feature) -> dict[str, Any]:
    times = ("valid_from", "valid_to", "recorded_at", "superseded_at")
    said = {name: None if (value := getattr(feature, name)) is None else value.isoformat() for name in times}
    return {**said, "source": feature.source, "source_element": feature.source_element, "batch": feature.batch}


def _short(feature: Feature) -> dict[str, Any]:
    return {"code": feature.id, "name": feature.name, "layer": feature.layer, "storey": feature.storey}


def _ancestors(seen: View, found: Feature) -> list[Feature]:
    """Return the places above, from the top down."""
    line: list[Feature] = []
    above = found.parent
    while above is not None and len(line) < 8:
        parent = by_key(seen, above)
        if parent is None:
            break
        line.insert(0, parent)
        above = parent.parent
    return line


def _children(seen: View, found: Feature) -> list[Feature]:
    children = seen.find("unit", "storey", "space", within=found.id, where=Compare(_PARENT, "=", found.id))
    return sorted(children, key=lambda child: (child.layer != "unit", child.storey or 0, child.id))


def _devices(seen: View, key: str) -> list[dict[str, Any]]:
    devices = seen.rows("device", within=key, limit=_MOST, counted=False)
    kinds = {device.id: orjson.loads(device.attributes).get("device_type", "") for device in devices}
    values: dict[str, dict[str, Any]] = {device.id: {} for device in devices}
    known: dict[tuple[str, str], Mapping[str, Any]] = {}  # a building's devices are of few types
    for latest in seen.here.store.latest(values, at=seen.at, known_at=seen.known_at) if values else ():
        named = kinds[latest.device], latest.name
        if named not in known:
            known[named] = _titled(seen.here.types.get(named[0]), latest.name)
        shown = {"value": latest.value, "time": latest.occurred_at.isoformat(), **known[named]}
        values[latest.device][latest.name] = shown
    return [_device(device, values[device.id]) for device in devices]


def _titled(kind: DeviceType | None, name: str) -> Mapping[str, Any]:
    """Return title and unit of a property that a type of device knows."""
    measure = kind.measures.get(name) if kind else None
    alarm = kind.alarms.get(name) if kind else None
    if measure is not None:
        return {"title": measure.title.model_dump(), "unit": measure.unit}
    return {} if alarm is None else {"title": alarm.title.model_dump(), "unit": None}


def _device(device: Row, values: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": device.id, "name": device.name, "attributes": properties_of_row(device), "values": values}


def _record(record: Row) -> dict[str, Any]:
    return {"id": record.id, "name": record.name, "attributes": Raw(record.attributes)}


def _population(seen: View, key: str) -> dict[str, Any] | None:
    people = people_in(seen, key)
    if people is None:
        return None
    return {"households": people.count, "persons": people.value, "suppressed": people.count is None}


def _versions(seen: View, found: Feature) -> list[dict[str, Any]]:
    return [
        {
            "name": version.name,
            "stage": version.stage,
            "z_min_m": version.z_min_m,
            "z_max_m": version.z_max_m,
            "geometry": _geometry(version),
            "attributes": dict(seen.here.access.masked(version).attributes),
            **_provenance(version),
        }
        for version in seen.here.store.history(found.layer, found.id)
    ]


def _geometry(found: Feature) -> Any:
    return None if found.geometry is None else shapely.geometry.mapping(found.geometry)


def _coded(found: Feature) -> bool:
    """Tell whether a place has a space code: things stand in it."""
    return found.layer not in ("community", "grid")


def _facilities(seen: View, found: Feature) -> list[dict[str, Any]]:
    """Return the facilities that stand in a place or within its outline."""
    inside = seen.rows("facility", within=found.id, limit=_MOST, counted=False)
    around = () if found.geometry is None else seen.rows("facility", area=found.geometry, limit=_MOST, counted=False)
    known = {one.id: one for one in (*inside, *around)}
    return [_record(one) for one in known.values()]


def _incidents(seen: View, found: Feature) -> list[dict[str, Any]]:
    return [_record(one) for one in seen.rows("incident", within=found.id, limit=_MOST, counted=False)]


_MOST = 1000
_PARENT = Property("parent", "string", column=True)

PARTS: Mapping[str, Callable[[View, Feature], Any]] = {
    "address": address_of,
    "divisions": divisions_of,
    "geometry": lambda _, found: _geometry(found),
    "ancestors": lambda seen, found: [_short(above) for above in _ancestors(seen, found)],
    "children": lambda seen, found: [_short(below) for below in _children(seen, found)] if _coded(found) else [],
    "identifiers": lambda seen, found: [
        _identifier(name) for name in seen.here.store.identifiers(found.id, at=seen.at, known_at=seen.known_at)
    ],
    "descent": lambda seen, found: [
        {**asdict(one), "at": one.at.isoformat()} for one in seen.here.store.descent(found.id)
    ],
    "records": lambda seen, found: {"device": _devices(seen, found.id)} if _coded(found) else {},
    "population": lambda seen, found: _population(seen, found.id) if _coded(found) else None,
    "alarms": lambda seen, found: alarm_messages(seen.here, seen.rows("alarm", within=found.id)),
    "facilities": _facilities,
    "incidents": _incidents,
    "history": _versions,
}
"""Parts of what is told of a place."""

_USUAL = tuple(name for name in PARTS if name not in ("facilities", "incidents", "history"))
