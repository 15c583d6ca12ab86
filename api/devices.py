"""Devices as the API shows them."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import shapely
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from api.geojson import properties_of
from api.state import Services
from layers.alarm.policy import Policy
from layers.device.presence import LAYER, heartbeat_s, standing_of
from layers.device.types import DeviceType
from layers.device.view import clipped, view_of
from twin.feature import Feature
from twin.query import Query


def described(here: Services, device: Feature, *, walls: bool = False) -> dict[str, Any]:
    """Return a device with its presence; of a camera also its view and where its stream is played.

    Args:
        here: The service.
        device: As the asker may see it.
        walls: Whether buildings hide part of the view; takes a query.
    """
    kind = here.types.get(str(device.attributes.get("device_type")))
    known = here.live.watchman.standing().get(device.id)
    geometry = None if device.geometry is None else mapping(device.geometry)
    shown = {
        "device_no": device.id,
        "name": device.name,
        "community": device.community,
        "place": device.place,
        "storey": device.storey,
        "geometry": geometry,
        "height_m": device.z_min_m,
        "attributes": properties_of(device),
        "status": "registered" if known is None else known.presence,
        "status_since": None if known is None else known.since.isoformat(),
        "heartbeat_s": None if kind is None else heartbeat_s(device, kind),
        "valid_from": None if device.valid_from is None else device.valid_from.isoformat(),
    }
    view = _view(here, device) if walls else view_of(device.geometry, device.attributes)
    stream = device.attributes.get("stream")
    extras = {"view": view and mapping(view), "stream": stream and played(str(stream), here.live.streams)}
    return shown | {name: value for name, value in extras.items() if value is not None}


def _view(here: Services, device: Feature) -> BaseGeometry | None:
    sector = view_of(device.geometry, device.attributes)
    if sector is None or device.geometry is None:
        return None
    near = here.store.find(Query(layers=("building",), area=sector)).features
    eye = device.geometry.centroid
    outlines = [house.geometry for house in near if house.geometry is not None]
    return clipped(sector, eye.x, eye.y, shapely.union_all(outlines)) if outlines else sector


def played(reference: str, templates: Mapping[str, str]) -> dict[str, str | None]:
    """Return a stream reference and the address a player finds it at; ``None`` when no template knows its scheme.

    >>> played("gb28181:34020000001320000001", {"gb28181": "https://media.example.cn/live/{id}.m3u8"})["url"]
    'https://media.example.cn/live/34020000001320000001.m3u8'
    >>> played("onvif:cam/../7", {"onvif": "rtsp://nvr/{id}"})["url"], played("34020", {})["url"]
    ('rtsp://nvr/cam%2F..%2F7', None)
    """
    scheme, _, name = reference.partition(":")
    template = templates.get(scheme) if name else None
    return {"reference": reference, "url": template and template.replace("{id}", quote(name, safe=""))}


def history_of(here: Services, number: str) -> list[dict[str, Any]]:
    """Return what became of a device, oldest first: its versions and its presence."""
    versions = [_version(one) for one in here.store.history("device", number) if one.superseded_at is None]
    presences = [
        {"at": standing_of(one).since.isoformat(), "status": standing_of(one).presence}
        for one in here.store.history(LAYER, number)
        if one.superseded_at is None
    ]
    ended = max((one["until"] for one in versions if one["until"]), default=None)
    retired = [{"at": ended, "status": "retired"}] if versions and all(one["until"] for one in versions) else []
    return sorted([*versions, *presences, *retired], key=lambda one: one["at"])


def _version(one: Feature) -> dict[str, Any]:
    since = "" if one.valid_from is None else one.valid_from.isoformat()
    until = None if one.valid_to is None else one.valid_to.isoformat()
    return {"at": since, "status": "registered", "until": until, "place": one.place, "source": one.source}


def thing_model(kind: DeviceType, policy: Policy) -> dict[str, Any]:
    """Return the thing model of a device type (E 7.3.2): what it measures, raises and can be told."""
    return {
        "name": kind.name,
        "title": kind.title.model_dump(),
        "family": {"name": kind.family.name, "title": kind.family.title.model_dump()},
        "heartbeat_s": kind.heartbeat_s,
        "source": kind.source,
        "properties": [
            {
                "name": measure.name,
                "title": measure.title.model_dump(),
                "kind": measure.kind,
                "unit": measure.unit,
                "minimum": measure.low,
                "maximum": measure.high,
            }
            for measure in kind.measures.values()
        ],
        "alarms": [
            {
                "name": alarm.name,
                "title": alarm.title.model_dump(),
                "level": policy.level(alarm),
                "auto_clear": alarm.auto_clear,
                "timeout_s": policy.timeout_s(alarm),
            }
            for alarm in kind.alarms.values()
        ],
        "commands": [{"name": name, "title": title.model_dump()} for name, title in kind.commands.items()],
    }
