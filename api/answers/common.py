"""Values that many answers hold, each with its unit and reference; and GeoJSON (RFC 7946)."""

from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from twin import declaration

if TYPE_CHECKING:  # who asks in Python has it as JSON; the description has one schema for declared and told texts

    class Text(TypedDict):
        """A label in the two languages of the product."""

        zh: str
        en: str

else:
    Text = declaration.Text

DateTime = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""A moment, RFC 3339, with its zone."""

Code = Annotated[str, Field(description="Space code, without check character.")]
PlaceCode = Annotated[str, Field(description="Space code of the place it stands in.")]
Storey = Annotated[int, Field(description="1 is the ground floor, -1 the first basement; there is no 0.")]
LonLat = Annotated[list[float], Field(min_length=2, max_length=2, description="Longitude, latitude: degrees, CRS84.")]
Box = Annotated[list[float], Field(min_length=4, max_length=4, description="West, south, east, north: degrees.")]
HeightM = Annotated[float, Field(description="Metres above the national height datum.")]
LengthM = Annotated[float, Field(description="Metres.")]
BearingDeg = Annotated[float, Field(description="Degrees clockwise from north.")]
Share = Annotated[float, Field(ge=0, le=1, description="0 to 1.")]
Severity = Annotated[int, Field(ge=1, le=4, description="1 (Ⅰ) is the worst.")]
Seq = Annotated[int, Field(description="Number in the event log; a reader resumes after it.")]
Unit = Annotated[str, Field(description="UCUM code.")]
Next = Annotated[str | None, Field(description="`cursor` of the following page; null on the last.")]
Attributes = Annotated[
    dict[str, Any], Field(description="By field; `GET /v1/layers` and a collection's schema declare them.")
]
Reading = bool | float | str | dict[str, Any] | list[Any] | None
"""What an observation found: the thing model of the device's type says of which kind."""


class Geometry(TypedDict):
    """A GeoJSON geometry, CRS84: longitude before latitude, degrees."""

    type: Literal[
        "Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection"
    ]
    coordinates: NotRequired[list[Any]]
    geometries: NotRequired[Annotated[list[Any], Field(description="Of a GeometryCollection.")]]


class Feature(TypedDict):
    """A GeoJSON feature of a layer."""

    type: Literal["Feature"]
    id: str
    geometry: Geometry | None
    properties: Attributes


class FeatureCollection(TypedDict):
    """GeoJSON features."""

    type: Literal["FeatureCollection"]
    features: list[Feature]


class FeaturePage(FeatureCollection):
    """A page of the features that meet a question."""

    matched: Annotated[int, Field(description="How many there are on all pages.")]
    returned: int
    next: Next


class ValidInterval(TypedDict):
    """When a feature holds."""

    interval: Annotated[list[str], Field(min_length=2, max_length=2, description="From, until; .. is open.")]


class FeatureFg(Feature):
    """A JSON-FG feature: GeoJSON, and beside it what GeoJSON cannot say."""

    featureType: Annotated[str, Field(description="Layer.")]
    time: ValidInterval
    place: Annotated[dict[str, Any] | None, Field(description="With heights; null where `geometry` says all.")]
    coordRefSys: NotRequired[Annotated[str | list[str], Field(description="Of `place`.")]]


class FeaturePageFg(TypedDict):
    """A page of the features that meet a question, as JSON-FG."""

    type: Literal["FeatureCollection"]
    conformsTo: list[str]
    features: list[FeatureFg]
    matched: Annotated[int, Field(description="How many there are on all pages.")]
    returned: int
    next: Next


@with_config(ConfigDict(extra="allow"))
class Rejection(TypedDict):
    """Why something was not taken; further members tell more."""

    code: Annotated[str, Field(description="Stable; all are in docs/errors.md.")]
    message: str
    cure: str


@with_config(ConfigDict(extra="allow"))
class RejectedItem(Rejection):
    """Why one item of a message was not taken; further members tell more."""

    index: Annotated[int, Field(description="Position in the message, from 0.")]
