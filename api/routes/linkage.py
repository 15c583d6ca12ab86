"""Linkage: the rules, switched by people, tried out before; and signals, what people and other systems say."""

import asyncio
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi import Query as Parameter
from pydantic import BaseModel, ConfigDict, Field

from api.answers import tells
from api.answers.linkage import Firings, LinkageRule, LinkageRules, RemovedRule, SignalTaken, Simulation
from api.bounded import BoundedRoute
from api.parameters import MOST_SEQ
from api.state import Here, Services
from gis.errors import BadInput, NotFound
from layers.alarm.record import utc
from layers.linkage.causes import device_cause
from layers.linkage.scope import Cause
from layers.linkage.signal import Signal, raise_signal
from twin.query import Query
from twin.spacecode import SpaceCode

router = APIRouter(tags=["linkage"], route_class=BoundedRoute)


class RuleDecision(BaseModel):
    """Who decides."""

    by: str = Field(min_length=1, max_length=100)


class RuleDraft(RuleDecision):
    """A rule, as docs/linkage.md describes it."""

    rule: dict[str, Any] = Field(description="A `Rule`; its id is that of the address.")


class Spot(BaseModel):
    """Where something is: at a device, in a place, or at a position (degrees, CRS84)."""

    model_config = ConfigDict(extra="forbid")

    device: str | None = None
    place: str | None = Field(None, description="Space code.")
    longitude: float | None = Field(None, ge=-180, le=180)
    latitude: float | None = Field(None, ge=-90, le=90)
    community: str | None = Field(None, description="May be left out while the twin holds only one.")


class RuleTrial(Spot):
    """What a rule is tried out on."""

    severity: int | None = Field(None, ge=1, le=4)


class NewSignal(Spot):
    """What a person or another system says; it names no person: ``reference`` is the other system's number."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    by: str = Field(min_length=1, max_length=100)
    source: str = Field(min_length=1, max_length=100)
    source_seq: str = Field(min_length=1, max_length=200, description="The sender's number; the same twice is one.")
    occurred_at: datetime | None = None
    reference: str | None = Field(None, max_length=100, pattern=r"^[A-Za-z0-9_.:/-]+$")


@router.get("/v1/linkage/rules", responses=tells(LinkageRules))
def rules(here: Here) -> dict[str, Any]:
    """Return all rules: shipped ones and those of this installation, on or off, by whom and since when."""
    standing = here.live.rules.rules().standing
    return {"rules": [standing[name].as_json() for name in sorted(standing)]}


@router.get("/v1/linkage/rules/{name}", responses=tells(LinkageRule))
def rule(here: Here, name: str) -> dict[str, Any]:
    """Return one rule."""
    return here.live.rules.get(name).as_json()


@router.put("/v1/linkage/rules/{name}", responses=tells(LinkageRule))
async def write(here: Here, name: str, draft: RuleDraft) -> dict[str, Any]:
    """Write a rule, or the installation's own version of a shipped one; a new rule is off until it is enabled."""
    if draft.rule.get("id", name) != name:
        raise BadInput("linkage.other_id", f"The rule calls itself {draft.rule['id']!r}.", "Use one id.", field="id")
    await asyncio.wrap_future(await asyncio.to_thread(here.live.rules.write, {**draft.rule, "id": name}, draft.by))
    return await asyncio.to_thread(rule, here, name)


@router.post("/v1/linkage/rules/{name}/enable", responses=tells(LinkageRule))
async def enable(here: Here, name: str, decision: RuleDecision) -> dict[str, Any]:
    """Switch a rule on."""
    await asyncio.wrap_future(await asyncio.to_thread(here.live.rules.switch, name, decision.by, on=True))
    return await asyncio.to_thread(rule, here, name)


@router.post("/v1/linkage/rules/{name}/disable", responses=tells(LinkageRule))
async def disable(here: Here, name: str, decision: RuleDecision) -> dict[str, Any]:
    """Switch a rule off."""
    await asyncio.wrap_future(await asyncio.to_thread(here.live.rules.switch, name, decision.by, on=False))
    return await asyncio.to_thread(rule, here, name)


