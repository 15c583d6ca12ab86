"""What moves: positions, tracks, patrols."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from api.answers.common import BearingDeg, DateTime, Geometry, HeightM, LengthM, LonLat, Seq, Storey
from layers.moving.patrol import State


class ReportedPosition(TypedDict):
    """Where something was."""

    position: LonLat
    storey: Storey | None
    height_m: HeightM | None
    heading_deg: BearingDeg | None
    speed_m_per_s: Annotated[float | None, Field(description="Metres a second.")]
    accuracy_m: LengthM | None
    at: DateTime


class MovingDevice(ReportedPosition):
    """A terminal, robot or vehicle, and where it is."""

    device: str
    type: str
    family: str | None
    age_s: Annotated[float, Field(description="Seconds since the position.")]
    fresh: Annotated[bool, Field(description="Whether the position is of the last minutes.")]
    distance_m: Annotated[float | None, Field(description="Metres from `near`; null when that was not asked.")]


class MovingDevices(TypedDict):
    """What moves."""

    seq: Seq
    movers: list[MovingDevice]


_Interval = TypedDict("_Interval", {"from": DateTime, "to": DateTime})


class Interval(_Interval):
    """A time."""


class Stay(_Interval):
    """At least three minutes within 30 m."""

    position: LonLat
    positions: Annotated[int, Field(description="How many were reported meanwhile.")]


class TripPoints(TypedDict):
    """When a trip passed each point of its line."""

    times: list[DateTime]
    storeys: list[Storey | None]
    positions: Annotated[int, Field(description="Positions that the line was made of.")]


class Trip(TypedDict):
    """A trip; the geometry of a single position is null."""

    type: Literal["Feature"]
    geometry: Geometry | None
    properties: TripPoints


class Track(TypedDict):
    """Where something went."""

    type: Literal["FeatureCollection"]
    device: str
    length_m: LengthM
    features: list[Trip]
    stays: list[Stay]
    jumps: Annotated[list[ReportedPosition], Field(description="Positions that cannot be true.")]


class Patrol(TypedDict):
    """A round."""

    id: str
    route: str
    device: Annotated[str, Field(description="Number of the terminal that is carried.")]
    started_at: DateTime
    state: Literal["under_way", "over"]
    ended_at: NotRequired[DateTime]
    told: NotRequired[Annotated[list[str], Field(description="What was raised as an alarm.")]]


class Patrols(TypedDict):
    """Rounds, newest first."""

    patrols: list[Patrol]


class PatrolPoint(TypedDict):
    """A point to be visited, and what became of it."""

    name: str
    position: LonLat
    state: State
    due: DateTime
    at: Annotated[DateTime | None, Field(description="When it was visited.")]
    in_order: bool


class PatrolProgress(Patrol):
    """How a round goes."""

    route_name: str | None
    points: list[PatrolPoint]
    outside: Annotated[list[Interval], Field(description="When the area was left.")]
    track: Geometry | None
