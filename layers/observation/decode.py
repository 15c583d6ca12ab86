"""JSON in, observation out, one error per item (OGC SensorThings names: result, phenomenonTime)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gis.errors import BadInput
from layers.device.types import DeviceType

MAX_TEXT = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What one device said about one of its properties at one moment.

    Attributes:
        name: The observed property: a measure or an alarm of the device's type.
        result: Number, boolean, text or JSON object.
        phenomenon_time: When it was so, UTC.
        source: Who sends it; with ``source_seq`` the idempotency key.
    """

    device: str
    name: str
    result: Any
    phenomenon_time: datetime
    source: str
    source_seq: str


def decode(item: Any) -> Observation:
    """Return the observation in one JSON item.

    Raises:
        BadInput: ``observation.malformed``, naming the field.

    >>> decode({"device": "D-1", "property": "temperature", "result": 21.5})
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: observation.malformed: phenomenonTime is missing. Send an RFC 3339 time with a zone.
    """
    if not isinstance(item, Mapping):
        raise BadInput(
            "observation.malformed", "An observation is a JSON object.", "Send {device, property, result, …}."
        )
    if "result" not in item:
        raise _malformed("result", "is missing", "Send the value that was observed.")
    return Observation(
        device=_text(item, "device"),
        name=_text(item, "property"),
        result=item["result"],
        phenomenon_time=_time(item),
        source=_text(item, "source"),
        source_seq=_text(item, "source_seq"),
    )


def _text(item: Mapping[str, Any], name: str) -> str:
    value = item.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value or len(value) > 200:
        raise _malformed(name, "is missing or no text of 1 to 200 characters", "Send it as text.")
    return value


def _time(item: Mapping[str, Any]) -> datetime:
    text = item.get("phenomenonTime")
    if text is None:
        raise _malformed("phenomenonTime", "is missing", "Send an RFC 3339 time with a zone.")
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise _malformed("phenomenonTime", f"is not a time: {text!r}", "Send an RFC 3339 time with a zone.") from None
    if moment.tzinfo is None:
        raise _malformed("phenomenonTime", "has no time zone", "Add Z or +08:00.")
    return moment


def _malformed(field: str, fault: str, cure: str) -> BadInput:
    return BadInput("observation.malformed", f"{field} {fault}.", cure, field=field)


def check(observation: Observation, device_type: DeviceType) -> None:
    """Refuse a property the type does not have, or a result of the wrong kind.

    Raises:
        BadInput: ``observation.unknown_property``, ``observation.wrong_type``.
    """
    if observation.name in device_type.alarms:
        kind = "boolean"
    elif observation.name in device_type.measures:
        kind = device_type.measures[observation.name].kind
    else:
        known = ", ".join((*device_type.measures, *device_type.alarms))
        raise BadInput(
            "observation.unknown_property",
            f"A {device_type.name} has no property {observation.name!r}.",
            f"Use one of: {known}." if known else "This type reports nothing.",
            device=observation.device,
            field="property",
        )
    if not _is(kind, observation.result):
        raise BadInput(
            "observation.wrong_type",
            f"{observation.name} of a {device_type.name} is a {kind}, not {observation.result!r:.60}.",
            f"Send a {kind}.",
            device=observation.device,
            field="result",
        )


def _is(kind: str, value: Any) -> bool:
    if kind == "boolean":
        return isinstance(value, bool)
    if kind in ("number", "count"):
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if kind == "text":
        return isinstance(value, str) and len(value) <= MAX_TEXT
    return isinstance(value, str | Mapping)
