"""HTTP on the wire with an end to waiting: a request line and headers that trickle in hold no connection for long."""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADERS_S = 10.0
"""From the first moment of a connection, or the first byte of a later request, until its headers are whole."""

_ANSWER = (
    b"HTTP/1.1 408 Request Timeout\r\nContent-Type: application/problem+json\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%s"
)
_BODY = (
    b'{"type":"urn:lifang:request.slow_headers","title":"Request timeout","status":408,'
    b'"code":"request.slow_headers","detail":"The headers did not come in time.","cure":"Send them at once."}'
)


class PatientProtocol(H11Protocol):
    """Uvicorn's protocol, which by itself waits for headers for ever."""

    headers_s = HEADERS_S

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait."""
        super().connection_made(transport)
        self._arm()

    def data_received(self, data: bytes) -> None:
        """Go on waiting while headers are not whole, and not longer."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._arm()
        else:
            self._disarm()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._disarm()
        super().connection_lost(exc)

    def _arm(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.headers_s, self._give_up)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self.transport.write(_ANSWER % (len(_BODY), _BODY))
            self.transport.close()
