"""Applications: they apply, are approved and get a secret; with it they sign, or ask for tokens."""

import asyncio
from concurrent.futures import Future
from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Header
from fastapi import Query as Parameter
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from api.answers import tells
from api.answers.applications import (
    Application,
    Applications,
    ApplicationSecret,
    ApplicationUse,
    AppliedApplication,
    Scopes,
    Tokens,
)
from api.gateway.applications import OVERLAP
from api.gateway.families import SCOPES
from api.gateway.grants import basic
from api.state import Here
from gis.errors import BadInput

router = APIRouter(tags=["applications"])
_Scope = Annotated[str, Field(json_schema_extra={"enum": list(SCOPES)})]
_NO_STORE = {"Cache-Control": "no-store"}


class ApplicationRequest(BaseModel):
    """What an application says of itself."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"name": "物业工单", "owner": "示例物业", "scopes": ["read:places", "read:live"]}]
        },
    )

    name: str = Field(min_length=1, max_length=100)
    owner: str = Field(min_length=1, max_length=100, description="Who runs it.")
    contact: str | None = Field(None, max_length=200, description="Whom to ask; nobody else sees it.")
    purpose: str | None = Field(None, max_length=1000)
    scopes: list[_Scope] = Field(min_length=1, max_length=len(SCOPES))


class ApplicationChange(BaseModel):
    """What is said or granted to an application; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(None, min_length=1, max_length=100)
    owner: str | None = Field(None, min_length=1, max_length=100)
    contact: str | None = Field(None, max_length=200)
    purpose: str | None = Field(None, max_length=1000)
    scopes: list[_Scope] | None = Field(None, min_length=1, max_length=len(SCOPES))
    allow: list[str] | None = Field(None, max_length=100, description="Addresses it may call from (CIDR); none: any.")
    deny: list[str] | None = Field(None, max_length=100, description="Addresses it may not call from (CIDR).")
    per_second: int | None = Field(None, ge=1, le=100_000, description="Calls a second; null: no limit.")
    per_day: int | None = Field(None, ge=1, le=10**9, description="Calls a day (UTC); null: no limit.")


class TokenRequest(BaseModel):
    """What a token is asked for with (RFC 6749, 4.4 and 6)."""

    grant_type: Literal["client_credentials", "refresh_token"]
    client_id: str | None = Field(None, max_length=100, description="Number of the application.")
    client_secret: str | None = Field(None, max_length=200)
    refresh_token: str | None = Field(None, max_length=4000, description="Of the pair before.")
    scope: str | None = Field(None, max_length=1000, description="Scopes, parted by blanks; all it has when left out.")


@router.get("/v1/applications/scopes", responses=tells(Scopes))
def scopes() -> dict[str, Any]:
    """Return what an application may be granted."""
    return {"scopes": [{"name": name, "title": {"zh": zh, "en": en}} for name, (zh, en) in SCOPES.items()]}


@router.post("/v1/application-requests", status_code=201, responses=tells(AppliedApplication, status=201))
async def apply(here: Here, wish: ApplicationRequest) -> dict[str, Any]:
    """Apply. Nothing is open, and there is no secret, before somebody approves it."""
    said = wish.model_dump(exclude_none=True)
    found = await _done(here, await asyncio.to_thread(here.gateway.applications.apply, said))
    return {"id": found.id, "state": found.state}


@router.get("/v1/applications", responses=tells(Applications))
def applications(here: Here) -> dict[str, Any]:
    """Return all applications, by name."""
    return {"applications": [one.shown() for one in here.gateway.applications.listed()]}


@router.get("/v1/applications/{number}", responses=tells(Application))
def application(here: Here, number: str) -> dict[str, Any]:
    """Return one application."""
    return here.gateway.applications.one(number).shown()


@router.patch("/v1/applications/{number}", responses=tells(Application))
async def change(here: Here, number: str, grant: ApplicationChange) -> dict[str, Any]:
    """Change what is said of an application or granted to it; holds in every process within a second."""
    said = grant.model_dump(exclude_unset=True)
    for name in ("name", "owner", "scopes"):
        if name in said and said[name] is None:
            raise BadInput("request.parameter", f"{name} cannot be null.", "Leave it out.", parameter=name)
    found = await _done(here, here.gateway.applications.change(number, said))
    return dict(found.shown())


@router.post("/v1/applications/{number}/approve", status_code=201, responses=tells(ApplicationSecret, status=201))
async def approve(here: Here, number: str) -> JSONResponse:
    """Approve an application and return its secret, this once."""
    return await _secret(here, number, timedelta(0))


@router.post("/v1/applications/{number}/rotate", status_code=201, responses=tells(ApplicationSecret, status=201))
async def rotate(
    here: Here,
    number: str,
    overlap_h: Annotated[
        float, Parameter(ge=0, le=24 * 30, description="Hours for which the secret before stays good.")
    ] = OVERLAP.total_seconds() / 3600,
) -> JSONResponse:
    """Give an application a new secret and return it, this once."""
    return await _secret(here, number, timedelta(hours=overlap_h))


@router.post("/v1/applications/{number}/revoke", responses=tells(Application))
async def revoke(here: Here, number: str) -> dict[str, Any]:
    """Close everything to an application, for good: its secrets and tokens are worthless within a second."""
    found = await _done(here, here.gateway.applications.revoke(number))
    return dict(found.shown())


@router.get("/v1/applications/{number}/statistics", responses=tells(ApplicationUse))
async def statistics(here: Here, number: str) -> dict[str, Any]:
    """Return what an application called: by day over all processes, by route with latencies since this one started."""
    here.gateway.applications.one(number)
    return await here.gateway.statistics(number)


@router.post("/v1/token", responses=tells(Tokens))
async def token(
    here: Here,
    asked: Annotated[TokenRequest, Form()],
    authorization: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> JSONResponse:
    """Return an access token for 15 minutes and a refresh token for a day (OAuth 2.0); refreshing ends the pair before.

    An application names itself with `Authorization: Basic` or with `client_id` and `client_secret`.
    """
    if asked.grant_type == "refresh_token":
        given = await here.gateway.grants.refreshed(_needed(asked.refresh_token, "refresh_token"))
        return JSONResponse(given, headers=_NO_STORE)
    named = basic(authorization or "") or (
        _needed(asked.client_id, "client_id"),
        _needed(asked.client_secret, "client_secret"),
    )
    return JSONResponse(here.gateway.grants.credentials(*named, asked.scope), headers=_NO_STORE)


def _needed(value: str | None, name: str) -> str:
    if value is None:
        raise BadInput(
            "request.parameter", f"{name} is missing.", "Send it in the form.", parameter=name, error="invalid_request"
        )
    return value


async def _secret(here: Here, number: str, overlap: timedelta) -> JSONResponse:
    renewed = await asyncio.to_thread(here.gateway.applications.renew, number, overlap)
    found, secret = await _done(here, renewed)
    return JSONResponse({**found.shown(), "secret": secret}, 201, headers=_NO_STORE)


async def _done(here: Here, written: "Future[Any]") -> Any:
    """Return what was written, once this process judges by it."""
    found = await asyncio.wrap_future(written)
    await here.gateway.refresh()
    return found
