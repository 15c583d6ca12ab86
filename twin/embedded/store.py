"""The embedded store: readers on their own connections, one writer, one file."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from gis.errors import Unavailable
from gis.tilegrid import Tile
from gis.write.mvt import Drawn
from twin.answer import Counter, Told
from twin.asker import is_dismissed, still_asked
from twin.declaration import Catalogue
from twin.embedded import condition, series
from twin.embedded.extent import completeness, extent
from twin.embedded.gpkg import register_layers
from twin.embedded.indexes import index_fields
from twin.embedded.log import last_seq
from twin.embedded.migrations import check_ours, migrate
from twin.embedded.names import bearers, identifiers, lookup
from twin.embedded.rows import (
    COLUMNS,
    FEATURES,
    ROWS,
    descent_of,
    event_of,
    feature_of,
    to_moment,
    to_text,
)
from twin.embedded.select import columns, find, sums
from twin.embedded.session import SqliteSession, translate
from twin.embedded.text import SqliteIndex
from twin.embedded.tile import drawn
from twin.event import Event, Latest
from twin.feature import Feature
from twin.past import PastIndex
from twin.query import Page, Query, Rows
from twin.search import best
from twin.series import Bucket, Series, Step
from twin.store import Columns, Completeness, Descent, Extent, Identifier, Member, Sum, Transaction
from twin.tiles import Shown
from twin.wording import Wording
from twin.writer import Subscribers, Writer

T = TypeVar("T")
_POLL_S = 0.25  # how soon commits of another process reach our subscribers
_STEPS = 200_000
"""After so many steps of a statement, some tens of milliseconds, SQLite asks whether somebody still waits for it."""
BUSY_MS = 10_000
"""How long another process may hold the file before a write or an opening is refused."""


class EmbeddedStore:
    """The :class:`twin.store.Store` in one GeoPackage file.

    Args:
        path: The file; created when missing.
        catalogue: The declared layers; each open one becomes a view for GIS programs.
        clock: Returns now in UTC.

    Raises:
        Unavailable: ``store.read_only``, ``store.not_ours``, ``store.newer_schema``, ``store.locked``.
    """

    def __init__(
        self, path: Path, catalogue: Catalogue, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._path = path
        self._clock = clock
        self._wording = Wording(catalogue)
        self._searchable = [name for name, layer in catalogue.items() if layer.access == "open"]
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._left = threading.Condition(self._lock)
        self._asking = 0
        self._subscribers = Subscribers()
        self._counter = Counter()
        self._closed = threading.Event()
        self._watcher: threading.Thread | None = None
        self._writing = _open_for_writing(path, catalogue)
        self._session = SqliteSession(self._writing, path, catalogue, clock)
        self._writer = Writer(self._session, self._wake)

    def write(self, work: Callable[[Transaction], T]) -> "Future[T]":
        """Run ``work`` in a transaction; the future is done once it is durably committed."""
        return self._writer.submit(work)

    def find(self, query: Query) -> Page:
        """Answer a query."""
        return Page(*self._ask(find, query, self._now(), FEATURES))

    def rows(self, query: Query) -> Rows:
        """Answer a query with the same things, undecoded."""
        return Rows(*self._ask(find, query, self._now(), ROWS))

    async def rows_async(self, query: Query) -> Rows:
        """Answer as :meth:`rows`, on another thread."""
        return await asyncio.to_thread(self.rows, query)

    def _now(self) -> datetime:
        return max(self._clock(), self._session.recorded)

    def columns(
        self,
        query: Query,
        members: Sequence[Member],
        fields: Sequence[str] = (),
        inside: Sequence[str] | None = None,
    ) -> Columns:
        """Return all features that meet a query as columns, in no order."""
        return self._ask(columns, query, self._now(), Told(members, fields), inside)

    def sums(self, query: Query, field: str, inside: Sequence[str] | None = None) -> list[Sum]:
        """Return the sums of a number among all features that meet a query, by place and storey, in no order."""
        return self._ask(sums, query, self._now(), field, inside)

    def tile(self, layer: str, shown: Shown, tile: Tile) -> Drawn:
        """Return what stands now in a tile as a layer of a Mapbox vector tile."""
        return self._ask(drawn, layer, shown, tile, self._now())

    def identifiers(
        self, place: str, *, at: datetime | None = None, known_at: datetime | None = None
    ) -> list[Identifier]:
        """Return all names a place has or had, or those it bore ``at`` a moment, by scheme and value."""
        return self._ask(identifiers, place, at, known_at)

    def lookup(
        self,
        value: str,
        scheme: str | None = None,
        *,
        at: datetime | None = None,
        known_at: datetime | None = None,
    ) -> list[str]:
        """Return the places that bear this name, in any scheme or in one; now or ``at`` a moment."""
        return self._ask(lookup, value, scheme, at, known_at)

    def descent(self, place: str) -> list[Descent]:
        """Return where a place came from and what it went over into, oldest first."""
        sql = "SELECT * FROM descent WHERE predecessor = ? OR successor = ? ORDER BY at, predecessor, successor"
        return [descent_of(row) for row in self._rows(sql, place, place)]

    def search(
        self,
        text: str,
        limit: int,
        layers: Sequence[str] = (),
        *,
        at: datetime | None = None,
        known_at: datetime | None = None,
    ) -> list[Feature]:
        """Return features whose code, name, address or identifier matches the text, best first."""
        wanted = [layer for layer in self._searchable if not layers or layer in layers]
        if at is not None or known_at is not None:
            then = partial(self._ask, bearers, at=at, known_at=known_at)
            past = PastIndex(lambda query: self.find(query).features, then, self._wording, at, known_at)
            return best(past, text, wanted, limit)
        with self._reading() as connection:
            return best(SqliteIndex(connection), text, wanted, limit)

    def history(self, layer: str, feature_id: str) -> list[Feature]:
        """Return all versions of a thing, in the order they were recorded."""
        sql = f"SELECT {COLUMNS} FROM feature WHERE layer = ? AND id = ? ORDER BY fid"  # noqa: S608
        return [feature_of(row) for row in self._rows(sql, layer, feature_id)]

    def events(
        self,
        after: int,
        limit: int,
        kinds: Sequence[str] = (),
        *,
        subjects: Sequence[str] = (),
        source: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> list[Event]:
        """Return the events with a sequence number above ``after``, in order."""
        return self._ask(series.events, after, limit, kinds, subjects, source, start, end)

    def expired(self, kinds: Sequence[str] = ()) -> int:
        """Return the highest number that was removed from the log, of some kinds only when named."""
        narrowed = f" WHERE kind IN ({', '.join('?' * len(kinds))})" if kinds else ""
        sql = f"SELECT coalesce(max(seq), 0) FROM expired{narrowed}"  # noqa: S608
        return int(self._rows(sql, *kinds)[0][0])

    def observations(self, asked: Series) -> list[Event]:
        """Return readings in the order of phenomenon time, then of recording."""
        return self._ask(series.observations, asked)

    def observation_count(self, asked: Series) -> int:
        """Return how many readings match, whatever the page."""
        return self._ask(series.observation_count, asked)

    def rollup(self, asked: Series, step: Step, offset: timedelta) -> list[Bucket]:
        """Return the summaries per device, property and minute, hour or day."""
        return self._ask(series.rollup, asked, step, offset)

    def event(self, source: str, source_seq: str) -> Event | None:
        """Return the event that ``source`` numbered so, ``None`` when the log does not hold it."""
        sql = "SELECT * FROM event WHERE source = ? AND source_seq = ?"
        found = self._rows(sql, source, source_seq)
        return event_of(found[0]) if found else None

    def last_seq(self) -> int:
        """Return the newest sequence number, 0 when nothing has happened."""
        return self._ask(last_seq)

    def subscribe(self, wake: Callable[[int], None]) -> Callable[[], None]:
        """Call ``wake(last_seq)`` after each commit that appended events, another process's included."""
        unsubscribe = self._subscribers.add(wake, self.last_seq())
        with self._lock:
            if self._watcher is None:
                self._watcher = threading.Thread(target=self._watch, name="store-watcher", daemon=True)
                self._watcher.start()
        return unsubscribe

    def latest(
        self,
        devices: Iterable[str] = (),
        *,
        within: str | None = None,
        at: datetime | None = None,
        known_at: datetime | None = None,
    ) -> list[Latest]:
        """Return the latest values of these devices and of all that stand in a place or below it."""
        return self._ask(series.latest, list(devices), within, at, known_at)

    def heard(self, since: datetime | None = None) -> Mapping[str, datetime]:
        """Return the devices that have ever reported a value, or did since a moment, and when the newest came in."""
        sql = "SELECT device, max(recorded_at) FROM latest WHERE recorded_at >= ? GROUP BY device"
        given = "" if since is None else to_text(since)
        return {device: to_moment(text) for device, text in self._rows(sql, given)}

    def version(self, layers: Sequence[str]) -> str:
        """Return a token that changes whenever any of these layers changes."""
        marks = ", ".join("?" * len(layers))
        sql = f"SELECT layer, version FROM layer_version WHERE layer IN ({marks}) ORDER BY layer"  # noqa: S608
        return ".".join(f"{row['layer']}{row['version']}" for row in self._rows(sql, *layers)) or "none"

    @property
    def commits(self) -> int:
        """Return how many transactions this process has committed."""
        return self._writer.commits

    def counts(self) -> Mapping[str, int]:
        """Return the number of current features per layer."""
        return self._counter.counts(self._layer_versions(), self._count)

    def _layer_versions(self) -> Mapping[str, int]:
        return {row["layer"]: row["version"] for row in self._rows("SELECT * FROM layer_version")}

    def _count(self, layer: str) -> int:
        sql = "SELECT count(*) FROM feature WHERE layer = ? AND superseded_at IS NULL AND valid_to IS NULL"
        return int(self._rows(sql, layer)[0][0])

    def extent(self, layer: str) -> Extent:
        """Return what a layer spans."""
        return self._ask(extent, layer, self._now())

    def completeness(self, layer: str) -> Completeness:
        """Return where a layer's features come from, and which of their fields have values."""
        return self._ask(completeness, layer, self._now())

    def communities(self) -> list[str]:
        """Return the communities that have features, sorted."""
        return [row["community"] for row in self._rows("SELECT DISTINCT community FROM feature ORDER BY 1")]

    def close(self) -> None:
        """Finish what is queued, then let go of the file."""
        self._writer.close()
        self._closed.set()
        if self._watcher is not None:
            self._watcher.join()
        with self._lock:
            self._left.wait_for(lambda: not self._asking)  # SQLite may not lose a connection that another thread uses
            for connection in self._readers:
                connection.close()
            self._readers.clear()
        self._writing.close()  # last, so that SQLite folds the write-ahead log into the file

    def _ask(self, question: Callable[..., T], *arguments: Any, **named: Any) -> T:
        with self._reading() as connection:
            return question(connection, *arguments, **named)

    def _rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        with self._reading() as connection:
            return connection.execute(sql, values).fetchall()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        still_asked()
        self._enter()
        try:
            yield self._reader()
        except sqlite3.Error as error:
            still_asked()  # then that is why the statement was interrupted
            raise (_closed_fault() if self._closed.is_set() else translate(error)) from error
        finally:
            self._leave()

    def _enter(self) -> None:
        with self._lock:
            if self._closed.is_set():
                raise _closed_fault()
            self._asking += 1

    def _leave(self) -> None:
        with self._lock:
            self._asking -= 1
            if not self._asking:
                self._left.notify_all()

    def _is_over(self) -> bool:
        """Tell whether a statement that runs is for nobody."""
        return self._closed.is_set() or is_dismissed()

    def _reader(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = _connect(f"{self._path.absolute().as_uri()}?mode=ro")
            connection.set_progress_handler(self._is_over, _STEPS)
            self._local.connection = connection
            with self._lock:
                self._readers.append(connection)
        return connection

    def _wake(self) -> None:
        self._subscribers.tell(self.last_seq)

    def _wake_unless_closed(self) -> None:
        try:
            self._wake()
        except Unavailable:
            if not self._closed.is_set():
                raise

    def _watch(self) -> None:
        """Wake subscribers when another process has committed to the file."""
        with closing(_connect(f"{self._path.absolute().as_uri()}?mode=ro")) as connection:
            seen = _data_version(connection)
            self._wake_unless_closed()  # of what was committed since the subscription and before this
            while not self._closed.wait(_POLL_S):
                version = _data_version(connection)
                if version != seen:
                    seen = version
                    self._wake_unless_closed()


def _data_version(connection: sqlite3.Connection) -> Any:
    return connection.execute("PRAGMA data_version").fetchone()[0]


def _connect(uri: str, cache_kib: int = 8192) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None)
    connection.row_factory = sqlite3.Row
    condition.install(connection)
    try:
        for pragma in (f"busy_timeout = {BUSY_MS}", f"cache_size = -{cache_kib}", "mmap_size = 268435456"):
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _open_for_writing(path: Path, catalogue: Catalogue) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = _connect(f"{path.absolute().as_uri()}?mode=rwc", cache_kib=65536)
    except OSError as error:
        raise Unavailable(
            "store.read_only",
            f"{path.parent} cannot be created: {error.strerror}.",
            "Choose another --store path.",
            file=str(path),
        ) from error
    except sqlite3.OperationalError as error:
        raise Unavailable(
            "store.read_only", f"{path} cannot be opened: {error}.", "Choose another --store path.", file=str(path)
        ) from error
    except sqlite3.Error as error:
        raise translate(error) from error
    try:
        check_ours(connection)  # before anything is set: journal_mode is written into the file
        connection.execute("PRAGMA page_size = 8192")
        connection.execute("PRAGMA journal_mode = WAL")  # on every open: QGIS leaves the file in rollback mode
        connection.execute("PRAGMA synchronous = FULL")
        # A page that readings fill changes in many commits: it is brought into the file once for many of them.
        connection.execute("PRAGMA wal_autocheckpoint = 4000")
        migrate(connection)
        connection.execute("BEGIN IMMEDIATE")
        register_layers(connection, catalogue.values())
        index_fields(connection, catalogue.values())
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # GDAL reads the header from the file itself
    except sqlite3.Error as error:
        connection.close()
        raise translate(error) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _closed_fault() -> Unavailable:
    return Unavailable("store.closed", "The store is closed.", "Start the service again.")
