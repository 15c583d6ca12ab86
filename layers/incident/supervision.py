"""Supervision of time: who lets an incident wait too long is told of once, and again for the next step."""

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from datetime import datetime

from layers.incident.desk import overrun
from layers.incident.policy import Policy
from layers.incident.record import KIND, LAYER, incident_of
from layers.incident.times import awaited
from twin.feature import Feature
from twin.query import Query
from twin.store import Store, Transaction

_AT_ONCE = 200
_BATCH = 1000


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
        self._position = -1
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
        if self._position < 0:
            position = self._store.last_seq()
            self._take(self._store.find(Query(layers=(LAYER,))).features)
            self._position = position
        last = self._store.last_seq()
        while self._position < last:
            events = self._store.events(self._position, _BATCH, (KIND,))
            changed = tuple({event.subject for event in events})
            if changed:
                found = self._store.find(Query(layers=(LAYER,), ids=changed)).features
                self._forget(set(changed) - {record.id for record in found})
                self._take(found)
            newest = events[-1].seq if events else 0
            self._position = newest if len(events) == _BATCH else max(last, newest)

    def _take(self, records: Iterable[Feature]) -> None:
        for record in records:
            waited = awaited(incident_of(record), self._policy)
            if waited is None:
                self._due.pop(record.id, None)
            else:
                self._due[record.id] = waited.due

    def _forget(self, gone: Iterable[str]) -> None:
        for no in gone:
            self._due.pop(no, None)
