"""Commands out to devices over the broker, as soon as they are requested; what could not go waits and goes later."""

import asyncio
import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from api.sources.mqtt import Mqtt
from gis.errors import LifangError
from layers.device.commands import Commands
from layers.sources.topics import command_topic
from twin.store import Store

AGAIN_S = 1.0
_IDLE_S = 30.0
_SENT = ("id", "command", "arguments", "requested_at", "due")

_log = logging.getLogger(__name__)


class Outbox:
    """Publishes each requested command under its device's topic and notes that it was sent.

    Args:
        store: Tells when something was written.
        commands: What waits.
        broker: Where it goes.
    """

    def __init__(self, store: Store, commands: Commands, broker: Mqtt) -> None:
        self._store = store
        self._commands = commands
        self._broker = broker

    async def run(self) -> None:
        """Send what waits until cancelled."""
        loop, woken = asyncio.get_running_loop(), asyncio.Event()

        def wake(_seq: int) -> None:
            with suppress(RuntimeError):  # the loop closes before the store does
                loop.call_soon_threadsafe(woken.set)

        unsubscribe = self._store.subscribe(wake)
        try:
            while True:
                woken.clear()
                pause_s = _IDLE_S if await self._send() else AGAIN_S
                with suppress(TimeoutError):
                    await asyncio.wait_for(woken.wait(), pause_s)
        finally:
            unsubscribe()

    async def _send(self) -> bool:
        """Send all that waits; ``False`` when something must be tried again. One that cannot go holds up no other."""
        done = [await self._sent(*waiting) for waiting in await asyncio.to_thread(self._commands.requested)]
        return all(done)

    async def _sent(self, community: str, message: Mapping[str, Any]) -> bool:
        try:
            topic = command_topic(community, message["device"])
            payload = json.dumps({name: message[name] for name in _SENT}, ensure_ascii=False).encode()
            await asyncio.to_thread(self._broker.publish, topic, payload)
            await asyncio.wrap_future(self._commands.sent(message["id"]))
        except LifangError as error:
            _log.warning("%s waits: %s", message["id"], error)
            return False
        return True
