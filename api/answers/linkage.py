"""Linkage rules, what they would do and did, and signals."""

from typing import Annotated, Literal, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from api.answers.common import BearingDeg, DateTime, LengthM, LonLat, PlaceCode, Seq, Severity, Storey, Text
from layers.linkage.rules import IncidentAction, Rule


class LinkageRule(TypedDict):
    """A rule, whether it is on, and who decided so."""

    rule: Rule
    enabled: bool
    shipped: Annotated[bool, Field(description="Whether it is the one that comes with the product.")]
    by: str | None
    since: DateTime | None


class LinkageRules(TypedDict):
    """All rules, by id."""

    rules: list[LinkageRule]


class RemovedRule(TypedDict):
    """A rule that was taken back."""

    rule: str
    decision: Literal["removed"]
    by: str


class SimulatedCommand(TypedDict):
    """A command that a device would get."""

    device: str
    name: str | None
    place: PlaceCode | None
    command: str


class OpenedCamera(TypedDict):
    """A camera whose picture would be opened."""

    device: str
    name: str | None
    place: PlaceCode | None
    stream: str | None
    distance_m: LengthM | None
    bearing_deg: BearingDeg | None


class SimulatedNotice(TypedDict):
    """Who would be told what."""

    to: Annotated[list[str], Field(description="Roles or departments.")]
    text: Text


class Simulation(TypedDict):
    """What a rule would touch if it fired."""

    rule: str
    enabled: bool
    commands: list[SimulatedCommand]
    cameras: list[OpenedCamera]
    notify: list[SimulatedNotice]
    incidents: list[IncidentAction]


@with_config(ConfigDict(extra="allow"))
class Firing(TypedDict):
    """A rule that fired, was stopped by the loop guard or failed; further members tell what it did."""

    seq: Seq
    at: DateTime
    rule: str
    title: NotRequired[Text]
    cause: NotRequired[Annotated[int | None, Field(description="Number in the log of the event that led to it.")]]
    name: NotRequired[str]
    device: NotRequired[str | None]
    alarm: NotRequired[str | None]
    place: NotRequired[PlaceCode | None]
    storey: NotRequired[Storey | None]
    center: NotRequired[LonLat | None]
    severity: NotRequired[Severity | None]
    chain: NotRequired[Annotated[list[str], Field(description="The rules that led here, first to last.")]]


class Firings(TypedDict):
    """Firings, oldest first."""

    firings: list[Firing]


class SignalTaken(TypedDict):
    """A signal was taken."""

    seq: Annotated[int | None, Field(description="Number in the event log; null of a duplicate.")]
    duplicate: bool
