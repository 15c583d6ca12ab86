"""The loop guard: no rule leads to itself, no chain grows long, and no rule fires without end at one place."""

from collections import defaultdict, deque
from datetime import datetime, timedelta
from typing import Literal

from layers.linkage.rules import Rule
from layers.linkage.scope import Cause

Reason = Literal["loop", "depth", "rate"]

DEEPEST = 5
WINDOW = timedelta(minutes=1)


class Guard:
    """Counts firings; a loop that goes through the outside world shows only by how often it comes round.

    >>> from datetime import UTC
    >>> from layers.linkage.rules import load_rules
    >>> noon, guard, rule = datetime(2026, 11, 21, 12, tzinfo=UTC), Guard(), load_rules()["LR01"]
    >>> fire = Cause(key="1", name="fire", at=noon, community="c1", device="S-1")
    >>> guard.objection(rule, fire, noon) is None
    True
    >>> for _ in range(rule.most): guard.count(rule, fire, noon)
    >>> guard.objection(rule, fire, noon), guard.objection(rule, fire, noon + WINDOW)
    ('rate', None)
    >>> from dataclasses import replace
    >>> guard.objection(rule, replace(fire, chain=("LR01",)), noon)
    'loop'
    """

    def __init__(self) -> None:
        self._fired: dict[tuple[str, str], deque[datetime]] = defaultdict(deque)
        self._told: dict[tuple[str, str], datetime] = {}

    def objection(self, rule: Rule, cause: Cause, now: datetime) -> Reason | None:
        """Return why a rule must not fire, ``None`` when it may."""
        if rule.id in cause.chain:
            return "loop"
        if len(cause.chain) >= DEEPEST:
            return "depth"
        fired = self._fired[rule.id, cause.spot]
        while fired and now - fired[0] >= WINDOW:
            fired.popleft()
        return "rate" if len(fired) >= rule.most else None

    def count(self, rule: Rule, cause: Cause, now: datetime) -> None:
        """Note that a rule fired."""
        self._fired[rule.id, cause.spot].append(now)

    def news(self, rule: Rule, cause: Cause, now: datetime) -> bool:
        """Tell whether it is news that a rule was stopped here; once a window is enough."""
        last = self._told.get((rule.id, cause.spot))
        if last is not None and now - last < WINDOW:
            return False
        self._told[rule.id, cause.spot] = now
        return True
