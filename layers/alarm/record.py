"""The alarm as a record of the ``alarm`` layer: standing where its device stood when it was raised."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, fields, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import shapely

from layers.alarm.rules import Alarm
from layers.device.types import AlarmType
from twin.feature import JSON, Feature
from twin.query import Row
from twin.spacecode import building_of

_TIMES = ("raised_at", "last_seen", "changed_at", "cleared_at", "acknowledged_at", "shelved_until")
_FIELDS = {field.name: None if field.default is MISSING else field.default for field in fields(Alarm)}
_SHOWN = tuple((name, default) for name, default in _FIELDS.items() if name not in ("type", "transitions"))


def feature_of(alarm: Alarm, device: Feature, kind: AlarmType, now: datetime) -> Feature:
    """Return the record of a new alarm, placed where the device stands now."""
    attributes = {"device_name": device.name, "title_zh": kind.title.zh, "title_en": kind.title.en}
    placed = replace(
        device, layer="alarm", id=alarm.id, name=f"{kind.title.zh} {device.name or device.id}", attributes=attributes
    )
    return updated(replace(placed, parent=None, source="lifang:alarm", source_element=None, batch=None), alarm, now)


def updated(record: Feature, alarm: Alarm, now: datetime) -> Feature:
    """Return the record with the alarm's new state; its place stays as it was when raised.

    A device whose clock runs ahead still alarms now.
    """
    state = {name: utc(value) if name in _TIMES and value else value for name, value in _stated(alarm)}
    state["transitions"] = [utc(moment) for moment in alarm.transitions]
    return replace(record, attributes={**record.attributes, **state}, valid_from=min(alarm.changed_at, now))


def _stated(alarm: Alarm) -> Iterator[tuple[str, Any]]:
    return ((name, getattr(alarm, name)) for name in _FIELDS)


def utc(moment: datetime) -> str:
    """Return a moment in one spelling, so that texts sort and compare as times do whatever zone a device wrote.

    >>> utc(datetime.fromisoformat("2026-11-21T08:00:00+08:00"))
    '2026-11-21T00:00:00+00:00'
    """
    return moment.astimezone(UTC).isoformat()


def alarm_of(record: Feature) -> Alarm:
    """Return the alarm that a record of the ``alarm`` layer holds, whichever version of the program wrote it."""
    held = record.attributes
    values: dict[str, Any] = {name: held.get(name, default) for name, default in _FIELDS.items()}
    values["last_seen"] = held.get("last_seen", held["raised_at"])
    for name in _TIMES:
        values[name] = None if values[name] is None else datetime.fromisoformat(values[name])
    values["transitions"] = tuple(datetime.fromisoformat(moment) for moment in values["transitions"])
    return Alarm(**values)


def named_places(key: str) -> tuple[tuple[str, str], ...]:
    """Return layer and key of the places whose names people call a place by: its building, and the room itself."""
    building = building_of(key)
    return (("building", building),) if key == building else (("building", building), ("space", key))


def place_name(key: str, names: Mapping[str, str | None]) -> str | None:
    """Return how people call a place, from the names of its :func:`named_places` by key; ``None`` if none has one."""
    return " ".join(name for _, place in named_places(key) if (name := names.get(place))) or None


def message_of(record: Feature, place_name: str | None) -> Mapping[str, Any]:
    """Return the alarm as the API and the stream show it; ``center`` is longitude, latitude in degrees."""
    point = None if record.geometry is None else shapely.centroid(record.geometry)
    return _message(record, record.attributes, None if point is None else [point.x, point.y], place_name)


def messages_of(records: Sequence[Row], names: Mapping[str, str | None]) -> list[dict[str, Any]]:
    """Return the messages of records as :func:`message_of` does, many at once.

    Args:
        records: Of the ``alarm`` layer.
        names: Of the :func:`named_places` of their places, by key.
    """
    said = json.loads(f"[{','.join(record.attributes for record in records)}]")  # one text is read faster than many
    points = shapely.centroid(np.array([*(record.geometry for record in records), None], dtype=object)[:-1])
    centers = np.column_stack((shapely.get_x(points), shapely.get_y(points))).tolist()
    return [
        _message(
            record,
            attributes,
            None if record.geometry is None else center,
            None if record.place is None else place_name(record.place, names),
        )
        for record, attributes, center in zip(records, said, centers, strict=True)
    ]


def _message(
    record: Feature | Row, attributes: JSON, center: list[float] | None, place_name: str | None
) -> dict[str, Any]:
    return {
        "id": record.id,
        "type": attributes["type"],
        "title": {"zh": attributes["title_zh"], "en": attributes["title_en"]},
        "device_name": attributes["device_name"],
        "place": record.place,
        "place_name": place_name,
        "storey": record.storey,
        "center": center,
        "z_m": record.z_min_m,
        **{name: attributes.get(name, default) for name, default in _SHOWN},
    }
