"""Events as the standards have them (A 5.2.1.3b-d, B 7.1.3.1): five basic fields, and three of the disposal."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from gis.errors import BadInput
from layers.declaration_file import parse_yaml
from layers.device.types import DeviceType
from layers.names import folded
from twin.declaration import Text

Status = Literal["unhandled", "handling", "handled"]
"""处置状态: nobody has dealt with it yet, somebody does, it is done."""

STATUSES: Mapping[Status, tuple[str, ...]] = {
    "unhandled": ("未处置", "待处置", "未处理", "待处理"),
    "handling": ("处置中", "处理中"),
    "handled": ("已处置", "已处理", "已办结"),
}
USUAL_SEVERITY = 3
"""Of an event that does not say: the standards' five fields do not hold it."""

_LONGEST = {"description": 2000, "result": 2000}


@dataclass(frozen=True, slots=True, kw_only=True)
class Disposal:
    """What became of an event (处置状态, 处置人, 处置时间)."""

    status: Status
    handler: str | None = None
    handled_at: datetime | None = None
    result: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommunityEvent:
    """An event that another system reports.

    Attributes:
        source: The system; with ``event_no`` it makes the event known again.
        device_no: ``None`` when no device saw it.
        event_type: Name or title of an alarm of the device, or of a class of incidents.
        occurred_at: With its zone.
        place: Space code, ``None`` when a device or a position says where it was.
        position: Longitude, latitude, CRS84 degrees.
    """

    event_no: str
    name: str
    device_no: str | None
    event_type: str
    description: str | None
    source: str
    occurred_at: datetime
    place: str | None
    position: tuple[float, float] | None
    severity: int
    disposal: Disposal


def decode_event(value: Any) -> CommunityEvent:
    """Return the event in one JSON object, its members named in English or Chinese.

    Raises:
        BadInput: ``event.malformed``, naming the field.

    >>> event = decode_event({"事件编号": "E-1", "事件名称": "烟雾报警", "设备编号": "D-1", "事件类型": "火灾",
    ...                       "事件描述": "3层走廊有烟", "事件来源": "消防物联网",
    ...                       "事件发生时间": "2026-11-21T08:00:00+08:00"})
    >>> event.event_no, event.device_no, event.disposal.status, event.severity
    ('E-1', 'D-1', 'unhandled', 3)
    >>> decode_event({"event_no": "E-1"})
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: event.malformed: source is missing or too long. Send source (事件来源).
    """
    if not isinstance(value, Mapping):
        raise _malformed("The event", "is no JSON object", "Send {event_no, name, device_no, event_type, …}.")
    said = {_names().get(folded(str(name)), str(name)): one for name, one in value.items()}
    severity = said.get("severity", USUAL_SEVERITY)
    if isinstance(severity, bool) or severity not in (1, 2, 3, 4):
        raise _malformed("severity", "is none of 1 to 4", "1 is the worst.")
    return CommunityEvent(
        source=_text(said, "source"),
        event_no=_text(said, "event_no"),
        name=_text(said, "name"),
        event_type=_text(said, "event_type"),
        device_no=_optional(said, "device_no"),
        description=_optional(said, "description"),
        occurred_at=_time(said, "occurred_at"),
        place=_optional(said, "place"),
        position=_position(said),
        severity=int(severity),
        disposal=_disposal(said),
    )


@cache
def _written() -> Mapping[str, list[str]]:
    text = files("layers.sources").joinpath("event_fields.yaml").read_text("utf-8")
    found: Mapping[str, list[str]] = parse_yaml(text, "layers/sources/event_fields.yaml")
    return found


@cache
def _names() -> Mapping[str, str]:
    return {folded(name): field for field, names in _written().items() for name in (field, *names)}


def _optional(said: Mapping[str, Any], field: str) -> str | None:
    return None if said.get(field) in (None, "") else _text(said, field)


def _text(said: Mapping[str, Any], field: str) -> str:
    value = said.get(field)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip() or len(value) > _LONGEST.get(field, 100):
        raise _malformed(field, "is missing or too long", f"Send {field} ({_written()[field][0]}).")
    return value.strip()


def _time(said: Mapping[str, Any], field: str) -> datetime:
    try:
        moment = datetime.fromisoformat(_text(said, field))
    except ValueError:
        raise _malformed(field, "is no RFC 3339 time", "Send 2026-11-21T08:00:00+08:00.") from None
    if moment.tzinfo is None:
        raise _malformed(field, "has no time zone", "Add Z or +08:00.")
    return moment


def _position(said: Mapping[str, Any]) -> tuple[float, float] | None:
    pair = [said.get(name) for name in ("longitude", "latitude")]
    if pair == [None, None]:
        return None
    numbers = [float(one) for one in pair if isinstance(one, int | float) and not isinstance(one, bool)]
    if len(numbers) < 2 or not all(map(math.isfinite, numbers)) or abs(numbers[0]) > 180 or abs(numbers[1]) > 90:
        raise _malformed("longitude, latitude", "are no position", "Send both in degrees, CRS84.")
    return numbers[0], numbers[1]


def _disposal(said: Mapping[str, Any]) -> Disposal:
    if said.get("status") is None:
        return Disposal(status="unhandled")
    word = _text(said, "status")
    status = next((one for one, words in STATUSES.items() if word == one or word in words), None)
    if status is None:
        raise _malformed("status", f"is none of {', '.join(STATUSES)}", "Say 未处置, 处置中 or 已处置.")
    handled = status == "handled"
    return Disposal(
        status=status,
        handler=_text(said, "handler") if handled else _optional(said, "handler"),
        handled_at=_time(said, "handled_at") if handled else None,
        result=_optional(said, "result"),
    )


def _malformed(field: str, fault: str, cure: str) -> BadInput:
    return BadInput("event.malformed", f"{field} {fault}.", cure, field=field)


def meant_by(
    event: CommunityEvent, device: DeviceType | None, classes: Mapping[str, Text]
) -> tuple[Literal["alarm", "incident"], str]:
    """Return what an event is here: an alarm its device knows by that name or title, else a class of incidents.

    Args:
        event: As decoded.
        device: Type of its device; ``None`` when there is none.
        classes: Classes of incidents and their titles.

    Raises:
        BadInput: ``event.unknown_type``.
    """
    alarms = {} if device is None else {name: alarm.title for name, alarm in device.alarms.items()}
    alarm = _named(event.event_type, alarms)
    if alarm is not None:
        return "alarm", alarm
    found = _named(event.event_type, classes)
    if found is not None:
        return "incident", found
    raise BadInput(
        "event.unknown_type",
        f"{event.event_type!r:.60} is no alarm of the device and no class of incidents.",
        f"Use one of: {', '.join((*alarms, *classes))}.",
        field="event_type",
    )


def _named(word: str, titles: Mapping[str, Text]) -> str | None:
    wanted = folded(word)
    return next(
        (name for name, title in titles.items() if wanted in (folded(name), folded(title.zh), folded(title.en))), None
    )
