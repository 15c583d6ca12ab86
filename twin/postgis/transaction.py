"""What happens inside one transaction of the PostGIS store."""

from datetime import datetime
from typing import Any

from psycopg.rows import DictRow

from twin.declaration import Catalogue
from twin.feature import Feature
from twin.postgis.connection import Connection
from twin.postgis.rows import COLUMNS, event_of, feature_of, maybe_milliseconds, vector
from twin.postgis.select import find, rows
from twin.query import Page, Query
from twin.store import Descent, Event, Identifier, Latest, NewEvent
from twin.versions import Versions, dump, stated, to_milliseconds, wkb

_INSERT = (
    "INSERT INTO feature (layer, id, community, name, place, parent, storey, z_min_m, z_max_m, stage, attributes,"
    " source, source_element, batch, valid_from, valid_to, recorded_at, geom, words)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::json, %s, %s, %s, %s, %s, %s,"
    " ST_GeomFromWKB(%s, 4326), %s::tsvector)"
)


class PostgisTransaction(Versions):
    """The :class:`twin.store.Transaction` of one PostgreSQL connection.

    Args:
        connection: Inside a transaction that holds the lock on ``clock``.
        catalogue: Tells which layers may be searched.
        now: The moment all versions of this transaction are recorded at.

    Attributes:
        seq: Number of the last event appended; 0 when there was none.
    """

    def __init__(self, connection: Connection, catalogue: Catalogue, now: datetime) -> None:
        super().__init__(catalogue, now)
        self._connection = connection
        self.seq = 0

    def append(self, event: NewEvent) -> Event | None:
        """Append to the log; ``None`` when ``(community, source, source_seq)`` is there already."""
        added = rows(
            self._connection,
            "INSERT INTO event SELECT coalesce(max(seq), 0) + 1, %s, %s, %s, %s, %s, %s, %s, %s::json FROM event"
            " ON CONFLICT DO NOTHING RETURNING *",
            event.kind,
            event.community,
            event.subject,
            event.source,
            event.source_seq,
            to_milliseconds(event.occurred_at),
            self._now,
            dump(dict(event.body)),
        )
        if not added:
            return None
        self.seq = added[0]["seq"]
        return event_of(added[0])

    def observe(self, latest: Latest) -> bool:
        """Keep the value if it is newer than the one kept; late data do not turn the clock back."""
        return self._change(
            "INSERT INTO latest VALUES (%s, %s, %s, %s::json, %s) ON CONFLICT (device, name) DO UPDATE"
            " SET value = excluded.value, occurred_at = excluded.occurred_at"
            " WHERE excluded.occurred_at >= latest.occurred_at",
            latest.community,
            latest.device,
            latest.name,
            dump(latest.value),
            to_milliseconds(latest.occurred_at),
        )

    def find(self, query: Query) -> Page:
        """Answer a query inside this transaction, its own changes included."""
        return find(self._connection, query, self._now)

    def identify(self, identifier: Identifier) -> None:
        """Record another name of a place; the same name said again only updates its source and validity."""
        self._change(
            "INSERT INTO identifier VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (scheme, value, place) DO UPDATE"
            " SET source = excluded.source, valid_to = excluded.valid_to,"
            " valid_from = coalesce(excluded.valid_from, identifier.valid_from)",
            identifier.community,
            identifier.scheme,
            identifier.value,
            identifier.place,
            identifier.source,
            maybe_milliseconds(identifier.valid_from),
            maybe_milliseconds(identifier.valid_to),
            self._now,
        )

    def descend(self, descent: Descent) -> None:
        """Record that one place went over into another."""
        self._change(
            "INSERT INTO descent VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            descent.community,
            descent.predecessor,
            descent.successor,
            descent.kind,
            to_milliseconds(descent.at),
            self._now,
        )

    def lookup(self, scheme: str, value: str) -> str | None:
        """Return the place that bears this name, ``None`` when nobody or more than one does."""
        sql = "SELECT place FROM identifier WHERE scheme = %s AND value = %s AND valid_to IS NULL LIMIT 2"
        found = rows(self._connection, sql, scheme, value)
        return str(found[0]["place"]) if len(found) == 1 else None

    def minted(self, prefix: str) -> list[str]:
        """Return every place key ever minted that starts with ``prefix``, retired ones too."""
        sql = (
            "SELECT DISTINCT id FROM feature"
            " WHERE layer IN ('building', 'unit', 'storey', 'space') AND id >= %s AND id < %s ORDER BY id"
        )
        return [str(row["id"]) for row in rows(self._connection, sql, prefix, prefix + "\x7f")]

    def finish(self) -> None:
        """Note which layers changed; called once, before the commit."""
        if self._touched:
            self._change(
                "INSERT INTO layer_version SELECT unnest(%s::text[]), 1"
                " ON CONFLICT (layer) DO UPDATE SET version = layer_version.version + 1",
                sorted(self._touched),
            )

    def _change(self, sql: Any, *values: Any) -> bool:
        return self._connection.execute(sql, values).rowcount > 0

    def _believed(self, layer: str, feature_id: str, since: datetime | None) -> list[tuple[int, Feature]]:
        condition = "layer = %s AND id = %s AND superseded_at IS NULL AND (valid_to IS NULL OR valid_from = %s)"
        return [(row["fid"], feature_of(row)) for row in self._versions(condition, layer, feature_id, since)]

    def _supersede(self, fid: int) -> None:
        self._change("UPDATE feature SET superseded_at = %s, words = NULL WHERE fid = %s", self._now, fid)

    def _insert(self, feature: Feature) -> None:
        words = self._words(feature)
        self._change(
            _INSERT,
            *stated(feature),
            maybe_milliseconds(feature.valid_from),
            maybe_milliseconds(feature.valid_to),
            self._now,
            wkb(feature),
            None if words is None else vector(words),
        )

    def _recorded(self, moment: datetime) -> list[tuple[int, Feature]]:
        return [(row["fid"], feature_of(row)) for row in self._versions("recorded_at = %s", moment)]

    def _superseded(self, moment: datetime) -> list[Feature]:
        found = self._versions("superseded_at = %s AND recorded_at < superseded_at", moment)
        return [feature_of(row) for row in found]

    def _versions(self, condition: str, *values: Any) -> list[DictRow]:
        sql = f"SELECT fid, {COLUMNS} FROM feature WHERE {condition} ORDER BY fid"  # noqa: S608
        return rows(self._connection, sql, *values)

    def _forget(self, moment: datetime) -> None:
        self._change("DELETE FROM identifier WHERE recorded_at = %s", moment)
        self._change("DELETE FROM descent WHERE recorded_at = %s", moment)
