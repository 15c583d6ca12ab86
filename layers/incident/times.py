"""How long an incident waits for its next step, by class and level (B 9.2.1d). Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from layers.incident.policy import Policy
from layers.incident.rules import AWAITED, Incident, Step


@dataclass(frozen=True, slots=True)
class Awaited:
    """The step an incident waits for, and until when it is in time."""

    step: Step
    due: datetime


def awaited(incident: Incident, policy: Policy) -> Awaited | None:
    """Return what is waited for; ``None`` when nothing is, has no time, or is known to be overdue.

    >>> from datetime import UTC
    >>> from layers.incident.policy import load_policy
    >>> noon = datetime(2026, 11, 21, 12, tzinfo=UTC)
    >>> said = {"severity": 1, "level": 1, "source": "hotline", "reported_at": noon, "changed_at": noon}
    >>> found = awaited(Incident(no="SJ1", class_="fire", **said), load_policy())
    >>> found.step, found.due.minute
    ('accept', 3)
    >>> awaited(Incident(no="SJ1", class_="fire", state="merged", **said), load_policy()) is None
    True
    """
    if incident.overdue is not None or incident.state not in AWAITED:
        return None
    step, reached = AWAITED[incident.state]
    since: datetime | None = getattr(incident, reached)
    within_s = policy.within_s(incident.class_, incident.level, step)
    return None if since is None or within_s is None else Awaited(step, since + timedelta(seconds=within_s))
