"""Devices: their types, their life from registration to retirement, and whether they are heard."""

import asyncio
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from fastapi import Query as Parameter
from pydantic import BaseModel, ConfigDict, Field

from api.answers import tells
from api.answers.devices import (
    Device,
    DeviceHistory,
    DevicePage,
    DevicePresence,
    DeviceSecret,
    DeviceStates,
    DeviceType,
    DeviceTypes,
)
from api.devices import described, history_of, thing_model
from api.state import Here
from api.view import Seen
from gis.errors import BadInput, NotFound
from layers.alarm.board import Wanted
from layers.alarm.desk import Desk
from layers.alarm.policy import load_policy
from twin.feature import Feature
from twin.store import Transaction

router = APIRouter(tags=["devices"])

_MOST_ALARMS = 10_000


class DeviceFacts(BaseModel):
    """What may be said about a device; ``longitude`` and ``latitude`` in degrees, CRS84."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(None, max_length=200)
    device_type: str | None = None
    place: str | None = Field(None, description="Space code of the room, storey or building it stands in.")
    longitude: float | None = Field(None, ge=-180, le=180)
    latitude: float | None = Field(None, ge=-90, le=90)
    height_m: float | None = Field(None, description="Height in the community's datum; it finds storey and room.")
    install_position: str | None = None
    azimuth_deg: float | None = Field(None, ge=0, le=360)
    view_angle_deg: float | None = Field(None, gt=0, le=360)
    range_m: float | None = Field(None, gt=0, le=10_000)
    stream: str | None = Field(None, description="scheme:id of a camera's stream.", max_length=300)
    gateway: str | None = None
    heartbeat_s: int | None = Field(None, ge=1, description="Its silence tells after so many seconds.")
    comm: str | None = None
    protocol: str | None = None
    owner: str | None = None
    user: str | None = None
    maintainer: str | None = None
    install_time: datetime | None = None
    maintained_at: datetime | None = None
    maintenance_due: datetime | None = None
    manufacturer: str | None = None
    asset_state: str | None = None


class NewDevice(DeviceFacts):
    """A new device."""

    device_no: str = Field(min_length=1, max_length=100, pattern=r"^[^\s/:]+$")
    device_type: str
    community: str | None = Field(None, description="May be left out while the twin holds only one.")


class PresenceReport(BaseModel):
    """What a gateway or a broker says of a device."""

    status: Literal["online", "offline"]


@router.get("/v1/device-types", responses=tells(DeviceTypes))
def types(here: Here) -> dict[str, Any]:
    """Return the names and titles of the device types of the catalogue."""
    return {
        "types": [
            {"name": kind.name, "title": kind.title.model_dump(), "family": kind.family.name}
            for kind in here.types.values()
        ]
    }


@router.get("/v1/device-types/{name}", responses=tells(DeviceType))
def device_type(here: Here, name: str) -> dict[str, Any]:
    """Return the thing model of a type: properties with unit and range, alarms with level, commands."""
    kind = here.types.get(name)
    if kind is None:
        raise NotFound("device.no_type", f"There is no device type {name!r}.", "See GET /v1/device-types.")
    return thing_model(kind, load_policy())


@router.get("/v1/devices", responses=tells(DevicePage))
def devices(
    seen: Seen,
    place: str | None = None,
    kind: Annotated[str | None, Parameter(alias="type", description="Device type.")] = None,
    limit: Annotated[int, Parameter(ge=1, le=1000)] = 100,
    cursor: str | None = None,
) -> dict[str, Any]:
    """Return devices by number, a page at a time."""
    filters = () if kind is None else (("device_type", kind),)
    page = seen.here.access.find(seen.query("device", within=place, filters=filters, limit=limit, cursor=cursor))
    return {
        "devices": [described(seen.here, device) for device in page.features],
        "matched": page.matched,
        "next": page.next,
    }


@router.get("/v1/devices/{number}", responses=tells(Device))
def device(seen: Seen, number: str) -> dict[str, Any]:
    """Return a device: where it is, what it is, whether it is heard, what it sees if it is a camera."""
    found = seen.find("device", ids=(number,))
    if not found:
        raise NotFound("device.unknown", f"No device {number!r} is registered.", "See GET /v1/devices.", device=number)
    return described(seen.here, found[0], walls=True)


@router.get("/v1/devices/{number}/history", responses=tells(DeviceHistory))
def history(here: Here, number: str) -> dict[str, Any]:
    """Return when a device was registered, changed, heard, silent and retired, oldest first."""
    return {"device": number, "history": history_of(here, number)}


@router.post("/v1/devices", status_code=201, responses=tells(Device, status=201))
async def register(here: Here, said: NewDevice) -> dict[str, Any]:
    """Register a device; its place is found by code, or by position and height."""
    community = said.community or _only_community(here.store.communities())
    stated = said.model_dump(mode="json", exclude_unset=True, exclude={"device_no", "community"})
    return await _described(here, here.live.registry.register(said.device_no, stated, community))


@router.put("/v1/devices/{number}", responses=tells(Device))
async def replace(here: Here, number: str, said: DeviceFacts) -> dict[str, Any]:
    """Say anew everything about a device; what is not said is forgotten."""
    stated = said.model_dump(mode="json", exclude_unset=True)
    return await _described(here, here.live.registry.change(number, stated, whole=True))


@router.patch("/v1/devices/{number}", responses=tells(Device))
async def change(here: Here, number: str, said: DeviceFacts) -> dict[str, Any]:
    """Change what is named and leave the rest; ``null`` forgets."""
    stated = said.model_dump(mode="json", exclude_unset=True)
    return await _described(here, here.live.registry.change(number, stated, whole=False))


@router.delete("/v1/devices/{number}", responses=tells(DevicePresence))
async def retire(here: Here, number: str) -> dict[str, Any]:
    """Retire a device: it ends now, its alarms are closed, its history stays."""
    standing, _ = here.live.board.page(Wanted(state="standing", device=number), _MOST_ALARMS)

    def close(transaction: Transaction, _device: Feature) -> None:
        desk = Desk(transaction, load_policy(), here.clock())
        for alarm in standing:
            desk.end(alarm, "retired")

    await asyncio.wrap_future(here.live.registry.retire(number, close))
    return {"device": number, "status": "retired"}


@router.post("/v1/devices/{number}/status", responses=tells(DevicePresence))
async def say(here: Here, number: str, word: PresenceReport) -> dict[str, Any]:
    """Note that a device came or went, as its gateway or broker knows at once."""
    await asyncio.wrap_future(await asyncio.to_thread(here.live.watchman.say, number, word.status))
    return {"device": number, "status": word.status}


@router.post("/v1/devices/{number}/secret", status_code=201, responses=tells(DeviceSecret, status=201))
async def secret(here: Here, number: str) -> dict[str, Any]:
    """Give a device a new secret and return it, this once; the one before is worthless from now on."""
    issued = await asyncio.wrap_future(await asyncio.to_thread(here.live.secrets.issue, number))
    return {"device": number, "secret": issued}


async def _described(here: Here, registered: Any) -> dict[str, Any]:
    found = await asyncio.wrap_future(registered)
    return await asyncio.to_thread(described, here, here.access.masked(found))


def _only_community(known: list[str]) -> str:
    if len(known) != 1:
        raise BadInput(
            "device.no_community",
            "It is not clear which community the device belongs to.",
            "Name it.",
            field="community",
        )
    return known[0]


@router.get("/v1/states", responses=tells(DeviceStates))
def states(here: Here) -> dict[str, Any]:
    """Return the devices not in their normal state: ``alarm``, ``offline``, or ``silent`` although they measure."""
    seq = here.store.last_seq()
    found = here.live.watchman.missed()
    found.update(dict.fromkeys(here.live.board.alarmed(), "alarm"))
    return {"seq": seq, "devices": found}
