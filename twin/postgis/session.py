"""The connection the PostGIS store writes on. Several processes may write: one after another."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from twin.declaration import Catalogue
from twin.postgis.connection import connect, translate
from twin.postgis.log import fold, unfolded
from twin.postgis.select import rows
from twin.postgis.transaction import PostgisTransaction
from twin.versions import to_milliseconds
from twin.writer import Work

_LOG = logging.getLogger(__name__)
FOLD = 20_000
"""How many events are brought into the rollups at once."""
CHANNEL = "lifang"


class PostgisSession:
    """The :class:`twin.writer.Session` of one PostgreSQL connection.

    Args:
        parameters: How to connect, again after the connection was lost.
        catalogue: Tells which layers may be searched.
        clock: Returns now in UTC.

    Attributes:
        seq: Number of the last event this session has committed; 0 when there was none.
    """

    def __init__(self, parameters: dict[str, Any], catalogue: Catalogue, clock: Callable[[], datetime]) -> None:
        self._parameters = parameters
        self._catalogue = catalogue
        self._clock = clock
        self._recorded = datetime.min.replace(tzinfo=UTC)
        self._appended = 0
        self.seq = 0
        self._due = 0
        self.connection = connect(parameters)

    def begin(self) -> None:
        """Open a transaction and wait for the writers of other processes; connect again when that was lost.

        The lock on ``clock`` is held until the commit. Hence events are numbered in the order in which they can be
        read, and every transaction has a later moment than the one before it, whatever the processes' clocks say.
        """
        try:
            self._lock()
        except psycopg.OperationalError:
            if not self.connection.closed:
                raise
            self.connection = connect(self._parameters)
            self._lock()
        self._appended = 0

    def _lock(self) -> None:
        self.connection.execute("BEGIN")
        self._recorded = rows(self.connection, "SELECT recorded_at FROM clock FOR UPDATE")[0]["recorded_at"]

    def execute(self, sql: str) -> None:
        """Execute a statement inside it."""
        self.connection.execute(sql)

    def run(self, work: Work) -> Any:
        """Return the result of a work, recorded at the clock's moment but never earlier than what was before it."""
        self._recorded = max(to_milliseconds(self._clock()), self._recorded + timedelta(milliseconds=1))
        transaction = PostgisTransaction(self.connection, self._catalogue, self._recorded)
        result = work(transaction)
        transaction.finish()
        self._appended = max(self._appended, transaction.seq)
        return result

    def commit(self) -> None:
        """Make durable what was done since :meth:`begin`, and let other processes know."""
        self.connection.execute("UPDATE clock SET recorded_at = %s", (self._recorded,))
        if self._appended:
            self.connection.execute(f"NOTIFY {CHANNEL}")
        self.connection.execute("COMMIT")
        self.seq = max(self.seq, self._appended)

    def rollback(self) -> None:
        """Leave no transaction open, whatever state it is in; a connection that cannot do that is given up."""
        try:
            self.connection.execute("ROLLBACK")
        except psycopg.Error:
            self.connection.close()  # begin() connects again

    def is_open(self) -> bool:
        """Tell whether the transaction still stands; it fell with the connection if that was lost."""
        connection = self.connection
        return not connection.closed and connection.info.transaction_status != TransactionStatus.IDLE

    def meaning(self, error: Exception) -> Exception:
        """Return what an error of PostgreSQL means to a person; any other error as it is."""
        return translate(error) if isinstance(error, psycopg.Error) else error

    def rest(self) -> None:
        """Bring the log into the rollups when enough has come; the process that comes first does it for all."""
        if self.seq < self._due:
            return
        try:
            self._lock()
            left = unfolded(self.connection)
            if left >= FOLD:
                fold(self.connection, FOLD)
                left -= FOLD
            self.connection.execute("COMMIT")
            self._due = self.seq + FOLD - left
        except psycopg.Error as error:
            self.rollback()
            _LOG.warning("the store could not be tidied up, next attempt after the next write: %s", error)
