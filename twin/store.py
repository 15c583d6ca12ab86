"""What the twin asks of a store. Two adapters keep this promise: the embedded GeoPackage and PostGIS."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from gis.tilegrid import Tile
from gis.write.mvt import Drawn
from twin.event import Event, Latest, NewEvent, Observed, Reading
from twin.feature import Feature
from twin.query import Page, Query, Rows
from twin.series import Bucket, Series, Step
from twin.tiles import Shown

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Columns:
    """Features as columns of one length, for what reads many and shows or counts little of each.

    Members that were not asked for are empty.

    Attributes:
        count: How many features.
        geometries: CRS84, in a NumPy array.
        values: The attributes asked for, by name; ``None`` where a feature has none.
    """

    count: int
    values: Mapping[str, Sequence[Any]]
    ids: Sequence[str] = ()
    communities: Sequence[str] = ()
    names: Sequence[str | None] = ()
    places: Sequence[str | None] = ()
    storeys: Sequence[int | None] = ()
    z_min_m: Sequence[float | None] = ()
    z_max_m: Sequence[float | None] = ()
    geometries: npt.NDArray[np.object_] = field(default_factory=lambda: np.empty(0, dtype=object))


Member = Literal["ids", "communities", "names", "places", "storeys", "z_min_m", "z_max_m", "geometries"]


class Sum(NamedTuple):
    """How many features stand on a storey of a place, and what a number of theirs adds up to.

    Attributes:
        place: One of the places asked about; ``None`` where none was named.
        total: Of those that have the number; 0.0 when none has.
    """

    place: str | None
    storey: int | None
    records: int
    total: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """What the features of a layer span.

    Attributes:
        count: How many stand now.
        bounds: West, south, east, north in CRS84 degrees of all that is and was; ``None`` without geometry.
        begin: Since when the earliest version has been valid; ``None`` when the layer is empty.
        updated: When the newest version was recorded.
        placed: How many of those that stand have a geometry.
        solid: How many of those have a body: a geometry between a lower and an upper height.
    """

    count: int
    bounds: tuple[float, float, float, float] | None
    begin: datetime | None
    updated: datetime | None
    placed: int
    solid: int


@dataclass(frozen=True, slots=True)
class Completeness:
    """Of the features of a layer that stand now: how many each source stated, and how many have a value, by field."""

    sources: Mapping[str, int]
    filled: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Swept:
    """How far a sweep of the log came: the last number it looked at, ``None`` when nothing is left to look at."""

    removed: int
    last: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    """Another name of a place: an IFC GlobalId, an official building code, a real-estate unit code and the like.

    Official codes are opaque values; several schemes, and several values of one scheme over time, may name one place.

    Attributes:
        community: Partition key.
        scheme: ``ifc:GlobalId``, ``building_no``, ``real_estate_unit``, ``standard_address`` …
        source: Who said so.
        valid_from: Since when it has been its name; ``None`` when nobody said.
        valid_to: Until when; ``None`` while it is.
    """

    community: str
    place: str
    scheme: str
    value: str
    source: str | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class Descent:
    """One place went over into another: ``kind`` is ``split`` or ``merge``."""

    community: str
    predecessor: str
    successor: str
    kind: str
    at: datetime


class Transaction(Protocol):
    """What may be done inside one transaction; all of it happens or nothing does."""

    def append(self, event: NewEvent) -> Event | None:
        """Append to the log; ``None`` when ``(source, source_seq)`` is there already."""

    def append_all(self, events: Sequence[NewEvent]) -> list[Event | None]:
        """Append many, in order; ``None`` for each whose ``(source, source_seq)`` is there already."""

    def observe(self, readings: Sequence[Reading]) -> list[Observed | None]:
        """Append readings to the log and keep the latest values; ``None`` for each that is there already.

        Late data do not turn a latest value back; of two readings of one moment the one that came later holds. A
        reading with a band that says nothing new beside the latest value is :data:`UNCHANGED`.
        """

    def sweep(self, after: int, before: datetime, limit: int, doomed: Callable[[Event], bool]) -> Swept:
        """Remove from the log what ``doomed`` says, of at most ``limit`` events numbered above ``after``.

        Only events that happened *and* were recorded earlier than ``before`` are looked at; the newest event of all
        stays. Readings are in the rollups before they go. :meth:`Store.expired` tells how far the log is broken.
        """

    def sweep_rollups(self, before: datetime, limit: int, names: Sequence[str], *, others: bool) -> int:
        """Remove at most ``limit`` hours that began earlier; of these properties, or of all others. Return how many."""

    def put(self, feature: Feature) -> bool:
        """Make this the version now believed; ``False`` when nothing differs. The version before it is kept."""

    def put_all(self, features: Sequence[Feature]) -> list[bool]:
        """Put many, in order: the same as one after another, only faster."""

    def end(self, layer: str, feature_id: str, at: datetime) -> bool:
        """End a thing's validity at ``at``; ``False`` when there was nothing to end."""

    def current(self, layer: str, feature_id: str) -> Feature | None:
        """Return the version now believed and still valid."""

    def find(self, query: Query) -> Page:
        """Answer a query inside this transaction."""

    def identify(self, identifier: Identifier) -> None:
        """Record another name of a place; the same name said otherwise is a new version of it.

        Said again alike it changes nothing; without ``valid_from`` it keeps the beginning that was known.
        """

    def identify_all(self, identifiers: Sequence[Identifier]) -> None:
        """Record many, in order: the same as one after another, only faster."""

    def descend(self, descent: Descent) -> None:
        """Record that one place went over into another."""

    def undo(self, recorded_at: datetime) -> int:
        """Take back the transaction recorded at this moment; return how many versions were taken back.

        What it had superseded is believed again, as new versions: what the twin knew in between stays on record.
        Its events stay in the log, and codes it minted stay minted.

        Raises:
            Conflict: ``import.changed_since`` when later transactions changed some of the same things.
        """

    def lookup(self, scheme: str, value: str) -> str | None:
        """Return the place that bears this name, ``None`` when nobody or more than one does."""

    def minted(self, *prefixes: str) -> list[str]:
        """Return every code ever minted that starts with one of these, retired ones too."""


