"""Alarms as operators have them, and how often they are raised."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from api.answers.common import DateTime, HeightM, LonLat, Next, PlaceCode, RejectedItem, Seq, Severity, Storey, Text
from layers.alarm.occurrences import Tally
from layers.alarm.rules import Cause, Ending
from layers.alarm.tally import By


class Alarm(TypedDict):
    """An alarm (ISA-18.2): active or cleared × acknowledged or not."""

    id: str
    type: str
    title: Text
    device: Annotated[str, Field(description="Number of the device; for the silence of a building, its code.")]
    device_name: str | None
    place: PlaceCode | None
    place_name: str | None
    storey: Storey | None
    center: LonLat | None
    z_m: HeightM | None
    cell: Annotated[str | None, Field(description="H3 cell, of what a camera sees at changing places.")]
    severity: Severity
    cause: Annotated[Cause, Field(description="The device, a rule on its readings, or its silence.")]
    active: Annotated[bool, Field(description="Whether the condition holds.")]
    acknowledged: Annotated[bool, Field(description="Whether a person has seen it.")]
    count: Annotated[int, Field(description="Reports since it was raised.")]
    raised_at: DateTime
    last_seen: DateTime
    changed_at: DateTime
    timeout_s: Annotated[int | None, Field(description="A passing event is over after so many seconds.")]
    cleared_at: DateTime | None
    ended_by: Ending | None
    acknowledged_at: DateTime | None
    acknowledged_by: str | None
    handled_by: str | None
    result: str | None
    shelved_by: str | None
    shelved_until: DateTime | None
    shelf_reason: str | None
    flapping: Annotated[bool, Field(description="Raised and cleared too often to be told each time.")]
    seq: NotRequired[Annotated[int, Field(description="Number in the event log of the step just taken.")]]


class AlarmPage(TypedDict):
    """Alarms, the most urgent first."""

    alarms: list[Alarm]
    next: Next


class AlarmGroup(TypedDict):
    """The alarms that stand in one place, or are of one type or severity."""

    key: Annotated[str | None, Field(description="null: what stands in no such place.")]
    count: int
    active: int
    unacknowledged: int
    shelved: int
    worst: Annotated[int | None, Field(description="Severity, of what is active; null when nothing is.")]
    severities: Annotated[dict[str, int], Field(description="Severity → alarms.")]


class AlarmSummary(TypedDict):
    """How many alarms stand where, the worst first."""

    seq: Seq
    by: By
    open: int
    active: int
    shelved: int
    groups: list[AlarmGroup]


class AlarmFigures(TypedDict):
    """What alarms add up to; ``total`` is null when there were none."""

    total: Tally | None
    groups: list[Tally]


class AlarmStatistics(AlarmFigures):
    """How often alarms were raised; ``before`` and the changes when a time to compare with was named."""

    before: NotRequired[AlarmFigures]
    change: NotRequired[Annotated[int, Field(description="Alarms more, or fewer, than before.")]]
    change_share: NotRequired[Annotated[float | None, Field(description="The same as a share of those before.")]]


class EventTaken(TypedDict):
    """What an event of another system became, and its disposal (处置)."""

    source: str
    event_no: str
    became: Literal["alarm", "incident"]
    id: Annotated[str, Field(description="Of the alarm or incident.")]
    status: Literal["unhandled", "handling", "handled"]
    status_zh: str
    handler: str | None
    handled_at: DateTime | None


class ReportedEvent(EventTaken):
    """One event of a message that was taken."""

    index: Annotated[int, Field(description="Position in the message, from 0.")]
    created: Annotated[bool, Field(description="false: it was reported before.")]


class EventsTaken(TypedDict):
    """What became of a message of events."""

    events: list[ReportedEvent]
    rejected: list[RejectedItem]
