"""Incidents, their logs, pages, figures and results; calls for help."""

from typing import Annotated, Literal, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from api.answers.common import BearingDeg, Code, DateTime, HeightM, LengthM, LonLat, Next, PlaceCode, Severity, Storey
from api.answers.devices import NearCamera
from layers.incident.policy import Plan
from layers.incident.rules import State, Step

IncidentClass = Annotated[str, Field(description="Class of incident, such as fire.")]


class Attachment(TypedDict):
    """A photo or recording."""

    ref: Annotated[str, Field(description="Where it is.")]
    sha256: str
    media_type: str


@with_config(ConfigDict(extra="allow"))
class LogEntry(TypedDict):
    """One line of an incident's log; further members are what the step said, such as its result."""

    n: Annotated[int, Field(description="1 for the report, then without gaps.")]
    step: Step
    by: Annotated[str, Field(description="Person or system.")]
    at: DateTime
    seq: NotRequired[Annotated[int, Field(description="Number in the event log.")]]


_Class = TypedDict("_Class", {"class": IncidentClass})


class Incident(_Class):
    """A case that staff handle, from its report to its end (ISO 22320)."""

    no: str
    title: str
    description: NotRequired[str]
    severity: Annotated[int, Field(ge=1, le=4, description="As reported; 1 is the worst.")]
    level: Annotated[int, Field(ge=1, le=4, description="1 (Ⅰ) is the worst; from class and severity, or escalated.")]
    source: Annotated[str, Field(description="How it was reported (上报途径): hotline, grid_worker, device …")]
    state: State
    next: Annotated[list[Step], Field(description="The steps that may come now.")]
    entries: Annotated[int, Field(description="Lines of its log.")]
    reported_by: str
    occurred_at: DateTime
    reported_at: DateTime
    changed_at: DateTime
    accepted_at: DateTime | None
    accepted_by: str | None
    dispatched_at: DateTime | None
    handler: str | None
    handling_at: DateTime | None
    feedback_at: DateTime | None
    overdue: Annotated[Step | None, Field(description="The step that did not come in its time, until one comes.")]
    overdue_at: Annotated[DateTime | None, Field(description="When its time was over.")]
    closed_at: DateTime | None
    department: Annotated[str | None, Field(description="Who it was escalated to.")]
    escalations: int
    result: str | None
    result_by: str | None
    feedback: Annotated[str | None, Field(description="What the reporter was told.")]
    score: Annotated[int | None, Field(description="Of the assessment, 1 to 5.")]
    merged_into: Annotated[str | None, Field(description="Number of the incident that goes on in its stead.")]
    merged: Annotated[list[str], Field(description="Numbers of those that ended in this one.")]
    grid: NotRequired[str]
    device: NotRequired[Annotated[str, Field(description="Number of the device that told of it.")]]
    alarm: NotRequired[str]
    facility: NotRequired[str]
    attachments: NotRequired[list[Attachment]]
    place: PlaceCode | None
    storey: Storey | None
    center: LonLat | None
    z_m: HeightM | None


class IncidentStep(Incident):
    """An incident after a step, with the line of its log; without it nothing was new."""

    entry: NotRequired[LogEntry]
    seq: NotRequired[Annotated[int, Field(description="Number of the step in the event log.")]]


class ReportedIncident(IncidentStep):
    """An incident as it was reported."""

    created: Annotated[bool, Field(description="false: it was reported before.")]
    follow: Annotated[str | None, Field(description="What the reporter follows it by; told to nobody else.")]


class IncidentPage(TypedDict):
    """Incidents, in the order of their numbers."""

    incidents: list[Incident]
    matched: Annotated[int, Field(description="How many there are on all pages.")]
    next: Next


class NearResponder(TypedDict):
    """Somebody of the grid force; who it is, is not told."""

    force_no: str
    force_type: str | None
    grid_role: str | None
    grid_code: str | None
    status: str | None
    position: LonLat | None
    distance_m: LengthM | None
    bearing_deg: BearingDeg | None


