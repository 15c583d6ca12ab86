"""Messages of a size that a device can mean: what is larger is refused before it fills the memory."""

import json
from collections.abc import Callable, Coroutine
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import Message

from gis.errors import BadInput

MAX_BYTES = 10_000_000
_Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class BoundedRoute(APIRoute):
    """A route whose body ends at :data:`MAX_BYTES`, whatever its sender says of its length."""

    def get_route_handler(self) -> _Handler:
        """Return the handler that reads no more than it may."""
        handler = super().get_route_handler()

        async def bounded(request: Request) -> Response:
            return await handler(_Message(request.scope, _replayed(await _body(request))))

        return bounded


class _Message(Request):
    """A request whose JSON is read by a fast and strict reader, and by a lenient one where that gives up."""

    async def json(self) -> Any:
        """Return the body; raises ``json.JSONDecodeError``."""
        body = await self.body()
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            return json.loads(body)  # NaN and the like: then only the item that holds it is refused


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            raise BadInput(
                "observation.too_large",
                f"The message is larger than {MAX_BYTES // 1_000_000} MB.",
                "Send several smaller ones.",
            )
    return bytes(body)


def _replayed(body: bytes) -> Callable[[], Coroutine[Any, Any, Message]]:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
