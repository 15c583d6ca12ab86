"""JSON in, observation out, one error per item (OGC SensorThings names: result, phenomenonTime, resultTime)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

from gis.errors import BadInput
from layers.device.types import DeviceType, Measure
from layers.moving.position import PROPERTY, position_of
from layers.observation.units import convert
from twin.characters import is_odd, is_odd_json
from twin.event import MOST

MAX_TEXT = 4096
MAX_KEY = 200
_NAMES = ("device", "property", "source", "source_seq")
_KEYS = itemgetter(*_NAMES)


# Not frozen: tens of thousands are made a second, and freezing doubles what each costs.
@dataclass(slots=True)
class Observation:
    """What one device said about one of its properties at one moment; never changed once made.

    Attributes:
        name: The observed property: a measure or an alarm of the device's type.
        result: Number, boolean, text or JSON object.
        phenomenon_time: When it was so.
        source: Who sends it; with ``source_seq`` the idempotency key.
        result_time: When the result was made, of what is measured first and worked out later; ``None``: not said.
        unit: UCUM code of the result; ``None``: that of the catalogue.
        position: Longitude, latitude (CRS84) of what a camera saw; ``None``: where the device stands.
    """

    device: str
    name: str
    result: Any
    phenomenon_time: datetime
    source: str
    source_seq: str
    result_time: datetime | None = None
    unit: str | None = None
    position: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Clocks:
    """How far a device's clock may be from ours."""

    ahead: timedelta = timedelta(minutes=10)
    behind: timedelta = timedelta(days=400)

    def check(self, observation: Observation, now: datetime) -> None:
        """Refuse a moment that only a wrong clock tells.

        Raises:
            BadInput: ``observation.clock_ahead``, ``observation.clock_behind``.

        >>> from datetime import UTC
        >>> seen = Observation(device="D-1", name="x", result=1, phenomenon_time=datetime(1970, 1, 1, tzinfo=UTC),
        ...                    source="gw", source_seq="1")
        >>> Clocks().check(seen, datetime(2026, 11, 21, tzinfo=UTC))
        Traceback (most recent call last):
            ...
        gis.errors.BadInput: observation.clock_behind: phenomenonTime 1970-01-01T00:00:00+00:00 lies ... days back. ...
        """
        late = now - observation.phenomenon_time
        if -self.ahead <= late <= self.behind:
            return
        told = observation.phenomenon_time.isoformat()
        if late < -self.ahead:
            raise BadInput(
                "observation.clock_ahead",
                f"phenomenonTime {told} lies {-late.total_seconds():.0f} s ahead.",
                "Set the device's clock.",
                device=observation.device,
                field="phenomenonTime",
            )
        raise BadInput(
            "observation.clock_behind",
            f"phenomenonTime {told} lies {late.days} days back.",
            "Set the device's clock.",
            device=observation.device,
            field="phenomenonTime",
        )


def decode(item: Any) -> Observation:
    """Return the observation in one JSON item.

    Raises:
        BadInput: ``observation.malformed``, naming the field.

    >>> decode({"device": "D-1", "property": "temperature", "result": 21.5})
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: observation.malformed: phenomenonTime is missing. Send an RFC 3339 time with a zone.
    """
    if type(item) is not dict and not isinstance(item, Mapping):
        raise BadInput(
            "observation.malformed", "An observation is a JSON object.", "Send {device, property, result, …}."
        )
    if "result" not in item:
        raise _malformed("result", "is missing", "Send the value that was observed.")
    result = item["result"]
    if isinstance(result, str | dict | list) and is_odd_json(json.dumps(result, ensure_ascii=False)):
        raise _malformed("result", "holds a character that cannot be stored", "Leave out NUL.")
    moment = _time("phenomenonTime", item.get("phenomenonTime"))
    device, name, source, source_seq = _plain_keys(item) or [_text(item, name) for name in _NAMES]
    seen = Observation(device, name, result, moment, source, source_seq)
    if item.get("resultTime") is not None:
        seen.result_time = _time("resultTime", item["resultTime"])
    if item.get("unit") is not None:
        seen.unit = _text(item, "unit")
    if item.get("position") is not None:
        seen.position = _position(item["position"])
    return seen


