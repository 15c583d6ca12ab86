"""Events of the log as they are told: placed, without what is personal, encoded once for all who hear them."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from api.stream.filter import Facts, Where, plate_key
from layers.moving.movers import PERSONAL as PERSONAL_FAMILIES
from layers.moving.position import PROPERTY
from twin.event import Event
from twin.feature import PLACE_LAYERS, Feature
from twin.query import Query
from twin.spacecode import building_of
from twin.store import Store

OBSERVATIONS = "observations"
LAYER_OF: Mapping[str, str | None] = {
    "observation": "device",
    "alarm": "alarm",
    "alarm_quiet": "alarm",
    "device": "device",
    "incident": "incident",
    "dispatch_request": "incident",
    "command": "device",
    "camera": "device",
    "notice": "alarm",
    "linkage": "alarm",
    "patrol": "patrol_route",
    "change": None,
    "undo": None,
    "retention": None,
    "subscription": "subscription",
}
"""Kinds of event that are told, and the layer each is about; ``None``: the message names its layers.

A kind that is not here stays in the log: it may speak of persons.
"""

PERSONAL = frozenset(
    (
        "access_record",
        "bill",
        "deposit_record",
        "e_pass_record",
        "evidence",
        "health_record",
        "intruder_features",
        "message",
        "person_features",
        "plate_capture",
        "portrait_capture",
        "recording",
        "speech_text",
        "usage",
        "vehicle_pass",
        "vehicle_structured",
        "vehicle_track",
        "video_summary",
        "visitor_code",
    )
)
"""Properties whose readings speak of persons or their vehicles: that they were made is told, what they say is not."""

_MAX_KNOWN = 50_000


@dataclass(slots=True, eq=False)
class Told:
    """An event on its way to the subscribers.

    Attributes:
        event: As it is in the log.
        facts: What filters look at.
        stands: Where it happened, as JSON.
    """

    event: Event
    facts: Facts
    stands: bytes
    _data: bytes = field(default=b"")

    @property
    def result(self) -> Any:
        """What an observation saw; ``None`` when that is personal."""
        body = self.event.body
        return None if self.facts.withheld or body.get("property") in PERSONAL else body.get("result")

    def item(self) -> bytes:
        """Return an observation as ``[device, property, result, phenomenonTime, seq]``."""
        if not self._data:
            event = self.event
            values = [
                event.subject,
                event.body.get("property"),
                self.result,
                event.occurred_at.isoformat(),
                event.seq,
            ]
            self._data = encoded(values)
        return self._data

    def data(self) -> bytes:
        """Return any other event: its body, where it happened, its number."""
        if not self._data:
            self._data = encoded(self.fields())
        return self._data

    def fields(self) -> dict[str, Any]:
        """Return what happened and where, as JSON values."""
        where, event = self.facts.where, self.event
        stands = {"place": where.place, "storey": where.storey, "center": where.center}
        if event.kind == "observation":
            seen = {"device": event.subject, "property": event.body.get("property"), "result": self.result}
            return {**seen, "phenomenonTime": event.occurred_at.isoformat(), **stands, "seq": event.seq}
        missing = {} if self.facts.everywhere else {k: v for k, v in stands.items() if event.body.get(k) is None}
        return {**event.body, **missing, "seq": event.seq}


class Teller:
    """Tells events: finds where each happened, by what it says, by its device, by its place.

    Args:
        store: Where places are looked up.
        devices: Returns the devices now registered, by number.
    """

    def __init__(self, store: Store, devices: Callable[[], Mapping[str, Feature]]) -> None:
        self._store = store
        self._devices = devices
        self._lock = threading.Lock()
        self._version = ""
        self._centers: dict[str, tuple[float, float] | None] = {}
        self._known: dict[Any, tuple[Facts, bytes]] = {}
        self._of: Mapping[str, Feature] = {}

    def told(self, events: Sequence[Event]) -> list[Told]:
        """Return what of these events is told, in their order."""
        with self._lock:
            self._renew()
            return [Told(event, *self._facts(event)) for event in events if event.kind in LAYER_OF]

    def _renew(self) -> None:
        devices, version = self._devices(), self._store.version(PLACE_LAYERS)
        if version != self._version:
            self._centers, self._version = {}, version
            self._known = {}
        if devices is not self._of or len(self._known) > _MAX_KNOWN:
            self._of, self._known = devices, {}

    def _facts(self, event: Event) -> tuple[Facts, bytes]:
        plain = event.kind == "observation" and event.body.get("property") not in ("position", *PERSONAL)
        if not plain:
            return self._found(event)
        key = (event.community, event.subject)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._found(event)
        return known

    def _found(self, event: Event) -> tuple[Facts, bytes]:
        body, layer = event.body, LAYER_OF[event.kind]
        said = body.get("result") if event.kind == "observation" else body
        said = said if isinstance(said, Mapping) else {}
        device = event.subject if event.kind == "observation" else body.get("device")
        withheld = event.body.get("property") == PROPERTY and _in_care(self._of.get(str(device)))
        where = self._where({} if withheld else said, self._of.get(str(device)), event.subject)
        plate = said.get("plate_no")
        facts = Facts(
            event.community,
            OBSERVATIONS if event.kind == "observation" else event.kind,
            frozenset(body.get("layers", ())) if layer is None else frozenset((layer,)),
            where,
            None if device is None else str(device),
            plate_key(plate) if isinstance(plate, str) else None,
            layer is None,
            withheld,
        )
        stands = {"place": where.place, "storey": where.storey, "center": where.center}
        return facts, encoded(stands)

    def _where(self, said: Mapping[str, Any], device: Feature | None, subject: str) -> Where:
        place = said.get("place") or (device.place if device is not None else None)
        place = place if isinstance(place, str) else None
        storey = said.get("storey")
        if storey is None and device is not None and device.place == place:
            storey = device.storey
        if storey is None and place is not None:
            storey = storey_of(place)
        own = None if device is None or said.get("place") not in (None, device.place) else _middle(device)
        at = position_of(said) or own or self._center(place or subject)
        return Where(place, storey if isinstance(storey, int) else None, *(at or (None, None)))

    def _center(self, place: str) -> tuple[float, float] | None:
        """Return the middle of a place, else that of the building it is in."""
        if place not in self._centers:
            keys = tuple(dict.fromkeys((place, building_of(place))))
            found = self._store.find(Query(layers=PLACE_LAYERS, ids=keys)).features
            shapes = {one.id: _middle(one) for one in found}
            self._centers[place] = next((at for key in keys if (at := shapes.get(key)) is not None), None)
        return self._centers[place]


def _in_care(device: Feature | None) -> bool:
    """Tell whether a device belongs to somebody in care: where it is, is where that person is."""
    return device is not None and device.attributes.get("family") in PERSONAL_FAMILIES


def position_of(said: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return the longitude and latitude that a message states, ``None`` when it states none on the earth.

    >>> position_of({"center": [120.1, 30.2]}), position_of({"longitude": 120.1, "latitude": 30.2})
    ((120.1, 30.2), (120.1, 30.2))
    >>> position_of({"lon": "here", "lat": 91}), position_of({})
    (None, None)
    """
    center = said.get("center")
    pairs = [(said.get("longitude"), said.get("latitude")), (said.get("lon"), said.get("lat"))]
    if isinstance(center, list) and len(center) == 2:
        pairs.insert(0, (center[0], center[1]))
    for lon, lat in pairs:
        if isinstance(lon, int | float) and isinstance(lat, int | float) and abs(lon) <= 180 and abs(lat) <= 90:
            return float(lon), float(lat)
    return None


def storey_of(place: str) -> int | None:
    """Return the storey that the key of a place names; the key is taken as it is, not checked.

    >>> storey_of("N51H0429733232-0-U01-B02-R0501"), storey_of("N51H0429733232-0")
    (-2, None)
    """
    parts = place.split("-")
    if len(parts) < 4 or not parts[3][1:].isdigit():
        return None
    return -int(parts[3][1:]) if parts[3][0] == "B" else int(parts[3][1:])


def _middle(feature: Feature) -> tuple[float, float] | None:
    if feature.geometry is None or feature.geometry.is_empty:
        return None
    point = feature.geometry.representative_point()
    return point.x, point.y


def encoded(value: Any) -> bytes:
    """Return JSON; numbers of any size are written as they are.

    >>> encoded({"n": 10**30, "名": None}).decode()
    '{"n":1000000000000000000000000000000,"名":null}'
    """
    try:
        return orjson.dumps(value)
    except TypeError:  # an integer beyond 64 bits
        import json

        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
