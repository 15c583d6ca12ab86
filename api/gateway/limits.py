"""How much a caller may ask, and from where: token buckets, used nonces, addresses. Pure; times are seconds."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field

from gis.errors import BadInput, TooMany, Unauthenticated

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_MOST_CALLERS = 10_000
_MOST_NONCES = 200_000
BURST_S = 2.0
"""A caller that has been quiet may ask so many seconds' worth at once."""


@dataclass(slots=True)
class _Bucket:
    level: float
    at: float


@dataclass(slots=True)
class Buckets:
    """A token bucket for each caller, in the memory of this process.

    >>> buckets = Buckets()
    >>> [buckets.take("app", 1, 0.0) for _ in range(2)], round(buckets.wait_s("app", 1, 0.0), 1)
    ([True, True], 1.0)
    >>> buckets.take("app", 1, 0.0), buckets.take("app", 1, 1.5), buckets.left("app")
    (False, True, 0)
    """

    _found: dict[str, _Bucket] = field(default_factory=dict)

    def take(self, caller: str, per_second: int, now: float) -> bool:
        """Take one; ``False`` when there is none."""
        most = per_second * BURST_S
        bucket = self._found.get(caller)
        if bucket is None:
            if len(self._found) >= _MOST_CALLERS:
                self._forget(now)
            bucket = self._found[caller] = _Bucket(most, now)
        bucket.level = min(most, bucket.level + (now - bucket.at) * per_second)
        bucket.at = now
        if bucket.level < 1:
            return False
        bucket.level -= 1
        return True

    def left(self, caller: str) -> int:
        """Return how many a caller may take at once."""
        return int(self._found[caller].level)

    def wait_s(self, caller: str, per_second: int, now: float) -> float:
        """Return after how many seconds a caller may take one."""
        bucket = self._found[caller]
        return max(0.0, (1 - bucket.level) / per_second - (now - bucket.at))

    def _forget(self, now: float) -> None:
        """Forget who has been quiet: a full bucket is like none; when nobody was, forget the older half."""
        quiet = [caller for caller, bucket in self._found.items() if now - bucket.at > BURST_S]
        for caller in quiet or list(self._found)[: _MOST_CALLERS // 2]:
            del self._found[caller]


@dataclass(slots=True)
class Nonces:
    """Nonces that were used, until their signatures are too old anyway."""

    window_s: float
    _until: dict[tuple[str, str], float] = field(default_factory=dict)

    def use(self, key: str, nonce: str, now: float) -> None:
        """Note a nonce.

        Raises:
            Unauthenticated: ``signature.replayed``.
            TooMany: ``signature.too_many``.

        >>> nonces = Nonces(60)
        >>> nonces.use("app", "12345678", 0.0)
        >>> nonces.use("app", "12345678", 59.0)
        Traceback (most recent call last):
            ...
        gis.errors.Unauthenticated: signature.replayed: This request was sent before. ...
        """
        if self._until.get((key, nonce), 0.0) > now:
            raise Unauthenticated("signature.replayed", "This request was sent before.", "Sign with a new nonce.")
        self._tidy(now)
        if len(self._until) >= _MOST_NONCES:
            raise TooMany("signature.too_many", "Too many signed requests at a time.", "Ask for a token instead.")
        self._until[(key, nonce)] = now + self.window_s

    def _tidy(self, now: float) -> None:
        """Forget the oldest that are over; the order of the dictionary is that of time."""
        for one in list(self._until)[:2] if len(self._until) < _MOST_NONCES else list(self._until):
            if self._until[one] > now:
                return
            del self._until[one]


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Return addresses and ranges of addresses (CIDR).

    Raises:
        BadInput: ``application.bad_address``.

    >>> networks(["10.0.0.0/8", "::1"])
    (IPv4Network('10.0.0.0/8'), IPv6Network('::1/128'))
    >>> networks(["10.0.0.1/8"])   # a range does not begin in its middle
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: application.bad_address: '10.0.0.1/8' is no address or range. ...
    """
    return tuple(_network(text) for text in texts)


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise BadInput(
            "application.bad_address",
            f"{text!r} is no address or range.",
            "Write 192.0.2.7 or 192.0.2.0/24.",
            field="allow, deny",
        ) from error


def inside(address: str, among: Iterable[Network]) -> bool:
    """Tell whether an address is in one of the ranges; what is no address is in none.

    >>> inside("::ffff:10.1.2.3", networks(["10.0.0.0/8"])), inside("unix", networks(["0.0.0.0/0"]))
    (True, False)
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return any((mapped or found) in network for network in among)
