"""Schema migrations, applied in order, each recorded in the transaction that made it."""

from collections.abc import Callable
from importlib.resources import files

from gis.errors import Unavailable
from twin.postgis.connection import Connection

_LOCK = 0x4C494641  # "LIFA": held while migrating, for several processes start at once


def migrate(connection: Connection) -> None:
    """Bring the database to the newest schema.

    Raises:
        Unavailable: ``store.newer_schema`` when a newer program wrote it, ``store.no_postgis`` without PostGIS.
    """
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        _demand_postgis(connection)
        for number, step in enumerate(_MIGRATIONS[_applied(connection) :], start=_applied(connection) + 1):
            step(connection)
            connection.execute("INSERT INTO lifang_migration (number) VALUES (%s)", (number,))


def _demand_postgis(connection: Connection) -> None:
    if connection.execute("SELECT to_regtype('geometry') AS found").fetchone() == {"found": None}:
        raise Unavailable(
            "store.no_postgis",
            "The database has no PostGIS.",
            "As its administrator execute in it: CREATE EXTENSION postgis;",
        )


def _applied(connection: Connection) -> int:
    connection.execute(
        "CREATE TABLE IF NOT EXISTS lifang_migration"
        " (number integer PRIMARY KEY, applied_at timestamptz(3) NOT NULL DEFAULT now())"
    )
    row = connection.execute("SELECT coalesce(max(number), 0) AS done FROM lifang_migration").fetchone()
    done = 0 if row is None else int(row["done"])
    if done > len(_MIGRATIONS):
        raise Unavailable(
            "store.newer_schema",
            f"The store has schema {done}; this program knows {len(_MIGRATIONS)}.",
            "Start it with the program version that wrote it, or newer.",
        )
    return done


def _first_schema(connection: Connection) -> None:
    script = files("twin.postgis").joinpath("schema.sql").read_bytes()
    connection.execute(script)


_MIGRATIONS: tuple[Callable[[Connection], None], ...] = (_first_schema,)
