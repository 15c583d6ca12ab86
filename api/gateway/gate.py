"""Who calls, and whether it may: by signature, by token, by the session of the cockpit's page, or as nobody."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

from starlette.types import Scope

from api.gateway import signature
from api.gateway.applications import Application, Applications, not_known
from api.gateway.families import ADMIN, PAGE_SCOPES, PUBLIC, Family
from api.gateway.limits import Buckets, Network, Nonces, inside
from api.gateway.tokens import Claims, invalid, read_token, write_token
from api.gateway.traffic import ANONYMOUS, day_of
from api.gateway.usage import Usage
from gis.errors import Forbidden, TooMany, Unauthenticated

Access = Literal["open", "signed"]
Headers = Mapping[bytes, bytes]
WINDOW_S = 120
"""So far a caller's clock may be from ours, either way."""
COCKPIT, COOKIE = "cockpit", b"lifang_session"
SESSION_S = 12 * 3600
DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayOptions:
    """What an installation decides about its callers.

    Attributes:
        access: ``open``: who names no application may do everything but administer applications; ``signed``: only
            health, pages and documentation are open to anybody.
        keys: File of the master key; ``None``: no application gets a secret.
        deny: Addresses that get no answer but 403.
        anonymous_per_s: Calls a second that one address may make without application; 0: as many as it likes.
        log_requests: Write a line for every request, not only for faults.
        community: Where applications are filed while the twin is empty.
    """

    access: Access = "open"
    keys: Path | None = None
    deny: tuple[Network, ...] = ()
    anonymous_per_s: int = 0
    log_requests: bool = False
    community: str | None = None


class Caller(NamedTuple):
    """Who was let in.

    Attributes:
        name: Number of the application, ``cockpit`` or ``anonymous``.
        headers: What the answer tells it: its limits, its session.
        digest: SHA-256 that the body must have; ``None`` when nobody promised one.
        bare: A signature without digest: there must be no body.
    """

    name: str
    headers: tuple[tuple[bytes, bytes], ...] = ()
    digest: bytes | None = None
    bare: bool = False


_NOBODY = Caller(ANONYMOUS)


