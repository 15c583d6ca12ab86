"""Devices, their types, their life, and the commands they are given."""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from api.answers.common import (
    Attributes,
    BearingDeg,
    DateTime,
    Geometry,
    HeightM,
    LengthM,
    LonLat,
    PlaceCode,
    Seq,
    Severity,
    Storey,
    Text,
)
from layers.device.commands import State
from layers.device.types import MeasureKind

DeviceStatus = Literal["registered", "online", "offline", "silent"]


class NamedDeviceType(TypedDict):
    """A device type of the catalogue."""

    name: str
    title: Text
    family: str


class DeviceTypes(TypedDict):
    """The device types of the catalogue."""

    types: list[NamedDeviceType]


class DeviceFamily(TypedDict):
    """What kinds of device belong together."""

    name: str
    title: Text


class Measure(TypedDict):
    """A property that a device measures."""

    name: str
    title: Text
    kind: MeasureKind
    unit: Annotated[str | None, Field(description="UCUM code.")]
    minimum: Annotated[float | None, Field(description="Least plausible value.")]
    maximum: Annotated[float | None, Field(description="Greatest plausible value.")]


class RaisedAlarm(TypedDict):
    """An alarm that a device raises."""

    name: str
    title: Text
    level: Severity
    auto_clear: Annotated[bool, Field(description="Whether the device itself reports its end.")]
    timeout_s: Annotated[int | None, Field(description="A passing event is over after so many seconds.")]


class KnownCommand(TypedDict):
    """A command that a device takes."""

    name: str
    title: Text


class DeviceType(TypedDict):
    """The thing model of a device type (E 7.3.2)."""

    name: str
    title: Text
    family: DeviceFamily
    heartbeat_s: Annotated[int | None, Field(description="Its silence tells after so many seconds.")]
    source: Annotated[str | None, Field(description="Clauses that ask for it.")]
    properties: list[Measure]
    alarms: list[RaisedAlarm]
    commands: list[KnownCommand]


class VideoStream(TypedDict):
    """Where a camera's pictures are."""

    reference: str
    url: Annotated[str | None, Field(description="Where a player finds it; null: this installation does not know.")]


class Device(TypedDict):
    """A device: where it is, what it is, whether it is heard."""

    device_no: str
    name: str | None
    community: str
    place: PlaceCode | None
    storey: Storey | None
    geometry: Geometry | None
    height_m: HeightM | None
    attributes: Attributes
    status: DeviceStatus
    status_since: DateTime | None
    heartbeat_s: Annotated[int | None, Field(description="Its silence tells after so many seconds.")]
    valid_from: DateTime | None
    view: NotRequired[Annotated[Geometry, Field(description="What a camera sees.")]]
    stream: NotRequired[VideoStream]


class DevicePage(TypedDict):
    """Devices, by number."""

    devices: list[Device]
    matched: Annotated[int, Field(description="How many there are on all pages.")]
    next: Annotated[str | None, Field(description="`cursor` of the following page; null on the last.")]


class NearCamera(Device):
    """A camera, and the way to look at something from it."""

    position: LonLat | None
    distance_m: LengthM | None
    bearing_deg: BearingDeg | None


class DeviceMoment(TypedDict):
    """What a device became at a moment."""

    at: DateTime
    status: Literal["registered", "online", "offline", "silent", "retired"]
    until: NotRequired[DateTime | None]
    place: NotRequired[PlaceCode | None]
    source: NotRequired[str | None]


class DeviceHistory(TypedDict):
    """What became of a device, oldest first."""

    device: str
    history: list[DeviceMoment]


class DevicePresence(TypedDict):
    """A device, and what it is now."""

    device: str
    status: Literal["online", "offline", "retired"]


class DeviceSecret(TypedDict):
    """A device's new secret, which is told this once."""

    device: str
    secret: str


class DeviceStates(TypedDict):
    """The devices that are not in their normal state."""

    seq: Seq
    devices: Annotated[
        dict[str, Literal["alarm", "offline", "silent"]], Field(description="Number of the device → its state.")
    ]


class Command(TypedDict):
    """What a device is told to do."""

    id: str
    device: str
    device_name: str | None
    place: PlaceCode | None
    command: str
    arguments: dict[str, Any]
    state: State
    requested_at: DateTime
    due: Annotated[DateTime, Field(description="Until then it is waited for.")]
    by: Annotated[str, Field(description="Person, or the rule that asks.")]
    rule: str | None
    cause: Annotated[int | None, Field(description="Number in the log of the event that led to it.")]
    chain: Annotated[list[str], Field(description="The rules that led here, first to last.")]
    reason: str | None
    result: str | None
    seq: NotRequired[Annotated[int, Field(description="Number in the event log of the step just taken.")]]


class DeviceCommands(TypedDict):
    """The commands that wait for a device's answer."""

    device: str
    commands: list[Command]


class Commands(TypedDict):
    """Commands, the newest first."""

    commands: list[Command]
    matched: int
