"""Schema migrations, applied in order, each recorded in the transaction that made it."""

from collections.abc import Callable, Iterable
from importlib.resources import files

from gis.errors import Unavailable
from twin.declaration import Layer
from twin.postgis.connection import Connection
from twin.postgis.indexes import index_fields

_LOCK = 0x4C494641  # "LIFA": held while migrating, for several processes start at once


def migrate(connection: Connection, layers: Iterable[Layer]) -> None:
    """Bring the database to the newest schema, with the indexes that the layers declare.

    Raises:
        Unavailable: ``store.newer_schema`` when a newer program wrote it, ``store.no_postgis`` without PostGIS.
    """
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        _demand_postgis(connection)
        for number, step in enumerate(_MIGRATIONS[_applied(connection) :], start=_applied(connection) + 1):
            step(connection)
            connection.execute("INSERT INTO lifang_migration (number) VALUES (%s)", (number,))
        index_fields(connection, layers)


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


def _series(connection: Connection) -> None:
    """Let the log be read by subject and time, keep hours beside it, and note how far either has come."""
    connection.execute(
        """
        CREATE INDEX event_subject ON event (subject, kind, occurred_at, seq);
        ALTER TABLE latest ADD COLUMN recorded_at timestamptz(3);
        UPDATE latest SET recorded_at = occurred_at;
        ALTER TABLE latest ALTER COLUMN recorded_at SET NOT NULL;
        CREATE TABLE rollup (
          community text COLLATE "C" NOT NULL, device text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL,
          start timestamptz(3) NOT NULL, count bigint NOT NULL, low float8, high float8, total float8,
          last json NOT NULL, last_at timestamptz(3) NOT NULL, last_seq bigint NOT NULL,
          PRIMARY KEY (device, name, start));
        CREATE INDEX rollup_start ON rollup (start);
        -- How much of the log is in the rollups.
        CREATE TABLE projection (name text PRIMARY KEY, seq bigint NOT NULL);
        INSERT INTO projection VALUES ('rollup', 0);
        -- The highest number that was removed from the log.
        CREATE TABLE expired (kind text COLLATE "C" PRIMARY KEY, seq bigint NOT NULL);
        """
    )


def _names(connection: Connection) -> None:
    """Keep what was believed of a name before."""
    connection.execute(
        """
        ALTER TABLE identifier DROP CONSTRAINT identifier_pkey, ADD COLUMN superseded_at timestamptz(3);
        CREATE UNIQUE INDEX identifier_believed ON identifier (scheme, value, place) WHERE superseded_at IS NULL;
        """
    )


_MIGRATIONS: tuple[Callable[[Connection], None], ...] = (_first_schema, _series, _names)
