"""Commands: what people tell devices, what devices fetch, and what they answer."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi import Query as Parameter
from pydantic import BaseModel, Field

from api.answers import tells
from api.answers.devices import Command, Commands, DeviceCommands
from api.bodies import Signature, Signer
from api.bounded import BoundedRoute
from api.parameters import words
from api.state import Here, Services
from gis.errors import Forbidden, NotFound
from layers.device.commands import CommandAnswer, Order, State
from twin.feature import Feature

router = APIRouter(tags=["linkage"], route_class=BoundedRoute)


class CommandRequest(BaseModel):
    """What a person wants a device to do, and why."""

    command: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    by: str = Field(min_length=1, max_length=100)
    reason: str = Field(min_length=1, max_length=500)


@router.post("/v1/devices/{number}/commands", status_code=201, responses=tells(Command, status=201))
async def ask(here: Here, number: str, wish: CommandRequest) -> dict[str, Any]:
    """Tell a device to do something; it goes before whatever linkage asked of it, and is on record with who and why."""
    device = await asyncio.to_thread(_device, here, number)
    order = Order(device=device, command=wish.command, arguments=wish.arguments, by=wish.by, reason=wish.reason)
    return await asyncio.wrap_future(here.live.commands.ask(order, here.live.registry.kind(device)))


@router.get("/v1/devices/{number}/commands", responses=tells(DeviceCommands))
async def fetch(here: Here, number: str, device: Signer = None, signature: Signature = None) -> dict[str, Any]:
    """Hand a device the commands that wait for its answer; they are noted as sent.

    Where devices sign, the signature is over the device's number, because there is no body.
    """
    only = await asyncio.to_thread(here.live.secrets.sender, device, signature, number.encode())
    if only not in (None, number):
        raise Forbidden("command.not_yours", f"{only} may not fetch the commands of {number}.", "Fetch your own.")
    known = await asyncio.to_thread(_device, here, number)
    handed = await asyncio.wrap_future(here.live.commands.hand_over(number, here.live.registry.kind(known)))
    return {"device": number, "commands": handed}


@router.get("/v1/commands", responses=tells(Commands))
def commands(
    here: Here,
    device: Annotated[str | None, Parameter(description="Device numbers, comma-separated.")] = None,
    state: State | None = None,
    limit: Annotated[int, Parameter(ge=1, le=1000)] = 1000,
) -> dict[str, Any]:
    """Return the newest command of each name to each device; their past is in the log, kind ``command``."""
    found = here.live.commands.find(words(device), state)
    newest = sorted(found, key=lambda one: (one["requested_at"], one["id"]), reverse=True)
    return {"commands": newest[:limit], "matched": len(found)}


@router.post("/v1/commands/{command}/ack", responses=tells(Command))
async def answer(
    here: Here,
    request: Request,
    command: str,
    reply: CommandAnswer,
    device: Signer = None,
    signature: Signature = None,
) -> dict[str, Any]:
    """Take a device's answer; the same answer again changes nothing, the opposite one is refused (409)."""
    only = await asyncio.to_thread(here.live.secrets.sender, device, signature, await request.body())
    return await asyncio.wrap_future(here.live.commands.answer(command, reply.state, reply.result, only))


def _device(here: Services, number: str) -> Feature:
    found = here.live.registry.devices().get(number)
    if found is None:
        raise NotFound("device.unknown", f"No device {number!r} is registered.", "See GET /v1/devices.", device=number)
    return found
