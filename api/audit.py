"""Who read what about whom, and why: written before the answer is given."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import uuid4

from fastapi import Query as Parameter

from api.state import Services
from gis.errors import Forbidden
from twin.event import NewEvent

KIND = "access"
"""Kind of the events that tell of a read; they are for auditors and never on the stream."""

Purpose = Annotated[
    str | None,
    Parameter(max_length=200, description="Why: kept in the audit log with who asked. Reads of tracks need one."),
]
Asker = Annotated[str | None, Parameter(alias="by", max_length=100, description="Who asks.")]


def record_read(
    here: Services, subject: str, community: str, by: str | None, purpose: str | None, what: Mapping[str, Any]
) -> None:
    """Note a read of personal data durably, or refuse it.

    Raises:
        Forbidden: ``access.no_purpose`` when nobody says who asks and why.
    """
    if not (by or "").strip() or not (purpose or "").strip():
        raise Forbidden(
            "access.no_purpose",
            "Where somebody went is personal: it is shown for a stated purpose only.",
            "Send by= and purpose=; both are kept in the audit log.",
            subject=subject,
        )
    now: datetime = here.clock()
    event = NewEvent(
        kind=KIND,
        community=community,
        subject=subject,
        source="lifang:audit",
        source_seq=uuid4().hex,
        occurred_at=now,
        body={"by": by, "purpose": purpose, **what},
    )
    here.store.write(lambda transaction: transaction.append(event)).result()
