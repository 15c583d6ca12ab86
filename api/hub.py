"""The stream's fan-out: each message is encoded once and offered to every subscriber's bounded queue."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from twin.store import Event, Store

QUEUE = 256
BATCH = 1000
MAX_CATCH_UP = 100_000
HEARTBEAT_S = 15.0


@dataclass(frozen=True, slots=True)
class Message:
    """One server-sent event: its position in the log, its kind and its bytes."""

    seq: int
    kind: str
    data: str

    def encoded(self) -> bytes:
        """Return the bytes of the server-sent event."""
        return f"id: {self.seq}\nevent: {self.kind}\ndata: {self.data}\n\n".encode()


@dataclass(slots=True, eq=False)
class _Subscriber:
    kinds: frozenset[str]
    queue: "asyncio.Queue[Message]" = field(default_factory=lambda: asyncio.Queue(QUEUE))
    overflowed: bool = False

    def offer(self, message: Message) -> bool:
        if self.kinds and message.kind not in self.kinds:
            return True
        if self.queue.full():
            self.overflowed = True
            return False
        self.queue.put_nowait(message)
        return True


class Hub:
    """Follows the store's log and feeds the subscribers.

    A subscriber that falls :data:`QUEUE` messages behind is told to *resync* and disconnected; nothing is skipped
    silently. ``dropped`` counts those.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._subscribers: set[_Subscriber] = set()
        self._position = 0
        self._wake = asyncio.Event()
        self.dropped = 0

    @property
    def subscribers(self) -> int:
        """Return how many clients are connected."""
        return len(self._subscribers)

    async def run(self) -> None:
        """Follow the log until cancelled."""
        loop = asyncio.get_running_loop()
        self._position = await asyncio.to_thread(self._store.last_seq)

        def wake(_seq: int) -> None:
            with suppress(RuntimeError):  # the loop closes before the store does
                loop.call_soon_threadsafe(self._wake.set)

        unsubscribe = self._store.subscribe(wake)
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self._drain()
        finally:
            unsubscribe()

    async def _drain(self) -> None:
        if not self._subscribers:
            newest = await asyncio.to_thread(self._store.last_seq)
            if not self._subscribers:  # still nobody: what nobody hears need not be read
                self._position = newest
                return
        while events := await asyncio.to_thread(self._store.events, self._position, BATCH):
            self._position = events[-1].seq
            for message in messages(events):
                for subscriber in tuple(self._subscribers):
                    if not subscriber.offer(message):
                        self._subscribers.discard(subscriber)
                        self.dropped += 1

    async def stream(self, after: int | None, kinds: Iterable[str]) -> AsyncIterator[bytes]:
        """Yield the bytes of the stream, from ``after`` (``None``: from now) on, for as long as the client stays."""
        subscriber = _Subscriber(frozenset(kinds))
        self._subscribers.add(subscriber)
        joined = self._position
        try:
            start = joined if after is None else after
            yield f"event: hello\ndata: {json.dumps({'seq': joined})}\n\n".encode()
            removed = await asyncio.to_thread(self._store.expired, tuple(subscriber.kinds))
            if joined - start > MAX_CATCH_UP or start < removed:
                yield _resync(joined)
                start = joined
            async for message in self._missed(start, joined, subscriber.kinds):
                yield message.encoded()
            async for part in _live(subscriber, joined):
                yield part
        finally:
            self._subscribers.discard(subscriber)

    async def _missed(self, after: int, until: int, kinds: frozenset[str]) -> AsyncIterator[Message]:
        while after < until:
            events = await asyncio.to_thread(self._store.events, after, min(BATCH, until - after))
            events = [event for event in events if event.seq <= until]
            if not events:
                return
            after = events[-1].seq
            for message in messages(events):
                if not kinds or message.kind in kinds:
                    yield message


async def _live(subscriber: _Subscriber, joined: int) -> AsyncIterator[bytes]:
    while True:
        if subscriber.overflowed and subscriber.queue.empty():
            yield _resync(joined)
            return
        try:
            message = await asyncio.wait_for(subscriber.queue.get(), HEARTBEAT_S)
        except TimeoutError:
            yield b": still here\n\n"
            continue
        if message.seq > joined:
            yield message.encoded()


def _resync(seq: int) -> bytes:
    return f"event: resync\ndata: {json.dumps({'seq': seq})}\n\n".encode()


def messages(events: Sequence[Event]) -> Iterator[Message]:
    """Yield the messages of a run of events: neighbouring observations share one."""
    run: list[Event] = []
    for event in events:
        if event.kind == "observation":
            run.append(event)
            continue
        if run:
            yield _observations(run)
            run = []
        yield Message(event.seq, event.kind, _json({**event.body, "seq": event.seq}))
    if run:
        yield _observations(run)


def _observations(run: Sequence[Event]) -> Message:
    items = [
        [event.subject, event.body["property"], event.body["result"], event.occurred_at.isoformat(), event.seq]
        for event in run
    ]
    return Message(run[-1].seq, "observations", _json({"items": items}))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
