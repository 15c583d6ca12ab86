"""The gate as ASGI: judges a request, bounds its body, numbers it, counts its answer. Adds no task and no copy."""

import itertools
import logging
import os
import time
from collections.abc import Mapping
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.gateway.bodies import Body, too_large
from api.gateway.deprecated import DEPRECATED, Deprecated
from api.gateway.families import MOST_BYTES, family_of
from api.gateway.gate import Caller, Gate
from api.gateway.leaving import LEFT, Patience
from api.gateway.traffic import ANONYMOUS, Key, Traffic, day_of
from api.logs import REQUEST
from api.problems import problem
from gis.errors import LifangError, Unauthenticated

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_log = logging.getLogger(__name__)


class Gateway:
    """Stands before an application.

    Args:
        app: What answers.
        gate: Who may.
        traffic: Where calls are counted.
        deprecated: Routes on their way out.
    """

    def __init__(
        self, app: ASGIApp, gate: Gate, traffic: Traffic, deprecated: Mapping[str, Deprecated] = DEPRECATED
    ) -> None:
        self.app = app
        self.gate = gate
        self.traffic = traffic
        self.deprecated = deprecated
        self._prefix = os.urandom(6).hex()
        self._numbers = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            await _Exchange(self, scope, send).run(receive)
        elif scope["type"] == "websocket":
            await self._connect(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _connect(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a WebSocket in, or close it before it is open, which its client sees as 403."""
        try:
            self.gate.admit(scope, dict(scope["headers"]), family_of(scope["path"]))
        except LifangError as error:
            await send({"type": "websocket.close", "code": 1008, "reason": error.code})
            return
        await self.app(scope, receive, send)

    def number(self) -> str:
        """Return a number for a request, different in all processes."""
        return f"{self._prefix}-{next(self._numbers)}"


class _Exchange:
    """One request and its answer."""

    __slots__ = (
        *("_body", "_caller", "_gateway", "_id", "_patience"),
        *("_scope", "_send", "_sent", "_started", "_status", "_took_s"),
    )

    def __init__(self, gateway: Gateway, scope: Scope, send: Send) -> None:
        self._gateway = gateway
        self._scope = scope
        self._send = send
        self._started = time.perf_counter()
        self._id = gateway.number()
        self._caller = Caller(ANONYMOUS)
        self._body: Body | None = None
        self._patience: Patience | None = None
        self._status = 0
        self._sent = 0
        self._took_s = 0.0

    async def run(self, receive: Receive) -> None:
        token = REQUEST.set(self._id)
        try:
            try:
                await self._gateway.app(self._scope, self._admitted(receive), self._answer)
            except LifangError as error:
                await self._refuse(error)
            except ClientDisconnect:
                return  # before its body was whole
            except Exception:
                if self._has_left():
                    return
                _log.exception("a request broke")
                if self._status:
                    raise
                await self._refuse(_broken(self._id))
            if self._body is not None and self._body.fault is not None and not self._status:
                await self._refuse(self._body.fault)
        finally:
            if self._patience is not None:
                self._patience.end()
            self._count()
            REQUEST.reset(token)

    def _has_left(self) -> bool:
        return self._patience is not None and self._patience.left

    def _admitted(self, receive: Receive) -> Receive:
        """Return where the body comes from, once it is known who sends it."""
        scope = self._scope
        headers = dict(scope["headers"])
        family = family_of(scope["path"])
        self._caller = caller = self._gateway.gate.admit(scope, headers, family)
        if family.asks(scope["method"], scope["path"]):
            self._patience = Patience(scope)
        length = headers.get(b"content-length", b"0")
        if length == b"0" and b"transfer-encoding" not in headers:
            return receive
        if caller.bare:
            raise Unauthenticated("signature.no_digest", "The body is not signed.", "Cover its content-digest.")
        most = None if family.uploads else MOST_BYTES
        if most is not None and int(length) > most:
            raise too_large(most)
        self._body = Body(receive, most, caller.digest)
        return self._body

    async def _answer(self, message: Message) -> None:
        if self._body is not None and self._body.fault is not None and not self._status:
            return  # whatever the route makes of a broken body, the gate tells what was wrong with it
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._took_s = time.perf_counter() - self._started  # a stream is not slow because it lasts
            if self._patience is not None:
                self._patience.answered()
            headers = [*message.get("headers", ()), (b"x-request-id", self._id.encode()), *self._caller.headers]
            old = self._gateway.deprecated.get(self._route()) if self._gateway.deprecated else None
            message = {**message, "headers": headers + list(old.headers()) if old else headers}
        else:
            self._sent += len(message.get("body", b""))
        await self._send(message)

    async def _refuse(self, error: LifangError) -> None:
        response = problem(Request(self._scope), error)
        if self._body is not None or error.http_status == 422:
            response.headers["Connection"] = "close"
        self._body = None
        await response(self._scope, _nothing, self._answer)

    def _route(self) -> str:
        """Return the template of the route, for paths name people's places and numbers."""
        return getattr(self._scope.get("route"), "path", None) or "other"

    def _count(self) -> None:
        method = self._scope["method"]
        key = Key(self._caller.name, self._route(), method if method in _METHODS else "other")
        gateway, status = self._gateway, LEFT if self._has_left() else self._status or LEFT
        gateway.traffic.count(key, status, self._sent, self._took_s, day_of(time.time()))
        if gateway.gate.options.log_requests:
            _log.info("request", extra={"facts": _facts(key, status, self._sent, self._took_s)})


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


def _broken(number: str) -> LifangError:
    return LifangError("service.fault", "The service made a mistake.", "Tell its operator this number.", request=number)


def _facts(key: Key, status: int, sent: int, took_s: float) -> dict[str, Any]:
    return {**key._asdict(), "status": status, "bytes": sent, "ms": round(took_s * 1000, 2)}
