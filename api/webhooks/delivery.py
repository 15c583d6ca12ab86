"""One subscription being served: from its position on, in order, each batch until it is taken or dead."""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import aclosing
from datetime import datetime

import orjson

from api.hub import Hub, Resync
from api.stream.chunk import Chunk
from api.stream.told import Told
from api.webhooks.desk import POSITION, Desk, status_event
from api.webhooks.options import WebhookOptions
from api.webhooks.record import LAYER, Subscription
from api.webhooks.sender import Failure, Sender
from twin.feature import Feature
from twin.store import Transaction


class _Paused(Exception):
    """The receiver is not called any more."""


class Delivery:
    """Serves one subscription.

    Args:
        one: The subscription.
        desk: Keeps positions and dead letters.
        hub: Tells what happens.
        sender: Calls.
        options: How often, how long.
    """

    def __init__(self, one: Subscription, desk: Desk, hub: Hub, sender: Sender, options: WebhookOptions) -> None:
        self._one = one
        self._desk = desk
        self._hub = hub
        self._sender = sender
        self._options = options
        self._now: Callable[[], datetime] = desk.clock
        self._dead = 0
        self._kept = self.position = one.start
        self._kept_at = 0.0

    async def run(self) -> None:
        """Serve until cancelled or paused."""
        self._kept = self.position = await asyncio.to_thread(self._desk.position, self._one)
        wanted = self._one.filter
        start = await self._hub.start(wanted, self.position)
        if isinstance(start, Resync) and start.why == "removed":
            gap = status_event(self._one, "gap", after=self.position)
            await asyncio.wrap_future(self._desk.store.write(lambda tx: tx.append(gap)))
        try:
            async with aclosing(self._hub.follow(wanted, self.position, patient=True)) as parts:
                async for part in parts:
                    if isinstance(part, Chunk):
                        await self._take(part)
        except _Paused:
            return

    async def keep(self) -> None:
        """Keep the position, were it moved."""
        position, loop = self.position, asyncio.get_running_loop()
        if position != self._kept:
            await asyncio.wrap_future(self._desk.store.write(lambda tx: self._note(tx, position)))
        self._kept, self._kept_at = position, loop.time()

    async def again(self, letter: Feature, told: Sequence[Told]) -> None:
        """Send a dead letter again, once."""
        failure = await self._post(told) if told else Failure("the log no longer holds it")
        done = self._desk.taken(letter) if failure is None else self._desk.unwanted(letter, failure.reason)
        await asyncio.wrap_future(done)

    async def _take(self, chunk: Chunk) -> None:
        told = [one for one in chunk.told if self._one.in_time(one)]
        for first in range(0, len(told), self._options.batch):
            batch = told[first : first + self._options.batch]
            await self._deliver(batch)
            self.position = batch[-1].event.seq
        self.position = max(self.position, chunk.seq)
        if asyncio.get_running_loop().time() - self._kept_at >= self._options.checkpoint_s:
            await self.keep()

    async def _deliver(self, batch: Sequence[Told]) -> None:
        failure = Failure("never tried")
        for attempt in range(self._options.attempts):
            outcome = await self._post(batch)
            if outcome is None:
                self._dead = 0
                return
            failure = outcome
            if failure.gone:
                break
            chance = random.random()  # noqa: S311 - nobody profits from guessing it
            await asyncio.sleep(self._options.wait_s(attempt, chance, failure.wait_s))
        await self._give_up(batch, failure)

    async def _give_up(self, batch: Sequence[Told], failure: Failure) -> None:
        self._dead += 1
        seqs, pause = [one.event.seq for one in batch], failure.gone or self._dead >= self._options.pause_after

        def work(transaction: Transaction) -> None:
            self._desk.bury(transaction, self._one, seqs, failure.reason)
            self._note(transaction, seqs[-1])
            if pause:
                self._desk.pause(transaction, self._one.id, failure.reason)

        await asyncio.wrap_future(self._desk.store.write(work))
        self._kept = self.position = seqs[-1]
        if pause:
            raise _Paused

    async def _post(self, batch: Sequence[Told]) -> Failure | None:
        one = self._one
        body = orjson.dumps({"subscription": one.id, "events": [one.told(told) for told in batch]})
        message = f"{one.id}-{batch[0].event.seq}-{batch[-1].event.seq}"
        key = await asyncio.to_thread(self._desk.key, one)
        return await self._sender.post(one.url, key, message, body, int(self._now().timestamp()))

    def _note(self, transaction: Transaction, position: int) -> None:
        known = transaction.current(POSITION, self._one.id)
        behind = known is None or known.attributes["position"] < position
        if behind and transaction.current(LAYER, self._one.id) is not None:
            note = {"position": position}
            transaction.put(Feature(layer=POSITION, id=self._one.id, community=self._one.community, attributes=note))
