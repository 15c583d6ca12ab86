"""The devices: registered, changed, retired; never deleted, because what they saw stays true."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime
from typing import Any

import shapely

from gis.errors import BadInput, Conflict, NotFound
from layers.device.types import DeviceType, with_family
from layers.following import Standing
from twin.event import NewEvent
from twin.feature import Feature, RecordDraft
from twin.geocode import INSIDE
from twin.locate import Locator
from twin.query import Query
from twin.spacecode import SpaceCode, building_of
from twin.store import Store, Transaction

KIND = "device"
"""Of the events that tell of a device's new status."""

_PLACED = ("name", "place", "longitude", "latitude", "height_m")


class Registry:
    """Knows every device; the copy in memory follows the changes of the layer.

    Args:
        store: Where devices live.
        types: The device catalogue.
        clock: Returns now in UTC.
    """

    def __init__(self, store: Store, types: Mapping[str, DeviceType], clock: Callable[[], datetime]) -> None:
        self._store = store
        self._types = types
        self._clock = clock
        self._lock = threading.Lock()
        self._standing = Standing(store, "device")
        self._records: Mapping[str, Feature] = {}
        self._devices: Mapping[str, Feature] = {}

    def devices(self) -> Mapping[str, Feature]:
        """Return the devices now registered, by number; those of an unknown type take no part."""
        with self._lock:
            records = self._standing.records()
            if records is not self._records:
                known = (one for one in records.values() if one.attributes.get("device_type") in self._types)
                self._devices, self._records = {one.id: one for one in known}, records
            return self._devices

    def kind(self, device: Feature) -> DeviceType:
        """Return the type of a registered device."""
        return self._types[device.attributes["device_type"]]

    def register(self, number: str, said: Mapping[str, Any], community: str) -> "Future[Feature]":
        """Take in a new device.

        Args:
            number: Its number, unique for life (E 9.2.1.2).
            said: ``name``, ``place`` (space code), ``longitude``, ``latitude``, ``height_m``, and fields of the layer.
            community: Where it belongs.

        The future raises ``Conflict`` ``device.exists`` or ``BadInput`` ``device.unknown_type``,
        ``device.unknown_place``.
        """

        def work(transaction: Transaction) -> Feature:
            if transaction.current("device", number) is not None:
                raise Conflict(
                    "device.exists", f"Device {number} is registered.", "Change it with PATCH.", device=number
                )
            return self._put(transaction, Feature(layer="device", id=number, community=community), said, "registered")

        return self._store.write(work)

    def change(self, number: str, said: Mapping[str, Any], *, whole: bool) -> "Future[Feature]":
        """Change what is said about a device; ``whole`` forgets what is not said again.

        The future raises ``NotFound`` ``device.unknown`` and what :meth:`register` raises about type and place.
        """

        def work(transaction: Transaction) -> Feature:
            before = _known(transaction, number)
            start = Feature(layer="device", id=number, community=before.community) if whole else before
            return self._put(transaction, start, said, "changed")

        return self._store.write(work)

    def retire(self, number: str, close: Callable[[Transaction, Feature], None]) -> "Future[Feature]":
        """End a device; its readings and its history stay.

        Args:
            number: Of the device.
            close: Ends what hangs on it, in the same transaction.

        The future raises ``NotFound`` ``device.unknown``.
        """
        now = self._clock()

        def work(transaction: Transaction) -> Feature:
            before = _known(transaction, number)
            transaction.end("device", number, now)
            close(transaction, before)
            _tell(transaction, before, "retired", now)
            return before

        return self._store.write(work)

    def _put(self, transaction: Transaction, start: Feature, said: Mapping[str, Any], status: str) -> Feature:
        fields = {name: value for name, value in said.items() if name not in _PLACED}
        stated = {**start.attributes, **fields, "device_no": start.id}
        attributes = with_family({name: value for name, value in stated.items() if value is not None})
        if attributes.get("device_type") not in self._types:
            raise BadInput(
                "device.unknown_type",
                f"There is no device type {attributes.get('device_type')!r}.",
                "See GET /v1/device-types.",
                field="device_type",
            )
        now = self._clock()
        named = replace(start, name=said.get("name", start.name), attributes=attributes, valid_from=now)
        device = replace(_placed(transaction, named, said), source="lifang:registry", source_element=None, batch=None)
        if transaction.put(device):
            _tell(transaction, device, status, now)
        return device


def _known(transaction: Transaction, number: str) -> Feature:
    found = transaction.current("device", number)
    if found is None:
        raise NotFound("device.unknown", f"No device {number!r} is registered.", "See GET /v1/devices.", device=number)
    return found


def _placed(transaction: Transaction, device: Feature, said: Mapping[str, Any]) -> Feature:
    """Return the device where it is said to be: by code, else by position and height; said nothing, where it was."""
    if not any(name in said for name in _PLACED[1:]):
        return device
    lon, lat, height, code = (said.get(name) for name in ("longitude", "latitude", "height_m", "place"))
    point = shapely.Point(lon, lat) if lon is not None and lat is not None else None
    draft = RecordDraft(id=device.id, geometry=point, height_m=height, where={"code": code} if code else {})
    located = _locator(transaction, code, point).locate(draft)
    if located.problem is not None:
        raise BadInput(
            "device.unknown_place",
            f"Device {device.id}: {located.problem}.",
            "Name a place of the twin, or a position.",
            field="place",
        )
    return replace(device, geometry=point, z_min_m=height, z_max_m=height, place=located.place, storey=located.storey)


def _locator(transaction: Transaction, code: Any, point: Any) -> Locator:
    """Return a locator over the one building that matters."""
    if code is not None:
        keys: tuple[str, ...] = (building_of(SpaceCode.parse(str(code)).key),)
    elif point is None:
        keys = ()
    else:
        keys = tuple(found.id for found in transaction.find(Query(layers=("building",), area=point)).features)
    inside = (transaction.find(Query(layers=("building", *INSIDE), within=key)).features for key in keys)
    return Locator([place for places in inside for place in places], {})


def _tell(transaction: Transaction, device: Feature, status: str, now: datetime) -> None:
    transaction.append(device_event(device, status, now))


def device_event(device: Feature, status: str, now: datetime) -> NewEvent:
    """Return the event that tells of a device's new status (E 7.2.3.2)."""
    return NewEvent(
        kind=KIND,
        community=device.community,
        subject=device.id,
        source="lifang:device",
        source_seq=f"{device.id}:{status}:{now.isoformat()}",
        occurred_at=now,
        body={
            "device": device.id,
            "name": device.name,
            "device_type": device.attributes.get("device_type"),
            "place": device.place,
            "status": status,
            "since": now.isoformat(),
        },
    )
