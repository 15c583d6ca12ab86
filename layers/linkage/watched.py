"""A store whose every transaction is looked over before it is committed: what follows from it is in it.

This is the one seam between what happens and what linkage makes of it. Whoever writes, by whichever route, what was
appended to the log and what was observed reaches the follower; duplicates do not: the store did not append them.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar, cast

from twin.event import Event, NewEvent, Observed, Reading
from twin.store import Store, Transaction

T = TypeVar("T")


class Watched:
    """A transaction that remembers what was new in it; for the rest it is the store's own.

    Attributes:
        events: Appended events with the rules that led to them, oldest first.
        readings: Readings that are now the latest value.
        chain: The rules that are being carried out.
    """

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self.events: list[tuple[Event, tuple[str, ...]]] = []
        self.readings: list[tuple[Reading, Observed]] = []
        self.chain: tuple[str, ...] = ()

    def append(self, event: NewEvent) -> Event | None:
        """Append and remember."""
        appended = self._transaction.append(event)
        if appended is not None:
            self.events.append((appended, self.chain))
        return appended

    def append_all(self, events: Sequence[NewEvent]) -> list[Event | None]:
        """Append and remember."""
        appended = self._transaction.append_all(events)
        self.events += [(event, self.chain) for event in appended if event is not None]
        return appended

    def observe(self, readings: Sequence[Reading]) -> list[Observed | None]:
        """Observe and remember; what is late drives nothing."""
        observed = self._transaction.observe(readings)
        self.readings += [
            (reading, seen)
            for reading, seen in zip(readings, observed, strict=True)
            if seen is not None and seen.newest
        ]
        return observed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transaction, name)

    def as_transaction(self) -> Transaction:
        """Return itself as what it is for everybody else."""
        return cast("Transaction", self)


class WatchedStore:
    """A store that lets a follower look over each transaction; for the rest it is the store itself.

    Args:
        store: Keeps everything.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._follow: Callable[[Watched], None] = lambda _watched: None

    def follow(self, follower: Callable[[Watched], None]) -> None:
        """Let a follower look over every transaction from now on."""
        self._follow = follower

    def write(self, work: Callable[[Transaction], T]) -> "Future[T]":
        """Run ``work``, and what follows from it, in one transaction."""

        def both(transaction: Transaction) -> T:
            watched = Watched(transaction)
            result = work(watched.as_transaction())
            if watched.events or watched.readings:
                self._follow(watched)
            return result

        return self._store.write(both)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def as_store(self) -> Store:
        """Return itself as what it is for everybody else."""
        return cast("Store", self)
