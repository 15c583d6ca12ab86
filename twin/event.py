"""What happened, as the log keeps it, and what devices saw, before it does."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from gis.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """Something that happened, before the store has numbered it.

    Attributes:
        kind: ``observation``, ``alarm``, ``import`` …
        community: Partition key.
        subject: What it is about: a device number, an alarm id, a place key.
        source: Who says so; with ``source_seq`` the idempotency key.
        source_seq: The sender's own number for this message; the same pair twice is the same event.
        occurred_at: When it happened (phenomenon time, UTC).
        body: The rest, JSON.
    """

    kind: str
    community: str
    subject: str
    source: str
    source_seq: str
    occurred_at: datetime
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(NewEvent):
    """An event in the log: numbered without gaps seen by readers, never changed.

    Attributes:
        seq: Position in the log; later events have larger numbers.
        recorded_at: When the store wrote it (UTC).
    """

    seq: int
    recorded_at: datetime


class Latest(NamedTuple):
    """The latest value of one property of one device; ``occurred_at`` is the device's clock, ``recorded_at`` ours."""

    community: str
    device: str
    name: str
    value: Any
    occurred_at: datetime
    recorded_at: datetime


MOST = 1e300
"""Largest number a reading may have: sums of them must stay finite."""


@dataclass(frozen=True, slots=True)
class Band:
    """When a reading says nothing new, so that it need not be kept (report by exception).

    Attributes:
        within: A number that differs by no more from the last one kept says nothing new; anything else must be equal.
        every: One is kept at least so often, however little changes.
    """

    within: float
    every: timedelta


# Not frozen: tens of thousands are made a second, and freezing doubles what each costs.
@dataclass(slots=True)
class Reading:
    """What a device saw of one property, before the store has numbered it; never changed once made.

    In the log it is an event of kind ``observation`` whose body holds ``property``, ``result`` and, where it was said,
    ``resultTime``.

    Attributes:
        value: Number, boolean, text or JSON object.
        occurred_at: When it was so (phenomenon time, UTC).
        source: Who says so; with ``source_seq`` the idempotency key.
        result_time: When the value was made, where that is another moment and was said (``resultTime`` of its body).
        band: Lets the store leave it out of the log when it says nothing new; ``None``: it is kept.

    Raises:
        BadInput: ``reading.too_large``.

    >>> Reading("c1", "D-1", "level", 10**400, datetime.min, "gw", "1")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: reading.too_large: level of D-1 is no finite number of a usual size. ...
    """

    community: str
    device: str
    name: str
    value: Any
    occurred_at: datetime
    source: str
    source_seq: str
    result_time: datetime | None = None
    band: Band | None = None

    def __post_init__(self) -> None:
        """Refuse a number that nobody could sum."""
        if isinstance(self.value, (int, float)) and not -MOST <= self.value <= MOST:
            raise BadInput(
                "reading.too_large",
                f"{self.name} of {self.device} is no finite number of a usual size.",
                "Send a number between -1e300 and 1e300.",
                device=self.device,
                field="result",
            )


class Observed(NamedTuple):
    """What became of a reading: its number in the log, and whether it is now the latest value."""

    seq: int
    newest: bool


UNCHANGED = Observed(0, newest=False)
"""What became of a reading that says nothing new: it is not in the log, but its device was heard."""