def _plain_keys(item: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the four texts of an item looked at together, as they nearly always are; ``None``: look at each."""
    try:
        found: tuple[str, ...] = _KEYS(item)
        plain = "".join(found).isprintable()
    except (KeyError, TypeError):
        return None
    lengths = [len(text) for text in found]
    return found if plain and min(lengths) and max(lengths) <= MAX_KEY else None


def _text(item: Mapping[str, Any], name: str) -> str:
    value = item.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value or len(value) > MAX_KEY or is_odd(value):
        raise _malformed(name, f"is missing or no text of 1 to {MAX_KEY} characters", "Send it as text.")
    return value


def _time(field: str, text: Any) -> datetime:
    if text is None:
        raise _malformed(field, "is missing", "Send an RFC 3339 time with a zone.")
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise _malformed(field, f"is not a time: {text!r:.80}", "Send an RFC 3339 time with a zone.") from None
    if moment.tzinfo is None:
        raise _malformed(field, "has no time zone", "Add Z or +08:00.")
    return moment


def _position(value: Any) -> tuple[float, float]:
    pair = isinstance(value, list) and len(value) == 2 and all(_is("number", part) for part in value)
    numbers = value if pair else ()
    if not numbers or abs(numbers[0]) > 180 or abs(numbers[1]) > 90:
        raise _malformed("position", "is no [longitude, latitude] in degrees", "Send two numbers, longitude first.")
    return float(numbers[0]), float(numbers[1])


def _malformed(field: str, fault: str, cure: str) -> BadInput:
    return BadInput("observation.malformed", f"{field} {fault}.", cure, field=field)


def check(observation: Observation, device_type: DeviceType) -> Observation:
    """Return the observation with its result in the catalogue's unit.

    Raises:
        BadInput: ``observation.unknown_property``, ``observation.wrong_type``, ``observation.out_of_range``,
            ``position.malformed``, and what :func:`layers.observation.units.convert` raises.

    >>> from layers.device.types import load_device_types
    >>> seen = decode({"device": "R-1", "property": "room_temperature", "result": 300.15, "unit": "K", "source": "gw",
    ...                "source_seq": 1, "phenomenonTime": "2026-11-21T08:00:00Z"})
    >>> check(seen, load_device_types()["room_temp"]).result
    27.0
    >>> check(replace(seen, unit=None), load_device_types()["room_temp"])
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: observation.out_of_range: room_temperature 300.15 Cel cannot be true: -20.0 to 60.0 can. ...
    """
    measure = device_type.measures.get(observation.name)
    if observation.name in device_type.alarms:
        kind: str = "boolean"
    elif measure is not None:
        kind = measure.kind
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
    if observation.name == PROPERTY:
        position_of(observation.device, observation.result, observation.phenomenon_time)
    return _measured(observation, measure if kind in ("number", "count") else None)


def _measured(observation: Observation, measure: Measure | None) -> Observation:
    if observation.unit is not None:
        own = None if measure is None else measure.unit
        observation = replace(observation, result=convert(_number(observation), observation.unit, own), unit=None)
    if measure is not None and not measure.plausible(observation.result):
        low, high = ("…" if bound is None else str(bound) for bound in (measure.low, measure.high))
        raise BadInput(
            "observation.out_of_range",
            f"{observation.name} {observation.result} {measure.unit or ''} cannot be true: {low} to {high} can.",
            "See to the sensor, or name the unit.",
            device=observation.device,
            field="result",
        )
    return observation


def _number(observation: Observation) -> float:
    """Return the result as a number; what is none has no unit that could fit, which :func:`convert` then says."""
    return float(observation.result) if _is("number", observation.result) else 0.0


def _is(kind: str, value: Any) -> bool:
    if kind == "boolean":
        return isinstance(value, bool)
    if kind in ("number", "count"):
        return isinstance(value, int | float) and not isinstance(value, bool) and -MOST <= value <= MOST
    if kind == "text":
        return isinstance(value, str) and len(value) <= MAX_TEXT
    return isinstance(value, str | Mapping)
