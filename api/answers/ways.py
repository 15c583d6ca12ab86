"""Ways on foot, and what is near."""

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from api.answers.common import Attributes, BearingDeg, Geometry, LengthM, LonLat, PlaceCode, Share, Storey, Text


class RouteStep(TypedDict):
    """One instruction."""

    kind: Annotated[str, Field(description="walk, room, exit, entrance, or the kind of a connection.")]
    text: Text
    length_m: Annotated[float, Field(description="Metres; for stairs what their height is worth on the level.")]
    ids: Annotated[list[str], Field(description="Walkways, room or door of the step.")]


_Ends = TypedDict("_Ends", {"from": bool, "to": bool})


class Indoors(_Ends):
    """Whether a way begins and ends indoors."""


class RouteFigures(TypedDict):
    """How long a way is, and how it goes."""

    length_m: LengthM
    seconds: float
    indoors: Indoors
    exposed_m: Annotated[float, Field(description="Metres of it inside what is to be avoided, to get out of it.")]
    steps: list[RouteStep]


class Route(TypedDict):
    """A way on foot, as a GeoJSON feature."""

    type: Literal["Feature"]
    geometry: Geometry
    properties: RouteFigures


class RouteFound(TypedDict):
    """The shortest way; or null, and why there is no safe one."""

    route: Route | None
    reason: Text | None


class ReachedFigures(TypedDict):
    """How far the edge of an area is."""

    minutes: float
    walked_m: LengthM


class Isochrone(TypedDict):
    """An area that is reached in so many minutes."""

    type: Literal["Feature"]
    geometry: Geometry
    properties: ReachedFigures


class Isochrones(TypedDict):
    """What is reached on foot; larger areas hold the smaller ones."""

    type: Literal["FeatureCollection"]
    features: list[Isochrone]


class Thing(TypedDict):
    """A feature, without its geometry."""

    layer: str
    id: str
    name: str | None
    place: PlaceCode | None
    storey: Storey | None
    attributes: Attributes


class NearThing(Thing):
    """A feature, and how far it is."""

    position: LonLat | None
    distance_m: Annotated[float | None, Field(description="Metres, as the crow flies.")]
    bearing_deg: BearingDeg | None
    walk_m: Annotated[float | None, Field(description="Metres on foot; null when that was not asked.")]
    walk_s: Annotated[float | None, Field(description="Seconds on foot.")]


class NearThings(TypedDict):
    """The nearest, nearest first."""

    by: Annotated[Literal["walk", "line"], Field(description="What distance they are ordered by.")]
    results: list[NearThing]


class Evacuation(RouteFound):
    """The way out to a shelter; null, and why, when no safe one leads to any."""

    shelter: NearThing | None


class CutOffPart(TypedDict):
    """Walkways that no walkway joins to the rest."""

    ways: int
    ids: Annotated[list[str], Field(description="The first of them.")]


class Connectivity(TypedDict):
    """Which entrances are reached on foot (C 4.3.5)."""

    entrances: int
    reached_share: Share | None
    unreached: list[Thing]
    other_parts: list[CutOffPart]
