"""What happens inside one transaction of the embedded store."""

import sqlite3
from datetime import datetime

from twin.declaration import Catalogue
from twin.embedded.rows import COLUMNS, box, event_of, feature_of, maybe_text, row_of, to_text
from twin.embedded.select import find
from twin.feature import Feature
from twin.query import Page, Query
from twin.store import Descent, Event, Identifier, Latest, NewEvent
from twin.versions import Versions, dump

_INSERT = f"INSERT INTO feature ({COLUMNS}) VALUES ({', '.join('?' * len(COLUMNS.split(',')))})"  # noqa: S608
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
        row = self._connection.execute(
            "INSERT INTO event (kind, community, subject, source, source_seq, occurred_at, recorded_at, body)"
            " VALUES (?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING RETURNING *",
            (
                event.kind,
                event.community,
                event.subject,
                event.source,
                event.source_seq,
                to_text(event.occurred_at),
                to_text(self._now),
                dump(dict(event.body)),
            ),
        ).fetchone()
        return None if row is None else event_of(row)

    def observe(self, latest: Latest) -> bool:
        """Keep the value if it is newer than the one kept; late data do not turn the clock back."""
        cursor = self._connection.execute(
            "INSERT INTO latest VALUES (?,?,?,?,?) ON CONFLICT (device, name) DO UPDATE"
            " SET value = excluded.value, occurred_at = excluded.occurred_at"
            " WHERE excluded.occurred_at >= latest.occurred_at",
            (latest.community, latest.device, latest.name, dump(latest.value), to_text(latest.occurred_at)),
        )
        return cursor.rowcount > 0

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

    def _believed(self, layer: str, feature_id: str, since: datetime | None) -> list[tuple[int, Feature]]:
        rows = self._connection.execute(_BELIEVED, (layer, feature_id, maybe_text(since)))
        return [(row["fid"], feature_of(row)) for row in rows]

    def _supersede(self, fid: int) -> None:
        self._connection.execute("UPDATE feature SET superseded_at = ? WHERE fid = ?", (to_text(self._now), fid))
        self._connection.execute("DELETE FROM feature_text WHERE rowid = ?", (fid,))

    def _insert(self, feature: Feature) -> None:
        fid = self._connection.execute(_INSERT, row_of(feature, self._now)).lastrowid
        bounds = box(feature)
        if bounds is not None:
            self._connection.execute("INSERT INTO feature_box VALUES (?,?,?,?,?,?,?,?,?)", (fid, *bounds))
        words = self._words(feature)
        if words is not None:
            self._connection.execute(
                "INSERT INTO feature_text (rowid, text, layer) VALUES (?, ?, ?)", (fid, " ".join(words), feature.layer)
            )

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
