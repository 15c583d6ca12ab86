"""The closed loop of an incident (D 三(五)4): 上报, 受理, 派发, 处理, 反馈, 考核; nothing may be skipped. Pure.

    reported ─accept─► accepted ─dispatch─► dispatched ─handle─► handling ─feedback─► feedback ─assess─► assessed
                                               ▲ └─────────dispatch─────────┘ ▲              │
                                               └──────── to another           └────handle────┘ not good enough

Escalating raises the level and hands it to a department, whatever the state; merging ends what was reported twice. A
step that does not come in its time is told in the log, once, and is overdue until it comes (B 9.2.1d).
The state is a fold over the log: :func:`folded` of an incident's entries is the incident.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, get_args

from gis.errors import BadInput, Conflict

State = Literal["reported", "accepted", "dispatched", "handling", "feedback", "assessed", "merged"]
Step = Literal[
    "report",
    "accept",
    "dispatch",
    "handle",
    "feedback",
    "assess",
    "escalate",
    "merge",
    "absorb",
    "result",
    "note",
    "overdue",
]

STATES: tuple[State, ...] = get_args(State)
CLOSED: frozenset[State] = frozenset({"assessed", "merged"})
WORST = 1

_ALWAYS: tuple[Step, ...] = ("absorb", "result", "note")
_ASIDE: tuple[Step, ...] = ("escalate", "merge", *_ALWAYS)
NEXT: Mapping[State, tuple[Step, ...]] = {
    "reported": ("accept", *_ASIDE),
    "accepted": ("dispatch", *_ASIDE),
    "dispatched": ("handle", "dispatch", *_ASIDE),
    "handling": ("feedback", "dispatch", *_ASIDE),
    "feedback": ("assess", "handle", *_ALWAYS),
    "assessed": (),
    "merged": (),
}
"""Which steps may come next."""

AWAITED: Mapping[State, tuple[Step, str]] = {
    "reported": ("accept", "reported_at"),
    "accepted": ("dispatch", "accepted_at"),
    "dispatched": ("handle", "dispatched_at"),
    "handling": ("feedback", "handling_at"),
    "feedback": ("assess", "feedback_at"),
}
"""Which step each state waits for, and since when."""

_REACHED: Mapping[Step, State] = {
    "accept": "accepted",
    "dispatch": "dispatched",
    "handle": "handling",
    "feedback": "feedback",
    "assess": "assessed",
    "merge": "merged",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an incident's log: who did what, when.

    Attributes:
        n: 1 for the report, then without gaps.
        by: Person or system.
        at: When (UTC).
        facts: What the step says: ``to``, ``result``, ``score``, ``reason`` …, JSON.
    """

    n: int
    step: Step
    by: str
    at: datetime
    facts: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Return it as the log holds it."""
        return {"n": self.n, "step": self.step, "by": self.by, "at": self.at.isoformat(), **self.facts}

    @classmethod
    def from_json(cls, held: Mapping[str, Any]) -> "Entry":
        """Return the entry that :meth:`as_json` wrote."""
        facts = {name: value for name, value in held.items() if name not in ("n", "step", "by", "at")}
        return cls(held["n"], held["step"], held["by"], datetime.fromisoformat(held["at"]), facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """An incident as its log leaves it.

    Attributes:
        no: Unique number (事件编号).
        class_: Name of its class, such as ``fire``.
        severity: 1 (worst) to 4, as reported.
        level: 1 (I) to 4 (IV), from class and severity; escalating raises it.
        source: How it was reported (上报途径).
        entries: Length of its log.
        handler: Who it was dispatched to, or who took it in hand.
        department: Who it was escalated to; ``None`` before.
        result: What came of it (事件处理结果); ``None`` until somebody said.
        feedback: What the reporter was told.
        score: Of the assessment, 1 to 5.
        overdue: The step that did not come in its time; ``None`` once a step was taken.
        overdue_at: When its time was over.
        merged_into: Number of the incident that goes on in its stead.
        merged: Numbers of those that ended in this one.
    """

    no: str
    class_: str
    severity: int
    level: int
    source: str
    state: State = "reported"
    entries: int = 1
    reported_at: datetime
    changed_at: datetime
    accepted_at: datetime | None = None
    accepted_by: str | None = None
    dispatched_at: datetime | None = None
    handler: str | None = None
    handling_at: datetime | None = None
    feedback_at: datetime | None = None
    closed_at: datetime | None = None
    department: str | None = None
    escalations: int = 0
    result: str | None = None
    result_by: str | None = None
    feedback: str | None = None
    score: int | None = None
    overdue: Step | None = None
    overdue_at: datetime | None = None
    merged_into: str | None = None
    merged: tuple[str, ...] = ()

    @property
    def open(self) -> bool:
        """Tell whether somebody still has to do something."""
        return self.state not in CLOSED


def begun(no: str, entry: Entry) -> Incident:
    """Return the incident that a report begins."""
    said = entry.facts
    return Incident(
        no=no,
        class_=said["class"],
        severity=said["severity"],
        level=said["level"],
        source=said["source"],
        reported_at=entry.at,
        changed_at=entry.at,
    )


def next_entry(incident: Incident, step: Step, by: str, now: datetime, facts: Mapping[str, Any]) -> Entry:
    """Return the log entry of a step, if it may be done now.

    Args:
        incident: As it stands.
        step: What is done.
        by: Who does it.
        now: When; a clock that was set back does not turn the log back.
        facts: What the step says; what is ``None`` is left out.

    Raises:
        Conflict: ``incident.step`` naming what may come next.
        BadInput: ``incident.no_result``: nobody may tell a reporter that it is done without saying what was done.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 11, 21, 12, tzinfo=UTC)
    >>> said = {"class": "fire", "severity": 1, "level": 1, "source": "hotline"}
    >>> next_entry(begun("SJ1", Entry(1, "report", "接线员", noon, said)), "handle", "王", noon, {})
    Traceback (most recent call last):
        ...
    gis.errors.Conflict: incident.step: SJ1 is reported: handle cannot come now. Next may come: accept, escalate, ...
    """
    allowed = NEXT[incident.state]
    if step not in allowed:
        raise Conflict(
            "incident.step",
            f"{incident.no} is {incident.state}: {step} cannot come now.",
            f"Next may come: {', '.join(allowed) or 'nothing, it is closed'}.",
            incident=incident.no,
            state=incident.state,
            next=list(allowed),
        )
    said = {name: value for name, value in facts.items() if value is not None}
    if step == "feedback" and not (said.get("result") or incident.result):
        raise BadInput(
            "incident.no_result", f"Nobody has said what came of {incident.no}.", "State a result.", field="result"
        )
    if step == "escalate":
        said.setdefault("level", max(WORST, incident.level - 1))
    return Entry(incident.entries + 1, step, by, max(now, incident.changed_at), said)


def applied(incident: Incident, entry: Entry) -> Incident:
    """Return the incident after an entry of its log."""
    state = _REACHED.get(entry.step, incident.state)
    taken = {"overdue": None, "overdue_at": None} if entry.step in _REACHED else {}
    changes = {**taken, **_changes(incident, entry)}
    after = replace(incident, state=state, entries=entry.n, changed_at=entry.at, **changes)
    return replace(after, closed_at=entry.at) if incident.open and not after.open else after


def folded(no: str, entries: Iterable[Entry]) -> Incident:
    """Return the incident that a whole log makes, the report first."""
    first, *rest = entries
    incident = begun(no, first)
    for entry in rest:
        incident = applied(incident, entry)
    return incident


def _changes(incident: Incident, entry: Entry) -> Mapping[str, Any]:  # noqa: PLR0911
    said, by, at = entry.facts, entry.by, entry.at
    outcome = {"result": said["result"], "result_by": by} if said.get("result") else {}
    match entry.step:
        case "accept":
            return {"accepted_at": at, "accepted_by": by}
        case "dispatch":
            return {"dispatched_at": at, "handler": said["to"]}
        case "handle":
            return {"handling_at": at, "handler": by, **outcome}
        case "feedback":
            return {"feedback_at": at, "feedback": said.get("text"), **outcome}
        case "assess":
            return {"score": said["score"]}
        case "escalate":
            return {"level": said["level"], "department": said["to"], "escalations": incident.escalations + 1}
        case "merge":
            return {"merged_into": said["into"]}
        case "overdue":
            return {"overdue": said["awaits"], "overdue_at": datetime.fromisoformat(said["due"])}
        case "absorb":
            return {"merged": (*incident.merged, said["no"])}
        case _:
            return outcome
