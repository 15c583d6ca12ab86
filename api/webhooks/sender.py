"""One call to a receiver: signed, bounded in time, never redirected, only where the installation allows it."""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import httpx

from api.webhooks.options import WebhookOptions, signed_headers
from gis.errors import BadInput, Forbidden, LifangError

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a call was not taken.

    Attributes:
        reason: For people; nothing of what the receiver said is in it.
        wait_s: How long the receiver asks to be left alone.
        gone: The receiver says that it will never take another (410).
    """

    reason: str
    wait_s: float = 0.0
    gone: bool = False


class Sender:
    """Calls receivers.

    Args:
        options: Where to and for how long.
    """

    def __init__(self, options: WebhookOptions) -> None:
        self._options = options
        self._client = httpx.AsyncClient(
            verify=ssl.create_default_context(), trust_env=False, follow_redirects=False, timeout=options.timeout_s
        )

    async def close(self) -> None:
        """Let go of all connections."""
        await self._client.aclose()

    async def post(self, url: str, key: bytes, message: str, body: bytes, timestamp: int) -> Failure | None:
        """Call once; ``None`` when the receiver took it."""
        try:
            async with asyncio.timeout(self._options.timeout_s):
                return await self._post(url, signed_headers(key, message, timestamp, body), body)
        except TimeoutError:
            return Failure(f"no answer within {self._options.timeout_s:g} s")
        except LifangError as error:
            return Failure(error.message)
        except (httpx.HTTPError, OSError, ssl.SSLError) as error:
            return Failure(f"{type(error).__name__}: the receiver cannot be reached")

    async def _post(self, url: str, headers: dict[str, str], body: bytes) -> Failure | None:
        target = httpx.URL(url)
        address = await self._address(target)
        # Connect to the very address that was checked: a name may mean another one by now.
        pinned = target.copy_with(host=address)
        headers["host"] = target.netloc.decode()
        named = {"sni_hostname": target.host}
        async with self._client.stream("POST", pinned, content=body, headers=headers, extensions=named) as answer:
            return _failure(answer)

    async def _address(self, url: httpx.URL) -> str:
        port = url.port or (443 if url.scheme == "https" else 80)
        found = await asyncio.get_running_loop().getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
        addresses = [str(one[4][0]) for one in found]
        check_addresses(addresses, inside=self._options.inside)
        return addresses[0]


def _failure(answer: httpx.Response) -> Failure | None:
    if answer.is_success:
        return None
    reason = f"HTTP {answer.status_code}"
    if answer.is_redirect:
        return Failure(f"{reason}: redirects are not followed")
    return Failure(reason, _asked_s(answer), gone=answer.status_code == 410)


def _asked_s(answer: httpx.Response) -> float:
    """Return what ``Retry-After`` asks for, seconds; 0 when it asks for nothing."""
    text = answer.headers.get("retry-after", "")
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(
            0.0, parsedate_to_datetime(text).timestamp() - parsedate_to_datetime(answer.headers["date"]).timestamp()
        )
    except (ValueError, KeyError, TypeError):
        return 0.0


def check_url(url: str) -> None:
    """Refuse an address that cannot be called.

    Raises:
        BadInput: ``subscription.url``.

    >>> check_url("https://user:word@example.cn/hook")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: subscription.url: The address cannot be called. Write http(s)://host[:port]/path, ...
    """
    try:
        target = httpx.URL(url)
        usable = target.scheme in ("http", "https") and bool(target.host) and not target.userinfo
    except (httpx.InvalidURL, ValueError):
        usable = False
    if not usable:
        raise BadInput(
            "subscription.url",
            "The address cannot be called.",
            "Write http(s)://host[:port]/path, without name and password.",
            parameter="url",
        )


def check_addresses(addresses: Sequence[str], *, inside: bool) -> None:
    """Refuse addresses that a webhook may not lead to.

    Link-local addresses (where clouds keep the secrets of a machine), multicast and unspecified ones are never called.

    Raises:
        Forbidden: ``subscription.address``.

    >>> check_addresses(["10.1.2.3", "::1"], inside=True)
    >>> check_addresses(["10.1.2.3"], inside=False)
    Traceback (most recent call last):
        ...
    gis.errors.Forbidden: subscription.address: Webhooks may not lead to 10.1.2.3. See LIFANG_WEBHOOKS_INSIDE.
    >>> check_addresses(["::ffff:169.254.169.254"], inside=True)
    Traceback (most recent call last):
        ...
    gis.errors.Forbidden: subscription.address: Webhooks may not lead to ::ffff:169.254.169.254. ...
    """
    for text in addresses:
        address = _plain(ipaddress.ip_address(text.partition("%")[0]))
        never = address.is_link_local or address.is_multicast or address.is_unspecified
        if never or not (inside or address.is_global):
            raise Forbidden(
                "subscription.address",
                f"Webhooks may not lead to {text}.",
                "See LIFANG_WEBHOOKS_INSIDE.",
                address=text,
            )


def _plain(address: _Address) -> _Address:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
