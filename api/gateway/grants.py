"""Tokens for secrets: the client credentials grant of OAuth 2.0 (RFC 6749, 4.4), and its refreshing (6)."""

import asyncio
import base64
import binascii
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from api.gateway.applications import Application, Applications, not_known
from api.gateway.gate import Gate
from api.gateway.tokens import Claims, invalid, write_token
from gis.errors import BadInput
from layers.device.secrets import is_password

ACCESS_S = 900
REFRESH_S = 24 * 3600


@dataclass(frozen=True, slots=True)
class Grants:
    """Gives tokens to applications.

    Args:
        applications: Who may have one.
        gate: Judges refresh tokens as it judges access tokens.
        clock: Returns now in UTC.
    """

    applications: Applications
    gate: Gate
    clock: Callable[[], datetime]

    def credentials(self, number: str, secret: str, wanted: str | None) -> dict[str, Any]:
        """Return a pair of tokens for the secret of an application.

        Args:
            number: Of the application.
            secret: As it was shown.
            wanted: Scopes parted by blanks; ``None``: all it has.

        Raises:
            Unauthenticated: ``application.not_authenticated``.
            BadInput: ``token.scope``.
        """
        found = self.applications.find(number)
        if found is None:
            raise not_known()
        for generation in found.generations(self.clock()):
            if is_password(self.applications.key_of(number, generation), secret):
                scopes = _granted(found, wanted)
                return self._pair(Claims(number, "access", scopes, generation, secrets.token_hex(8), 1, 0))
        raise not_known()

    async def refreshed(self, token: str) -> dict[str, Any]:
        """Return a new pair of tokens for a refresh token; the pair before is good no more.

        Raises:
            Unauthenticated: ``token.invalid``, ``token.expired``. A refresh token that comes a second time was stolen
                from somebody: then nothing of its line is good any more.
        """
        found, claims = self._bearer(token)
        until = datetime.fromtimestamp(self.clock().timestamp() + REFRESH_S, UTC)
        moved = await asyncio.to_thread(self.applications.advance, found.id, claims.line, claims.serial, until)
        good = await asyncio.wrap_future(moved)
        await asyncio.to_thread(self.applications.refresh)
        if not good:
            raise invalid()
        return self._pair(replace(claims, kind="access", serial=claims.serial + 1))

    def _bearer(self, token: str) -> tuple[Application, Claims]:
        return self.gate.bearer(token, "refresh", any_serial=True)

    def _pair(self, claims: Claims) -> dict[str, Any]:
        now, key = int(self.clock().timestamp()), self.applications.token_key()
        return {
            "access_token": write_token(key, replace(claims, kind="access", exp=now + ACCESS_S)),
            "token_type": "Bearer",
            "expires_in": ACCESS_S,
            "refresh_token": write_token(key, replace(claims, kind="refresh", exp=now + REFRESH_S)),
            "scope": claims.scope,
        }


def _granted(found: Application, wanted: str | None) -> str:
    asked = found.scopes if wanted is None else frozenset(wanted.split())
    if not asked <= found.scopes:
        raise BadInput(
            "token.scope",
            f"{found.id} does not have {', '.join(sorted(asked - found.scopes))}.",
            "Ask for less.",
            parameter="scope",
            error="invalid_scope",
        )
    return " ".join(sorted(asked))


def basic(header: str) -> tuple[str, str] | None:
    """Return name and secret of an ``Authorization: Basic`` header, ``None`` when it is none.

    >>> basic("Basic YXBwLTE6czpz"), basic("Basic ä"), basic("Bearer x")
    (('app-1', 's:s'), None, None)
    """
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return name, secret
