"""Incidents: reported, followed through the closed loop, told to others; and the one-key alarm."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from fastapi import Query as Parameter

from api.answers import incidents as answers
from api.answers import sends, tells
from api.answers.common import DateTime
from api.bounded import BoundedRoute
from api.description import raw_body
from api.finding import place_key
from api.incident_bodies import (
    Accepting,
    Assessing,
    Dispatching,
    Escalating,
    Feedback,
    Handling,
    Merging,
    NewIncident,
    Noting,
    OutsideResult,
)
from api.incident_pages import cap_of, incident, name_of, page_of
from api.parameters import box, integers, words, zoned
from api.reporting import filed_by
from api.state import Here, Services
from api.view import Present, Seen, View
from gis.errors import BadInput, NotFound
from layers.alarm.record import utc
from layers.incident import report as file_report
from layers.incident import take
from layers.incident.cap import MEDIA_TYPE
from layers.incident.desk import FOLLOWS, result_of
from layers.incident.outflow import outflow
from layers.incident.photo import SHOWN_TYPE
from layers.incident.record import LAYER, message_of
from layers.incident.report import Attachment
from layers.incident.rules import CLOSED, STATES, Step
from layers.incident.statistics import Span, before_and_after, figures
from layers.incident.statistics import Step as Stride
from twin.feature import Feature
from twin.filter import Compare, Condition, Every, Not, Property, Some
from twin.query import Query
from twin.store import Transaction

router = APIRouter(tags=["incidents"], route_class=BoundedRoute)

MOST_COUNTED = 20_000
_MOST_VALUES = 100
_FOLLOWED = (
    *("class", "state", "feedback"),
    *("reported_at", "accepted_at", "dispatched_at", "handling_at", "feedback_at", "closed_at"),
)
_DEFAULT_SPAN = timedelta(days=30)
_Since = Annotated[DateTime | None, Parameter(description="Reported at or after this moment (RFC 3339).")]
_Until = Annotated[DateTime | None, Parameter(description="Reported before it.")]
_Place = Annotated[str | None, Parameter(description="Space code: this place and everything in it.")]
_Box = Annotated[str | None, Parameter(description="west,south,east,north in degrees.")]
_Classes = Annotated[str | None, Parameter(alias="class", description="Classes, comma-separated.")]
_Levels = Annotated[str | None, Parameter(alias="level", description="Levels 1 to 4, comma-separated.")]
_Sources = Annotated[str | None, Parameter(alias="source", description="Sources, comma-separated.")]


@router.post(
    "/v1/incidents",
    status_code=201,
    responses={
        **tells(answers.ReportedIncident, status=201),
        200: {"description": "It was reported before", **tells(answers.ReportedIncident)[200]},
    },
)
async def report(here: Here, said: NewIncident, response: Response) -> dict[str, Any]:
    """Report an incident; the same `source` and `source_no` again is the same incident (200).

    `follow` is what the reporter follows it by; it is told to nobody else. Name and telephone are shown by no route.
    """
    attachments = tuple(here.incidents.photos.check(Attachment(**one.model_dump())) for one in said.attachments)
    filed = filed_by(here, said, said.title, said.class_, said.severity, said.source)
    filed = replace(filed, description=said.description, alarm=said.alarm, attachments=attachments)
    work = here.store.write(lambda transaction: file_report(transaction, filed, here.clock(), here.incidents.policy))
    done = await asyncio.wrap_future(work)
    response.status_code = 201 if done.created else 200
    response.headers["Location"] = f"/v1/incidents/{done.no}"
    return {**done.message, "created": done.created, "follow": done.token and f"/v1/follow/{done.token}"}


@router.get("/v1/incidents", responses=tells(answers.IncidentPage))
def incidents(
    seen: Seen,
    state: Annotated[str, Parameter(description="States, comma-separated; open: all but closed; all.")] = "open",
    classes: _Classes = None,
    levels: _Levels = None,
    sources: _Sources = None,
    since: _Since = None,
    until: _Until = None,
    place: _Place = None,
    bbox: _Box = None,
    grid: str | None = None,
    limit: Annotated[int, Parameter(ge=1, le=1000)] = 100,
    cursor: str | None = None,
) -> dict[str, Any]:
    """Return incidents by time, space and state (B 8.2.1.1.7a), in the order of their numbers."""
    conditions = _conditions(classes, levels, sources, grid, since, until) + _any("state", _states(state), "string")
    question = seen.query(
        LAYER,
        where=Every(conditions),
        within=place_key(seen, place),
        bbox=None if bbox is None else box(bbox, "bbox"),
        limit=limit,
        cursor=cursor,
    )
    if seen.at is None:
        question = replace(question, during=(None, None))  # what is closed is no longer on the map, but still known
    page = seen.here.access.find(question)
    return {"incidents": [message_of(one) for one in page.features], "matched": page.matched, "next": page.next}


@router.get("/v1/incidents/statistics", responses=tells(answers.IncidentStatistics))
def statistics(
    seen: Seen,
    classes: _Classes = None,
    levels: _Levels = None,
    sources: _Sources = None,
    since: _Since = None,
    until: _Until = None,
    place: _Place = None,
    bbox: _Box = None,
    grid: str | None = None,
    step: Annotated[Stride, Parameter(description="Of the trend; days, weeks and months of China.")] = "day",
    split: Annotated[DateTime | None, Parameter(description="Compare what was before with what is after it.")] = None,
) -> dict[str, Any]:
    """Return figures of the incidents reported in a time; the last 30 days when none is named (D 三(二)1.5))."""
    end = zoned(until, "until") or seen.at or seen.here.clock()
    span = Span(zoned(since, "since") or end - _DEFAULT_SPAN, end)
    question = seen.query(
        LAYER,
        where=Every(_conditions(classes, levels, sources, grid, utc(span.start), utc(span.end))),
        within=place_key(seen, place),
        bbox=None if bbox is None else box(bbox, "bbox"),
        during=(None, seen.at),
        limit=1,
    )
    records = _bounded(seen, replace(question, at=None))
    compared = zoned(split, "split")
    told = {"since": span.start.isoformat(), "until": span.end.isoformat(), **figures(records, span, step)}
    return told if compared is None else {**told, "compared": before_and_after(records, span, compared)}


def _bounded(seen: View, question: Query) -> tuple[Feature, ...]:
    matched = seen.here.access.find(question).matched
    if matched > MOST_COUNTED:
        raise BadInput(
            "incident.too_many", f"{matched} incidents are too many to count at once.", "Take a shorter time."
        )
    return seen.here.access.find(replace(question, limit=None)).features


@router.get("/v1/incidents/results", responses=tells(answers.IncidentResults))
def results(
    seen: Present,
    since: Annotated[DateTime, Parameter(description="Results known at or after this moment (RFC 3339).")],
    limit: Annotated[int, Parameter(ge=1, le=1000)] = 100,
    cursor: str | None = None,
) -> dict[str, Any]:
    """Return what came of incidents: all that an outside CIM platform may know of them (A 5.1.4e)."""
    done = Every((*_after("changed_at", since, "since"), *_any("state", ("feedback", "assessed"), "string")))
    page = seen.here.access.find(seen.query(LAYER, where=done, during=(None, None), limit=limit, cursor=cursor))
    shared = (outflow(one) for one in page.features)
    return {"results": [one for one in shared if one is not None], "next": page.next}


@router.post(
    "/v1/incidents/photos",
    status_code=201,
    openapi_extra=raw_body("image/*", kind="binary"),
    responses=tells(answers.Attachment, status=201),
)
async def photo(here: Here, request: Request) -> dict[str, str]:
    """Keep a photo (JPEG, PNG or WebP, up to 5 MB) for a report to name."""
    content = await request.body()
    return (await asyncio.to_thread(here.incidents.photos.keep, content)).as_json()


@router.get("/v1/incidents/photos/{sha256}", response_class=Response, responses=sends(SHOWN_TYPE))
def shown_photo(here: Here, sha256: str) -> Response:
    """Return a photo as JPEG, without the position, time and camera that were written into it."""
    headers = {"Cache-Control": "private, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
    return Response(here.incidents.photos.show(sha256), media_type=SHOWN_TYPE, headers=headers)


@router.get("/v1/incidents/{no}", responses=tells(answers.IncidentBriefing))
def one(
    seen: Seen, no: str, radius_m: Annotated[float, Parameter(gt=0, le=5000, description="Of responders.")] = 500.0
) -> dict[str, Any]:
    """Return an incident with its log, the nearest cameras and responders, its plan and who is affected."""
    return page_of(seen, no, radius_m)


@router.get("/v1/incidents/{no}/cap", response_class=Response, responses=sends(MEDIA_TYPE))
def cap(seen: Seen, no: str) -> Response:
    """Return the incident as a CAP 1.2 alert, in Chinese and English."""
    return Response(cap_of(seen, no), media_type=MEDIA_TYPE)


@router.post("/v1/incidents/{no}/accept", responses=tells(answers.IncidentStep))
async def accept(here: Here, no: str, said: Accepting) -> dict[str, Any]:
    """Accept a report (受理)."""
    return await _take(here, no, "accept", said)


@router.post("/v1/incidents/{no}/dispatch", responses=tells(answers.IncidentStep))
async def dispatch(here: Here, no: str, said: Dispatching) -> dict[str, Any]:
    """Send somebody (派发); again, to send somebody else."""
    return await _take(here, no, "dispatch", said)


@router.post("/v1/incidents/{no}/handle", responses=tells(answers.IncidentStep))
async def handle(here: Here, no: str, said: Handling) -> dict[str, Any]:
    """Begin to deal with it (处理)."""
    return await _take(here, no, "handle", said)


@router.post("/v1/incidents/{no}/feedback", responses=tells(answers.IncidentStep))
async def feedback(here: Here, no: str, said: Feedback) -> dict[str, Any]:
    """State what came of it (反馈); without a result it is refused (422, A 5.2.1.3d)."""
    return await _take(here, no, "feedback", said)


@router.post("/v1/incidents/{no}/assess", responses=tells(answers.IncidentStep))
async def assess(here: Here, no: str, said: Assessing) -> dict[str, Any]:
    """Assess and close it (考核)."""
    return await _take(here, no, "assess", said)


@router.post("/v1/incidents/{no}/escalate", responses=tells(answers.IncidentStep))
async def escalate(here: Here, no: str, said: Escalating) -> dict[str, Any]:
    """Raise its level by one and hand it to a department (事态升级)."""
    now = here.clock()

    def work(transaction: Transaction) -> dict[str, Any]:
        record = transaction.find(Query(layers=(LAYER,), ids=(no,), during=(None, None))).features
        facts = said.model_dump(exclude={"by"})
        if record and facts["to"] is None:
            facts["to"] = here.incidents.policy.class_of(record[0].attributes["class"]).department.zh
        return take(transaction, no, "escalate", said.by, now, facts)

    return await asyncio.wrap_future(here.store.write(work))


@router.post("/v1/incidents/{no}/merge", responses=tells(answers.IncidentStep))
async def merge(here: Here, no: str, said: Merging) -> dict[str, Any]:
    """Let it end in another incident that tells of the same."""
    return await _take(here, no, "merge", said)


@router.post("/v1/incidents/{no}/note", responses=tells(answers.IncidentStep))
async def note(here: Here, no: str, said: Noting) -> dict[str, Any]:
    """Write a line into its log."""
    return await _take(here, no, "note", said)


@router.post("/v1/incidents/{no}/result", responses=tells(answers.IncidentStep))
async def result(here: Here, no: str, said: OutsideResult) -> dict[str, Any]:
    """Take the result of another system; the same `source_no` again changes nothing."""
    now = here.clock()
    work = here.store.write(
        lambda transaction: result_of(transaction, no, said.system, said.source_no, now, said.result)
    )
    return await asyncio.wrap_future(work)


@router.get("/v1/follow/{token}", responses=tells(answers.FollowedIncident))
def follow(here: Here, token: str) -> dict[str, Any]:
    """Return how far a report is, to whom holds its token: states and times, nothing about persons."""
    known = here.store.find(Query(layers=(FOLLOWS,), ids=(token,))).features
    if not known:
        raise NotFound("follow.unknown", "Nothing is followed by this token.", "Copy the whole address.")
    seen = View(here, None, None)
    record = incident(seen, known[0].attributes["incident"])
    while (into := record.attributes["merged_into"]) is not None:
        record = incident(seen, into)
    said: Mapping[str, Any] = record.attributes
    return {"no": record.id, "place_name": name_of(here, record), **{name: said[name] for name in _FOLLOWED}}


async def _take(here: Services, no: str, step: Step, said: Accepting | Noting) -> dict[str, Any]:
    now, facts = here.clock(), said.model_dump(exclude={"by"})
    return await asyncio.wrap_future(
        here.store.write(lambda transaction: take(transaction, no, step, said.by, now, facts))
    )


def _conditions(
    classes: str | None, levels: str | None, sources: str | None, grid: str | None, since: str | None, until: str | None
) -> tuple[Condition, ...]:
    """Return what narrows the incidents; moments are compared in the one spelling that records have."""
    return (
        *_after("reported_at", since, "since"),
        *(Not(after) for after in _after("reported_at", until, "until")),
        *_any("class", words(classes), "string"),
        *_any("level", integers(levels, "level"), "number"),
        *_any("channel", words(sources), "string"),
        *_any("grid", (grid,) if grid else (), "string"),
    )


def _after(name: str, text: str | None, parameter: str) -> tuple[Compare, ...]:
    at = zoned(text, parameter)
    return () if at is None else (Compare(Property(name, "string", column=False), ">=", utc(at)),)


def _any(name: str, values: tuple[str, ...] | tuple[int, ...], kind: Literal["string", "number"]) -> tuple[Some, ...]:
    if len(values) > _MOST_VALUES:
        raise BadInput(
            "request.parameter",
            f"{len(values)} values of {name} are too many.",
            f"Name {_MOST_VALUES} at most.",
            parameter=name,
        )
    named = Property(name, kind, column=False)
    return (Some(tuple(Compare(named, "=", value) for value in values)),) if values else ()


def _states(text: str) -> tuple[str, ...]:
    if text == "all":
        return ()
    if text == "open":
        return tuple(state for state in STATES if state not in CLOSED)
    chosen = words(text)
    unknown = set(chosen) - set(STATES)
    if unknown or not chosen:
        raise BadInput(
            "request.parameter", f"state={text!r:.60} is none.", f"Use {', '.join(STATES)}.", parameter="state"
        )
    return chosen
