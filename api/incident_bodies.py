"""What people and other systems say of an incident: its report, and each step."""

from typing import Annotated

from pydantic import Field

from api.reporting import Body, By, Where

_Text = Annotated[str, Field(min_length=1, max_length=2000)]


class NewAttachment(Body):
    """A photo or recording: kept here, or where the reference says."""

    ref: str = Field(min_length=1, max_length=500)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    media_type: str = Field(max_length=100, pattern=r"^[a-z]+/[a-z0-9.+-]+$")


class NewIncident(Where):
    """A report of an incident."""

    class_: str = Field(alias="class")
    severity: int = Field(ge=1, le=4, description="1 is the worst.")
    source: str
    title: str = Field(min_length=1, max_length=200)
    description: str | None = Field(None, max_length=2000)
    alarm: str | None = Field(None, max_length=200)
    attachments: list[NewAttachment] = Field(default=[], max_length=20)


class Accepting(Body):
    """Who accepts."""

    by: By
    note: _Text | None = None


class Dispatching(Accepting):
    """Who is sent."""

    to: str = Field(min_length=1, max_length=200, description="Responder or department.")


class Handling(Accepting):
    """Who deals with it."""

    result: _Text | None = None


class Feedback(Handling):
    """What came of it, and what the reporter is told."""

    text: _Text | None = None


class Assessing(Accepting):
    """How well it was dealt with."""

    score: int = Field(ge=1, le=5, description="5 is the best.")


class Escalating(Body):
    """Why it goes to a higher level, and to whom."""

    by: By
    reason: _Text
    to: str | None = Field(None, min_length=1, max_length=200, description="Left out: the department of its class.")


class Merging(Accepting):
    """Which incident goes on in its stead."""

    into: str = Field(min_length=1, max_length=100)


class Noting(Body):
    """What is worth remembering."""

    by: By
    note: _Text


class OutsideResult(Body):
    """What another system says came of it (A 5.1.4e)."""

    system: str = Field(min_length=1, max_length=100)
    source_no: str = Field(min_length=1, max_length=200, description="Its number of this message.")
    result: _Text