@router.delete("/v1/linkage/rules/{name}", responses=tells(RemovedRule))
async def remove(here: Here, name: str, by: Annotated[str, Parameter(min_length=1, max_length=100)]) -> dict[str, Any]:
    """Take back what the installation wrote; a shipped rule is the shipped one again, and off."""
    await asyncio.wrap_future(await asyncio.to_thread(here.live.rules.remove, name, by))
    return {"rule": name, "decision": "removed", "by": by}


@router.post("/v1/linkage/rules/{name}/simulate", responses=tells(Simulation))
def simulate(here: Here, name: str, trial: RuleTrial) -> dict[str, Any]:
    """Return which devices, people and systems a rule would touch if it fired there; nothing is changed."""
    found = here.live.rules.get(name)
    touched = here.live.linkage.simulate(found.rule, _cause(here, trial))
    return {"rule": name, "enabled": found.enabled, **touched.as_json()}


@router.get("/v1/linkage/firings", responses=tells(Firings))
def firings(
    here: Here,
    after: Annotated[int, Parameter(ge=0, le=MOST_SEQ)] = 0,
    name: Annotated[str | None, Parameter(alias="rule")] = None,
    limit: Annotated[int, Parameter(ge=1, le=1000)] = 100,
) -> dict[str, Any]:
    """Return when rules fired, were stopped by the loop guard or failed, oldest first after a sequence number."""
    found = here.store.events(after, limit, ("linkage",), subjects=() if name is None else (name,))
    return {"firings": [{"seq": one.seq, "at": utc(one.occurred_at), **one.body} for one in found]}


@router.post("/v1/signals", status_code=201, responses=tells(SignalTaken, status=201))
async def signal(here: Here, word: NewSignal) -> dict[str, Any]:
    """Take a signal that rules may wait for, such as ``emergency_open``; the same one again changes nothing."""
    cause = await asyncio.to_thread(_cause, here, word)
    said = Signal(
        name=word.name,
        by=word.by,
        source=word.source,
        source_seq=word.source_seq,
        at=word.occurred_at or here.clock(),
        reference=word.reference,
        cause=cause,
    )
    if said.at.tzinfo is None:
        raise BadInput("linkage.no_zone", "occurred_at has no time zone.", "Add Z or +08:00.", field="occurred_at")
    seq = await asyncio.wrap_future(here.store.write(lambda transaction: raise_signal(transaction, said)))
    return {"seq": seq, "duplicate": seq is None}


def _cause(here: Services, said: Spot) -> Cause:
    """Return what a rule would see of something that happens there."""
    device = None if said.device is None else here.live.registry.devices().get(said.device)
    if said.device is not None and device is None:
        raise NotFound("device.unknown", f"No device {said.device!r} is registered.", "See GET /v1/devices.")
    severity = said.severity if isinstance(said, RuleTrial) else None
    name = said.name if isinstance(said, NewSignal) else "simulated"
    if device is not None:
        return device_cause(device, name, here.clock(), severity)
    code = None if said.place is None else SpaceCode.parse(said.place)
    place = None if code is None else _place(here, code.key)
    given = None if said.longitude is None or said.latitude is None else (said.longitude, said.latitude)
    middle = None if place is None or place.geometry is None else place.geometry.representative_point()
    return Cause(
        key="simulated",
        name=name,
        at=here.clock(),
        community=place.community if place is not None else _community(here, said.community),
        place=None if code is None else code.key,
        storey=None if place is None else place.storey,
        position=given or (None if middle is None else (middle.x, middle.y)),
        severity=severity,
    )


def _place(here: Services, key: str) -> Any:
    found = here.store.find(Query(layers=("building", "unit", "storey", "space"), ids=(key,))).features
    if not found:
        raise NotFound("place.unknown", f"The twin holds no place {key}.", "See GET /v1/places.", place=key)
    return found[0]


def _community(here: Services, named: str | None) -> str:
    known = here.store.communities()
    if named is None and len(known) == 1:
        return known[0]
    if named not in known:
        raise BadInput(
            "linkage.no_community", "It is not clear which community is meant.", "Name one.", field="community"
        )
    return named
