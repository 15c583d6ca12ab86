"""Places, their history, names and health; search and addresses."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from api.answers.alarms import Alarm
from api.answers.common import (
    Attributes,
    Code,
    DateTime,
    Geometry,
    HeightM,
    LonLat,
    PlaceCode,
    Reading,
    Storey,
    Text,
)


class Provenance(TypedDict):
    """When a version was true, when the twin believed it, and where it is from."""

    valid_from: DateTime | None
    valid_to: DateTime | None
    recorded_at: DateTime | None
    superseded_at: DateTime | None
    source: str | None
    source_element: Annotated[str | None, Field(description="Its name there, such as an IFC GlobalId.")]
    batch: Annotated[str | None, Field(description="The import that brought it.")]


class PlaceVersion(Provenance):
    """One version of a place."""

    name: str | None
    stage: str | None
    z_min_m: HeightM | None
    z_max_m: HeightM | None
    geometry: Geometry | None
    attributes: Attributes


class PlaceHistory(TypedDict):
    """Every version of a place, in the order they were recorded."""

    code: Code
    versions: list[PlaceVersion]


class NamedPlace(TypedDict):
    """A place above or below."""

    code: Code
    name: str | None
    layer: str
    storey: Storey | None


class Identifier(TypedDict):
    """Another name of a place."""

    scheme: Annotated[str, Field(description="Whose name it is, such as ifc or zhejiang_building.")]
    value: str
    source: str | None
    valid_from: DateTime | None
    valid_to: DateTime | None


class Division(TypedDict):
    """An administrative division (GB/T 2260, GB/T 10114)."""

    level: str
    code: str
    name: str | None


class Descent(TypedDict):
    """One place went over into another."""

    community: str
    predecessor: Code
    successor: Code
    kind: Literal["split", "merge"]
    at: DateTime


class ShownReading(TypedDict):
    """The newest reading of a property; title and unit where the device's type knows the property."""

    value: Annotated[Reading, Field(description="In the unit of the property.")]
    time: DateTime
    title: NotRequired[Text]
    unit: NotRequired[Annotated[str | None, Field(description="UCUM code.")]]


class Record(TypedDict):
    """What stands in a place."""

    id: str
    name: str | None
    attributes: Attributes


class DeviceWithReadings(Record):
    """A device in a place, with its newest readings."""

    values: Annotated[dict[str, ShownReading], Field(description="Property → newest reading.")]


class RecordsInPlace(TypedDict):
    """What stands in a place, by layer."""

    device: NotRequired[list[DeviceWithReadings]]


class Population(TypedDict):
    """How many live in a place; null where the group is too small to hide its members."""

    households: int | None
    persons: Annotated[float | None, Field(description="Persons.")]
    suppressed: bool


class Place(Provenance):
    """A place, and the parts of it that `include` asks for."""

    code: Code
    check: Annotated[str | None, Field(description="Check character of the code.")]
    text: Annotated[str, Field(description="The code with its check character, for people to type.")]
    layer: str
    name: str | None
    storey: Storey | None
    z_min_m: HeightM | None
    z_max_m: HeightM | None
    stage: str | None
    integrity: Annotated[
        Literal["exact", "near", "drift"] | None,
        Field(description="Whether a building still lies where its code was anchored."),
    ]
    attributes: Attributes
    parent: Annotated[str | None, Field(description="Code of the place above.")]
    address: NotRequired[str | None]
    divisions: NotRequired[Annotated[list[Division], Field(description="Province first.")]]
    geometry: NotRequired[Geometry | None]
    ancestors: NotRequired[Annotated[list[NamedPlace], Field(description="From the top down.")]]
    children: NotRequired[list[NamedPlace]]
    identifiers: NotRequired[list[Identifier]]
    descent: NotRequired[list[Descent]]
    records: NotRequired[RecordsInPlace]
    population: NotRequired[Population | None]
    alarms: NotRequired[list[Alarm]]
    facilities: NotRequired[list[Record]]
    incidents: NotRequired[list[Record]]
    history: NotRequired[list[PlaceVersion]]


class SearchResult(TypedDict):
    """Something that bears a name."""

    layer: str
    id: str
    name: str | None
    place: PlaceCode | None
    text: Annotated[str, Field(description="Address, name or id: what to show.")]
    center: LonLat | None
    storey: Storey | None


class SearchResults(TypedDict):
    """What bears a name, best match first."""

    results: list[SearchResult]


class AddressedPlace(TypedDict):
    """A place and its address."""

    code: Code
    layer: str
    name: str | None
    address: str | None
    storey: Storey | None
    z_min_m: HeightM | None
    center: LonLat | None


class AddressMatch(AddressedPlace):
    """A place that an address leads to."""

    score: Annotated[float, Field(ge=0, le=1, description="0 to 1; 1 is certain.")]
    reason: str


class AddressMatches(TypedDict):
    """How an address was read, and the deepest places it leads to, best first."""

    address: Annotated[str | None, Field(description="In standard writing.")]
    notes: Annotated[list[str], Field(description="What was understood with doubt.")]
    matches: list[AddressMatch]


class HealthLoss(TypedDict):
    """What a building loses points by, and the cure."""

    check: str
    group: str
    weight: Annotated[float, Field(description="Most points that the check is worth.")]
    why: Text
    cure: Text
    lost: Annotated[float, Field(description="Points.")]
    count: int
    things: Annotated[list[str], Field(description="Codes or numbers of the first things it is about.")]


class HealthScore(TypedDict):
    """How complete and consistent a building is in the twin."""

    code: Code
    name: str | None
    score: Annotated[float, Field(ge=0, le=100, description="0 to 100.")]
    losses: list[HealthLoss]


class HealthScores(TypedDict):
    """The buildings with their scores, the worst first."""

    buildings: int
    mean: Annotated[float | None, Field(description="Mean score, 0 to 100.")]
    scores: list[HealthScore]
