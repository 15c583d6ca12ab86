"""Bodies that are judged item by item where they are decoded: their types for the description, and their signatures."""

from typing import Annotated, Any, NotRequired

from fastapi import Header
from pydantic import BeforeValidator, ConfigDict, Field, with_config
from typing_extensions import TypedDict

from api.answers.common import DateTime, LonLat, PlaceCode, Reading, Severity
from layers.sources.events import Status

Signer = Annotated[
    str | None, Header(alias="X-Lifang-Device", description="Number of the device that signs the message.")
]
Signature = Annotated[
    str | None, Header(alias="X-Lifang-Signature", description="HMAC-SHA256 of the body by its secret, in hex.")
]


def described_as(shape: Any) -> BeforeValidator:
    """Return what lets a body be described by a type without being judged by it."""
    return BeforeValidator(_as_it_came, json_schema_input_type=shape)


def _as_it_came(value: Any) -> Any:
    return value


class Observation(TypedDict):
    """One result of one property of one device at one time."""

    device: Annotated[str, Field(max_length=200, description="Number of a registered device.")]
    property: Annotated[str, Field(max_length=200, description="A measure or an alarm of the device's type.")]
    result: Annotated[Reading, Field(description="In the unit that is named.")]
    phenomenonTime: Annotated[DateTime, Field(description="When it was so.")]
    resultTime: NotRequired[Annotated[DateTime | None, Field(description="When the result was made, if later.")]]
    source: Annotated[str, Field(max_length=200, description="Who sends it.")]
    source_seq: Annotated[str, Field(max_length=200, description="Its number there; known by it again.")]
    unit: NotRequired[Annotated[str | None, Field(description="UCUM code; the catalogue's unit when left out.")]]
    position: NotRequired[Annotated[LonLat | None, Field(description="Of what a camera saw: degrees, CRS84.")]]


@with_config(ConfigDict(extra="allow"))
class NewEvent(TypedDict):
    """An event that another system reports; members may have the Chinese names of the standards, such as 事件编号."""

    event_no: Annotated[str, Field(max_length=100, description="事件编号. Known by it and the source.")]
    name: Annotated[str, Field(max_length=100, description="事件名称.")]
    event_type: Annotated[
        str, Field(max_length=100, description="事件类型: an alarm of the device or a class of incidents.")
    ]
    source: Annotated[str, Field(max_length=100, description="事件来源: the system.")]
    occurred_at: Annotated[DateTime, Field(description="事件发生时间.")]
    device_no: NotRequired[Annotated[str | None, Field(max_length=100, description="设备编号.")]]
    description: NotRequired[Annotated[str | None, Field(max_length=2000, description="事件描述.")]]
    place: NotRequired[PlaceCode | None]
    longitude: NotRequired[Annotated[float, Field(description="Degrees, CRS84.")]]
    latitude: NotRequired[Annotated[float, Field(description="Degrees, CRS84.")]]
    severity: NotRequired[Severity]
    status: NotRequired[Annotated[Status, Field(description="处置状态.")]]
    handler: NotRequired[Annotated[str, Field(max_length=100, description="处置人; needed when handled.")]]
    handled_at: NotRequired[Annotated[DateTime, Field(description="处置时间; needed when handled.")]]
    result: NotRequired[Annotated[str, Field(max_length=2000, description="What came of it.")]]


class NewEvents(TypedDict):
    """Events that another system reports; each is judged on its own."""

    events: list[NewEvent]
