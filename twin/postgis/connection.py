"""Connections to PostgreSQL, and what its errors mean to a person."""

import logging
from typing import Any

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow, dict_row
from psycopg_pool import PoolClosed, PoolTimeout

from gis.errors import BadInput, LifangError, Unavailable
from twin.writer import failed

Connection = psycopg.Connection[DictRow]

OPTIONS: dict[str, Any] = {"autocommit": True, "row_factory": dict_row}

_LOG = logging.getLogger(__name__)
PATIENCE_S = 5.0  # how long a reader waits for a connection
_CANCEL_S = 5.0  # how long the server may take to hear of it
_SETUP = """
SET TIME ZONE 'UTC';
SET lock_timeout = '10s';
SET jit = off;
SET max_parallel_workers_per_gather = 0;
SET plan_cache_mode = force_custom_plan;
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';
"""


def parameters(url: str) -> dict[str, Any]:
    """Return the connection parameters of a ``postgresql://`` address.

    Raises:
        BadInput: ``store.bad_address``.

    >>> parameters("postgresql://twin@db.example.cn/lifang")["dbname"]
    'lifang'
    >>> parameters("postgresql://db/?a=1")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: store.bad_address: The store's address cannot be read: invalid URI query parameter: "a". ...
    """
    try:
        given = conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        raise BadInput(
            "store.bad_address",
            f"The store's address cannot be read: {_first_line(error)}.",
            "Write it as postgresql://USER@HOST:PORT/DATABASE.",
        ) from error
    return {"connect_timeout": 10, "application_name": "lifang", **given, "client_encoding": "UTF8"}


def connect(given: dict[str, Any]) -> Connection:
    """Return a connection in autocommit mode.

    Raises:
        Unavailable: ``store.unreachable``, ``store.wrong_password``, ``store.no_database``.
    """
    try:
        connection = psycopg.Connection.connect(**given, **OPTIONS)
    except psycopg.OperationalError as error:
        raise _refused(given, error) from error
    try:
        prepare(connection)
    except psycopg.Error as error:
        connection.close()
        raise translate(error) from error
    return connection


def prepare(connection: Connection) -> None:
    """Give a new connection the settings the store counts on.

    Plans are made for the values and the size at hand: how large a box is decides which index helps, and a plan from
    the time when a table was empty makes an import three times as slow. Many ask at once, so that helpers of one
    question only take time from the others, and to compile a plan takes
    longer than most questions. A commit is answered when it is on disk,
    whatever the server's default.
    """
    connection.execute(_SETUP)


def cancel(connection: Connection) -> None:
    """End the statement that runs on a connection, on another thread, if one does."""
    try:
        connection.cancel_safe(timeout=_CANCEL_S)
    except psycopg.Error as error:
        _LOG.warning("a statement that nobody waits for could not be cancelled: %s", error)


def _refused(given: dict[str, Any], error: psycopg.OperationalError) -> Unavailable:
    """Return why no connection came about; the driver hands over no code, only the server's words."""
    words, user, database = _first_line(error), given.get("user", "?"), given.get("dbname", "?")
    if "password" in words:
        return Unavailable(
            "store.wrong_password",
            f"PostgreSQL did not accept the password of {user!r}: {words}.",
            "Set PGPASSWORD or ~/.pgpass.",
        )
    if f'database "{database}" does not exist' in words:
        return Unavailable("store.no_database", f"There is no database {database!r}.", "Create it: see Operations.")
    return Unavailable(
        "store.unreachable",
        f"PostgreSQL did not answer: {words}.",
        "See that it runs and that host, port and user in --store are right.",
    )


def translate(error: psycopg.Error) -> LifangError:
    """Return what an error of PostgreSQL means to a person.

    >>> translate(errors.DiskFull()).code
    'store.disk_full'
    >>> translate(psycopg.OperationalError("server closed the connection unexpectedly")).code
    'store.lost'
    """
    for kinds, code, message, cure in _MEANINGS:
        if isinstance(error, kinds):
            return Unavailable(code, message, cure)
    if isinstance(error, psycopg.DataError):
        return BadInput("store.bad_value", f"PostgreSQL cannot keep this: {_first_line(error)}.", "Mend the value.")
    if isinstance(error, psycopg.OperationalError) and (error.sqlstate is None or error.sqlstate[:2] in ("57", "08")):
        return Unavailable(
            "store.lost",
            "The connection to PostgreSQL was lost.",
            "Send it again: what was kept all the same is not taken twice.",
        )
    return failed(error)


_MEANINGS: tuple[tuple[tuple[type[Exception], ...], str, str, str], ...] = (
    ((errors.DiskFull,), "store.disk_full", "The disk is full; nothing was changed.", "Free some space and try again."),
    (
        (errors.LockNotAvailable, errors.DeadlockDetected, errors.QueryCanceled),
        "store.locked",
        "Another program holds the store.",
        "Close it or try again.",
    ),
    (
        (errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction, errors.InvalidSchemaName),
        "store.read_only",
        "The store cannot be written.",
        "Let the user create tables in the schema and write them: see Operations.",
    ),
    (
        (errors.DuplicateTable, errors.UndefinedTable, errors.UndefinedColumn),
        "store.not_ours",
        "The database holds other tables under the store's names.",
        "Choose another database or schema.",
    ),
    ((PoolClosed,), "store.closed", "The store is closed.", "Start the service again."),
    ((PoolTimeout,), "store.unreachable", "PostgreSQL did not answer.", "See that it runs."),
)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
