"""The one-key alarm (一键报警, D 三(二)3.3)): an incident, and the nearest responder of its grid is asked to come."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from gis.errors import LifangError, NotFound
from layers.incident.call import Call, accepted, ask, checked
from layers.incident.desk import report, take
from layers.incident.policy import Policy
from layers.incident.record import LAYER
from layers.incident.report import Report
from layers.incident.responders import Near, nearest, on_duty
from layers.incident.rules import NEXT, Step
from layers.moving.movers import Responder, responders
from twin.event import NewEvent
from twin.feature import Feature
from twin.query import Query
from twin.spacecode import SpaceCode
from twin.store import Store, Transaction
from twin.walking import Start, Walking

CALLS = "incident_call"
REQUEST = "dispatch_request"
"""Kind of the events that ask a responder to come, or no longer to."""

_AT_ONCE = 200
_ASKING = Query(layers=(CALLS,), filters=(("state", "asking"),))
_SYSTEM = "一键报警"


@dataclass(frozen=True, slots=True)
class Pressed:
    """A one-key alarm: the incident's message, the call, and what the caller follows it by."""

    message: Mapping[str, Any]
    call: Call
    token: str | None


@dataclass(frozen=True, slots=True)
class _Around:
    force: Sequence[Responder]
    ways: Walking | None


