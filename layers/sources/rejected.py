"""What could not be taken and whose sender nobody can answer: kept where people see it, never without bound."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gis.errors import LifangError
from layers.sources.payload import digest
from twin.event import NewEvent

KIND = "rejected"
SOURCE = "lifang:rejected"
PER_SUBJECT = 20
PER_HOUR = 1000
_TEXT = 300


@dataclass(slots=True)
class Rejections:
    """Turns faults into events of the kind ``rejected``.

    Each tells what was wrong and where, without the payload, which may speak of people. The same fault of the same
    bytes is one event; of one sender at most :data:`PER_SUBJECT` are kept an hour, of all :data:`PER_HOUR`; the rest
    is only counted.

    Attributes:
        count: How many there were.
        untold: How many of them the log does not hold.
    """

    clock: Callable[[], datetime]
    count: int = 0
    untold: int = 0
    _hour: datetime | None = None
    _kept: "Counter[str]" = field(default_factory=Counter)

    def event(
        self, error: LifangError, *, source: str, subject: str, community: str, payload: bytes
    ) -> NewEvent | None:
        """Return what the log shall hold of one fault; ``None`` when it holds enough.

        Args:
            error: Why it could not be taken.
            source: Where it came from: ``mqtt`` …
            subject: Device or topic.
            community: As the address says; empty when it does not.
            payload: The message.
        """
        now = self.clock()
        self.count += 1
        if not self._room(subject, now):
            self.untold += 1
            return None
        body = {
            "source": source,
            "subject": subject[:_TEXT],
            "code": error.code,
            "message": error.message[:_TEXT],
            "cure": error.cure[:_TEXT],
            "bytes": len(payload),
        }
        number = digest(source, subject, error.code, error.message, payload)
        return NewEvent(
            kind=KIND,
            community=community,
            subject=subject[:_TEXT],
            source=SOURCE,
            source_seq=number,
            occurred_at=now,
            body=body,
        )

    def _room(self, subject: str, now: datetime) -> bool:
        if self._hour is None or now - self._hour >= timedelta(hours=1):
            self._hour, self._kept = now, Counter()
        if self._kept[subject] >= PER_SUBJECT or self._kept.total() >= PER_HOUR:
            return False
        self._kept[subject] += 1
        return True
