"""What happens inside one transaction of the embedded store."""

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from gis.errors import Conflict
from twin.declaration import Catalogue
from twin.embedded.rows import COLUMNS, box, content, dump, event_of, feature_of, maybe_text, to_text
from twin.embedded.select import find
from twin.feature import Feature
from twin.query import Page, Query
from twin.store import Descent, Event, Identifier, Latest, NewEvent
from twin.text import document

_INSERT = (
    "INSERT INTO feature (name, place, parent, storey, z_min_m, z_max_m, stage, attributes, geom,"
    " layer, id, community, source, source_element, batch, valid_from, valid_to, recorded_at)"
    " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
)
_BELIEVED = f"SELECT fid, {COLUMNS} FROM feature WHERE layer = ? AND id = ? AND superseded_at IS NULL"  # noqa: S608


class SqliteTransaction:
    """The :class:`twin.store.Transaction` of one SQLite connection.

    Args:
        connection: Inside ``BEGIN IMMEDIATE``.
        catalogue: Tells which layers may be searched.
        now: The moment all versions of this transaction are recorded at.
    """

    def __init__(self, connection: sqlite3.Connection, catalogue: Catalogue, now: datetime) -> None:
        self._connection = connection
        self._catalogue = catalogue
        self._now = now
        self._touched: set[str] = set()

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
            "INSERT INTO latest VALUES (?,?,?,?) ON CONFLICT (device, name) DO UPDATE"
            " SET value = excluded.value, occurred_at = excluded.occurred_at"
            " WHERE excluded.occurred_at >= latest.occurred_at",
            (latest.device, latest.name, dump(latest.value), to_text(latest.occurred_at)),
        )
        return cursor.rowcount > 0

    def put(self, feature: Feature) -> bool:
        """Make this the version now believed; ``False`` when nothing differs.

        With ``valid_from`` the world changed at that moment: the version before it ends there. Without, or with the
        same moment, the twin learned better: the version before it is superseded for its whole time.
        """
        standing = self._standing(feature.layer, feature.id)
        if standing is None:
            self._insert(replace(feature, valid_from=feature.valid_from or self._now))
            return True
        fid, before = standing
        if content(before) == content(feature) and before.valid_to == feature.valid_to:
            return False
        self._supersede(fid)
        since = feature.valid_from or before.valid_from
        if before.valid_from is not None and since is not None and since > before.valid_from:
            self._insert(replace(before, valid_to=since))
        self._insert(replace(feature, valid_from=since))
        return True

    def end(self, layer: str, feature_id: str, at: datetime) -> bool:
        """End a thing's validity at ``at``; ``False`` when there was nothing to end."""
        standing = self._standing(layer, feature_id)
        if standing is None:
            return False
        fid, before = standing
        self._supersede(fid)
        # What ends before it began was never valid: an all-clear that was sent before its alarm.
        self._insert(replace(before, valid_to=max(at, before.valid_from or at)))
        return True

    def current(self, layer: str, feature_id: str) -> Feature | None:
        """Return the version now believed and still valid."""
        standing = self._standing(layer, feature_id)
        return None if standing is None else standing[1]

    def find(self, query: Query) -> Page:
        """Answer a query inside this transaction, its own changes included."""
        return find(self._connection, query, self._now)

    def identify(self, identifier: Identifier) -> None:
        """Record another name of a place; the same name said again only updates its source and validity."""
        self._connection.execute(
            "INSERT INTO identifier VALUES (?,?,?,?,?,?,?) ON CONFLICT DO UPDATE"
            " SET source = excluded.source, valid_to = excluded.valid_to,"
            " valid_from = coalesce(excluded.valid_from, valid_from)",
            (
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
            "INSERT INTO descent VALUES (?,?,?,?,?) ON CONFLICT DO NOTHING",
            (descent.predecessor, descent.successor, descent.kind, to_text(descent.at), to_text(self._now)),
        )

    def undo(self, recorded_at: datetime) -> int:
        """Take back the transaction recorded at this moment."""
        moment = to_text(recorded_at)
        brought = self._rows("recorded_at = ?", moment)
        later = [row for row in brought if row["superseded_at"] not in (None, moment)]
        if later:
            raise Conflict(
                "import.changed_since",
                f"{len(later)} of the things it changed changed again, {later[0]['layer']} {later[0]['id']} first.",
                "Undo the later imports first.",
                layer=later[0]["layer"],
                id=later[0]["id"],
            )
        for row in brought:
            self._supersede(row["fid"])
            self._touched.add(row["layer"])
        for row in self._rows("superseded_at = ? AND recorded_at < superseded_at", moment):
            self._insert(feature_of(row))
        self._connection.execute("DELETE FROM identifier WHERE recorded_at = ?", (moment,))
        self._connection.execute("DELETE FROM descent WHERE recorded_at = ?", (moment,))
        return len(brought)

    def _rows(self, condition: str, moment: str) -> list[sqlite3.Row]:
        sql = f"SELECT fid, {COLUMNS} FROM feature WHERE {condition} ORDER BY fid"  # noqa: S608
        return self._connection.execute(sql, (moment,)).fetchall()

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

    def _standing(self, layer: str, feature_id: str) -> tuple[int, Feature] | None:
        row = self._connection.execute(_BELIEVED + " AND valid_to IS NULL", (layer, feature_id)).fetchone()
        return None if row is None else (row["fid"], feature_of(row))

    def _supersede(self, fid: int) -> None:
        self._connection.execute("UPDATE feature SET superseded_at = ? WHERE fid = ?", (to_text(self._now), fid))
        self._connection.execute("DELETE FROM feature_text WHERE rowid = ?", (fid,))

    def _insert(self, feature: Feature) -> None:
        since = feature.valid_from or self._now
        fid = self._connection.execute(
            _INSERT,
            (
                *content(feature),
                feature.layer,
                feature.id,
                feature.community,
                feature.source,
                feature.source_element,
                feature.batch,
                to_text(since),
                maybe_text(feature.valid_to),
                to_text(self._now),
            ),
        ).lastrowid
        bounds = box(feature, since, feature.valid_to)
        if bounds is not None:
            self._connection.execute("INSERT INTO feature_box VALUES (?,?,?,?,?,?,?,?,?)", (fid, *bounds))
        if feature.valid_to is None and self._searchable(feature.layer):
            self._connection.execute("INSERT INTO feature_text (rowid, text) VALUES (?, ?)", (fid, _text(feature)))
        self._touched.add(feature.layer)

    def _searchable(self, layer: str) -> bool:
        return layer in self._catalogue and self._catalogue[layer].access == "open"


def _text(feature: Feature) -> str:
    address = feature.attributes.get("address")
    return document((feature.name, feature.id, feature.place, address if isinstance(address, str) else None))


def run(
    connection: sqlite3.Connection, catalogue: Catalogue, now: datetime, work: Callable[[SqliteTransaction], Any]
) -> Any:
    """Run one piece of work in an open transaction and note the layers it touched."""
    transaction = SqliteTransaction(connection, catalogue, now)
    result = work(transaction)
    transaction.finish()
    return result