class Affected(TypedDict):
    """Who lives in the building of an incident; null where the group is too small to hide its members."""

    within: Code
    households: int | None
    persons: int | None


class IncidentBriefing(Incident):
    """All that a dispatcher needs on one page."""

    place_name: str | None
    log: Annotated[list[LogEntry], Field(description="Oldest first.")]
    cameras: Annotated[list[NearCamera], Field(description="Nearest first.")]
    responders: Annotated[list[NearResponder], Field(description="Nearest first.")]
    plan: Plan | None
    affected: Affected | None


class KeyedCount(TypedDict):
    """How many of what; the key null holds what has none, and the groups beyond the largest."""

    key: str | None
    count: int


class IncidentTotals(TypedDict):
    """How many, how many dealt with, how soon."""

    reports: int
    incidents: Annotated[int, Field(description="Reports but for those merged into others.")]
    open: int
    handled: int
    handling_rate: Annotated[float | None, Field(description="0 to 1.")]
    median_accept_s: Annotated[float | None, Field(description="Seconds from report to acceptance.")]
    median_handle_s: Annotated[float | None, Field(description="Seconds from report to feedback.")]


class TrendStep(TypedDict):
    """A day, week or month."""

    start: DateTime
    reported: int
    handled: int


class IncidentTotalsBySide(IncidentTotals):
    """The same before or after a moment."""

    per_day: Annotated[float, Field(description="Reports a day.")]


class Compared(TypedDict):
    """What was before a moment and what is after it."""

    at: DateTime
    before: IncidentTotalsBySide
    after: IncidentTotalsBySide
    change: Annotated[float | None, Field(description="Of the reports a day, as a share of those before.")]


class IncidentStatistics(IncidentTotals):
    """Figures of the incidents reported in a time."""

    since: DateTime
    until: DateTime
    by_state: list[KeyedCount]
    by_class: list[KeyedCount]
    by_level: list[KeyedCount]
    by_source: list[KeyedCount]
    by_grid: list[KeyedCount]
    by_building: list[KeyedCount]
    trend: list[TrendStep]
    compared: NotRequired[Compared]


class IncidentResult(_Class):
    """What came of an incident: all that an outside CIM platform may know of it (A 5.1.4e)."""

    no: str
    place: PlaceCode | None
    level: Severity
    state: State
    result: str
    result_by: str | None
    reported_at: DateTime
    feedback_at: DateTime | None
    closed_at: DateTime | None
    grid: str | None


class IncidentResults(TypedDict):
    """Results, by the numbers of the incidents."""

    results: list[IncidentResult]
    next: Next


class FollowedIncident(_Class):
    """How far a report is, for who reported."""

    no: str
    place_name: str | None
    state: State
    feedback: str | None
    reported_at: DateTime
    accepted_at: DateTime | None
    dispatched_at: DateTime | None
    handling_at: DateTime | None
    feedback_at: DateTime | None
    closed_at: DateTime | None


class Call(TypedDict):
    """Who was asked to come."""

    incident: str
    grid: Annotated[str | None, Field(description="Whose force is asked; null: the place lies in no grid.")]
    here: LonLat | None
    state: Literal["asking", "accepted", "escalated", "over"]
    asked: Annotated[list[str], Field(description="Numbers, in order; the last is being waited for.")]
    until: Annotated[DateTime | None, Field(description="Until when the last is waited for.")]
    length_m: Annotated[float | None, Field(description="Metres that the last has to go.")]
    by: Annotated[str | None, Field(description="How that was measured: walk or line.")]
    answered_by: str | None


class CalledIncident(IncidentStep):
    """An incident that was reported with one key, and who was asked to come."""

    call: Call
    follow: Annotated[str | None, Field(description="What the reporter follows it by; told to nobody else.")]
