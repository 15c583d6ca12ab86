"""The stream's fan-out: the log is followed once, and each message encoded once, for all who want it."""

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from api.stream.chunk import Chunk
from api.stream.filter import Filter
from api.stream.router import Router, in_log
from api.stream.told import Teller, Told
from gis.errors import LifangError
from twin.feature import Feature
from twin.store import Store

BATCH = 1000
MAX_CATCH_UP = 100_000
MAX_CHUNKS = 256
MAX_WAITING = 10_000
HEARTBEAT_S = 15.0
PACE_S = 0.02
"""After a look into the log the next waits so long: of a burst, one chunk is made."""

_RETRY_S = 1.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Resync:
    """Tells a subscriber to read the present anew: it cannot have every message.

    Attributes:
        seq: Where the present begins.
        why: ``removed``: the log no longer holds them; ``behind``: there are too many; ``unknown``: the log never
            had the number to resume from; ``slow``: they were not fetched in time, and the stream ends.
    """

    seq: int
    why: Literal["removed", "behind", "unknown", "slow"]


@dataclass(slots=True, eq=False)
class _Follower:
    """One subscriber and what waits for it; bounded in chunks and in messages."""

    wanted: Filter
    patient: bool
    chunks: deque[Chunk] = field(default_factory=deque)
    waiting: int = 0
    overrun: bool = False
    filled: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, chunk: Chunk) -> bool:
        if len(self.chunks) >= MAX_CHUNKS or (self.chunks and self.waiting + len(chunk.told) > MAX_WAITING):
            self.overrun = True
        else:
            self.chunks.append(chunk)
            self.waiting += len(chunk.told)
        self.filled.set()
        return not self.overrun

    async def take(self) -> Chunk | None:
        """Return the next chunk; ``None`` when some were refused after the last one taken."""
        while not self.chunks:
            if self.overrun:
                return None
            self.filled.clear()
            await self.filled.wait()
        chunk = self.chunks.popleft()
        self.waiting -= len(chunk.told)
        return chunk


