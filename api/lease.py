"""Which of several processes does what must be done once: the ticks of alarms, of watching devices and the like.

The right is a session lock of PostgreSQL: it costs no write, needs no clock, and is free the moment its holder dies.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psycopg import Connection

CHECK_S = 1.0
_log = logging.getLogger(__name__)
_CLASS = 0x11FA46  # ours among the locks of the database
_ASK = "SELECT pg_try_advisory_lock(%s, hashtext(current_schema()))"


class Lease:
    """Tells whether this process leads; one of those that share a store does.

    Args:
        address: Of the database; ``None`` for a twin that one process has to itself, which always leads.
    """

    def __init__(self, address: str | None) -> None:
        self._address = address
        self._connection: Connection | None = None
        self._lock = threading.Lock()

    def held(self) -> bool:
        """Tell whether this process leads now; takes the right over when nobody has it."""
        if self._address is None:
            return True
        with self._lock:
            return self._holds(self._address)

    def release(self) -> None:
        """Let another process lead."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _holds(self, address: str) -> bool:
        import psycopg

        try:
            if self._connection is not None:
                # A session that the server has ended, and with it the lock, shows here.
                self._connection.execute("SELECT 1")
                return True
            connection = psycopg.connect(address, autocommit=True, connect_timeout=5)
        except psycopg.Error as error:
            _log.warning("nobody leads from here: %s", error)
            self._drop()
            return False
        try:
            row = connection.execute(_ASK, (_CLASS,)).fetchone()
        except psycopg.Error:
            row = None
        if row is None or not row[0]:
            connection.close()
            return False
        self._connection = connection
        return True


async def while_leading(lease: Lease, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run something for ever in the one process that leads; in the others, wait to take over."""
    while True:
        if not await asyncio.to_thread(lease.held):
            await asyncio.sleep(CHECK_S)
            continue
        running = asyncio.create_task(run())
        try:
            while not running.done() and await asyncio.to_thread(lease.held):
                await asyncio.wait([running], timeout=CHECK_S)
        finally:
            running.cancel()
            await asyncio.wait([running])
        if not running.cancelled():
            running.result()
