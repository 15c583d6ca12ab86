"""Short questions on the event loop: to change to a thread and back takes longer than such a question.

The driver's own asynchronous connections take three times as long for a row as libpq, which is asked here.
"""

import asyncio
from collections.abc import Callable
from functools import lru_cache, partial
from typing import TypeVar

import psycopg
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGresult
from psycopg_pool import PoolClosed, PoolTimeout

from twin.asker import still_asked, stoppable
from twin.postgis.connection import PATIENCE_S, Connection, cancel, translate
from twin.postgis.select import Rows, Statement, Steps

T = TypeVar("T")
_LINES = 4
"""So many short questions are with the server at once; one processor thinks of no more."""
_MOST_NAMES = 100
_GOOD = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)


class Prompt:
    """Asks on the event loop that calls, over a few connections of its own that are opened when they are needed.

    Args:
        connect: Returns a new connection, ready to read.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._desks: dict[asyncio.AbstractEventLoop, _Desk] = {}
        self._closed = False

    async def run(self, steps: Steps[T]) -> T:
        """Return what steps come to.

        Raises:
            LifangError: As every question to the store; the asker's fault once nobody waits any more.
        """
        try:
            return await self._desk().run(steps)
        except psycopg.Error as error:
            still_asked()  # then that is why the question was given up
            raise translate(error) from error

    def close(self) -> None:
        """Let go of the connections."""
        self._closed = True
        for desk in self._desks.values():
            desk.end()

    def _desk(self) -> "_Desk":
        loop = asyncio.get_running_loop()
        desk = self._desks.get(loop)
        if desk is None or self._closed:
            desk = self._new_desk(loop)
        return desk

    def _new_desk(self, loop: asyncio.AbstractEventLoop) -> "_Desk":
        if self._closed:
            raise PoolClosed("the store is closed")
        for gone in [one for one in self._desks if one.is_closed()]:
            self._desks.pop(gone).end()
        return self._desks.setdefault(loop, _Desk(self._connect, loop))


class _Desk:
    """The connections of one event loop; only :meth:`end` may be called on another thread."""

    def __init__(self, connect: Callable[[], Connection], loop: asyncio.AbstractEventLoop) -> None:
        self._connect = connect
        self._loop = loop
        self._free = asyncio.Semaphore(_LINES)
        self._idle: list[_Line] = []
        self._ended = False

    async def run(self, steps: Steps[T]) -> T:
        await self._turn()
        try:
            line = await self._line()
            try:
                with stoppable(partial(_soon, self._loop, line.give_up)):
                    return await line.run(steps)
            finally:
                self._give_back(line)
        finally:
            self._free.release()

    async def _turn(self) -> None:
        if not self._free.locked():
            await self._free.acquire()
            return
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._free.acquire()
        except TimeoutError as error:
            raise PoolTimeout("all connections are busy") from error

    async def _line(self) -> "_Line":
        while self._idle:
            line = self._idle.pop()  # the last used: the fewer there are, the warmer they are
            if line.is_ready():
                return line
            line.close()
        return _Line(await asyncio.to_thread(self._connect), self._loop)

    def _give_back(self, line: "_Line") -> None:
        if line.is_ready() and not self._ended:
            self._idle.append(line)
        else:
            line.close()

    def end(self) -> None:
        self._ended = True
        if self._loop.is_running():
            self._loop.call_soon_threadsafe(self._close)
        else:
            self._close()

    def _close(self) -> None:
        while self._idle:
            self._idle.pop().close()


class _Line:
    """One connection; answers one statement at a time."""

    def __init__(self, connection: Connection, loop: asyncio.AbstractEventLoop) -> None:
        self._connection = connection
        self._pgconn = connection.pgconn
        self._pgconn.nonblocking = 1
        self._socket = self._pgconn.socket
        self._loop = loop
        self._answer: asyncio.Future[PGresult] | None = None
        self._result: PGresult | None = None
        self._names: dict[tuple[bytes, tuple[int, ...]], bytes] = {}
        loop.add_reader(self._socket, self._readable)

    async def run(self, steps: Steps[T]) -> T:
        try:
            statement = next(steps)
            while True:
                statement = steps.send(await self._ask(statement))
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]

    async def _ask(self, statement: Statement) -> Rows:
        adapter = Transformer(self._connection)
        values = adapter.dump_sequence(statement.values, [PyFormat.AUTO] * len(statement.values))
        types, formats, sql = adapter.types or (), adapter.formats, _numbered(statement.sql)
        if statement.prepare and (name := await self._name(sql, types)):
            self._pgconn.send_query_prepared(name, values, formats, Format.BINARY)
        else:
            self._pgconn.send_query_params(sql, values, types, formats, Format.BINARY)
        result = await self._answered()
        adapter.set_pgresult(result, set_loaders=True, format=Format.BINARY)
        return adapter.load_rows(0, result.ntuples, tuple)

    async def _name(self, sql: bytes, types: tuple[int, ...]) -> bytes | None:
        """Return the name of a prepared statement; ``None`` when there are too many."""
        name = self._names.get((sql, types))
        if name is None and len(self._names) < _MOST_NAMES:
            name = b"prompt %d" % len(self._names)
            self._pgconn.send_prepare(name, sql, types)
            await self._answered()
            self._names[sql, types] = name
        return name

    async def _answered(self) -> PGresult:
        self._answer = self._loop.create_future()
        while self._pgconn.flush():  # noqa: ASYNC110 - only what is longer than the socket's buffer
            await asyncio.sleep(0.001)
        return await self._answer

    def _readable(self) -> None:
        """Take in what the server says, also when it ends an idle connection."""
        try:
            self._pgconn.consume_input()
            while not self._pgconn.is_busy():
                result = self._pgconn.get_result()
                if result is None:
                    self._settle(None)
                    return
                self._result = result
        except psycopg.OperationalError as error:
            self._loop.remove_reader(self._socket)
            self._settle(error)

    def _settle(self, error: psycopg.Error | None) -> None:
        answer, result = self._answer, self._result
        self._answer = self._result = None
        if answer is None or answer.done():
            return
        if error is not None or result is None:
            answer.set_exception(error or psycopg.OperationalError("the server said nothing"))
        elif result.status in _GOOD:
            answer.set_result(result)
        else:
            answer.set_exception(error_from_result(result))

    def give_up(self) -> None:
        """Wait no more for an answer."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(psycopg.errors.QueryCanceled("nobody waits any more"))

    def is_ready(self) -> bool:
        """Tell whether the next statement may be sent."""
        return self._pgconn.transaction_status == TransactionStatus.IDLE

    def close(self) -> None:
        """End the connection, and what still runs on it."""
        if not self._loop.is_closed():
            self._loop.remove_reader(self._socket)
        if self._pgconn.transaction_status == TransactionStatus.ACTIVE and self._loop.is_running():
            self._loop.run_in_executor(None, _end, self._connection)  # to stop it means to wait for the server
        else:
            self._connection.close()


def _soon(loop: asyncio.AbstractEventLoop, action: Callable[[], None]) -> None:
    loop.call_soon_threadsafe(action)


def _end(connection: Connection) -> None:
    cancel(connection)
    connection.close()


@lru_cache(maxsize=512)
def _numbered(sql: str) -> bytes:
    """Return a statement with its places for values as the server wants them.

    >>> _numbered("SELECT %s + %s")
    b'SELECT $1 + $2'
    """
    head, *parts = sql.split("%s")
    return (head + "".join(f"${number}{part}" for number, part in enumerate(parts, start=1))).encode()
