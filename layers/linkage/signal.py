"""Signals: what people and other systems say happened, so that rules may follow from it. They name no person."""

from dataclasses import dataclass
from datetime import datetime

from layers.linkage.scope import Cause
from twin.event import NewEvent
from twin.store import Transaction

KIND = "signal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """A signal.

    Attributes:
        name: What it says, such as ``emergency_open``; rules wait for it.
        by: Person or system that says so.
        source: With ``source_seq`` the idempotency key.
        reference: Number of the matter in the other system.
        cause: Where it is.
    """

    name: str
    by: str
    source: str
    source_seq: str
    at: datetime
    cause: Cause
    reference: str | None = None


def raise_signal(transaction: Transaction, signal: Signal) -> int | None:
    """Append a signal to the log; return its number, ``None`` when it was there."""
    where = signal.cause
    told = transaction.append(
        NewEvent(
            kind=KIND,
            community=where.community,
            subject=where.device or where.place or signal.name,
            source=f"signal:{signal.source}",
            source_seq=signal.source_seq,
            occurred_at=signal.at,
            body={
                "name": signal.name,
                "by": signal.by,
                "source": signal.source,
                "reference": signal.reference,
                "device": where.device,
                "place": where.place,
                "storey": where.storey,
                "center": None if where.position is None else list(where.position),
            },
        )
    )
    return None if told is None else told.seq
