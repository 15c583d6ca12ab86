"""SensorThings 1.1: the landing page, and what is told of entities."""

from typing import Annotated, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict


class EntitySet(TypedDict):
    """A set of entities."""

    name: str
    url: str


class ServerSettings(TypedDict):
    """What of the standard is kept."""

    conformance: list[str]


class SensorThingsRoot(TypedDict):
    """The landing page (18-088, 9.3.2.1)."""

    value: list[EntitySet]
    serverSettings: ServerSettings  # the standard's spelling


_Entity = TypedDict(
    "_Entity",
    {
        "@iot.id": NotRequired[Annotated[str, Field(description="Left out where it is not selected.")]],
        "@iot.selfLink": NotRequired[str],
    },
)


@with_config(ConfigDict(extra="allow"))
class SensorThingsEntity(_Entity):
    """A Thing, Location, Datastream, Sensor, ObservedProperty, Observation … (18-088, clause 8), or one property."""


_Page = TypedDict(
    "_Page",
    {
        "@iot.count": NotRequired[Annotated[int, Field(description="With `$count=true`.")]],
        "@iot.nextLink": NotRequired[str],
    },
)


class SensorThingsPage(_Page):
    """Entities of a collection."""

    value: list[SensorThingsEntity]
