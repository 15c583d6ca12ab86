"""The PostGIS store: a pool of readers, one writer a process, one database for all processes."""

import asyncio
import select
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import psycopg
from psycopg import IsolationLevel
from psycopg.rows import DictRow
from psycopg_pool import ConnectionPool

from gis.tilegrid import Tile
from gis.write.mvt import Drawn
from twin.answer import Counter, Form, Found, Told
from twin.asker import still_asked, stoppable
from twin.declaration import Catalogue
from twin.event import Event, Latest
from twin.feature import Feature
from twin.past import PastIndex
from twin.postgis import series
from twin.postgis.columns import columns, sums
from twin.postgis.connection import OPTIONS, PATIENCE_S, Connection, cancel, connect, parameters, prepare, translate
from twin.postgis.extent import completeness, extent
from twin.postgis.listener import Listener
from twin.postgis.log import last_seq
from twin.postgis.migrations import migrate
from twin.postgis.names import bearers, identifiers, lookup
from twin.postgis.prompt import Prompt
from twin.postgis.rows import COLUMNS, FEATURES, ROWS, descent_of, event_of, feature_of
from twin.postgis.select import find, first, is_one_statement, is_page, is_planned_once, rows
from twin.postgis.session import PostgisSession
from twin.postgis.text import PostgisIndex
from twin.postgis.tile import drawn
from twin.query import Page, Query, Rows
from twin.search import best
from twin.series import Bucket, Series, Step
from twin.store import Columns, Completeness, Descent, Extent, Identifier, Member, Sum, Transaction
from twin.tiles import Shown
from twin.versions import to_milliseconds
from twin.wording import Wording
from twin.writer import Subscribers, Writer

T = TypeVar("T")
_READERS = 8
_ONCE = "SET plan_cache_mode = force_generic_plan"
_SHORT = 200
"""So many rows are decoded on the event loop."""
_NEVER = 2**31  # so often a statement is seen before the driver prepares it by itself
_FIRST = datetime.min.replace(tzinfo=UTC)


