"""Who is inside, where it is dense, and sums."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from api.answers.common import Code, Geometry, PlaceCode, Share, Storey


class AggregateGroup(TypedDict):
    """One group; what would give single persons away is null."""

    key: Annotated[str, Field(description="Code of the place, or H3 cell.")]
    count: int | None
    value: Annotated[float | None, Field(description="Sum of the field asked for.")]
    mean: Annotated[float | None, Field(description="Of the field, in its unit.")]
    low: Annotated[float | None, Field(description="Least value of the field.")]
    high: Annotated[float | None, Field(description="Greatest value of the field.")]
    geometry: NotRequired[Annotated[Geometry, Field(description="Of an H3 cell.")]]


class Aggregate(TypedDict):
    """Groups by key."""

    groups: list[AggregateGroup]
    suppressed: Annotated[int, Field(description="Groups too small to be told.")]


class HeadCount(TypedDict):
    """Households and persons; null where the group is too small to hide its members."""

    records: Annotated[int | None, Field(description="Households.")]
    value: Annotated[float | None, Field(description="Persons.")]


class HeadCountOfStorey(HeadCount):
    """Households and persons of one storey."""

    storey: Storey | None


class BuildingInside(TypedDict):
    """A building that meets an area."""

    code: Code
    name: str | None
    share: Annotated[Share | None, Field(description="How much of its footprint lies inside, 0 to 1.")]
    storeys: list[HeadCountOfStorey]


class DevicesInside(TypedDict):
    """Devices inside an area."""

    count: int
    by_type: Annotated[dict[str, int], Field(description="Device type → devices.")]


class KeyPlace(TypedDict):
    """A place that needs special care."""

    id: str
    name: str | None
    place: PlaceCode | None


class WhoIsInside(TypedDict):
    """Who and what is inside an area."""

    people: HeadCount
    buildings: list[BuildingInside]
    devices: DevicesInside
    key_places: list[KeyPlace]


class Density(TypedDict):
    """Kernel density on a grid of longitude and latitude."""

    west: Annotated[float, Field(description="Longitude of the middle of the first column, degrees.")]
    south: Annotated[float, Field(description="Latitude of the middle of the first row, degrees.")]
    step_lon: Annotated[float, Field(description="Degrees from column to column.")]
    step_lat: Annotated[float, Field(description="Degrees from row to row.")]
    unit: Literal["/km2"]
    count: Annotated[int, Field(description="Things counted.")]
    values: Annotated[list[list[float]], Field(description="Rows from south to north, columns from west to east.")]


class HotSpotFigures(TypedDict):
    """How hot a cell is."""

    cell: Annotated[str, Field(description="H3 cell.")]
    value: Annotated[float, Field(description="Things in the cell, or alarms raised.")]
    z: Annotated[float, Field(description="Getis-Ord Gi*: hot above 1.96, cold below -1.96 (95 %).")]
    p: Annotated[float, Field(ge=0, le=1, description="Probability of this by chance, 0 to 1.")]


class HotSpot(TypedDict):
    """A cell of the community."""

    type: Literal["Feature"]
    geometry: Geometry
    properties: HotSpotFigures


class HotSpots(TypedDict):
    """The cells of the community."""

    type: Literal["FeatureCollection"]
    features: list[HotSpot]
