"""What happens inside one transaction of the embedded store."""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime

from twin.declaration import Catalogue
from twin.embedded import log
from twin.embedded.names import SqliteNames
from twin.embedded.rows import COLUMNS, FEATURES, boxes_of, feature_of, maybe_text, rows_of, to_text
from twin.embedded.select import find
from twin.event import Event, NewEvent, Observed, Reading
from twin.feature import Feature
from twin.query import Page, Query
from twin.store import Descent, Swept
from twin.versions import Key, Version, Versions, dump, shapes_of

_INSERT = f"INSERT INTO feature (fid, {COLUMNS}) VALUES (?, {', '.join('?' * len(COLUMNS.split(',')))})"  # noqa: S608
_BELIEVED = (
    f"SELECT number, fid, {COLUMNS} FROM (SELECT key AS number, value AS asked FROM json_each(?)) CROSS JOIN feature"  # noqa: S608
    " ON layer = ? AND id = asked AND superseded_at IS NULL AND (valid_to IS NULL OR valid_from = ?)"
)
_MINTED = (
    "SELECT DISTINCT id FROM (SELECT value AS asked FROM json_each(?)) CROSS JOIN feature"
    " ON layer IN ('building', 'unit', 'storey', 'space') AND id >= asked AND id < asked || char(127)"
)


class SqliteTransaction(Versions):
    """The :class:`twin.store.Transaction` of one SQLite connection.

    Args:
        connection: Inside ``BEGIN IMMEDIATE``.
        catalogue: Tells which layers may be searched.
        now: The moment all versions of this transaction are recorded at.
    """

    def __init__(self, connection: sqlite3.Connection, catalogue: Catalogue, now: datetime) -> None:
        super().__init__(catalogue, now, SqliteNames(connection, now))
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
        return Page(*find(self._connection, query, self._now, FEATURES))

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
            "SELECT place FROM identifier WHERE scheme = ? AND value = ? AND superseded_at IS NULL AND valid_to IS NULL"
            " LIMIT 2",
            (scheme, value),
        ).fetchall()
        return str(rows[0]["place"]) if len(rows) == 1 else None

    def minted(self, *prefixes: str) -> list[str]:
        """Return every place key ever minted that starts with one of these, retired ones too."""
        return [str(row["id"]) for row in self._connection.execute(_MINTED, (dump(prefixes),))]

    def finish(self) -> None:
        """Note which layers changed; called once, before the commit."""
        self._connection.executemany(
            "INSERT INTO layer_version VALUES (?, 1) ON CONFLICT (layer) DO UPDATE SET version = version + 1",
            [(layer,) for layer in sorted(self._touched)],
        )

    def _believed(self, keys: Sequence[Key]) -> list[Sequence[tuple[int, Feature]]]:
        found: list[list[tuple[int, Feature]]] = [[] for _ in keys]
        for (layer, since), asked in _alike(keys).items():
            ids = dump([keys[at][1] for at in asked])
            for row in self._connection.execute(_BELIEVED, (ids, layer, maybe_text(since))):
                found[asked[row[0]]].append((row[1], feature_of(row)))
        return list(found)

    def _supersede(self, fids: Sequence[int]) -> None:
        now = to_text(self._now)
        self._connection.executemany("UPDATE feature SET superseded_at = ? WHERE fid = ?", [(now, fid) for fid in fids])
        self._connection.executemany("DELETE FROM feature_text WHERE rowid = ?", [(fid,) for fid in fids])

    def _insert(self, versions: Sequence[Version]) -> None:
        fids = range(self._last_fid() + 1, self._last_fid() + 1 + len(versions))
        shapes = shapes_of([version.feature for version in versions])
        connection = self._connection
        connection.executemany(_INSERT, rows_of(fids, versions, shapes, self._now))
        connection.executemany("INSERT INTO feature_box VALUES (?,?,?,?,?,?,?,?,?)", boxes_of(fids, versions, shapes))
        connection.executemany(
            "INSERT INTO feature_text (rowid, text, layer) VALUES (?, ?, ?)",
            (
                (fid, " ".join(words), version.feature.layer)
                for fid, version in zip(fids, versions, strict=True)
                if (words := self._words(version)) is not None
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
        self._connection.execute("DELETE FROM descent WHERE recorded_at = ?", (to_text(moment),))


def _alike(keys: Sequence[Key]) -> dict[tuple[str, datetime | None], list[int]]:
    """Return the numbers of the keys of one layer and moment, by layer and moment."""
    alike: dict[tuple[str, datetime | None], list[int]] = defaultdict(list)
    for number, (layer, _, since) in enumerate(keys):
        alike[layer, since].append(number)
    return alike
