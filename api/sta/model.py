"""The entities of SensorThings (OGC 18-088, 8), and where the twin keeps what they say."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import shapely

from api.sta import observed
from api.state import Services
from api.stream.told import PERSONAL
from layers.device.types import DeviceType, Measure
from layers.moving.position import PROPERTY
from twin.event import Event
from twin.feature import Feature

HIDDEN = PERSONAL | {PROPERTY}
"""Properties whose readings speak of persons, or of where somebody went: they have no Datastream."""

_OM = "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_"
_TYPES = {"number": "Measurement", "count": "CountObservation", "boolean": "TruthObservation"}


@dataclass(frozen=True, slots=True)
class Node:
    """An entity: its kind, its id, and what the twin holds of it."""

    kind: str
    id: str
    of: Any


@dataclass(frozen=True, slots=True)
class Link:
    """A navigation property: the kind behind it, whether it holds many, and how to get there."""

    kind: str
    many: bool
    follow: Callable[["Model", Node], Iterable[Node]]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of entity.

    Attributes:
        tell: Its properties.
        links: Its navigation properties.
        every: All entities; for Observations the model reads the log instead.
        find: The entity of an id, ``None`` when there is none.
    """

    tell: Callable[["Model", Node], dict[str, Any]]
    links: Mapping[str, Link]
    every: Callable[["Model"], Iterable[Node]]
    find: Callable[["Model", str], Node | None]


class Model:
    """The twin as SensorThings sees it, at one request."""

    def __init__(self, here: Services) -> None:
        self.here = here

    @cached_property
    def devices(self) -> Mapping[str, Feature]:
        """The devices, without what does not leave the store."""
        return {number: self.here.access.masked(one) for number, one in self.here.live.registry.devices().items()}

    def type_of(self, device: Feature) -> DeviceType:
        """Return the type of a device."""
        return self.here.types[device.attributes["device_type"]]

    def properties(self, kind: DeviceType) -> list[str]:
        """Return what devices of a type observe and may be told: measures, and whether its alarms hold."""
        return [name for name in (*kind.measures, *kind.alarms) if name not in HIDDEN]


def _things(model: Model) -> Iterable[Node]:
    return (Node("Things", number, device) for number, device in model.devices.items())


def _by_device(kind: str) -> Callable[[Model, str], Node | None]:
    def find(model: Model, name: str) -> Node | None:
        device = model.devices.get(name)
        return None if device is None or (kind != "Things" and device.geometry is None) else Node(kind, name, device)

    return find


def _located(kind: str) -> Callable[[Model], Iterable[Node]]:
    return lambda model: (Node(kind, name, one) for name, one in model.devices.items() if one.geometry is not None)


def _same(kind: str) -> Callable[[Model, Node], Iterable[Node]]:
    """Return the entity of another kind that the same device is."""
    return lambda model, node: [found] if (found := KINDS[kind].find(model, node.id)) else []


def _streams(model: Model, node: Node) -> Iterable[Node]:
    """Return the Datastreams of a Thing."""
    names = model.properties(model.type_of(node.of))
    return (Node("Datastreams", f"{node.id}:{name}", (node.of, name)) for name in names)


def _all_streams(model: Model) -> Iterable[Node]:
    return (stream for thing in _things(model) for stream in _streams(model, thing))


def _stream(model: Model, name: str) -> Node | None:
    number, _, observed_ = name.rpartition(":")
    device = model.devices.get(number)
    if device is None or observed_ not in model.properties(model.type_of(device)):
        return None
    return Node("Datastreams", name, (device, observed_))


def _sensor(model: Model, name: str) -> Node | None:
    return Node("Sensors", name, model.here.types[name]) if name in model.here.types else None


def _property(model: Model, name: str) -> Node | None:
    for kind in model.here.types.values():
        if name in model.properties(kind):
            return Node("ObservedProperties", name, kind.measures.get(name) or kind.alarms[name])
    return None


def _all_properties(model: Model) -> Iterable[Node]:
    names = dict.fromkeys(name for kind in model.here.types.values() for name in model.properties(kind))
    return (node for name in names if (node := _property(model, name)) is not None)


def _observation(model: Model, name: str) -> Node | None:
    if not name.isascii() or not name.isdigit() or len(name) > 18:
        return None
    found = model.here.store.events(int(name) - 1, 1, (observed.KIND,))
    return _observed(model, found[0]) if found and found[0].seq == int(name) else None


def _observed(model: Model, event: Event) -> Node | None:
    stream = _stream(model, f"{event.subject}:{event.body['property']}")
    return None if stream is None else Node("Observations", str(event.seq), event)


def _past(model: Model, node: Node) -> Iterable[Node]:
    """Return where a Thing stood, newest first."""
    versions = model.here.store.history("device", node.id)
    placed = [one for one in versions if one.geometry is not None and one.valid_from is not None]
    return (Node("HistoricalLocations", f"{node.id}@{one.recorded_at:%Y%m%dT%H%M%S.%f}", one) for one in placed[::-1])


def _all_past(model: Model) -> Iterable[Node]:
    return (past for thing in _things(model) for past in _past(model, thing))


def _one_past(model: Model, name: str) -> Node | None:
    thing = model.devices.get(name.rpartition("@")[0])
    if thing is None:
        return None
    return next((one for one in _past(model, Node("Things", thing.id, thing)) if one.id == name), None)


def _thing_of(model: Model, node: Node) -> Iterable[Node]:
    number = node.of[0].id if node.kind == "Datastreams" else node.of.id
    return [Node("Things", number, model.devices[number])]