@dataclass(slots=True)
class Gate:
    """Judges requests by what is in memory; asks no store."""

    applications: Applications
    usage: Usage
    options: GatewayOptions
    clock: Callable[[], datetime]
    buckets: Buckets = field(default_factory=Buckets)
    nonces: Nonces = field(default_factory=lambda: Nonces(2 * WINDOW_S))

    def admit(self, scope: Scope, headers: Headers, family: Family) -> Caller:
        """Return who calls, if it may.

        Raises:
            Forbidden: ``address.denied``, ``application.out_of_scope``.
            Unauthenticated: ``application.required``, ``application.not_authenticated``; ``signature.*``, ``token.*``.
            TooMany: ``limit.rate``, ``limit.quota``.
        """
        address = scope["client"][0] if scope.get("client") else ""
        if self.options.deny and inside(address, self.options.deny):
            raise denied(address)
        if b"signature-input" in headers:
            return self._application(*self._signed(scope, headers), scope, family, address)
        given = headers.get(b"authorization", b"")
        if given[:7].lower() == b"bearer ":
            found, claims = self.bearer(given[7:].decode("latin-1"), "access")
            asked = found.scopes & frozenset(claims.scope.split())
            return self._application(replace(found, scopes=asked), _NOBODY, scope, family, address)
        return self._anonymous(scope, headers, family, address)

    def bearer(
        self, token: str, kind: Literal["access", "refresh"], *, any_serial: bool = False
    ) -> tuple[Application, Claims]:
        """Return the application a token was given to, and what the token says.

        Args:
            token: What was presented.
            kind: What it must be.
            any_serial: Also when a newer one of its line was given out: who asks will judge that.

        Raises:
            Unauthenticated: ``token.invalid``, ``token.expired``.
        """
        claims = read_token(self.applications.token_key(), token, kind, self.clock().timestamp())
        found = self.applications.find(claims.sub)
        good = found is not None and claims.gen in found.generations(self.clock())
        if found is None or not good or not (any_serial or self.applications.serial(claims.line) == claims.serial):
            raise invalid()
        return found, claims

    def _signed(self, scope: Scope, headers: Headers) -> tuple[Application, Caller]:
        said = signature.read_signature(_text(headers, b"signature-input"), _text(headers, b"signature"))
        now = self.clock()
        if abs(now.timestamp() - said.created) > WINDOW_S:
            raise Unauthenticated(
                "signature.clock",
                f"The request was signed more than {WINDOW_S} s from now, which is {now.isoformat()} here.",
                "Set the clock of the sender.",
                server_time=now.isoformat(),
            )
        found = self.applications.find(said.key)
        if found is None:
            raise not_known()
        digest = _text(headers, b"content-digest") if "content-digest" in said.covered else None
        values = signature.components(
            _method(scope), scope["raw_path"].decode("ascii"), scope["query_string"].decode("ascii"), digest
        )
        keys = (self.applications.key_of(found.id, generation) for generation in found.generations(now))
        if not any(signature.proves(said, key, values) for key in keys):
            raise not_known()
        self.nonces.use(found.id, said.nonce, time.monotonic())
        promised = None if digest is None else signature.promised(digest)
        return found, Caller(found.id, digest=promised, bare=digest is None)

    def _application(self, found: Application, caller: Caller, scope: Scope, family: Family, address: str) -> Caller:
        if (found.deny and inside(address, found.deny)) or (found.allow and not inside(address, found.allow)):
            raise denied(address)
        needed = family.scope(_method(scope), scope["path"])
        if needed not in found.scopes and needed != PUBLIC:
            raise Forbidden(
                "application.out_of_scope",
                f"{found.id} may not do this: it needs the scope {needed}.",
                "Ask who administers applications.",
                scope=needed,
            )
        return caller._replace(name=found.id, headers=self._limited(found))

    def _anonymous(self, scope: Scope, headers: Headers, family: Family, address: str) -> Caller:
        options = self.options
        if options.access == "open":
            if family.guarded:
                raise required(ADMIN)
            if options.anonymous_per_s:
                self._take(f"@{address}", options.anonymous_per_s)
            return _NOBODY
        needed = family.scope(_method(scope), scope["path"])
        if family.page and scope.get("method") == "GET":
            return Caller(ANONYMOUS, headers=((b"set-cookie", self._session(scope)),))
        if needed == PUBLIC or (family.devices and b"x-lifang-device" in headers):
            if options.anonymous_per_s:
                self._take(f"@{address}", options.anonymous_per_s)
            return _NOBODY
        if needed in PAGE_SCOPES and self._in_session(headers):
            return Caller(COCKPIT)
        raise required(needed)

    def _session(self, scope: Scope) -> bytes:
        """Return the cookie of a page that a browser has just opened."""
        claims = Claims(COCKPIT, "page", "", 0, "", 0, int(self.clock().timestamp()) + SESSION_S)
        token = write_token(self.applications.token_key(), claims)
        # With a path before us, as behind a proxy, the cookie belongs to that path.
        path = scope.get("root_path") or "/"
        secure = "; Secure" if scope.get("scheme") == "https" else ""
        return (
            f"{COOKIE.decode()}={token}; Path={path}; Max-Age={SESSION_S}; HttpOnly; SameSite=Strict{secure}".encode()
        )

    def _in_session(self, headers: Headers) -> bool:
        """Tell whether our own page asks: another site's page gets nothing, even from the same browser."""
        if headers.get(b"sec-fetch-site", b"same-origin") != b"same-origin":
            return False
        for part in headers.get(b"cookie", b"").split(b";"):
            name, _, token = part.strip().partition(b"=")
            if name == COOKIE:
                try:
                    read_token(self.applications.token_key(), token.decode("latin-1"), "page", self.clock().timestamp())
                except Unauthenticated:
                    return False
                return True
        return False

    def _limited(self, found: Application) -> tuple[tuple[bytes, bytes], ...]:
        """Take one call from what is granted to an application; return what it is told of the rest."""
        policies, rests = [], []
        if found.per_day is not None:
            now_s = self.clock().timestamp()
            left, reset_s = found.per_day - self.usage.calls(found.id, day_of(now_s)), DAY_S - int(now_s) % DAY_S
            if left <= 0:
                raise _too_many("limit.quota", f"{found.id} has made its {found.per_day} calls of today.", reset_s)
            policies.append(f'"day";q={found.per_day};w={DAY_S}')
            rests.append(f'"day";r={left - 1};t={reset_s}')
        if found.per_second is not None:
            self._take(found.id, found.per_second)
            policies.append(f'"second";q={found.per_second};w=1')
            rests.append(f'"second";r={self.buckets.left(found.id)};t=1')
        if not policies:
            return ()
        return (
            (b"ratelimit-policy", ", ".join(policies).encode()),
            (b"ratelimit", ", ".join(rests).encode()),
        )

    def _take(self, caller: str, per_second: int) -> None:
        now = time.monotonic()
        if not self.buckets.take(caller, per_second, now):
            wait_s = 1 + int(self.buckets.wait_s(caller, per_second, now))
            raise _too_many("limit.rate", f"More than {per_second} calls a second.", wait_s)


def _method(scope: Scope) -> str:
    """Return the method; a WebSocket begins as a GET."""
    return str(scope.get("method", "GET"))


def _text(headers: Headers, name: bytes) -> str:
    return headers.get(name, b"").decode("latin-1")


def denied(address: str) -> Forbidden:
    """Return the fault of an address that is kept out."""
    return Forbidden("address.denied", "Calls from this address are not taken.", "Ask the operator.", address=address)


def required(scope: str) -> Unauthenticated:
    """Return the fault of who names no application where one is needed."""
    return Unauthenticated(
        "application.required",
        f"Only an application with the scope {scope} may do this.",
        "Sign the request or send a token, see docs/applications.md.",
        scope=scope,
    )


def _too_many(code: str, message: str, retry_after_s: int) -> TooMany:
    facts: dict[str, Any] = {"retry_after_s": retry_after_s}
    return TooMany(code, message, f"Come back in {retry_after_s} s.", **facts)
