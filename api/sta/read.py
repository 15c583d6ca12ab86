"""SensorThings 1.1, Sensing: every entity and collection by its address."""

import re
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from api.answers import tells
from api.answers.sensorthings import SensorThingsEntity, SensorThingsPage, SensorThingsRoot
from api.sta.answer import Collection, Scope, Teller
from api.sta.model import KINDS, Model, Node
from api.sta.odata import Options, options_of
from api.state import Here
from gis.errors import BadInput, NotFound

ROOT = "/sta/v1.1"
router = APIRouter(prefix=ROOT, tags=["sensorthings"])

_CONFORMS = (
    "datamodel", "resource-path/resource-path-to-entities", "request-data", "create-update-delete/create-entity",
    "data-array/data-array",
)  # fmt: skip
_SEGMENT = re.compile(r"(?P<name>[$@\w.]+)(?:\((?P<id>'(?:[^']|'')*'|\d+)\))?(?:/|$)")
_LONGEST = 12


@router.get("", responses=tells(SensorThingsRoot))
@router.get("/", include_in_schema=False)
def landing(request: Request) -> dict[str, Any]:
    """Return the entity sets and what of the standard is kept. MultiDatastream is left out."""
    base = _base(request)
    return {
        "value": [{"name": name, "url": f"{base}/{name}"} for name in KINDS],
        "serverSettings": {
            "conformance": [f"http://www.opengis.net/spec/iot_sensing/1.1/req/{name}" for name in _CONFORMS]
        },
    }


@router.get(
    "/{path:path}",
    response_class=Response,
    responses=tells(SensorThingsPage, SensorThingsEntity, beside=["text/plain"]),
)
def read(here: Here, request: Request, path: str) -> Response:
    """Return an entity, a collection, a property, its ``$value``, or links (``$ref``), by address.

    Options: ``$filter $expand $select $orderby $top $skip $count``. Readings that speak of persons have no Datastream.
    """
    texts = _texts(request)
    options = options_of(texts)
    teller = Teller(Model(here), _base(request))
    return _answered(teller, _segments(path), options, texts, f"{_base(request)}/{path}")


def _answered(
    teller: Teller, segments: Sequence[tuple[str, str | None]], options: Options, texts: dict[str, str], here: str
) -> Response:
    found: Node | Collection = _first(teller, *segments[0])
    for index, (name, key) in enumerate(segments[1:], start=1):
        rest = [segment for segment, _ in segments[index:]]
        if rest == ["$ref"]:
            return _references(teller, found, options)
        if rest == ["$count"] and not isinstance(found, Node):
            counted = teller.page(found, Options(filter=options.filter, top=0, count=True))
            return Response(str(counted.count), media_type="text/plain")
        if not isinstance(found, Node):
            raise _nowhere(here)
        if name not in KINDS[found.kind].links:
            return _property(teller, found, rest, here)
        found = _step(teller, found, name, key, here)
    if isinstance(found, Node):
        return JSONResponse(teller.entity(found, options))
    return JSONResponse(teller.collection(found, options, here, texts))


def _first(teller: Teller, name: str, key: str | None) -> Node | Collection:
    if name not in KINDS:
        raise NotFound("sta.no_set", f"There are no {name!r:.40}.", f"Use one of: {', '.join(KINDS)}.")
    if key is None:
        return teller.everything(name)
    found = teller.find(name, key)
    if found is None:
        raise NotFound("sta.no_entity", f"There is no {name}('{key}').", f"See {ROOT}/{name}.", id=key)
    return found


def _step(teller: Teller, node: Node, name: str, key: str | None, here: str) -> Node | Collection:
    link = KINDS[node.kind].links[name]
    behind = teller.behind(node, name)
    if not link.many:
        target = None if isinstance(behind, Scope) else next(iter(behind), None)
        if target is None or key is not None:
            raise _nowhere(here)
        return target
    if key is None:
        return behind
    found = teller.find(link.kind, key)
    inside = found is not None and (
        found.of.subject in behind.devices and found.of.body["property"] in behind.names
        if isinstance(behind, Scope)
        else any(one.id == key for one in behind)
    )
    if found is None or not inside:
        raise _nowhere(here)
    return found


def _property(teller: Teller, node: Node, rest: Sequence[str], here: str) -> Response:
    name, raw = rest[0], rest[1:] == ["$value"]
    told = teller.entity(node, Options())
    if name not in told or not (raw or len(rest) == 1):
        raise _nowhere(here)
    if not raw:
        return JSONResponse({name: told[name]})
    value = told[name]
    if isinstance(value, dict | list):
        return JSONResponse(value)
    return Response("" if value is None else str(value), media_type="text/plain; charset=utf-8")


def _references(teller: Teller, found: Node | Collection, options: Options) -> Response:
    if isinstance(found, Node):
        return JSONResponse({"@iot.selfLink": teller.address(found)})
    page = teller.page(found, options)
    return JSONResponse({"value": [{"@iot.selfLink": teller.address(node)} for node in page.nodes]})


def _segments(path: str) -> list[tuple[str, str | None]]:
    found: list[tuple[str, str | None]] = []
    position = 0
    while position < len(path):
        match = _SEGMENT.match(path, position)
        if match is None or len(found) >= _LONGEST:
            raise _nowhere(path)
        key = match["id"]
        found.append((match["name"], key if key is None or key.isdigit() else key[1:-1].replace("''", "'")))
        position = match.end()
    return found


def _texts(request: Request) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in found:
            raise BadInput("request.repeated", f"{name} is given twice.", "Give it once.", parameter=name)
        found[name] = value
    return found


def _base(request: Request) -> str:
    return f"{str(request.base_url).rstrip('/')}{ROOT}"


def _nowhere(path: str) -> NotFound:
    return NotFound("sta.nowhere", f"Nothing is at {path[:200]!r}.", f"Begin at {ROOT}.")
