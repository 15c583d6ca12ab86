"""Observations as OGC SensorThings 1.1 creates them: an entity, or a data array of many Datastreams."""

import math
from collections.abc import Mapping
from typing import Any

from gis.errors import BadInput, LifangError
from layers.sources.payload import MAX_ITEMS, Decoded, Item

COMPONENTS = (
    "phenomenonTime",
    "result",
    "resultTime",
    "resultQuality",
    "validTime",
    "parameters",
    "FeatureOfInterest/id",
)


def datastream_of(identifier: Any) -> tuple[str, str]:
    """Return device and property of a Datastream's id, ``device:property``.

    Raises:
        BadInput: ``sensorthings.datastream``.

    >>> datastream_of("D-0001:temperature"), datastream_of("urn:dev:7:temperature")
    (('D-0001', 'temperature'), ('urn:dev:7', 'temperature'))
    >>> datastream_of(7)
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: sensorthings.datastream: 7 is no Datastream. See /sta/v1.1/Datastreams.
    """
    device, found, name = identifier.rpartition(":") if isinstance(identifier, str) else ("", "", "")
    if not found or not device or not name:
        raise BadInput(
            "sensorthings.datastream",
            f"{identifier!r:.80} is no Datastream.",
            "See /sta/v1.1/Datastreams.",
            field="Datastream",
        )
    return device, name


def decode_entity(body: Any, datastream: str | None = None) -> Item:
    """Return the item in one Observation entity.

    The time must be said: an Observation without ``phenomenonTime`` is refused, though the standard lets a server put
    its own clock there. ``parameters.source`` and ``parameters.source_seq`` number it; without them the Datastream and
    the time do, so that a repeated request changes nothing.

    Args:
        body: The entity.
        datastream: Id of the Datastream that the address names; ``None`` when the entity names it.

    Raises:
        BadInput: ``sensorthings.malformed``, ``sensorthings.datastream``, ``sensorthings.interval``.

    >>> stream = {"@iot.id": "R-1:temperature"}
    >>> entity = {"phenomenonTime": "2026-11-21T08:00:00Z", "result": 21.5, "Datastream": stream}
    >>> item = decode_entity(entity)
    >>> item["device"], item["property"], item["source_seq"]
    ('R-1', 'temperature', 'temperature@2026-11-21T08:00:00Z')
    >>> decode_entity({"result": 1, "phenomenonTime": "2026-11-21T08:00:00Z/2026-11-21T09:00:00Z"}, "R-1:temperature")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: sensorthings.interval: phenomenonTime is an interval. Send the moment.
    """
    if not isinstance(body, Mapping):
        raise _malformed("The body", "is no JSON object", "Send an Observation.")
    linked = body.get("Datastream")
    named = linked.get("@iot.id") if isinstance(linked, Mapping) else None
    device, name = datastream_of(datastream if datastream is not None else named)
    return _item(device, name, body)


def decode_arrays(body: Any) -> Decoded:
    """Return what a CreateObservations request holds, row by row in its order.

    Raises:
        BadInput: ``sensorthings.malformed`` when it is no list of data arrays, ``source.too_many``.

    >>> stream = {"@iot.id": "R-1:temperature"}
    >>> found = decode_arrays([{"Datastream": stream, "components": ["phenomenonTime", "result"],
    ...                         "dataArray": [["2026-11-21T08:00:00Z", 21.5], ["2026-11-21T08:01:00Z"]]}])
    >>> found[0]["result"], found[1].code
    (21.5, 'sensorthings.row')
    """
    if not isinstance(body, list):
        raise _malformed("The body", "is no list", "Send a list of {Datastream, components, dataArray}.")
    found = [one for group in body for one in _group(group)]
    if len(found) > MAX_ITEMS:
        raise BadInput("source.too_many", f"{len(found)} items in one message.", f"Send at most {MAX_ITEMS} at a time.")
    return found


def _group(group: Any) -> Decoded:
    rows = group.get("dataArray") if isinstance(group, Mapping) else None
    if not isinstance(rows, list):
        return [_malformed("dataArray", "is no list", "Send one list of rows a Datastream.")]
    try:
        components = _components(group.get("components"))
        linked = group.get("Datastream")
        device, name = datastream_of(linked.get("@iot.id") if isinstance(linked, Mapping) else None)
    except LifangError as error:
        return [error for _ in rows]
    return [_row(device, name, components, row) for row in rows]


def _components(names: Any) -> list[str]:
    known = isinstance(names, list) and all(name in COMPONENTS for name in names)
    if not known or not {"phenomenonTime", "result"} <= set(names) or len(set(names)) < len(names):
        raise _malformed("components", "names no phenomenonTime and result", f"Use of {', '.join(COMPONENTS)}.")
    return list(names)


def _row(device: str, name: str, components: list[str], row: Any) -> Item | LifangError:
    if not isinstance(row, list) or len(row) != len(components):
        return BadInput(
            "sensorthings.row",
            f"A row has not the {len(components)} values that components names.",
            "Send one value a component.",
            field="dataArray",
        )
    try:
        return _item(device, name, dict(zip(components, row, strict=True)))
    except LifangError as error:
        return error


def _item(device: str, name: str, body: Mapping[str, Any]) -> Item:
    time, result, more = body.get("phenomenonTime"), body.get("result"), body.get("parameters")
    if isinstance(time, str) and "/" in time:
        raise BadInput("sensorthings.interval", "phenomenonTime is an interval.", "Send the moment.")
    if result is None or (isinstance(result, float) and not math.isfinite(result)):
        raise _malformed("result", "is missing or no finite number", "Send the value that was observed.")
    given = more if isinstance(more, Mapping) else {}
    return {
        "device": device,
        "property": name,
        "result": result,
        "phenomenonTime": time,
        **({} if body.get("resultTime") is None else {"resultTime": body["resultTime"]}),
        "source": given.get("source", f"sta:{device}"),
        "source_seq": given.get("source_seq", f"{name}@{time}"),
    }


def _malformed(field: str, fault: str, cure: str) -> BadInput:
    return BadInput("sensorthings.malformed", f"{field} {fault}.", cure, field=field)
