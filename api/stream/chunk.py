"""What is handed to subscribers at once: some messages and how far the log was read; rendered once for all of them."""

from collections.abc import Iterator, Sequence
from functools import cached_property

from api.stream.told import OBSERVATIONS, Told, encoded


class Chunk:
    """Messages for all subscribers that want the same.

    Attributes:
        seq: The log was read up to here: who resumes after it misses nothing.
        told: What of it they want; empty: nothing, but now they know.
    """

    def __init__(self, seq: int, told: Sequence[Told]) -> None:
        self.seq = seq
        self.told = tuple(told)

    def behind(self, seq: int) -> "Chunk":
        """Return what comes after a number; itself when all of it does."""
        if self.seq >= seq and (not self.told or self.told[0].event.seq > seq):
            return self
        return Chunk(max(self.seq, seq), [one for one in self.told if one.event.seq > seq])

    @cached_property
    def events(self) -> bytes:
        """The bytes of the server-sent events."""
        if not self.told:
            return b": still here\nid: %d\n\n" % self.seq
        return b"".join(b"id: %d\nevent: %s\ndata: %s\n\n" % message for message in self._messages())

    @cached_property
    def frames(self) -> tuple[str, ...]:
        """The texts of the WebSocket messages."""
        if not self.told:
            return (frame("heartbeat", self.seq, b"{}"),)
        return tuple(frame(kind.decode(), seq, data) for seq, kind, data in self._messages())

    def _messages(self) -> Iterator[tuple[int, bytes, bytes]]:
        """Yield number, kind and data; neighbouring observations share a message."""
        run: list[Told] = []
        for one in self.told:
            if one.facts.kind == OBSERVATIONS:
                run.append(one)
                continue
            if run:
                yield _observations(run)
                run = []
            yield one.event.seq, one.facts.kind.encode(), one.data()
        if run:
            yield _observations(run)


def frame(kind: str, seq: int, data: bytes) -> str:
    """Return a WebSocket message.

    >>> frame("heartbeat", 7, b"{}")
    '{"kind":"heartbeat","seq":7,"data":{}}'
    """
    return f'{{"kind":"{kind}","seq":{seq},"data":{data.decode()}}}'


def _observations(run: Sequence[Told]) -> tuple[int, bytes, bytes]:
    stands = {one.event.subject: one.stands for one in run}
    at = b",".join(b"%s:%s" % (encoded(device), place) for device, place in stands.items())
    items = b",".join(one.item() for one in run)
    return run[-1].event.seq, OBSERVATIONS.encode(), b'{"items":[%s],"at":{%s}}' % (items, at)
