"""Subscriptions, what they told, and what was not taken."""

from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

from api.answers.common import DateTime, Seq
from api.stream.asked import StreamFilter


class WatchedTarget(TypedDict):
    """What a surveillance task watches."""

    type: Literal["vehicle", "device", "zone"]
    values: list[str]


class Subscription(TypedDict):
    """A subscription; with a target, a surveillance task (布控任务)."""

    id: str
    community: str
    owner: str
    title: str | None
    url: str
    filter: StreamFilter
    target: WatchedTarget | None
    starts_at: DateTime | None
    ends_at: DateTime | None
    start: Annotated[int, Field(description="Number in the event log that it begins after.")]
    status: Annotated[Literal["active", "paused"], Field(description="paused ones are not called.")]
    reason: Annotated[str | None, Field(description="Why it was paused.")]
    since: Annotated[DateTime, Field(description="When the status was reached.")]
    created_at: DateTime


class NewSubscriptionSecret(Subscription):
    """A new subscription with its secret, which is told this once."""

    secret: str


class ServedSubscription(Subscription):
    """A subscription, and how far it was served."""

    position: Annotated[int, Field(description="Number in the event log it was told of last.")]
    behind: Annotated[int, Field(description="Numbers from there to the newest.")]
    over: Annotated[bool, Field(description="Whether its time is over.")]


class Subscriptions(TypedDict):
    """The subscriptions that stand."""

    subscriptions: list[ServedSubscription]


class OneSubscription(ServedSubscription):
    """A subscription, how far it was served and what was not taken."""

    dead_letters: int


class EndedSubscription(TypedDict):
    """A subscription that was ended."""

    id: str
    status: Literal["ended"]


class ToldEvent(TypedDict):
    """An event, as the receiver gets it."""

    id: Annotated[str, Field(description="The same whenever it is sent again.")]
    seq: Seq
    kind: str
    occurred_at: DateTime
    recorded_at: DateTime
    data: Annotated[dict[str, Any], Field(description="By kind; docs/stream.md tells what each holds.")]


class ToldEvents(TypedDict):
    """Events out of the log."""

    events: list[ToldEvent]
    next: Annotated[int | None, Field(description="`after` of the following page; null at the end of the log.")]


class DeadLetter(TypedDict):
    """What the receiver did not take after all attempts."""

    id: str
    seqs: Annotated[list[int], Field(description="Numbers in the event log.")]
    reason: str
    failed_at: DateTime
    wanted: Annotated[bool, Field(description="Whether it is to be sent again.")]


class DeadLetters(TypedDict):
    """Dead letters, oldest first."""

    dead_letters: list[DeadLetter]


class Redelivery(TypedDict):
    """How many dead letters are to be sent again."""

    id: str
    queued: int
