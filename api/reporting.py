"""What is said in a report over HTTP, and how it becomes one."""

import secrets
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.finding import place_key
from api.state import Services
from api.view import present
from layers.incident.report import Report, Reporter

By = Annotated[str, Field(min_length=1, max_length=100, description="Who does it: a number or a function.")]


class Body(BaseModel):
    """A body that says nothing we do not know."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class Where(Body):
    """Where it is: device, facility, place or position."""

    device: str | None = Field(None, max_length=100)
    facility: str | None = Field(None, max_length=100, description="As the QR code on it says.")
    place: str | None = Field(None, max_length=100, description="Space code.")
    longitude: float | None = Field(None, ge=-180, le=180)
    latitude: float | None = Field(None, ge=-90, le=90)
    height_m: float | None = Field(None, ge=-500, le=10_000)
    community: str | None = Field(None, max_length=50)
    source_no: str | None = Field(None, min_length=1, max_length=200, description="Your number of this message.")
    occurred_at: AwareDatetime | None = None
    reporter_name: str | None = Field(None, max_length=100)
    reporter_phone: str | None = Field(None, max_length=30)
    by: By


def filed_by(here: Services, said: Where, title: str, class_: str, severity: int, source: str) -> Report:
    """Return the report; it is followed by a token that nobody can guess.

    Raises:
        BadInput: ``code.…`` when the place is no code.
    """
    at = None if said.longitude is None or said.latitude is None else (said.longitude, said.latitude)
    return Report(
        class_=class_,
        severity=severity,
        source=source,
        source_no=said.source_no,
        title=title,
        by=said.by,
        occurred_at=said.occurred_at or here.clock(),
        device=said.device,
        facility=said.facility,
        place=place_key(present(here), said.place),
        position=at,
        height_m=said.height_m,
        community=said.community,
        reporter=Reporter(said.reporter_name, said.reporter_phone),
        token=secrets.token_urlsafe(24),
    )
