"""What the twin asks of a store. Two adapters keep this promise: the embedded GeoPackage and PostGIS."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from twin.feature import Feature
from twin.query import Page, Query

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """Something that happened, before the store has numbered it.

    Attributes:
        kind: ``observation``, ``alarm``, ``import`` …
        community: Partition key.
        subject: What it is about: a device number, an alarm id, a place key.
        source: Who says so; with ``source_seq`` the idempotency key.
        source_seq: The sender's own number for this message; the same pair twice is the same event.
        occurred_at: When it happened (phenomenon time, UTC).
        body: The rest, JSON.
    """

    kind: str
    community: str
    subject: str
    source: str
    source_seq: str
    occurred_at: datetime
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(NewEvent):
    """An event in the log: numbered without gaps seen by readers, never changed.

    Attributes:
        seq: Position in the log; later events have larger numbers.
        recorded_at: When the store wrote it (UTC).
    """

    seq: int
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Latest:
    """The latest value of one property of one device."""

    community: str
    device: str
    name: str
    value: Any
    occurred_at: datetime


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

    def observe(self, latest: Latest) -> bool:
        """Keep the value if it is newer than the one kept; tell whether it was."""

    def put(self, feature: Feature) -> bool:
        """Make this the version now believed; ``False`` when nothing differs. The version before it is kept."""

    def end(self, layer: str, feature_id: str, at: datetime) -> bool:
        """End a thing's validity at ``at``; ``False`` when there was nothing to end."""

    def current(self, layer: str, feature_id: str) -> Feature | None:
        """Return the version now believed and still valid."""

    def find(self, query: Query) -> Page:
        """Answer a query inside this transaction."""

    def identify(self, identifier: Identifier) -> None:
        """Record another name of a place; the same name said again only updates its source and validity."""

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

    def minted(self, prefix: str) -> list[str]:
        """Return every code ever minted that starts with ``prefix``, retired ones too."""


class Store(Protocol):
    """Places, records and events; one writer, many readers."""

    def write(self, work: Callable[[Transaction], T]) -> "Future[T]":
        """Run ``work`` in a transaction; the future is done once it is durably committed.

        Works are committed in groups; one that raises is rolled back alone and its error lands in its future.
        """

    def find(self, query: Query) -> Page:
        """Answer a query."""

    def identifiers(self, place: str) -> list[Identifier]:
        """Return all names a place has or had, by scheme and value."""

    def lookup(self, value: str, scheme: str | None = None) -> list[str]:
        """Return the places that bear this name now, in any scheme or in one."""

    def descent(self, place: str) -> list[Descent]:
        """Return where a place came from and what it went over into, oldest first."""

    def search(self, text: str, limit: int, layers: Sequence[str] = ()) -> list[Feature]:
        """Return what a text means, best first (:func:`twin.search.best`); of some layers only when named."""

    def history(self, layer: str, feature_id: str) -> list[Feature]:
        """Return all versions of a thing, oldest first."""

    def events(self, after: int, limit: int, kinds: Sequence[str] = ()) -> list[Event]:
        """Return the events with a sequence number above ``after``, in order; of some kinds only when named."""

    def event(self, source: str, source_seq: str) -> Event | None:
        """Return the event that ``source`` numbered so, ``None`` when the log does not hold it."""

    def last_seq(self) -> int:
        """Return the newest sequence number, 0 when nothing has happened."""

    def subscribe(self, wake: Callable[[int], None]) -> Callable[[], None]:
        """Call ``wake(last_seq)`` after each commit that appended events; the result unsubscribes."""

    def latest(self, devices: Iterable[str]) -> list[Latest]:
        """Return the latest values of these devices."""

    def heard(self) -> set[str]:
        """Return the devices that have ever reported a value."""

    def version(self, layers: Sequence[str]) -> str:
        """Return a token that changes whenever any of these layers changes; for ETags."""

    def counts(self) -> Mapping[str, int]:
        """Return the number of current features per layer."""

    def communities(self) -> list[str]:
        """Return the communities that have features, sorted."""

    def close(self) -> None:
        """Finish what is queued, then let go of the file or connection."""
