"""Calls by day, added up in the store over all processes and restarts."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from typing import Any

from api.gateway.traffic import Day, Traffic, days_before
from twin.feature import Feature
from twin.query import Query
from twin.store import Store, Transaction

LAYER = "application_use"
_DAYS = 31


class Usage:
    """Stores what :class:`Traffic` has counted, now and then; between, it lies in the memory of each process.

    Args:
        store: Where the days are kept.
        traffic: What this process counts.
        clock: Returns now in UTC.
    """

    def __init__(self, store: Store, traffic: Traffic, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._traffic = traffic
        self._clock = clock
        self._stored: dict[tuple[str, str], int] = {}
        self._version = ""
        self._lock = threading.Lock()

    def calls(self, application: str, day: str) -> int:
        """Return how often an application called on a day: all that is stored, and what this process has since."""
        since = self._traffic.today[application].calls if day == self._traffic.day else 0
        return self._stored.get((application, day), 0) + since

    def refresh(self) -> None:
        """Learn what other processes have stored."""
        with self._lock:
            version = self._store.version([LAYER])
            if version != self._version:
                today = self._clock().date().isoformat()
                found = self._store.find(Query(layers=(LAYER,), filters=(("day", today),))).features
                self._stored = {(one.attributes["application"], today): one.attributes["calls"] for one in found}
                self._version = version

    def flush(self, taken: dict[tuple[str, str], Day]) -> "Future[None]":
        """Add to the store what was taken from :meth:`Traffic.take`."""
        now = self._clock()

        def work(transaction: Transaction) -> None:
            for (application, day), one in taken.items():
                owner = transaction.current("application", application)
                if owner is not None:
                    transaction.put(_added(transaction, owner, day, one, now))

        return self._store.write(work)

    def days(self, application: str) -> list[dict[str, Any]]:
        """Return the last 31 days as they are stored, newest first; days without calls are left out."""
        today = self._clock().date().isoformat()
        ids = tuple(f"{application}:{day}" for day in days_before(today, _DAYS))
        found = self._store.find(Query(layers=(LAYER,), ids=ids)).features
        days = ({name: one.attributes[name] for name in ("day", "calls", "errors", "bytes")} for one in found)
        return sorted(days, key=lambda one: str(one["day"]), reverse=True)


def _added(transaction: Transaction, owner: Feature, day: str, one: Day, now: datetime) -> Feature:
    number = f"{owner.id}:{day}"
    known = transaction.current(LAYER, number)
    before = {"calls": 0, "errors": 0, "bytes": 0} if known is None else known.attributes
    sums = {
        "calls": before["calls"] + one.calls,
        "errors": before["errors"] + one.errors,
        "bytes": before["bytes"] + one.bytes,
    }
    note = {"application": owner.id, "day": day, **sums}
    return Feature(layer=LAYER, id=number, community=owner.community, attributes=note, valid_from=now)
