"""The connection the embedded store writes on, and what SQLite's errors mean to a person."""

import logging
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gis.errors import LifangError, Unavailable
from twin.declaration import Catalogue
from twin.embedded.log import fold, unfolded
from twin.embedded.rows import to_moment
from twin.embedded.transaction import SqliteTransaction
from twin.versions import to_milliseconds
from twin.writer import Work, failed

_LOG = logging.getLogger(__name__)
FOLD = 10_000
"""How many events are brought into the rollups at once: fewer cost more each, more let an alarm wait longer."""
CHECKPOINT_BYTES = 64 * 2**20  # constant readers let a passive checkpoint grow the WAL to hundreds of MB


class SqliteSession:
    """The :class:`twin.writer.Session` of one SQLite file.

    Args:
        connection: In autocommit mode.
        path: The file, to watch its write-ahead log.
        catalogue: Tells which layers may be searched.
        clock: Returns now in UTC.
    """

    def __init__(
        self, connection: sqlite3.Connection, path: Path, catalogue: Catalogue, clock: Callable[[], datetime]
    ) -> None:
        self._connection = connection
        self._wal = path.with_name(path.name + "-wal")
        self._catalogue = catalogue
        self._clock = clock
        self.recorded = _last_recorded(connection)

    def begin(self) -> None:
        """Open a transaction."""
        self._connection.execute("BEGIN IMMEDIATE")

    def execute(self, sql: str) -> None:
        """Execute a statement inside it."""
        self._connection.execute(sql)

    def run(self, work: Work) -> Any:
        """Return the result of a work, recorded at the clock's moment but never earlier than what was before it."""
        self.recorded = max(to_milliseconds(self._clock()), self.recorded + timedelta(milliseconds=1))
        transaction = SqliteTransaction(self._connection, self._catalogue, self.recorded)
        result = work(transaction)
        transaction.finish()
        return result

    def commit(self) -> None:
        """Make durable what was done since :meth:`begin`."""
        self._connection.execute("COMMIT")

    def rollback(self) -> None:
        """Leave no transaction open, whatever state it is in."""
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def is_open(self) -> bool:
        """Tell whether the transaction still stands; SQLite itself undoes it on a full disk."""
        return self._connection.in_transaction

    def meaning(self, error: Exception) -> Exception:
        """Return what a SQLite error means to a person; any other error as it is."""
        return translate(error) if isinstance(error, sqlite3.Error) else error

    def rest(self) -> None:
        """Bring the log into the rollups when enough has come; start the write-ahead log over when it has grown."""
        try:
            if unfolded(self._connection) >= FOLD:
                self.begin()
                fold(self._connection, FOLD)
                self.commit()
            if self._wal.exists() and self._wal.stat().st_size > CHECKPOINT_BYTES:
                self._connection.execute("PRAGMA wal_checkpoint(RESTART)")
        except sqlite3.Error as error:
            self.rollback()
            _LOG.warning("the store could not be tidied up, next attempt after the next write: %s", error)


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
    return failed(error)


def _last_recorded(connection: sqlite3.Connection) -> datetime:
    newest = [
        connection.execute(sql).fetchone()
        for sql in (
            "SELECT recorded_at FROM feature ORDER BY fid DESC LIMIT 1",
            "SELECT recorded_at FROM event ORDER BY seq DESC LIMIT 1",
            "SELECT coalesce(superseded_at, recorded_at) FROM identifier ORDER BY rowid DESC LIMIT 1",
        )
    ]
    return max((to_moment(row[0]) for row in newest if row is not None), default=datetime.min.replace(tzinfo=UTC))
