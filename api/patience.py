"""HTTP on the wire with an end to waiting: for headers that trickle in or never end, and for clients that are gone."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.gateway.leaving import leave

HEADERS_S = 10.0
"""From the first moment of a connection, or the first byte of a later request, until its headers are whole."""
HEADERS_BYTES = 64 * 1024
"""Of a request line with its headers; the parser by itself sets no bound."""


def _answer(status: str, code: str, message: str, cure: str) -> bytes:
    title = status[4:].capitalize()
    body = (
        f'{{"type":"urn:lifang:{code}","title":"{title}","status":{status[:3]},"code":"{code}",'
        f'"detail":"{message}","cure":"{cure}"}}'
    )
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: application/problem+json\r\nConnection: close\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


_SLOW = _answer(
    "408 Request Timeout",
    "request.slow_headers",
    "The headers did not come in time.",
    "Send them at once.",
)
_LARGE = _answer(
    "431 Request Header Fields Too Large",
    "request.large_headers",
    f"The request line and headers are longer than {HEADERS_BYTES} bytes.",
    "Send a long question as the body of a POST.",
)
_NOT_HTTP = _answer(
    "400 Bad Request",
    "request.not_http",
    "This is no HTTP/1.1 request, or one with an unknown method.",
    "Look at what is sent; https ends at a proxy in front of this service.",
)


class PatientProtocol(HttpToolsProtocol):
    """Uvicorn's protocol, which by itself waits for headers for ever and takes any number of them."""

    headers_s = HEADERS_S

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._deadline: asyncio.TimerHandle | None = None
        self._header_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait."""
        super().connection_made(transport)
        self._await_headers()

    def data_received(self, data: bytes) -> None:
        """Read on, and end the connection when what is still no whole header is too long."""
        super().data_received(data)
        if self._deadline is not None:
            self._header_bytes += len(data)
            if self._header_bytes > HEADERS_BYTES:
                self._give_up(_LARGE)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the parser's words are in the log
        """Answer what is no request in the form of every other fault."""
        self._give_up(_NOT_HTTP)

    def on_message_begin(self) -> None:
        """Wait for the headers of a request that begins."""
        super().on_message_begin()
        self._await_headers()

    def on_headers_complete(self) -> None:
        """Wait no more: what is asked now takes as long as it takes."""
        self._disarm()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more, and tell the question that is being answered that nobody waits for it."""
        self._disarm()
        cycle = self.cycle
        super().connection_lost(exc)
        if cycle is not None and cycle.disconnected:
            leave(cycle.scope)

    def _await_headers(self) -> None:
        if self._deadline is None:
            self._header_bytes = 0
            self._deadline = self.loop.call_later(self.headers_s, self._give_up, _SLOW)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self, answer: bytes) -> None:
        self._disarm()
        if not self.transport.is_closing():
            self.transport.write(answer)
            self.transport.close()
