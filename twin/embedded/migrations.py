"""Schema migrations, applied in order, each recorded in the store in the transaction that made it."""

import sqlite3
from collections.abc import Callable
from importlib.resources import files

from gis.errors import Unavailable

GPKG_APPLICATION_ID = 0x47504B47  # "GPKG"
GPKG_VERSION = 10300  # GDAL 3.6 and QGIS 3.22 warn at 10400


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to the newest schema.

    Raises:
        Unavailable: ``store.newer_schema`` when a newer program wrote the file.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        done = _applied(connection)
        for number, step in enumerate(_MIGRATIONS[done:], start=done + 1):
            step(connection)
            connection.execute("INSERT INTO lifang_migration (number) VALUES (?)", (number,))
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def check_ours(connection: sqlite3.Connection) -> None:
    """Refuse a database that somebody else made; an empty file may become ours.

    Raises:
        Unavailable: ``store.not_ours``.
    """
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if tables and "lifang_migration" not in tables:
        raise Unavailable("store.not_ours", "The file is not a Lifang store.", "Choose another --store path.")


def _applied(connection: sqlite3.Connection) -> int:
    connection.execute(
        "CREATE TABLE IF NOT EXISTS lifang_migration (number INTEGER PRIMARY KEY,"
        " applied_at DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')))"
    )
    done = int(connection.execute("SELECT coalesce(max(number), 0) FROM lifang_migration").fetchone()[0])
    if done > len(_MIGRATIONS):
        raise Unavailable(
            "store.newer_schema",
            f"The store has schema {done}; this program knows {len(_MIGRATIONS)}.",
            "Start it with the program version that wrote it, or newer.",
        )
    return done


def _first_schema(connection: sqlite3.Connection) -> None:
    connection.execute(f"PRAGMA application_id = {GPKG_APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {GPKG_VERSION}")
    script = files("twin.embedded").joinpath("schema.sql").read_text(encoding="utf-8")
    for statement in script.split(";\n"):
        if statement.strip():
            connection.execute(statement)


def _search_by_layer(connection: sqlite3.Connection) -> None:
    """Let the text index know layers: a search in a few of them need not look at what all the others hold."""
    connection.execute("ALTER TABLE feature_text RENAME TO feature_text_before")
    connection.execute("CREATE VIRTUAL TABLE feature_text USING fts5 (text, layer, tokenize = 'unicode61')")
    connection.execute(
        "INSERT INTO feature_text (rowid, text, layer) SELECT before.rowid, before.text, feature.layer"
        " FROM feature_text_before AS before JOIN feature ON feature.fid = before.rowid"
    )
    connection.execute("DROP TABLE feature_text_before")


def _series(connection: sqlite3.Connection) -> None:
    """Let the log be read by subject and time, keep hours beside it, and note how far either has come."""
    for statement in (
        "CREATE INDEX event_subject ON event (subject, kind, occurred_at)",
        "ALTER TABLE latest ADD COLUMN recorded_at DATETIME NOT NULL DEFAULT ''",
        "UPDATE latest SET recorded_at = occurred_at",
        """CREATE TABLE rollup (community TEXT NOT NULL, device TEXT NOT NULL, name TEXT NOT NULL,
        start DATETIME NOT NULL, count INTEGER NOT NULL, low REAL, high REAL, total REAL, last TEXT NOT NULL,
        last_at DATETIME NOT NULL, last_seq INTEGER NOT NULL, PRIMARY KEY (device, name, start)) WITHOUT ROWID""",
        "CREATE INDEX rollup_start ON rollup (start)",
        # How much of the log is in the rollups.
        "CREATE TABLE projection (name TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID",
        "INSERT INTO projection VALUES ('rollup', 0)",
        # The highest number that was removed from the log.
        "CREATE TABLE expired (kind TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID",
    ):
        connection.execute(statement)


def _names(connection: sqlite3.Connection) -> None:
    """Keep what was believed of a name before; its key is no longer one of the table, so the table is written anew."""
    for statement in (
        "ALTER TABLE identifier RENAME TO identifier_before",
        """CREATE TABLE identifier (
        community TEXT NOT NULL, scheme TEXT NOT NULL, value TEXT NOT NULL, place TEXT NOT NULL, source TEXT,
        valid_from DATETIME, valid_to DATETIME, recorded_at DATETIME NOT NULL, superseded_at DATETIME)""",
        # In the order of recording: the last row tells the newest moment.
        """INSERT INTO identifier
        SELECT community, scheme, value, place, source, valid_from, valid_to, recorded_at, NULL
        FROM identifier_before ORDER BY recorded_at, scheme, value, place""",
        "DROP TABLE identifier_before",
        """CREATE UNIQUE INDEX identifier_believed ON identifier (scheme, value, place)
        WHERE superseded_at IS NULL""",
        "CREATE INDEX identifier_place ON identifier (place)",
        "CREATE INDEX identifier_value ON identifier (value)",
    ):
        connection.execute(statement)


_MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_first_schema, _search_by_layer, _series, _names)
