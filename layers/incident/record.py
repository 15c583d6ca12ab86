"""The incident as a record of the layer ``incident``: standing where it was reported."""

from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields, replace
from datetime import datetime
from typing import Any

from layers.alarm.record import utc
from layers.incident.report import Report, concealed
from layers.incident.rules import NEXT, Entry, Incident
from twin.feature import Feature

LAYER = "incident"
KIND = "incident"
"""Of the events that are an incident's log; their subject is its number."""

_DEFAULTS = {one.name: None if one.default is MISSING else one.default for one in fields(Incident)}
_TIMES = tuple(name for name in _DEFAULTS if name.endswith("_at"))
_NAMES = {"class_": "class", "source": "channel"}
"""``class`` is a word of Python; ``source`` is where the twin has a record from."""


def described(report: Report, grid: str | None) -> dict[str, Any]:
    """Return what a report says about the incident for good; personal numbers in free text are covered."""
    said = {
        "title": concealed(report.title),
        "description": concealed(report.description),
        "reported_by": report.by,
        "occurred_at": utc(report.occurred_at),
        "device": report.device,
        "alarm": report.alarm,
        "facility": report.facility,
        "grid": grid,
        "attachments": [one.as_json() for one in report.attachments] or None,
    }
    return {name: value for name, value in said.items() if value is not None}


def updated(record: Feature, incident: Incident) -> Feature:
    """Return the record with the incident's new state; where it is stays as it was when reported."""
    state = {_NAMES.get(name, name): _plain(name, value) for name, value in asdict(incident).items() if name != "no"}
    return replace(record, attributes={**record.attributes, **state})


def _plain(name: str, value: Any) -> Any:
    if name in _TIMES:
        return None if value is None else utc(value)
    return list(value) if isinstance(value, tuple) else value


def incident_of(record: Feature) -> Incident:
    """Return the incident that a record holds."""
    held = record.attributes
    values: dict[str, Any] = {name: held.get(_NAMES.get(name, name), default) for name, default in _DEFAULTS.items()}
    for name in _TIMES:
        values[name] = None if values[name] is None else datetime.fromisoformat(values[name])
    return Incident(**{**values, "no": record.id, "merged": tuple(values["merged"])})


def message_of(record: Feature, entry: Entry | None = None) -> dict[str, Any]:
    """Return the incident as the API and the stream show it; ``center`` is longitude, latitude in degrees.

    Args:
        record: Of the layer ``incident``.
        entry: The step that is told with it.
    """
    point = None if record.geometry is None else record.geometry.representative_point()
    told = {} if entry is None else {"entry": entry.as_json()}
    return {
        "no": record.id,
        **{"source" if name == "channel" else name: value for name, value in record.attributes.items()},
        "place": record.place,
        "storey": record.storey,
        "center": None if point is None else [point.x, point.y],
        "z_m": record.z_min_m,
        "next": list(NEXT[record.attributes["state"]]),
        **told,
    }


def entries_of(bodies: "list[Mapping[str, Any]]") -> list[Entry]:
    """Return the log of an incident from the bodies of its events."""
    return [Entry.from_json(body["entry"]) for body in bodies]