def _tell_thing(model: Model, node: Node) -> dict[str, Any]:
    device, kind = node.of, model.type_of(node.of)
    place = {"place": device.place, "storey": device.storey}
    return {
        "name": device.name or node.id,
        "description": f"{kind.title.zh} {kind.title.en}",
        "properties": {**device.attributes, **place},
    }


def _tell_location(_model: Model, node: Node) -> dict[str, Any]:
    device = node.of
    return {
        "name": device.place or node.id,
        "description": f"{device.name or node.id}",
        "encodingType": "application/geo+json",
        "location": shapely.geometry.mapping(device.geometry),
        "properties": {"place": device.place, "storey": device.storey, "height_m": device.z_min_m},
    }


def _tell_foi(model: Model, node: Node) -> dict[str, Any]:
    told = _tell_location(model, node)
    return {**{name: value for name, value in told.items() if name != "location"}, "feature": told["location"]}


def _tell_past(_model: Model, node: Node) -> dict[str, Any]:
    return {"time": observed.utc(node.of.valid_from)}


def _tell_stream(model: Model, node: Node) -> dict[str, Any]:
    device, name = node.of
    measure = model.type_of(device).measures.get(name)
    title = (measure or model.type_of(device).alarms[name]).title
    told = {
        "name": f"{device.name or device.id} {title.zh}",
        "description": f"{title.zh} {title.en}",
        "observationType": _OM + _TYPES.get(measure.kind if measure else "boolean", "Observation"),
        "unitOfMeasurement": _unit(measure),
    }
    if device.geometry is not None:
        told["observedArea"] = shapely.geometry.mapping(device.geometry)
    return told


def _unit(measure: Measure | None) -> dict[str, str | None]:
    unit = None if measure is None else measure.unit
    return {"name": unit, "symbol": unit, "definition": None if unit is None else f"https://ucum.org/ucum#{unit}"}


def _tell_sensor(_model: Model, node: Node) -> dict[str, Any]:
    kind: DeviceType = node.of
    return {
        "name": kind.title.zh,
        "description": kind.title.en,
        "encodingType": "text/html",
        "metadata": kind.source,
        "properties": {"family": kind.family.name},
    }


def _tell_property(_model: Model, node: Node) -> dict[str, Any]:
    title = node.of.title
    return {"name": title.zh, "definition": f"urn:lifang:property:{node.id}", "description": title.en}


def _tell_observation(_model: Model, node: Node) -> dict[str, Any]:
    return observed.tell(node.of)


def _streams_where(holds: Callable[[Node, Node], bool]) -> Callable[[Model, Node], Iterable[Node]]:
    return lambda model, node: (stream for stream in _all_streams(model) if holds(stream, node))


def _stream_of(model: Model, node: Node) -> Sequence[Node]:
    found = _stream(model, f"{node.of.subject}:{node.of.body['property']}")
    return [] if found is None else [found]


def _foi_of(model: Model, node: Node) -> Sequence[Node]:
    found = KINDS["FeaturesOfInterest"].find(model, node.of.subject)
    return [] if found is None else [found]


def _none(_model: Model, _node: Node | None = None) -> Sequence[Node]:
    return []


KINDS: Mapping[str, Kind] = {
    "Things": Kind(
        _tell_thing,
        {
            "Locations": Link("Locations", True, _same("Locations")),
            "HistoricalLocations": Link("HistoricalLocations", True, _past),
            "Datastreams": Link("Datastreams", True, _streams),
        },
        _things,
        _by_device("Things"),
    ),
    "Locations": Kind(
        _tell_location,
        {
            "Things": Link("Things", True, _same("Things")),
            "HistoricalLocations": Link("HistoricalLocations", True, _past),
        },
        _located("Locations"),
        _by_device("Locations"),
    ),
    "HistoricalLocations": Kind(
        _tell_past,
        {
            "Thing": Link("Things", False, _thing_of),
            "Locations": Link("Locations", True, lambda _, node: [Node("Locations", node.of.id, node.of)]),
        },
        _all_past,
        _one_past,
    ),
    "Datastreams": Kind(
        _tell_stream,
        {
            "Thing": Link("Things", False, _thing_of),
            "Sensor": Link("Sensors", False, lambda model, node: [_sensor_of(model, node)]),
            "ObservedProperty": Link(
                "ObservedProperties", False, lambda model, node: [one] if (one := _property(model, node.of[1])) else []
            ),
            "Observations": Link("Observations", True, _none),
        },
        _all_streams,
        _stream,
    ),
    "Sensors": Kind(
        _tell_sensor,
        {
            "Datastreams": Link(
                "Datastreams", True, _streams_where(lambda one, node: one.of[0].attributes["device_type"] == node.id)
            )
        },
        lambda model: (Node("Sensors", name, kind) for name, kind in model.here.types.items()),
        _sensor,
    ),
    "ObservedProperties": Kind(
        _tell_property,
        {"Datastreams": Link("Datastreams", True, _streams_where(lambda one, node: one.of[1] == node.id))},
        _all_properties,
        _property,
    ),
    "Observations": Kind(
        _tell_observation,
        {
            "Datastream": Link("Datastreams", False, _stream_of),
            "FeatureOfInterest": Link("FeaturesOfInterest", False, _foi_of),
        },
        _none,
        _observation,
    ),
    "FeaturesOfInterest": Kind(
        _tell_foi,
        {"Observations": Link("Observations", True, _none)},
        _located("FeaturesOfInterest"),
        _by_device("FeaturesOfInterest"),
    ),
}
"""The entity sets. Observations are read from the log by :mod:`api.sta.observed`."""


def _sensor_of(model: Model, node: Node) -> Node:
    kind = model.type_of(node.of[0])
    return Node("Sensors", kind.name, kind)