class Hub:
    """Follows the store's log and feeds the subscribers.

    A subscriber reads what it missed from the log at its own pace, then follows. One that lets :data:`MAX_CHUNKS`
    chunks or :data:`MAX_WAITING` messages wait is told to *resync*; nothing is skipped silently.

    Args:
        store: Its log.
        devices: Returns the devices now registered, by number.
    """

    def __init__(self, store: Store, devices: Callable[[], Mapping[str, Feature]]) -> None:
        self._store = store
        self._teller = Teller(store, devices)
        self._router = Router()
        self._followers: dict[Filter, set[_Follower]] = defaultdict(set)
        self._position = 0
        self._standing = asyncio.Event()
        self._wake = asyncio.Event()
        self.dropped = 0

    @property
    def subscribers(self) -> int:
        """Return how many are connected and up to date."""
        return sum(len(followers) for followers in self._followers.values())

    def counts(self) -> dict[str, int]:
        """Return what the health page shows."""
        waiting = [one.waiting for followers in tuple(self._followers.values()) for one in tuple(followers)]
        return {
            "subscribers": len(waiting),
            "filters": len(self._followers),
            "waiting": max(waiting, default=0),
            "resynced": self.dropped,
        }

    async def run(self) -> None:
        """Follow the log until cancelled."""
        loop = asyncio.get_running_loop()
        self._position = await asyncio.to_thread(self._store.last_seq)
        self._standing.set()

        def wake(_seq: int) -> None:
            with suppress(RuntimeError):  # the loop closes before the store does
                loop.call_soon_threadsafe(self._wake.set)

        unsubscribe = self._store.subscribe(wake)
        beating = asyncio.create_task(self._beat())
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self._drain()
                await asyncio.sleep(PACE_S)
        finally:
            beating.cancel()
            unsubscribe()

    async def _beat(self) -> None:
        """Tell everybody now and then how far the log was read, were there nothing for them in it."""
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            chunk = Chunk(self._position, ())
            for wanted in tuple(self._followers):
                self._offer(wanted, chunk)

    async def _drain(self) -> None:
        try:
            while self._router and await self._step():
                pass
            if not self._router:
                newest = await asyncio.to_thread(self._store.last_seq)
                if not self._router:  # still nobody: what nobody hears need not be read
                    self._position = newest
        except LifangError as error:
            _log.warning("the log cannot be followed, next attempt in %.0f s: %s", _RETRY_S, error)
            await asyncio.sleep(_RETRY_S)
            self._wake.set()

    async def _step(self) -> bool:
        """Read on and tell; return whether there may be more."""
        kinds = self._router.kinds
        seq, told, more = await asyncio.to_thread(self._read, self._position, kinds)
        if kinds and not (self._router.kinds and self._router.kinds <= kinds):
            return True  # somebody came meanwhile who wants more of it
        self._publish(seq, told)
        return more

    def _publish(self, seq: int, told: list[Told]) -> None:
        for wanted, found in self._router.sort(told).items():
            self._offer(wanted, Chunk(seq, found))
        self._position = seq

    def _offer(self, wanted: Filter, chunk: Chunk) -> None:
        for follower in tuple(self._followers.get(wanted, ())):
            if not follower.offer(chunk):
                self._leave(follower)
                self.dropped += not follower.patient

    def _join(self, wanted: Filter, patient: bool) -> _Follower:  # noqa: FBT001 - a member of the follower
        follower = _Follower(wanted, patient)
        self._followers[wanted].add(follower)
        self._router.add(wanted)
        return follower

    def _leave(self, follower: _Follower) -> None:
        followers = self._followers.get(follower.wanted, set())
        if follower in followers:
            followers.discard(follower)
            self._router.remove(follower.wanted)
            if not followers:
                del self._followers[follower.wanted]

    def _read(self, after: int, kinds: frozenset[str]) -> tuple[int, list[Told], bool]:
        """Return how far the log was read, what of it is told, and whether there is more."""
        newest = self._store.last_seq()
        events = self._store.events(after, BATCH, tuple(sorted(kinds)))
        last, more = events[-1].seq if events else after, len(events) == BATCH
        return last if more else max(newest, last), self._teller.told(events), more

    def past(self, wanted: Filter, after: int, limit: int) -> tuple[int, list[Told], bool]:
        """Return how far the log was read, at most ``limit`` messages of it, and whether there is more.

        Of what few want, one look reads a part of the log and may find nothing.
        """
        seq, told, more = self._read(after, in_log(wanted.kinds))
        found = [one for one in told if wanted.admits(one.facts)]
        if len(found) <= limit:
            return seq, found, more
        return found[limit - 1].event.seq, found[:limit], True

    def those(self, seqs: Sequence[int]) -> list[Told]:
        """Return the messages of these numbers that the log still holds."""
        found = (self._store.events(seq - 1, 1) for seq in seqs)
        return self._teller.told([event for events in found for event in events if event.seq in seqs])

    async def start(self, wanted: Filter, after: int | None) -> int | Resync:
        """Return the number to follow from: ``after``, unless not everything behind it can be had."""
        await self._standing.wait()
        if after is None:
            return self._position
        newest = max(self._position, await asyncio.to_thread(self._store.last_seq))
        removed = await asyncio.to_thread(self._store.expired, tuple(sorted(in_log(wanted.kinds))))
        if after < removed:
            return Resync(newest, "removed")
        if after > newest:
            return Resync(newest, "unknown")
        return Resync(newest, "behind") if newest - after > MAX_CATCH_UP else after

    async def follow(
        self, wanted: Filter, after: int, *, patient: bool = False
    ) -> AsyncGenerator[Chunk | Resync, None]:
        """Yield everything wanted above a number, for as long as it is asked for.

        Args:
            wanted: What.
            after: From :meth:`start`, or a number that the subscriber has kept.
            patient: A subscriber that was too slow goes on from the log; else it is told to resync, and that is all.
        """
        while True:
            async for missed in self._missed(wanted, after):
                after = missed.seq
                yield missed
            # No await since the number was compared: nothing can have been told in between.
            follower = self._join(wanted, patient)
            try:
                while (chunk := await follower.take()) is not None:
                    fresh = chunk.behind(after)
                    after = fresh.seq
                    yield fresh
            finally:
                self._leave(follower)
            if not patient:
                yield Resync(self._position, "slow")
                return

    async def _missed(self, wanted: Filter, after: int) -> AsyncGenerator[Chunk, None]:
        kinds = in_log(wanted.kinds)
        while after < self._position:
            after, told, _ = await asyncio.to_thread(self._read, after, kinds)
            yield Chunk(after, [one for one in told if wanted.admits(one.facts)])
