"""The stream as server-sent events and over a WebSocket."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from api.hub import Hub, Resync
from api.problems import members
from api.state import Services
from api.stream.asked import StreamFilter
from api.stream.checking import filter_of
from api.stream.chunk import frame
from api.stream.filter import Filter
from gis.errors import BadInput, LifangError

MAX_SAID = 200_000


async def server_sent(hub: Hub, wanted: Filter, after: int | None) -> AsyncGenerator[bytes, None]:
    """Yield the bytes of the stream, from ``after`` (``None``: from now) on, for as long as the client stays."""
    start = await hub.start(wanted, after)
    seq = start.seq if isinstance(start, Resync) else start
    # The id lets a client go on from here were the line to break before anything happened.
    yield b'event: hello\n%sdata: {"seq":%d}\n\n' % (b"" if isinstance(start, Resync) else b"id: %d\n" % seq, seq)
    if isinstance(start, Resync):
        yield _resync(start)
    async with aclosing(hub.follow(wanted, seq)) as parts:
        async for part in parts:
            yield _resync(part) if isinstance(part, Resync) else part.events


def _resync(told: Resync) -> bytes:
    # Who was too slow keeps its last id: reading on from there it loses nothing.
    number = b"" if told.why == "slow" else b"id: %d\n" % told.seq
    return b"event: resync\n%sdata: %s\n\n" % (number, _reason(told))


def _reason(told: Resync) -> bytes:
    return orjson.dumps({"seq": told.seq, "why": told.why})


class Subscribe(StreamFilter):
    """What a client of the WebSocket wants from now on."""

    after: int | None = None


class Said(BaseModel):
    """A message of a client of the WebSocket."""

    model_config = ConfigDict(extra="forbid")

    subscribe: Subscribe | None = None
    ping: Any = None


class Conversation:
    """One WebSocket: what the client says, and what it is told."""

    def __init__(self, socket: WebSocket, here: Services) -> None:
        self._socket = socket
        self._here = here
        self._telling: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Answer until either side ends it."""
        try:
            while True:
                await self._answer(await self._socket.receive_text())
        except (WebSocketDisconnect, KeyError):  # KeyError: bytes where text belongs
            return
        finally:
            await self._silence()

    async def _answer(self, text: str) -> None:
        try:
            said = _parsed(text)
            if said.subscribe is None:
                await self._socket.send_text(frame("pong", 0, orjson.dumps(said.ping)))
                return
            wanted = await asyncio.to_thread(filter_of, self._here, said.subscribe)
        except LifangError as error:
            await self._socket.send_text(frame("error", 0, orjson.dumps(members(error))))
            return
        await self._silence()
        self._telling = asyncio.create_task(self._tell(wanted, said.subscribe.after))

    async def _silence(self) -> None:
        if self._telling is not None:
            self._telling.cancel()
            with suppress(asyncio.CancelledError):
                await self._telling

    async def _tell(self, wanted: Filter, after: int | None) -> None:
        with suppress(WebSocketDisconnect, RuntimeError):  # the client went; the reading side ends the conversation
            await self._follow(wanted, after)

    async def _follow(self, wanted: Filter, after: int | None) -> None:
        hub, socket = self._here.hub, self._socket
        start = await hub.start(wanted, after)
        seq = start.seq if isinstance(start, Resync) else start
        await socket.send_text(frame("hello", seq, b"{}"))
        if isinstance(start, Resync):
            await socket.send_text(frame("resync", seq, _reason(start)))
        async with aclosing(hub.follow(wanted, seq)) as parts:
            async for part in parts:
                if isinstance(part, Resync):
                    await socket.send_text(frame("resync", part.seq, _reason(part)))
                    continue
                for text in part.frames:
                    await socket.send_text(text)


def _parsed(text: str) -> Said:
    try:
        if len(text) > MAX_SAID:
            raise BadInput("stream.message", "The message is too large.", "Subscribe to less at once.")
        said = Said.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadInput(
            "stream.message", f"{where}: {first['msg']}.", 'Send {"subscribe": {…}} or {"ping": 1}.'
        ) from error
    return said


def same_site(origin: str | None, host: str, public: str) -> bool:
    """Tell whether a page may open a WebSocket here: one of ours, or a program that is no browser.

    Browsers let any page open one anywhere; the origin they send is all that tells.

    >>> same_site(None, "twin:8000", ""), same_site("http://twin:8000", "twin:8000", "")
    (True, True)
    >>> same_site("https://twin.example.cn", "10.0.0.1:8000", "https://twin.example.cn/")
    True
    >>> same_site("https://elsewhere.example", "twin:8000", "https://twin.example.cn")
    False
    """
    return origin is None or origin.partition("://")[2] == host or origin == public.rstrip("/")
