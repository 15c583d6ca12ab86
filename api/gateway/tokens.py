"""Access tokens: JSON Web Tokens (RFC 7519) signed with HMAC-SHA256, checked without asking anybody. Pure.

What revokes one is in the records: the application's state, the generation of its secret, the serial of the line.
"""

import base64
import binascii
import hmac
import json
from dataclasses import asdict, dataclass
from typing import Literal

from gis.errors import Unauthenticated

Kind = Literal["access", "refresh", "page"]
_HEADER = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=")


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says.

    Attributes:
        sub: Number of the application.
        kind: ``access`` opens routes, ``refresh`` gets a new pair, ``page`` is the cockpit's session.
        scope: Scopes, parted by blanks.
        gen: Generation of the secret that asked for it.
        line: Tokens that come from one another by refreshing share it.
        serial: How many of its line came before, from 1.
        exp: Seconds since 1970 at which it ends.
    """

    sub: str
    kind: Kind
    scope: str
    gen: int
    line: str
    serial: int
    exp: int


def write_token(key: bytes, claims: Claims) -> str:
    """Return the token."""
    body = base64.urlsafe_b64encode(json.dumps(asdict(claims), separators=(",", ":")).encode()).rstrip(b"=")
    told = _HEADER + b"." + body
    return (told + b"." + _signature(key, told)).decode()


def read_token(key: bytes, token: str, kind: Kind, now_s: float) -> Claims:
    """Return what a token says.

    Raises:
        Unauthenticated: ``token.invalid``, ``token.expired``.

    >>> claims = Claims("app-1", "access", "import", 1, "x", 1, 1000)
    >>> read_token(b"k", write_token(b"k", claims), "access", 999.0) == claims
    True
    >>> read_token(b"k", write_token(b"k", claims), "refresh", 0.0)   # one kind is no good for another
    Traceback (most recent call last):
        ...
    gis.errors.Unauthenticated: token.invalid: The token is not one of ours. ...
    >>> read_token(b"k", "e30.e30.", "access", 0.0)   # no other algorithm is believed, least of all none
    Traceback (most recent call last):
        ...
    gis.errors.Unauthenticated: token.invalid: The token is not one of ours. ...
    """
    told, _, signature = token.encode("utf-8", "replace").rpartition(b".")
    header, _, body = told.partition(b".")
    if header != _HEADER or not hmac.compare_digest(_signature(key, told), signature):
        raise invalid()
    try:
        claims = Claims(**json.loads(base64.urlsafe_b64decode(body + b"=" * (-len(body) % 4))))
    except (binascii.Error, ValueError, TypeError) as error:
        raise invalid() from error
    if claims.kind != kind:
        raise invalid()
    if claims.exp <= now_s:
        raise Unauthenticated("token.expired", "The token has run out.", "Refresh it.", error="invalid_token")
    return claims


def invalid() -> Unauthenticated:
    """Return the fault of a token that opens nothing."""
    return Unauthenticated(
        "token.invalid", "The token is not one of ours.", "Ask POST /v1/token for a new one.", error="invalid_token"
    )


def _signature(key: bytes, told: bytes) -> bytes:
    return base64.urlsafe_b64encode(hmac.digest(key, told, "sha256")).rstrip(b"=")