class Store(Protocol):
    """Places, records and events; one writer, many readers."""

    def write(self, work: Callable[[Transaction], T]) -> "Future[T]":
        """Run ``work`` in a transaction; the future is done once it is durably committed.

        Works are committed in groups; one that raises is rolled back alone and its error lands in its future.
        """

    def find(self, query: Query) -> Page:
        """Answer a query."""

    def rows(self, query: Query) -> Rows:
        """Answer a query with the same things as :meth:`find`, undecoded."""

    async def rows_async(self, query: Query) -> Rows:
        """Answer as :meth:`rows`, for whoever asks on an event loop."""

    def columns(
        self,
        query: Query,
        members: Sequence[Member],
        fields: Sequence[str] = (),
        inside: Sequence[str] | None = None,
    ) -> Columns:
        """Return all features that meet a query as columns, in no order.

        Args:
            query: Which.
            members: What to tell of them; nothing else is read.
            fields: Attributes to tell.
            inside: Only what stands in one of these places or below one; ``None`` does not narrow.
        """

    def sums(self, query: Query, field: str, inside: Sequence[str] | None = None) -> list[Sum]:
        """Return the sums of a number among all features that meet a query, by place and storey, in no order.

        Args:
            query: Which.
            field: The attribute; what is no number counts as none.
            inside: Only what stands in one of these places or below one, each by itself, so none of them in another;
                ``None`` does not narrow, nor tell places apart.
        """

    def tile(self, layer: str, shown: Shown, tile: Tile) -> Drawn:
        """Return what stands now in a tile as a layer of a Mapbox vector tile (:mod:`twin.tiles`).

        Args:
            layer: Which; the name of the layer in the tile too.
            shown: Attributes to tell; ``None``: all.
            tile: Which square.
        """

    def identifiers(
        self, place: str, *, at: datetime | None = None, known_at: datetime | None = None
    ) -> list[Identifier]:
        """Return all names a place has or had, or those it bore ``at`` a moment, by scheme and value."""

    def lookup(
        self,
        value: str,
        scheme: str | None = None,
        *,
        at: datetime | None = None,
        known_at: datetime | None = None,
    ) -> list[str]:
        """Return the places that bear this name, in any scheme or in one; now or ``at`` a moment."""

    def descent(self, place: str) -> list[Descent]:
        """Return where a place came from and what it went over into, oldest first."""

    def search(
        self,
        text: str,
        limit: int,
        layers: Sequence[str] = (),
        *,
        at: datetime | None = None,
        known_at: datetime | None = None,
    ) -> list[Feature]:
        """Return what a text means, best first (:func:`twin.search.best`); of some layers only when named.

        ``at`` and ``known_at`` search what was so, and was known, then; they read the layers instead of an index.
        """

    def history(self, layer: str, feature_id: str) -> list[Feature]:
        """Return all versions of a thing, oldest first."""

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
        """Return the events with a sequence number above ``after``, in the order they were recorded.

        Of some kinds, subjects or one source only when named, and only what happened from ``start`` on and before
        ``end``. After a retention run the log has holes: see :meth:`expired`.
        """

    def expired(self, kinds: Sequence[str] = ()) -> int:
        """Return the highest number that was removed from the log, of some kinds only when named; 0 when none was.

        Who asks for events after a smaller number does not get all of them.
        """

    def observations(self, asked: Series) -> list[Event]:
        """Return readings in the order of phenomenon time (then of recording), as events of kind ``observation``."""

    def observation_count(self, asked: Series) -> int:
        """Return how many readings match, whatever the page."""

    def rollup(self, asked: Series, step: Step, offset: timedelta) -> list[Bucket]:
        """Return count, sum, least, greatest and last value per device, property and minute, hour or day.

        Exact at any moment, late readings included. Buckets that begin from ``asked.start`` on and before
        ``asked.end``, in the order of device, property and time; ``limit`` and ``cursor`` do not count here. Minutes,
        and what was known at an earlier moment, come from the log and reach back as far as it does.

        Args:
            asked: Of which devices and properties.
            step: ``minute``, ``hour`` or ``day``.
            offset: Of local time from UTC, whole hours: says when a day begins.

        Raises:
            BadInput: ``series.offset``.
        """

    def event(self, source: str, source_seq: str) -> Event | None:
        """Return the event that ``source`` numbered so, ``None`` when the log does not hold it."""

    def last_seq(self) -> int:
        """Return the newest sequence number, 0 when nothing has happened."""

    def subscribe(self, wake: Callable[[int], None]) -> Callable[[], None]:
        """Call ``wake(last_seq)`` after each commit that appended events; the result unsubscribes."""

    def latest(
        self,
        devices: Iterable[str] = (),
        *,
        within: str | None = None,
        at: datetime | None = None,
        known_at: datetime | None = None,
    ) -> list[Latest]:
        """Return the latest values of these devices and of all that stand in a place or below it, by device and name.

        ``at`` asks for the latest of that moment, ``known_at`` for what had been recorded by then; both look into the
        log and reach back as far as it does.
        """

    def heard(self, since: datetime | None = None) -> Mapping[str, datetime]:
        """Return the devices that have ever reported a value, and when the newest came in (our clock).

        Args:
            since: Only those of which something came in at or after it.
        """

    def version(self, layers: Sequence[str]) -> str:
        """Return a token that changes whenever any of these layers changes; for ETags."""

    @property
    def commits(self) -> int:
        """Return how many transactions this process has committed; a change is counted before its future is done."""

    def counts(self) -> Mapping[str, int]:
        """Return the number of current features per layer."""

    def extent(self, layer: str) -> Extent:
        """Return what a layer spans; its bounds are perhaps a hundredth of a metre too wide."""

    def completeness(self, layer: str) -> Completeness:
        """Return where a layer's features come from, and which of their fields have values."""

    def communities(self) -> list[str]:
        """Return the communities that have features, sorted."""

    def close(self) -> None:
        """Finish what is queued, then let go of the file or connection."""
