"""Readings: what became of them, what they were over time, what the newest are; and where they come from."""

from typing import Annotated, Literal, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from api.answers.common import Code, DateTime, Reading, RejectedItem, Rejection, Seq


class ObservationReceipt(TypedDict):
    """What became of a message; it is given once all of it is durable."""

    accepted: Annotated[int, Field(description="Observations now in the log.")]
    duplicates: Annotated[int, Field(description="Observations that were there already.")]
    unchanged: Annotated[int, Field(description="Observations that say nothing new, where only exceptions are kept.")]
    rejected: list[RejectedItem]
    seq: Annotated[int, Field(description="Number in the event log of the newest one appended; 0 when none.")]


class IgnoredUplink(TypedDict):
    """An event of a network server that holds no readings."""

    ignored: Annotated[str, Field(description="Its kind.")]


@with_config(ConfigDict(extra="allow"))
class RejectedRow(Rejection):
    """Why one row of a file was not taken; further members tell more."""

    line: Annotated[int, Field(description="Of the file, from 1.")]


class ObservationFileReceipt(TypedDict):
    """What became of a file of readings."""

    accepted: int
    duplicates: int
    unchanged: Annotated[int, Field(description="Observations that say nothing new, where only exceptions are kept.")]
    rejected_count: int
    rejected: Annotated[list[RejectedRow], Field(description="The first of them.")]
    seq: Annotated[int, Field(description="Number in the event log of the newest one appended; 0 when none.")]


class SeriesPoint(TypedDict):
    """A reading; or, rolled up, the readings of a minute, hour or day. Text and truth values have no mean."""

    time: Annotated[DateTime, Field(description="Of the reading, or when the step begins.")]
    value: NotRequired[Annotated[Reading, Field(description="Of raw readings.")]]
    count: NotRequired[Annotated[int, Field(description="Readings of the step.")]]
    mean: NotRequired[Annotated[float | None, Field(description="In the unit of the series.")]]
    low: NotRequired[Annotated[float | None, Field(description="Least reading of the step.")]]
    high: NotRequired[Annotated[float | None, Field(description="Greatest reading of the step.")]]
    last: NotRequired[Annotated[Reading, Field(description="Newest reading of the step.")]]


class ReadingSeries(TypedDict):
    """One property of one device over time, oldest first."""

    device: str
    property: str
    unit: Annotated[str | None, Field(description="UCUM code.")]
    rollup: Literal["raw", "minute", "hour", "day"]
    points: list[SeriesPoint]
    next: Annotated[DateTime | None, Field(description="`from` of the following page; null on the last.")]


class LatestValue(TypedDict):
    """The newest reading of one property of one device."""

    device: str
    property: str
    value: Annotated[Reading, Field(description="In the unit of the property.")]
    time: DateTime
    age_s: Annotated[float, Field(description="Seconds since the reading.")]


class LatestValues(TypedDict):
    """The newest readings of all that stands in a place."""

    code: Code
    at: DateTime
    values: list[LatestValue]


class BrokerState(TypedDict):
    """The connection to the MQTT broker, and what it brought since the service was started."""

    broker: Annotated[str, Field(description="Host and port.")]
    connected: bool
    connections: Annotated[int, Field(description="How often it was connected.")]
    fault: Annotated[str | None, Field(description="Why it is not.")]
    received: int
    waiting: Annotated[int, Field(description="Messages received and not yet stored.")]
    acknowledged: int
    accepted: Annotated[int, Field(description="Observations.")]
    duplicates: int
    unchanged: Annotated[int, Field(description="Observations that say nothing new, where only exceptions are kept.")]
    rejected: int
    rejected_untold: Annotated[int, Field(description="Rejected ones that the log does not hold.")]


class Sources(TypedDict):
    """The sources that the service itself keeps open."""

    mqtt: Annotated[BrokerState | None, Field(description="null without a broker.")]


class RejectedMessage(TypedDict):
    """A message that could not be taken, without its payload."""

    seq: Seq
    at: DateTime
    source: str
    subject: Annotated[str, Field(description="Device or topic.")]
    code: Annotated[str, Field(description="Stable; all are in docs/errors.md.")]
    message: str
    cure: str
    bytes: Annotated[int, Field(description="Length of the payload.")]


class RejectedMessages(TypedDict):
    """Rejected messages, oldest first."""

    rejected: list[RejectedMessage]
    next: Annotated[int | None, Field(description="`after` of the following page; null on the last.")]
