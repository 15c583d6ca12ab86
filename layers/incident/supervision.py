"""Supervision of time: who lets an incident wait too long is told of once, and again for the next step."""

from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime

from layers.following import Following
from layers.incident.desk import overrun
from layers.incident.policy import Policy
from layers.incident.record import KIND, LAYER, incident_of
from layers.incident.times import awaited
from twin.store import Store, Transaction

_AT_ONCE = 200


class Supervision:
    """Follows the log of incidents and notes what is overdue; what was missed while stopped is noted at once.

    Args:
        store: Where incidents live.
        policy: How long each step may take.
        clock: Returns now in UTC.
    """

    def __init__(self, store: Store, policy: Policy, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._policy = policy
        self._clock = clock
        self._following = Following(store, LAYER, KIND)
        self._due: dict[str, datetime] = {}

    def tick(self) -> "Future[None] | None":
        """Note what is overdue by now; ``None`` when nothing is. Twice is once."""
        now = self._clock()
        self._follow()
        late = [no for no, due in self._due.items() if due <= now][:_AT_ONCE]
        if not late:
            return None

        def work(transaction: Transaction) -> None:
            for no in late:
                overrun(transaction, no, now, self._policy)

        return self._store.write(work)

    def _follow(self) -> None:
        for no, record in self._following.changed().items():
            waited = None if record is None else awaited(incident_of(record), self._policy)
            if waited is None:
                self._due.pop(no, None)
            else:
                self._due[no] = waited.due
