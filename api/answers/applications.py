"""Applications, their secrets, tokens and calls."""

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from api.answers.common import DateTime, Text
from api.gateway.families import SCOPES

ScopeName = Annotated[str, Field(json_schema_extra={"enum": list(SCOPES)})]


class Scope(TypedDict):
    """What an application may do."""

    name: ScopeName
    title: Text


class Scopes(TypedDict):
    """All scopes."""

    scopes: list[Scope]


ApplicationState = Literal["waiting", "active", "revoked"]


class AppliedApplication(TypedDict):
    """An application that waits to be approved."""

    id: str
    state: ApplicationState


class Application(AppliedApplication):
    """An application and what was granted to it."""

    name: str
    owner: str
    contact: str | None
    purpose: str | None
    scopes: list[ScopeName]
    allow: Annotated[list[str], Field(description="Addresses it may call from (CIDR); none: any.")]
    deny: Annotated[list[str], Field(description="Addresses it may not call from (CIDR).")]
    per_second: Annotated[int | None, Field(description="Calls a second; null: no limit.")]
    per_day: Annotated[int | None, Field(description="Calls a day (UTC); null: no limit.")]
    generation: Annotated[int, Field(description="How many secrets it has had.")]
    previous_until: Annotated[DateTime | None, Field(description="Until when the secret before stays good.")]


class Applications(TypedDict):
    """All applications, by name."""

    applications: list[Application]


class ApplicationSecret(Application):
    """An application with its new secret, which is told this once."""

    secret: str


class DayOfCalls(TypedDict):
    """The calls of a day (UTC), over all processes."""

    day: Annotated[str, Field(json_schema_extra={"format": "date"})]
    calls: int
    errors: Annotated[int, Field(description="Answered with 400 or more.")]
    bytes: int


class RouteOfCalls(TypedDict):
    """The calls of a route, since the process that answers was started."""

    route: str
    method: str
    calls: int
    errors: Annotated[int, Field(description="Answered with 400 or more.")]
    bytes: int
    seconds: Annotated[float, Field(description="Spent on all of them.")]
    statuses: Annotated[dict[str, int], Field(description="Status → calls.")]
    latency_s: Annotated[
        list[Annotated[list[float | None], Field(min_length=2, max_length=2)]],
        Field(description="Bound in seconds, calls up to it; the last bound is null: all."),
    ]


class ApplicationUse(TypedDict):
    """What an application called."""

    application: str
    days: Annotated[list[DayOfCalls], Field(description="The last 31, newest first; without those without calls.")]
    routes: list[RouteOfCalls]


class Tokens(TypedDict):
    """A pair of tokens (RFC 6749, 5.1)."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: Annotated[int, Field(description="Seconds that the access token is good for.")]
    refresh_token: str
    scope: Annotated[str, Field(description="Scopes, parted by blanks.")]