class OneKey:
    """Takes one-key alarms and answers, and lets time pass for them; what was missed while stopped is done at once.

    Args:
        store: Where incidents and calls live.
        policy: How long a responder may take, and who is called then.
        ways: Returns the walking network of now.
        clock: Returns now in UTC.
    """

    def __init__(
        self,
        store: Store,
        policy: Policy,
        ways: Callable[[], Walking],
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._policy = policy
        self._ways = ways
        self._clock = clock
        self._version, self._calls = "", list[Call]()

    def press(self, filed: Report) -> "Future[Pressed]":
        """Report the alarm and ask the nearest responder; the same alarm again changes nothing.

        The future raises what :func:`layers.incident.desk.report` raises.
        """
        now, around = self._clock(), self._around()

        def work(transaction: Transaction) -> Pressed:
            reported = report(transaction, filed, now, self._policy)
            if not reported.created:
                return Pressed(reported.message, _call(transaction, reported.no), reported.token)
            incident = reported.message
            call = Call(incident=reported.no, grid=incident.get("grid"), here=incident["center"])
            return Pressed(incident, self._on(transaction, call, around, now), reported.token)

        return self._store.write(work)

    def answer(self, no: str, responder: str, *, accepts: bool) -> "Future[Call]":
        """Take a responder's answer: who accepts is dispatched, who declines makes the next be asked.

        The future raises ``NotFound`` ``call.unknown`` or ``Conflict`` ``call.over``, ``call.not_asked``.
        """
        now, around = self._clock(), self._around()

        def work(transaction: Transaction) -> Call:
            call = _call(transaction, no)
            if accepts:
                return self._accept(transaction, accepted(call, responder), responder, now)
            waited_for = checked(call, responder).asked[-1]
            return call if responder != waited_for else self._on(transaction, call, around, now)

        return self._store.write(work)

    def call(self, no: str) -> Call:
        """Return the call of an incident.

        Raises:
            NotFound: ``call.unknown``.
        """
        found = self._store.find(Query(layers=(CALLS,), ids=(no,), during=(None, None))).features
        return Call.from_json(_known(next(iter(found), None), no).attributes)

    def tick(self) -> "Future[None] | None":
        """Ask the next where nobody has answered by now; ``None`` when nothing is due. Twice is once."""
        now = self._clock()
        due = [call.incident for call in self._standing() if call.until is not None and call.until <= now][:_AT_ONCE]
        if not due:
            return None
        around = self._around()

        def work(transaction: Transaction) -> None:
            for no in due:
                call = _call(transaction, no)
                if call.state == "asking" and call.until is not None and call.until <= now:
                    self._on(transaction, call, around, now)

        return self._store.write(work)

    def _standing(self) -> list[Call]:
        version = self._store.version([CALLS])
        if version != self._version:
            self._calls = [Call.from_json(one.attributes) for one in self._store.find(_ASKING).features]
            self._version = version
        return self._calls

    def _around(self) -> "_Around":
        """Return who could come and on which ways; read before a transaction, so that it stays short."""
        force = responders(self._store, None, self._clock())
        try:
            return _Around(force, self._ways())
        except LifangError:  # a twin without paths: distances are straight lines and told as such
            return _Around(force, None)

    def _on(self, transaction: Transaction, call: Call, around: _Around, now: datetime) -> Call:
        """Ask the next; an incident that somebody else has taken in hand needs nobody more."""
        _withdraw(transaction, call, now)
        incident = _incident(transaction, call.incident)
        if incident.attributes["state"] not in ("reported", "accepted"):
            return _keep(transaction, replace(call, state="over", until=None), incident.community, now)
        rules = self._policy.one_key
        after = ask(call, self._near(transaction, call, incident, around), rules.ask, rules.wait_s, now)
        if after.state == "escalated":
            self._escalate(transaction, after, incident, now)
        else:
            _request(transaction, after, incident, "asked", now)
        return _keep(transaction, after, incident.community, now)

    def _near(self, transaction: Transaction, call: Call, incident: Feature, around: _Around) -> list[Near]:
        if call.grid is None or call.here is None:
            return []
        people = on_duty(around.force, call.grid, self._policy.one_key.off_duty)
        starts = [] if around.ways is None else _starts(transaction, incident, around.ways)
        return nearest(people, call.here, None if around.ways is None else around.ways.network, starts)

    def _accept(self, transaction: Transaction, call: Call, responder: str, now: datetime) -> Call:
        incident = _incident(transaction, call.incident)
        state = incident.attributes["state"]
        steps: tuple[tuple[Step, dict[str, str]], ...] = (("accept", {}), ("dispatch", {"to": responder}))
        for step, facts in steps:
            if step in NEXT[state]:
                state = take(transaction, call.incident, step, responder, now, facts)["state"]
        return _keep(transaction, call, incident.community, now)

    def _escalate(self, transaction: Transaction, call: Call, incident: Feature, now: datetime) -> None:
        department = self._policy.class_of(incident.attributes["class"]).department
        code = None if incident.place is None else SpaceCode.parse(incident.place).text
        asked = "、".join(call.asked) or "无人"
        facts = {
            "to": department.zh,
            "reason": f"已呼叫{asked}，无人到场",
            "lon": call.here and call.here[0],
            "lat": call.here and call.here[1],
            "space_code": code,
        }
        take(transaction, call.incident, "escalate", _SYSTEM, now, facts)


def _starts(transaction: Transaction, incident: Feature, ways: Walking) -> list[Start]:
    """Return where walks to an incident begin: its room or the doors of its building; outdoors, where it lies."""
    if incident.place is None:
        return []
    place = transaction.current(SpaceCode.parse(incident.place).kind, incident.place)
    try:
        return [] if place is None else ways.starts(place)
    except NotFound:  # nobody knows its doors: its own position has to do
        return []


def _incident(transaction: Transaction, no: str) -> Feature:
    return transaction.find(Query(layers=(LAYER,), ids=(no,), during=(None, None))).features[0]


def _call(transaction: Transaction, no: str) -> Call:
    found = transaction.find(Query(layers=(CALLS,), ids=(no,), during=(None, None))).features
    return Call.from_json(_known(next(iter(found), None), no).attributes)


def _known(found: Feature | None, no: str) -> Feature:
    if found is None:
        raise NotFound("call.unknown", f"Nobody was called to {no}.", "See GET /v1/incidents.", incident=no)
    return found


def _keep(transaction: Transaction, call: Call, community: str, now: datetime) -> Call:
    transaction.put(
        Feature(layer=CALLS, id=call.incident, community=community, valid_from=now, attributes=call.as_json())
    )
    return call


def _withdraw(transaction: Transaction, call: Call, now: datetime) -> None:
    if call.asked:
        _request(transaction, call, _incident(transaction, call.incident), "withdrawn", now)


def _request(transaction: Transaction, call: Call, incident: Feature, status: str, now: datetime) -> None:
    transaction.append(
        NewEvent(
            kind=REQUEST,
            community=incident.community,
            subject=incident.id,
            source="lifang:call",
            source_seq=f"{incident.id}:{len(call.asked)}:{status}",
            occurred_at=now,
            body={
                "no": incident.id,
                "status": status,
                "to": call.asked[-1],
                "length_m": call.length_m,
                "by": call.by,
                "until": call.as_json()["until"],
                "title": incident.attributes["title"],
                "place": incident.place,
                "space_code": None if incident.place is None else SpaceCode.parse(incident.place).text,
                "storey": incident.storey,
                "center": call.here and list(call.here),
            },
        )
    )
