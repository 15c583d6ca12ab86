"""Subscriptions and surveillance tasks: who is called at which address when what happens."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi import Query as Parameter
from fastapi.concurrency import run_in_threadpool
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.answers import subscriptions as answers
from api.answers import tells
from api.parameters import MOST_SEQ
from api.state import Here, Services
from api.stream.asked import StreamFilter
from api.stream.checking import checked
from api.webhooks.desk import new_id
from api.webhooks.record import TARGETS, Subscription, check_target
from api.webhooks.sender import check_url
from gis.errors import BadInput
from twin.feature import Feature

router = APIRouter(tags=["subscriptions"])

_After = Annotated[
    int | None, Parameter(ge=0, le=MOST_SEQ, description="Behind this number; from the beginning when left out.")
]


class NewTarget(BaseModel):
    """What a surveillance task watches."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(max_length=40, description="Never a person.", json_schema_extra={"enum": list(TARGETS)})
    values: list[Annotated[str, Field(min_length=1, max_length=100)]] = Field(default_factory=list, max_length=1000)


class NewSubscription(BaseModel):
    """A new subscription; with ``target`` it is a surveillance task (布控任务)."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(max_length=2000, description="Called with POST.")
    owner: str = Field(min_length=1, max_length=100)
    title: str | None = Field(None, max_length=200)
    community: str | None = Field(None, description="May be left out while the twin holds only one.")
    filter: StreamFilter = Field(default_factory=StreamFilter)
    target: NewTarget | None = None
    starts_at: AwareDatetime | None = None
    ends_at: AwareDatetime | None = None


class ChosenLetters(BaseModel):
    """Which dead letters are to be sent again; none named: all of them."""

    model_config = ConfigDict(extra="forbid")

    ids: list[str] = Field(default_factory=list, max_length=1000)


@router.post("/v1/subscriptions", status_code=201, responses=tells(answers.NewSubscriptionSecret, status=201))
async def subscribe(here: Here, new: NewSubscription) -> dict[str, Any]:
    """Take a subscription and return its secret, this once; what happens from now on is told."""
    one = await run_in_threadpool(_made, here, new)
    secret = await asyncio.wrap_future(await asyncio.to_thread(here.hooks.desk.add, one))
    return {**one.shown(), "secret": secret}


@router.get("/v1/subscriptions", responses=tells(answers.Subscriptions))
def subscriptions(here: Here, owner: str | None = None) -> dict[str, Any]:
    """Return the subscriptions that stand, of one owner when named."""
    found = [one for one in here.hooks.desk.all() if owner in (None, one.owner)]
    return {"subscriptions": [_shown(here, one) for one in found]}


@router.get("/v1/subscriptions/{name}", responses=tells(answers.OneSubscription))
def subscription(here: Here, name: str) -> dict[str, Any]:
    """Return a subscription, how far it was served and how many dead letters it has."""
    one = here.hooks.desk.one(name)
    return {**_shown(here, one), "dead_letters": len(here.hooks.desk.letters(name))}


@router.delete("/v1/subscriptions/{name}", responses=tells(answers.EndedSubscription))
async def end(here: Here, name: str) -> dict[str, Any]:
    """End a subscription; what it was stays in history."""
    await asyncio.wrap_future(here.hooks.desk.end(name))
    return {"id": name, "status": "ended"}


@router.post("/v1/subscriptions/{name}/resume", responses=tells(answers.Subscription))
async def resume(here: Here, name: str) -> dict[str, Any]:
    """Let a paused subscription go on where it stopped; nothing that happened meanwhile is left out."""
    one = await asyncio.wrap_future(here.hooks.desk.resume(name))
    return one.shown()


@router.get("/v1/subscriptions/{name}/history", responses=tells(answers.ToldEvents))
def history(
    here: Here, name: str, after: _After = None, limit: Annotated[int, Parameter(ge=1, le=1000)] = 100
) -> dict[str, Any]:
    """Return what a subscription is about, out of the log, earlier than it began too when ``after`` says so.

    ``next`` is the number to go on after; ``null`` when the log has been read to its end.
    """
    one = here.hooks.desk.one(name)
    wanted, seq = one.filter, one.start if after is None else after
    seq, told, more = here.hub.past(wanted, seq, limit)
    return {"events": [one.told(found) for found in told if one.in_time(found)], "next": seq if more else None}


@router.get("/v1/subscriptions/{name}/dead-letters", responses=tells(answers.DeadLetters))
def dead_letters(here: Here, name: str) -> dict[str, Any]:
    """Return what the receiver did not take after all attempts, oldest first."""
    here.hooks.desk.one(name)
    return {"dead_letters": [_letter(one) for one in here.hooks.desk.letters(name)]}


@router.post("/v1/subscriptions/{name}/redeliver", status_code=202, responses=tells(answers.Redelivery, status=202))
async def redeliver(here: Here, name: str, letters: ChosenLetters) -> dict[str, Any]:
    """Send dead letters again, once each, in their order."""
    count = await asyncio.wrap_future(here.hooks.desk.redeliver(name, letters.ids))
    return {"id": name, "queued": count}


def _made(here: Services, new: NewSubscription) -> Subscription:
    check_url(new.url)
    if new.target is not None:
        check_target(new.target.type, tuple(new.target.values), new.filter)
    if new.starts_at is not None and new.ends_at is not None and new.starts_at >= new.ends_at:
        raise BadInput("query.interval", "The interval ends before it begins.", "Swap its ends.", parameter="ends_at")
    now = here.clock()
    return Subscription(
        id=new_id(),
        community=new.community or _only(here.store.communities()),
        owner=new.owner,
        title=new.title,
        url=new.url,
        asked=checked(here, new.filter).model_dump(mode="json"),
        target=None if new.target is None else new.target.type,
        values=() if new.target is None else tuple(new.target.values),
        starts_at=new.starts_at,
        ends_at=new.ends_at,
        start=here.store.last_seq(),
        status="active",
        reason=None,
        since=now,
        created_at=now,
    )


def _only(known: list[str]) -> str:
    if len(known) != 1:
        raise BadInput(
            "subscription.no_community",
            "It is not clear which community the subscription is about.",
            "Name it.",
            field="community",
        )
    return known[0]


def _shown(here: Services, one: Subscription) -> dict[str, Any]:
    position = here.hooks.position(one)
    over = one.ends_at is not None and one.ends_at <= here.clock()
    return {**one.shown(), "position": position, "behind": here.store.last_seq() - position, "over": over}


def _letter(one: Feature) -> dict[str, Any]:
    shown = {name: one.attributes[name] for name in ("seqs", "reason", "failed_at", "wanted")}
    return {"id": one.id, **shown}
