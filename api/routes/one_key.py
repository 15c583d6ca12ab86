"""The one-key alarm: the nearest responder of the grid is asked to come, then a department."""

import asyncio
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import Field

from api.answers import tells
from api.answers.incidents import Call, CalledIncident
from api.bounded import BoundedRoute
from api.reporting import Body, By, Where, filed_by
from api.state import Here

router = APIRouter(tags=["incidents"], route_class=BoundedRoute)


class OneKeyAlarm(Where):
    """Somebody pressed the button."""

    title: str = Field("一键报警", min_length=1, max_length=200)


class ResponderAnswer(Body):
    """A responder's answer."""

    by: By


@router.post("/v1/one-key-alarms", status_code=201, responses=tells(CalledIncident, status=201))
async def press(here: Here, said: OneKeyAlarm) -> dict[str, Any]:
    """Report a call for help and ask the nearest responder of its grid to come."""
    rules = here.incidents.policy.one_key
    filed = filed_by(here, said, said.title, rules.class_, rules.severity, "one_key")
    work = await asyncio.to_thread(here.incidents.one_key.press, filed)
    pressed = await asyncio.wrap_future(work)
    follow_by = pressed.token and f"/v1/follow/{pressed.token}"
    return {**pressed.message, "call": pressed.call.as_json(), "follow": follow_by}


@router.get("/v1/one-key-alarms/{no}", responses=tells(Call))
def call(here: Here, no: str) -> dict[str, Any]:
    """Return who was asked to come, and who comes."""
    return here.incidents.one_key.call(no).as_json()


@router.post("/v1/one-key-alarms/{no}/{answer}", responses=tells(Call))
async def answer(here: Here, no: str, answer: Literal["accept", "decline"], said: ResponderAnswer) -> dict[str, Any]:
    """Take a responder's answer: accepting dispatches them, declining asks the next."""
    work = await asyncio.to_thread(here.incidents.one_key.answer, no, said.by, accepts=answer == "accept")
    return (await asyncio.wrap_future(work)).as_json()