class PostgisStore:
    """The :class:`twin.store.Store` in one PostgreSQL database.

    Args:
        url: ``postgresql://user@host:port/database``; the tables stand in the first schema of the search path.
        catalogue: The declared layers.
        clock: Returns now in UTC.

    Raises:
        BadInput: ``store.bad_address``.
        Unavailable: ``store.unreachable``, ``store.wrong_password``, ``store.no_database``, ``store.no_postgis``,
            ``store.read_only``, ``store.not_ours``, ``store.newer_schema``.
    """

    def __init__(
        self, url: str, catalogue: Catalogue, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._parameters = parameters(url)
        self._clock = clock
        self._wording = Wording(catalogue)
        self._searchable = [name for name, layer in catalogue.items() if layer.access == "open"]
        self._subscribers = Subscribers()
        self._counter = Counter()
        self._listener: Listener | None = None
        self._lock = threading.Lock()
        self._session = PostgisSession(self._parameters, catalogue, clock)
        try:
            migrate(self._session.connection, catalogue.values())
        except psycopg.Error as error:
            self._session.connection.close()
            raise translate(error) from error
        except BaseException:
            self._session.connection.close()
            raise
        self._pool = _pool(self._parameters)
        self._prompt = Prompt(partial(_reader, self._parameters))
        self._planned = Prompt(partial(_reader, self._parameters, _ONCE))
        self._writer = Writer(self._session, lambda: self._subscribers.tell(lambda: self._session.seq))

    def write(self, work: Callable[[Transaction], T]) -> "Future[T]":
        """Run ``work`` in a transaction; the future is done once it is durably committed."""
        return self._writer.submit(work)

    def find(self, query: Query) -> Page:
        """Answer a query; the answer is one snapshot."""
        return Page(*self._ask(_found, query, to_milliseconds(self._clock()), FEATURES))

    def rows(self, query: Query) -> Rows:
        """Answer a query with the same things, undecoded."""
        return Rows(*self._ask(_found, query, to_milliseconds(self._clock()), ROWS))

    async def rows_async(self, query: Query) -> Rows:
        """Answer as :meth:`rows`; what is a short page without a change of thread."""
        if is_page(query) and (query.limit or 0) <= _SHORT:
            prompt = self._planned if is_planned_once(query) else self._prompt
            page = await prompt.run(first(query, to_milliseconds(self._clock()), ROWS))
            if page is not None:
                return Rows(*page)
        return await asyncio.to_thread(self.rows, query)

    def columns(
        self,
        query: Query,
        members: Sequence[Member],
        fields: Sequence[str] = (),
        inside: Sequence[str] | None = None,
    ) -> Columns:
        """Return all features that meet a query as columns, in no order."""
        return self._ask(columns, query, to_milliseconds(self._clock()), Told(members, fields), inside)

    def sums(self, query: Query, field: str, inside: Sequence[str] | None = None) -> list[Sum]:
        """Return the sums of a number among all features that meet a query, by place and storey, in no order."""
        return self._ask(sums, query, to_milliseconds(self._clock()), field, inside)

    def tile(self, layer: str, shown: Shown, tile: Tile) -> Drawn:
        """Return what stands now in a tile as a layer of a Mapbox vector tile."""
        return self._ask(drawn, layer, shown, tile, to_milliseconds(self._clock()))

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
        sql = "SELECT * FROM descent WHERE predecessor = %s OR successor = %s ORDER BY at, predecessor, successor"
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
        return self._ask(lambda connection: best(PostgisIndex(connection), text, wanted, limit))

    def history(self, layer: str, feature_id: str) -> list[Feature]:
        """Return all versions of a thing, in the order they were recorded."""
        sql = f"SELECT {COLUMNS} FROM feature WHERE layer = %s AND id = %s ORDER BY fid"  # noqa: S608
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
        narrowed = "kind = ANY(%s)" if kinds else "%s::text[] IS NOT NULL"
        sql = f"SELECT coalesce(max(seq), 0) AS seq FROM expired WHERE {narrowed}"  # noqa: S608
        return int(self._rows(sql, list(kinds))[0]["seq"])

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
        sql = "SELECT * FROM event WHERE source = %s AND source_seq = %s ORDER BY community LIMIT 1"
        found = self._rows(sql, source, source_seq)
        return event_of(found[0]) if found else None

    def last_seq(self) -> int:
        """Return the newest sequence number, 0 when nothing has happened."""
        return self._ask(last_seq)

    def subscribe(self, wake: Callable[[int], None]) -> Callable[[], None]:
        """Call ``wake(last_seq)`` after each commit that appended events, another process's included."""
        unsubscribe = self._subscribers.add(wake, self.last_seq())
        with self._lock:
            if self._listener is None:
                self._listener = Listener(self._parameters, lambda: self._subscribers.tell(self.last_seq))
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
        sql = "SELECT device, max(recorded_at) AS heard FROM latest WHERE recorded_at >= %s GROUP BY device"
        return {row["device"]: row["heard"] for row in self._rows(sql, since or _FIRST)}

    def version(self, layers: Sequence[str]) -> str:
        """Return a token that changes whenever any of these layers changes."""
        sql = "SELECT layer, version FROM layer_version WHERE layer = ANY(%s) ORDER BY layer"
        return ".".join(f"{row['layer']}{row['version']}" for row in self._rows(sql, list(layers))) or "none"

    @property
    def commits(self) -> int:
        """Return how many transactions this process has committed."""
        return self._writer.commits

    def counts(self) -> Mapping[str, int]:
        """Return the number of current features per layer."""
        return self._counter.counts(self._layer_versions(), self._count)

    def _layer_versions(self) -> Mapping[str, int]:
        return {row["layer"]: row["version"] for row in self._rows("SELECT layer, version FROM layer_version")}

    def _count(self, layer: str) -> int:
        sql = "SELECT count(*) AS n FROM feature WHERE layer = %s AND superseded_at IS NULL AND valid_to IS NULL"
        return int(self._rows(sql, layer)[0]["n"])

    def extent(self, layer: str) -> Extent:
        """Return what a layer spans."""
        return self._ask(extent, layer, to_milliseconds(self._clock()))

    def completeness(self, layer: str) -> Completeness:
        """Return where a layer's features come from, and which of their fields have values."""
        return self._ask(completeness, layer, to_milliseconds(self._clock()))

    def communities(self) -> list[str]:
        """Return the communities that have features, sorted."""
        return [row["community"] for row in self._rows("SELECT DISTINCT community FROM feature ORDER BY community")]

    def close(self) -> None:
        """Finish what is queued, then let go of the connections."""
        self._writer.close()
        if self._listener is not None:
            self._listener.close()
        self._prompt.close()
        self._planned.close()
        self._pool.close()
        self._session.connection.close()

    def _ask(self, question: Callable[..., T], *arguments: Any, **named: Any) -> T:
        try:
            connection = self._pool.getconn()
            try:
                with stoppable(partial(cancel, connection)):
                    return question(connection, *arguments, **named)
            finally:
                self._pool.putconn(connection)
        except psycopg.Error as error:
            still_asked()  # then that is why the statement was cancelled
            raise translate(error) from error

    def _rows(self, sql: str, *values: Any) -> list[DictRow]:
        return self._ask(rows, sql, *values)


def _found(connection: Connection, query: Query, now: datetime, form: Form[T]) -> Found[T]:
    if is_one_statement(query):
        return find(connection, query, now, form)
    with connection.transaction():
        return find(connection, query, now, form)


def _pool(given: dict[str, Any]) -> ConnectionPool[Connection]:
    """Return the readers' pool. A connection is looked at before it is lent, so a restarted server is not noticed."""
    return ConnectionPool(
        kwargs={**given, **OPTIONS},
        connection_class=psycopg.Connection[DictRow],
        configure=_configure,
        check=_look_at,
        min_size=1,
        max_size=_READERS,
        timeout=PATIENCE_S,
        name="store-readers",
        open=True,
    )


def _reader(given: dict[str, Any], settings: str = "") -> Connection:
    """Return a connection like those of the pool, with other settings where they are named."""
    connection = connect(given)
    _configure(connection)
    connection.execute(settings.encode())
    return connection


def _look_at(connection: Connection) -> None:
    """Ask the server only when an idle connection has something to say, as when it ended: asking costs a round trip."""
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    if waiting.poll(0):
        ConnectionPool.check_connection(connection)


def _configure(connection: Connection) -> None:
    """Let plans be made for the values at hand, but once for all where the question says so (``prepare=True``)."""
    prepare(connection)
    connection.execute("SET plan_cache_mode = auto; SET datestyle = 'ISO'")
    connection.prepare_threshold = _NEVER
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    connection.read_only = True
