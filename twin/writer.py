"""One writer thread with group commit: many small works share one durable commit."""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from gis.errors import LifangError, Unavailable
from twin.store import Transaction

MAX_QUEUED = 10_000
MAX_GROUP = 256

T = TypeVar("T")
Work = Callable[[Transaction], Any]


class Session(Protocol):
    """The one connection a store writes on; after the writer has started, used by its thread only."""

    def begin(self) -> None:
        """Open a transaction."""

    def execute(self, sql: str) -> object:
        """Execute a statement inside it."""

    def run(self, work: Work) -> Any:
        """Return the result of a work inside it."""

    def commit(self) -> None:
        """Make durable what was done since :meth:`begin`."""

    def rollback(self) -> None:
        """Leave no transaction open, whatever state it is in."""

    def is_open(self) -> bool:
        """Tell whether the transaction still stands; the database itself may have undone it."""

    def meaning(self, error: Exception) -> Exception:
        """Return what an error of the database means to a person; any other error as it is."""

    def rest(self) -> None:
        """Do what is better done between two groups."""


@dataclass(slots=True)
class _Job:
    work: Work
    future: "Future[Any]"


class Writer:
    """Runs works one after another on its own connection, in a thread of its own.

    Args:
        session: The connection.
        committed: Called in the writer thread after every commit.
    """

    def __init__(self, session: Session, committed: Callable[[], None]) -> None:
        self._session = session
        self._committed = committed
        self._queue: queue.Queue[_Job | None] = queue.Queue(MAX_QUEUED)
        self._closed = False
        self.commits = 0
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[Transaction], T]) -> "Future[T]":
        """Queue a work; its future is done after the durable commit.

        Raises:
            Unavailable: ``store.busy`` when the queue is full, ``store.closed`` after :meth:`close`.
        """
        if self._closed:
            raise Unavailable("store.closed", "The store is closed.", "Start the service again.")
        job = _Job(work, Future())
        try:
            self._queue.put_nowait(job)
        except queue.Full:
            raise Unavailable("store.busy", f"{MAX_QUEUED} writes are waiting.", "Send again in a moment.") from None
        return job.future

    def close(self) -> None:
        """Finish what is queued and end the thread."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            self._thread.join()

    def _run(self) -> None:
        while (group := self._next_group()) is not None:
            done = self._commit(group)
            if done:
                self.commits += 1
                self._committed()
            for job, outcome in done:
                self._settle(job.future, outcome)
            self._session.rest()

    def _next_group(self) -> list[_Job] | None:
        first = self._queue.get()
        if first is None:
            return None
        group = [first]
        while len(group) < MAX_GROUP and not self._queue.empty():
            job = self._queue.get()
            if job is None:
                self._queue.put(None)
                break
            group.append(job)
        return group

    def _commit(self, group: list[_Job]) -> list[tuple[_Job, Any]]:
        """Run the group in one transaction; return jobs with results, none when the transaction itself failed."""
        try:
            self._session.begin()
            outcomes = [(job, self._attempt(job.work)) for job in group]
            self._session.commit()
        except Exception as error:  # noqa: BLE001  whatever it was, everybody who waits is told
            self._session.rollback()
            for job in group:
                self._settle(job.future, _Failure(self._as_fault(error)))
            return []
        return outcomes

    def _attempt(self, work: Work) -> Any:
        """Return the work's result, or the error that rolled it back alone."""
        self._session.execute("SAVEPOINT work")
        try:
            result = self._session.run(work)
        except Exception as error:
            if not self._session.is_open():
                raise
            self._session.execute("ROLLBACK TO SAVEPOINT work")
            self._session.execute("RELEASE SAVEPOINT work")
            return _Failure(error)
        self._session.execute("RELEASE SAVEPOINT work")
        return result

    def _as_fault(self, error: Exception) -> LifangError:
        """Return why the whole group failed; one work's own error would mislead the others."""
        meaning = self._session.meaning(error)
        return meaning if isinstance(meaning, LifangError) else failed(error)

    def _settle(self, future: "Future[Any]", outcome: Any) -> None:
        if not future.set_running_or_notify_cancel():
            return
        if isinstance(outcome, _Failure):
            future.set_exception(self._session.meaning(outcome.error))
        else:
            future.set_result(outcome)


@dataclass(slots=True)
class _Failure:
    error: Exception


def failed(error: Exception) -> Unavailable:
    """Return the fault of a store that failed for a reason no cure is known for."""
    return Unavailable("store.failed", f"The store failed: {error}.", "See the log; the store is unchanged.")


class Subscribers:
    """Those who want to know of new events; each number is told once, whoever notices it first."""

    def __init__(self) -> None:
        self._wakes: list[Callable[[int], None]] = []
        self._told = 0
        self._lock = threading.RLock()  # held while telling: when a write is answered, its subscribers have heard

    def add(self, wake: Callable[[int], None], seq: int) -> Callable[[], None]:
        """Call ``wake`` with each number above ``seq``; the result unsubscribes."""
        with self._lock:
            if not self._wakes:
                self._told = seq
            self._wakes.append(wake)

        def unsubscribe() -> None:
            with self._lock:
                self._wakes.remove(wake)

        return unsubscribe

    def tell(self, newest: Callable[[], int]) -> None:
        """Tell everybody the newest number, unless they know it."""
        with self._lock:
            if not self._wakes or (seq := newest()) <= self._told:
                return
            self._told = seq
            for wake in tuple(self._wakes):
                wake(seq)
