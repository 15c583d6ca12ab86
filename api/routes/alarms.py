"""Alarms: the operator's list, its roll-up, and what operators decide."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi import Query as Parameter
from pydantic import BaseModel, Field

from api.alarms import alarm_messages
from api.answers import tells
from api.answers.alarms import Alarm, AlarmPage, AlarmSummary
from api.answers.common import DateTime
from api.finding import place_key
from api.parameters import integers, words, zoned
from api.state import Here
from api.view import Seen, View, present
from layers.alarm.board import State, Wanted
from layers.alarm.entry import entry_of
from layers.alarm.tally import By

router = APIRouter(tags=["live"])

_Limit = Annotated[int, Parameter(ge=1, le=1000, description="Alarms on a page.")]
_State = Annotated[
    State, Parameter(description="open: active or not yet acknowledged, and not shelved; standing: all that stand.")
]
_Types = Annotated[str | None, Parameter(alias="type", description="Alarm types, comma-separated.")]
_Severity = Annotated[str | None, Parameter(description="Levels 1 to 4, comma-separated.")]
_Place = Annotated[str | None, Parameter(description="Space code: this place and everything in it.")]


class Acknowledgement(BaseModel):
    """Who took note of an alarm."""

    by: str = Field(min_length=1, max_length=100)


class AlarmHandling(Acknowledgement):
    """Who dealt with an alarm, and what they found."""

    result: str = Field(min_length=1, max_length=1000)


class Shelving(Acknowledgement):
    """Who puts an alarm away, for how long and why."""

    minutes: int = Field(ge=1, le=60 * 24 * 30)
    reason: str = Field(min_length=1, max_length=500)


@router.get("/v1/alarms", responses=tells(AlarmPage))
def alarms(
    seen: Seen,
    state: _State = "open",
    types: _Types = None,
    severity: _Severity = None,
    place: _Place = None,
    device: str | None = None,
    acknowledged: bool | None = None,  # noqa: FBT001 - a request parameter
    since: Annotated[DateTime | None, Parameter(description="Raised at or after this moment.")] = None,
    until: Annotated[DateTime | None, Parameter(description="Raised before this moment.")] = None,
    limit: _Limit = 1000,
    cursor: str | None = None,
) -> dict[str, Any]:
    """Return the alarms on the operator's list: active first, then worst, then unacknowledged, then newest."""
    wanted = Wanted(
        state=state,
        types=frozenset(words(types)),
        severities=frozenset(integers(severity, "severity")),
        within=place_key(seen, place),
        device=device,
        acknowledged=acknowledged,
        since=zoned(since, "since"),
        until=zoned(until, "until"),
    )
    if seen.is_now:
        ids, following = seen.here.live.board.page(wanted, limit, cursor)
    else:
        ids, following = _past(seen, wanted, limit), None
    found = {record.id: record for record in (seen.rows("alarm", ids=tuple(ids)) if ids else ())}
    shown = [found[name] for name in ids if name in found]
    return {"alarms": alarm_messages(seen.here, shown), "next": following}


def _past(seen: View, wanted: Wanted, limit: int) -> list[str]:
    """Return the ids of what stood at another moment; history is read, not kept on the board."""
    read = (entry_of(record) for record in seen.find("alarm"))
    chosen = [entry for entry in read if entry is not None and wanted.admits(entry)]
    return [entry.id for entry in sorted(chosen, key=lambda entry: entry.urgency)[:limit]]


@router.get("/v1/alarms/summary", responses=tells(AlarmSummary))
def summary(
    here: Here,
    by: Annotated[By, Parameter(description="What the alarms are grouped by.")] = "building",
    state: _State = "open",
    types: _Types = None,
    severity: _Severity = None,
    place: _Place = None,
) -> dict[str, Any]:
    """Return how many alarms stand where: worst level, active, unacknowledged and shelved, computed from what is open.

    The group with key ``null`` holds what stands in no such place.
    """
    wanted = Wanted(
        state="standing" if state == "open" else state,
        types=frozenset(words(types)),
        severities=frozenset(integers(severity, "severity")),
        within=place_key(present(here), place),
    )
    board = here.live.board
    counts = {name: board.count(replace(wanted, state=name)) for name in ("open", "active", "shelved")}
    return {"seq": here.store.last_seq(), "by": by, **counts, "groups": board.summary(by, wanted)}


@router.post("/v1/alarms/{alarm_id}/acknowledge", responses=tells(Alarm))
async def acknowledge(here: Here, alarm_id: str, note: Acknowledgement) -> dict[str, Any]:
    """Note that a person saw the alarm; a second acknowledgement is refused (409)."""
    return await asyncio.wrap_future(here.live.duty.acknowledge(alarm_id, note.by))


@router.post("/v1/alarms/{alarm_id}/handle", responses=tells(Alarm))
async def handle(here: Here, alarm_id: str, note: AlarmHandling) -> dict[str, Any]:
    """Close an alarm that no device ends; one whose device reports the end is refused (409)."""
    return await asyncio.wrap_future(await asyncio.to_thread(here.live.duty.handle, alarm_id, note.by, note.result))


@router.post("/v1/alarms/{alarm_id}/shelve", responses=tells(Alarm))
async def shelve(here: Here, alarm_id: str, note: Shelving) -> dict[str, Any]:
    """Put an alarm away for some minutes: it counts on but does not announce itself."""
    until = here.clock() + timedelta(minutes=note.minutes)
    return await asyncio.wrap_future(here.live.duty.shelve(alarm_id, note.by, until, note.reason))


@router.post("/v1/alarms/{alarm_id}/unshelve", responses=tells(Alarm))
async def unshelve(here: Here, alarm_id: str) -> dict[str, Any]:
    """Take an alarm off the shelf."""
    return await asyncio.wrap_future(here.live.duty.unshelve(alarm_id))
