"""What a rule is going to do about a cause: the devices, persons and systems it touches. Pure; changes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gis.local import bearing_deg
from layers.device.types import DeviceType
from layers.linkage.rules import CommandAction, IncidentAction, NotifyAction, Reach, Rule
from layers.linkage.scope import Cause, Surroundings
from twin.feature import Feature

CAMERAS = frozenset({"video"})
_BOUNDARY = "camera_boundary"


@dataclass(frozen=True, slots=True)
class Tell:
    """A device and the command it gets."""

    device: Feature
    command: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Open:
    """A camera whose picture is opened: how far it is, and where the cause lies seen from it."""

    device: Feature
    distance_m: float | None
    bearing_deg: float | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a rule is going to do, in order."""

    tells: Sequence[Tell] = ()
    cameras: Sequence[Open] = ()
    notices: Sequence[NotifyAction] = ()
    incidents: Sequence[IncidentAction] = ()

    def as_json(self) -> dict[str, Any]:
        """Return what would be touched, as a simulation answers."""
        return {
            "commands": [
                {"device": one.device.id, "name": one.device.name, "place": one.device.place, "command": one.command}
                for one in self.tells
            ],
            "cameras": [camera_of(one) for one in self.cameras],
            "notify": [{"to": list(one.to), "text": one.text.model_dump()} for one in self.notices],
            "incidents": [one.model_dump(exclude_none=True) for one in self.incidents],
        }


def plan(rule: Rule, cause: Cause, around: Surroundings, types: Mapping[str, DeviceType]) -> Plan:
    """Return what a rule does about a cause; a device gets each command once, whatever many actions reach it."""
    tells: dict[tuple[str, str], Tell] = {}
    cameras: dict[str, Open] = {}
    for action in rule.do:
        if action.command is not None:
            for one in _tells(action.command, cause, around, types):
                tells.setdefault((one.device.id, one.command), one)
        elif action.camera is not None:
            cameras.update((one.device.id, one) for one in _opens(action.camera.where, cause, around, types))
    return Plan(
        tells=list(tells.values()),
        cameras=list(cameras.values()),
        notices=[action.notify for action in rule.do if action.notify is not None],
        incidents=[action.incident for action in rule.do if action.incident is not None],
    )


def _tells(action: CommandAction, cause: Cause, around: Surroundings, types: Mapping[str, DeviceType]) -> list[Tell]:
    able = {name for name in action.types or types if action.name in types[name].commands}
    found = around.reached(action.where, cause, lambda device: device.attributes["device_type"] in able)
    return [Tell(device, action.name, action.arguments) for device, _ in found]


def _opens(where: Reach, cause: Cause, around: Surroundings, types: Mapping[str, DeviceType]) -> list[Open]:
    def films(device: Feature) -> bool:
        kind = types[device.attributes["device_type"]]
        return kind.name == _BOUNDARY or (kind.family.name in CAMERAS and kind.name.startswith("camera_"))

    return [Open(device, distance, _bearing(device, cause)) for device, distance in around.reached(where, cause, films)]


def _bearing(device: Feature, cause: Cause) -> float | None:
    if cause.position is None or device.geometry is None:
        return None
    eye = device.geometry.centroid
    return round(bearing_deg(eye.x, eye.y, *cause.position), 1)


def camera_of(opened: Open) -> dict[str, Any]:
    """Return a camera as the stream tells of it."""
    return {
        "device": opened.device.id,
        "name": opened.device.name,
        "place": opened.device.place,
        "stream": opened.device.attributes.get("stream"),
        "distance_m": None if opened.distance_m is None else round(opened.distance_m, 1),
        "bearing_deg": opened.bearing_deg,
    }
