"""What happens inside one transaction of the embedded store."""

import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime

from twin.declaration import Catalogue
from twin.embedded import log
from twin.embedded.rows import COLUMNS, box, feature_of, maybe_text, row_of, to_text
from twin.embedded.select import find
from twin.feature import Feature
from twin.query import Page, Query
from twin.store import Descent, Event, Identifier, NewEvent, Observed, Reading, Swept
from twin.versions import Key, Versions

_INSERT = f"INSERT INTO feature (fid, {COLUMNS}) VALUES (?, {', '.join('?' * len(COLUMNS.split(',')))})"  # noqa: S608
_BELIEVED = (
    f"SELECT fid, {COLUMNS} FROM feature"  # noqa: S608
    " WHERE layer = ? AND id = ? AND superseded_at IS NULL AND (valid_to IS NULL OR valid_from = ?)"
)


class SqliteTransaction(Versions):
    """The :class:`twin.store.Transaction` of one SQLite connection.

    Args:
        connection: Inside ``BEGIN IMMEDIATE``.
        catalogue: Tells which layers may be searched.
        now: The moment all versions of this transaction are recorded at.
    """

    def __init__(self, connection: sqlite3.Connection, catalogue: Catalogue, now: datetime) -> None:
        super().__init__(catalogue, now)
        self._connection = connection

    def append(self, event: NewEvent) -> Event | None:
        """Append to the log; ``None`` when ``(community, source, source_seq)`` is there already."""
        return self.append_all([event])[0]

    def append_all(self, events: Sequence[NewEvent]) -> list[Event | None]:
        """Append many, in order; ``None`` for each that is there already."""
        return log.append(self._connection, events, self._now)

    def observe(self, readings: Sequence[Reading]) -> list[Observed | None]:
        """Append readings to the log and keep the latest values; ``None`` for each that is there already."""
        return log.observe(self._connection, readings, self._now)

    def sweep(self, after: int, before: datetime, limit: int, doomed: Callable[[Event], bool]) -> Swept:
        """Remove from the log what ``doomed`` says, of at most ``limit`` events numbered above ``after``."""
        return log.sweep(self._connection, after, before, limit, doomed)

    def sweep_rollups(self, before: datetime, limit: int, names: Sequence[str], *, others: bool) -> int:
        """Remove at most ``limit`` hours that began earlier; of these properties, or of all others."""
        return log.sweep_rollups(self._connection, before, limit, names, others=others)

    def find(self, query: Query) -> Page:
        """Answer a query inside this transaction, its own changes included."""
        return find(self._connection, query, self._now)

    def identify(self, identifier: Identifier) -> None:
        """Record another name of a place; the same name said again only updates its source and validity."""
        self._connection.execute(
            "INSERT INTO identifier VALUES (?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE"
            " SET source = excluded.source, valid_to = excluded.valid_to,"
            " valid_from = coalesce(excluded.valid_from, valid_from)",
            (
                identifier.community,
                identifier.scheme,
                identifier.value,
                identifier.place,
                identifier.source,
                maybe_text(identifier.valid_from),
                maybe_text(identifier.valid_to),
                to_text(self._now),
            ),
        )

    def descend(self, descent: Descent) -> None:
        """Record that one place went over into another."""
        self._connection.execute(
            "INSERT INTO descent VALUES (?,?,?,?,?,?) ON CONFLICT DO NOTHING",
            (
                descent.community,
                descent.predecessor,
                descent.successor,
                descent.kind,
                to_text(descent.at),
                to_text(self._now),
            ),
        )

    def lookup(self, scheme: str, value: str) -> str | None:
        """Return the place that bears this name, ``None`` when nobody or more than one does."""
        rows = self._connection.execute(
            "SELECT place FROM identifier WHERE scheme = ? AND value = ? AND valid_to IS NULL LIMIT 2", (scheme, value)
        ).fetchall()
        return str(rows[0]["place"]) if len(rows) == 1 else None

    def minted(self, prefix: str) -> list[str]:
        """Return every place key ever minted that starts with ``prefix``, retired ones too."""
        rows = self._connection.execute(
            "SELECT DISTINCT id FROM feature"
            " WHERE layer IN ('building', 'unit', 'storey', 'space') AND id >= ? AND id < ?",
            (prefix, prefix + "\x7f"),
        )
        return [str(row["id"]) for row in rows]

    def finish(self) -> None:
        """Note which layers changed; called once, before the commit."""
        self._connection.executemany(
            "INSERT INTO layer_version VALUES (?, 1) ON CONFLICT (layer) DO UPDATE SET version = version + 1",
            [(layer,) for layer in sorted(self._touched)],
        )

    def _believed(self, keys: Sequence[Key]) -> list[Sequence[tuple[int, Feature]]]:
        found: list[Sequence[tuple[int, Feature]]] = []
        for layer, feature_id, since in keys:  # the statement stays prepared: one for many keys would not be faster
            rows = self._connection.execute(_BELIEVED, (layer, feature_id, maybe_text(since)))
            found.append([(row["fid"], feature_of(row)) for row in rows])
        return found

    def _supersede(self, fids: Sequence[int]) -> None:
        now = to_text(self._now)
        self._connection.executemany("UPDATE feature SET superseded_at = ? WHERE fid = ?", [(now, fid) for fid in fids])
        self._connection.executemany("DELETE FROM feature_text WHERE rowid = ?", [(fid,) for fid in fids])

    def _insert(self, features: Sequence[Feature]) -> None:
        numbered = list(enumerate(features, start=self._last_fid() + 1))
        connection = self._connection
        connection.executemany(_INSERT, ((fid, *row_of(feature, self._now)) for fid, feature in numbered))
        connection.executemany(
            "INSERT INTO feature_box VALUES (?,?,?,?,?,?,?,?,?)",
            ((fid, *bounds) for fid, feature in numbered if (bounds := box(feature)) is not None),
        )
        connection.executemany(
            "INSERT INTO feature_text (rowid, text, layer) VALUES (?, ?, ?)",
            (
                (fid, " ".join(words), feature.layer)
                for fid, feature in numbered
                if (words := self._words(feature)) is not None
            ),
        )

    def _last_fid(self) -> int:
        row = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'feature'").fetchone()
        return 0 if row is None else int(row[0])

    def _recorded(self, moment: datetime) -> list[tuple[int, Feature]]:
        return [(row["fid"], feature_of(row)) for row in self._rows("recorded_at = ?", moment)]

    def _superseded(self, moment: datetime) -> list[Feature]:
        return [feature_of(row) for row in self._rows("superseded_at = ? AND recorded_at < superseded_at", moment)]

    def _rows(self, condition: str, moment: datetime) -> list[sqlite3.Row]:
        sql = f"SELECT fid, {COLUMNS} FROM feature WHERE {condition} ORDER BY fid"  # noqa: S608
        return self._connection.execute(sql, (to_text(moment),)).fetchall()

    def _forget(self, moment: datetime) -> None:
        for table in ("identifier", "descent"):
            self._connection.execute(f"DELETE FROM {table} WHERE recorded_at = ?", (to_text(moment),))  # noqa: S608
