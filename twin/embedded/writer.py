"""One writer thread with group commit: many small works share one durable commit."""

import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gis.errors import LifangError, Unavailable

MAX_QUEUED = 10_000
MAX_GROUP = 256
CHECKPOINT_BYTES = 64 * 2**20  # constant readers let a passive checkpoint grow the WAL to hundreds of MB

Work = Callable[[sqlite3.Connection], Any]


@dataclass(slots=True)
class _Job:
    work: Work
    future: "Future[Any]"


class Writer:
    """Runs works one after another on its own connection, in a thread of its own.

    Args:
        connection: Used by this thread only; in autocommit mode.
        path: The file, to watch its write-ahead log.
        committed: Called in the writer thread after every commit.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, committed: Callable[[], None]) -> None:
        self._connection = connection
        self._wal = path.with_name(path.name + "-wal")
        self._committed = committed
        self._queue: queue.Queue[_Job | None] = queue.Queue(MAX_QUEUED)
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Work) -> "Future[Any]":
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
                self._committed()
            for job, outcome in done:
                _settle(job.future, outcome)
            self._checkpoint()

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
        """Run the group in one transaction; return jobs with results, after settling those that failed."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            outcomes = [(job, self._attempt(job.work)) for job in group]
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            for job in group:
                _settle(job.future, translate(error))
            return []
        return outcomes

    def _attempt(self, work: Work) -> Any:
        """Return the work's result, or the error that rolled it back alone."""
        self._connection.execute("SAVEPOINT work")
        try:
            result = work(self._connection)
        except Exception as error:
            if not self._connection.in_transaction:  # SQLite itself rolled everything back, as on a full disk
                raise _as_sqlite(error) from error
            self._connection.execute("ROLLBACK TO work")
            self._connection.execute("RELEASE work")
            return _Failure(error)
        self._connection.execute("RELEASE work")
        return result

    def _checkpoint(self) -> None:
        if self._wal.exists() and self._wal.stat().st_size > CHECKPOINT_BYTES:
            self._connection.execute("PRAGMA wal_checkpoint(RESTART)")


@dataclass(slots=True)
class _Failure:
    error: Exception


def _settle(future: "Future[Any]", outcome: Any) -> None:
    if not future.set_running_or_notify_cancel():
        return
    if isinstance(outcome, _Failure):
        outcome = outcome.error
    if isinstance(outcome, sqlite3.Error):
        future.set_exception(translate(outcome))
    elif isinstance(outcome, BaseException):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


def _as_sqlite(error: Exception) -> sqlite3.Error:
    return error if isinstance(error, sqlite3.Error) else sqlite3.OperationalError(str(error))


def translate(error: sqlite3.Error) -> LifangError:
    """Return what a SQLite error means to a person."""
    text = str(error)
    if "full" in text:
        return Unavailable(
            "store.disk_full", "The disk is full; nothing was changed.", "Free some space and try again."
        )
    if "locked" in text or "busy" in text:
        return Unavailable("store.locked", "Another program holds the store.", "Close it or try again.")
    if "readonly" in text or "read-only" in text:
        return Unavailable(
            "store.read_only", "The store cannot be written.", "Give write permission to file and folder."
        )
    if (isinstance(error, sqlite3.DatabaseError) and "malformed" in text) or "not a database" in text:
        return Unavailable("store.not_ours", "The file is not a Lifang store.", "Choose another --store path.")
    return Unavailable("store.failed", f"The store failed: {text}.", "See the log; the store is unchanged.")
