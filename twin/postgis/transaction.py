"""What happens inside one transaction of the PostGIS store."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import shapely
from psycopg.rows import DictRow

from twin.declaration import Catalogue
from twin.event import Event, NewEvent, Observed, Reading
from twin.feature import Feature
from twin.postgis import log
from twin.postgis.connection import Connection
from twin.postgis.names import PostgisNames
from twin.postgis.rows import COLUMNS, FEATURES, feature_of, vector
from twin.postgis.select import find, rows
from twin.query import Page, Query
from twin.store import Descent, Swept
from twin.versions import Key, Version, Versions, shapes_of, stated, to_milliseconds

_INSERT = (
    "INSERT INTO feature (layer, id, community, name, place, parent, storey, z_min_m, z_max_m, stage, attributes,"
    " source, source_element, batch, valid_from, valid_to, recorded_at, geom, words)"
    " SELECT layer, id, community, name, place, parent, storey, z_min_m, z_max_m, stage, attributes::json, source,"
    " source_element, batch, valid_from, valid_to, %s, ST_GeomFromWKB(wkb, 4326), words::tsvector"
    " FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::int[], %s::float8[],"
    " %s::float8[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[],"
    " %s::bytea[], %s::text[]) WITH ORDINALITY AS given (layer, id, community, name, place, parent, storey, z_min_m,"
    " z_max_m, stage, attributes, source, source_element, batch, valid_from, valid_to, wkb, words, number)"
    " ORDER BY number"
)
_BELIEVED = (
    f"SELECT asked, fid, {COLUMNS} FROM unnest(%s::text[], %s::text[], %s::timestamptz[]) WITH ORDINALITY"  # noqa: S608
    " AS wanted (of_layer, of_id, moment, asked) JOIN feature ON layer = of_layer AND id = of_id"
    " AND superseded_at IS NULL AND (valid_to IS NULL OR valid_from = moment) ORDER BY fid"
)


_MINTED = (
    "SELECT DISTINCT id FROM unnest(%s::text[]) AS asked (prefix) JOIN feature"
    " ON layer IN ('building', 'unit', 'storey', 'space') AND id >= prefix AND id < prefix || chr(127) ORDER BY id"
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
        super().__init__(catalogue, now, PostgisNames(connection, now))
        self._connection = connection
        self.seq = 0

    def append(self, event: NewEvent) -> Event | None:
        """Append to the log; ``None`` when ``(community, source, source_seq)`` is there already."""
        return self.append_all([event])[0]

    def append_all(self, events: Sequence[NewEvent]) -> list[Event | None]:
        """Append many, in order; ``None`` for each that is there already."""
        added = log.append(self._connection, events, self._now)
        self.seq = max((event.seq for event in added if event is not None), default=self.seq)
        return added

    def observe(self, readings: Sequence[Reading]) -> list[Observed | None]:
        """Append readings to the log and keep the latest values; ``None`` for each that is there already."""
        found = log.observe(self._connection, readings, self._now)
        self.seq = max((one.seq for one in found if one is not None), default=self.seq)
        return found

    def sweep(self, after: int, before: datetime, limit: int, doomed: Callable[[Event], bool]) -> Swept:
        """Remove from the log what ``doomed`` says, of at most ``limit`` events numbered above ``after``."""
        return log.sweep(self._connection, after, before, limit, doomed)

    def sweep_rollups(self, before: datetime, limit: int, names: Sequence[str], *, others: bool) -> int:
        """Remove at most ``limit`` hours that began earlier; of these properties, or of all others."""
        return log.sweep_rollups(self._connection, before, limit, names, others=others)

    def find(self, query: Query) -> Page:
        """Answer a query inside this transaction, its own changes included."""
        return Page(*find(self._connection, query, self._now, FEATURES))

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
        sql = (
            "SELECT place FROM identifier WHERE scheme = %s AND value = %s AND superseded_at IS NULL"
            " AND valid_to IS NULL LIMIT 2"
        )
        found = rows(self._connection, sql, scheme, value)
        return str(found[0]["place"]) if len(found) == 1 else None

    def minted(self, *prefixes: str) -> list[str]:
        """Return every place key ever minted that starts with one of these, retired ones too."""
        return [str(row["id"]) for row in rows(self._connection, _MINTED, list(prefixes))]

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

    def _believed(self, keys: Sequence[Key]) -> list[Sequence[tuple[int, Feature]]]:
        layers, ids, moments = zip(*keys, strict=True)
        found: list[list[tuple[int, Feature]]] = [[] for _ in keys]
        believed = rows(self._connection, _BELIEVED, list(layers), list(ids), list(moments))
        for row in believed:
            found[row["asked"] - 1].append((row["fid"], feature_of(row)))
        return list(found)

    def _supersede(self, fids: Sequence[int]) -> None:
        self._change("UPDATE feature SET superseded_at = %s, words = NULL WHERE fid = ANY(%s)", self._now, list(fids))

    def _insert(self, versions: Sequence[Version]) -> None:
        if versions:
            shapes = shapely.to_wkb(shapes_of([version.feature for version in versions]), byte_order=1).tolist()
            given = [
                (*self._row(version), shape, self._vector(version))
                for version, shape in zip(versions, shapes, strict=True)
            ]
            self._change(_INSERT, self._now, *(list(column) for column in zip(*given, strict=True)))

    def _row(self, version: Version) -> tuple[Any, ...]:
        return (*stated(version.feature), version.valid_from, version.valid_to)

    def _vector(self, version: Version) -> str | None:
        words = self._words(version)
        return None if words is None else vector(words)

    def _recorded(self, moment: datetime) -> list[tuple[int, Feature]]:
        return [(row["fid"], feature_of(row)) for row in self._versions("recorded_at = %s", moment)]

    def _superseded(self, moment: datetime) -> list[Feature]:
        found = self._versions("superseded_at = %s AND recorded_at < superseded_at", moment)
        return [feature_of(row) for row in found]

    def _versions(self, condition: str, *values: Any) -> list[DictRow]:
        sql = f"SELECT fid, {COLUMNS} FROM feature WHERE {condition} ORDER BY fid"  # noqa: S608
        return rows(self._connection, sql, *values)

    def _forget(self, moment: datetime) -> None:
        self._change("DELETE FROM descent WHERE recorded_at = %s", moment)
