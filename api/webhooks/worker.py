"""The webhooks of the service: which are served, by whom, and what is sent again."""

import asyncio
import logging
from contextlib import suppress
from typing import Any

from api.hub import Hub
from api.webhooks.delivery import Delivery
from api.webhooks.desk import DEAD, Desk
from api.webhooks.options import WebhookOptions
from api.webhooks.record import LAYER, Subscription
from api.webhooks.sender import Sender
from gis.errors import LifangError
from twin.feature import Feature

_log = logging.getLogger(__name__)


class Webhooks:
    """Serves all subscriptions of a twin, each at its own pace; one process of the service runs it.

    Args:
        desk: Keeps them.
        hub: Tells what happens.
        options: How they are called.
    """

    def __init__(self, desk: Desk, hub: Hub, options: WebhookOptions) -> None:
        self.desk = desk
        self.options = options
        self._hub = hub
        self._served: dict[str, tuple[Subscription, Delivery, asyncio.Task[None]]] = {}
        self._resent: dict[str, asyncio.Task[None]] = {}
        self._version = ""
        self._active: dict[str, Subscription] = {}
        self._wanted: dict[str, list[Feature]] = {}

    def counts(self) -> dict[str, Any]:
        """Return what the health page shows; positions are known where they are served."""
        served = {name: delivery.position for name, (_, delivery, _) in tuple(self._served.items())}
        return {
            "subscriptions": len(self._active),
            "served": len(served),
            "slowest": min(served.values(), default=None),
        }

    def position(self, one: Subscription) -> int:
        """Return how far a subscription was served, as far as this process knows."""
        served = self._served.get(one.id)
        return self.desk.position(one) if served is None else served[1].position

    async def run(self) -> None:
        """Serve until cancelled; then keep the positions, for the next run to go on from."""
        sender, self._version = Sender(self.options), ""
        try:
            while True:
                await self._round(sender)
                await asyncio.sleep(self.options.tick_s)
        finally:
            await self._stop(sender)

    async def _round(self, sender: Sender) -> None:
        # What is done is let go before the store is read: its dead letter then no longer asks to be sent again.
        self._resent = {name: task for name, task in self._resent.items() if not task.done()}
        try:
            await self._look()
            await self._serve(sender)
            self._resend(sender)
        except LifangError as error:
            _log.warning("webhooks: %s", error)

    async def _look(self) -> None:
        """Read the subscriptions and what is to be sent again, when any of it changed."""
        version = await asyncio.to_thread(self.desk.store.version, (LAYER, DEAD))
        if version != self._version:
            found = await asyncio.to_thread(self.desk.all)
            self._active = {one.id: one for one in found if one.status == "active"}
            self._wanted = await asyncio.to_thread(self.desk.wanted)
            self._version = version

    async def _serve(self, sender: Sender) -> None:
        """Begin with those that came, end with those that went or ended by themselves."""
        over = [name for name, (one, _, task) in self._served.items() if task.done() or self._active.get(name) != one]
        await self._halt(over)
        for name, one in self._active.items():
            if name not in self._served:
                delivery = self._delivery(one, sender)
                self._served[name] = (one, delivery, asyncio.create_task(delivery.run()))

    def _resend(self, sender: Sender) -> None:
        for name, letters in self._wanted.items():
            if name not in self._resent:
                self._resent[name] = asyncio.create_task(self._again(name, letters, sender))

    async def _again(self, name: str, letters: list[Feature], sender: Sender) -> None:
        one = await asyncio.to_thread(self.desk.one, name)
        delivery = self._delivery(one, sender)
        for letter in sorted(letters, key=lambda found: int(found.attributes["seqs"][0])):
            await delivery.again(letter, await asyncio.to_thread(self._hub.those, letter.attributes["seqs"]))

    def _delivery(self, one: Subscription, sender: Sender) -> Delivery:
        return Delivery(one, self.desk, self._hub, sender, self.options)

    async def _halt(self, names: Any) -> None:
        for name in tuple(names):
            _, delivery, task = self._served.pop(name)
            await _ended(task)
            await delivery.keep()

    async def _stop(self, sender: Sender) -> None:
        for task in self._resent.values():
            await _ended(task)
        self._resent.clear()
        with suppress(LifangError):  # the store may be closed already: what was sent since the last note comes again
            await self._halt(tuple(self._served))
        await sender.close()


async def _ended(task: "asyncio.Task[None]") -> None:
    """Cancel a task and tell what went wrong in it."""
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return
    except LifangError as error:
        _log.warning("webhook: %s", error)
