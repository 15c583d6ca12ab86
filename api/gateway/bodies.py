"""Bodies of requests as they come in: not too large, not too slow, and the ones that were signed."""

import asyncio
import hashlib

from starlette.types import Message, Receive

from gis.errors import BadInput, LifangError, Unauthenticated

GRACE_S = 30.0
SLOWEST_BYTES_PER_S = 1000
"""A body may take :data:`GRACE_S` and then must not be slower than this."""


class Body:
    """Hands over a body; what is wrong with it is kept in ``fault`` and raised to who reads.

    Args:
        receive: Where it comes from.
        most_bytes: Largest body; ``None``: the route has a limit of its own.
        digest: SHA-256 that it must have; ``None`` when nobody promised one.
    """

    def __init__(self, receive: Receive, most_bytes: int | None, digest: bytes | None) -> None:
        self._receive = receive
        self._most = most_bytes
        self._digest = digest
        self._sum = hashlib.sha256() if digest is not None else None
        self._size = 0
        self._done = False
        self._until = asyncio.get_running_loop().time() + GRACE_S
        self.fault: LifangError | None = None

    async def __call__(self) -> Message:
        """Return the next part.

        Raises:
            BadInput: ``request.too_large``, ``request.too_slow``.
            Unauthenticated: ``signature.other_body``.
        """
        if self._done:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._until + self._size / SLOWEST_BYTES_PER_S):
                message = await self._receive()
        except TimeoutError:
            raise self._broken(
                BadInput("request.too_slow", "The body comes too slowly.", "Send it at once.", bytes=self._size)
            ) from None
        if message["type"] == "http.request":
            self._judge(message.get("body", b""), last=not message.get("more_body", False))
        return message

    def _judge(self, part: bytes, *, last: bool) -> None:
        self._size += len(part)
        self._done = last
        if self._most is not None and self._size > self._most:
            raise self._broken(too_large(self._most))
        if self._sum is not None:
            self._sum.update(part)
            if last and self._sum.digest() != self._digest:
                raise self._broken(
                    Unauthenticated(
                        "signature.other_body", "The body is not the one that was signed.", "Sign the bytes you send."
                    )
                )

    def _broken(self, fault: LifangError) -> LifangError:
        self.fault = fault
        self._done = True
        return fault


def too_large(most_bytes: int) -> BadInput:
    """Return the fault of a body that is too large."""
    return BadInput("request.too_large", f"The body is larger than {most_bytes} bytes.", "Send several smaller ones.")
