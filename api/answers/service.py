"""What the service says of itself, and of its layers."""

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from api.answers.common import Box, Code, LonLat, Seq, Text
from twin.declaration import FieldType, Layer, Style


class StreamCounts(TypedDict):
    """The stream of the process that answers."""

    subscribers: int
    filters: Annotated[int, Field(description="Different filters among them.")]
    waiting: Annotated[int, Field(description="Messages of the subscriber that is farthest behind.")]
    resynced: Annotated[int, Field(description="How often one was too slow and was told to read anew.")]


class WebhookCounts(TypedDict):
    """The webhooks."""

    subscriptions: int
    served: Annotated[int, Field(description="By the process that answers.")]
    slowest: Annotated[int | None, Field(description="Number in the log that the slowest has come to.")]


class ServiceState(TypedDict):
    """How the service is."""

    status: Literal["ok"]
    version: str
    seq: Seq
    counts: Annotated[dict[str, int], Field(description="Layer → features.")]
    stream: StreamCounts
    webhooks: WebhookCounts


class Alive(TypedDict):
    """The process answers."""

    status: Literal["ok"]


class Ready(Alive):
    """The store answers too."""

    seq: Seq


class Layers(TypedDict):
    """The declared layers, in drawing order."""

    layers: list[Layer]


class SceneField(TypedDict):
    """A field that may be shown."""

    name: str
    type: FieldType
    title: Text
    unit: Annotated[str | None, Field(description="UCUM code.")]
    values: Annotated[dict[str, Text], Field(description="Code → label, of a code list.")]


class SceneLayer(TypedDict):
    """A layer as it is drawn."""

    name: str
    title: Text
    kind: Literal["place", "record", "derived"]
    group: Text
    geometry: Literal["polygon", "line", "point", "any", "none"]
    access: Literal["open", "aggregate", "private"]
    derived_from: str | None
    style: Style
    refresh_s: Annotated[int | None, Field(description="Seconds.")]
    count: int
    href: Annotated[str | None, Field(description="Where its geometry is; null: it is not drawn.")]
    fields: list[SceneField]


class SceneTotals(TypedDict):
    """How much there is."""

    population: Annotated[float | None, Field(description="Persons; null when not to be told.")]
    devices: int
    buildings: int
    spaces: int


class SceneCommunity(TypedDict):
    """The community that is shown."""

    code: Code
    name: str | None


class Scene(TypedDict):
    """What a map needs to begin: the community, its extent, its layers."""

    title: Text
    community: SceneCommunity | None
    bounds: Box | None
    center: LonLat | None
    seq: Seq
    layers: list[SceneLayer]
    totals: SceneTotals
