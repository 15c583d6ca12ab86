"""The caller's side of a signature: lets an ``httpx`` client sign every request."""

import base64
import secrets
import time
from collections.abc import Generator

import httpx

from api.gateway import signature


class Signing(httpx.Auth):
    """Signs requests for an application.

    Args:
        number: Of the application.
        secret: As it was shown.

    >>> client = httpx.Client(auth=Signing("app-1", "00" * 32))
    >>> request = next(client.auth.auth_flow(httpx.Request("GET", "http://localhost/v1/places/A?at=now")))
    >>> request.headers["Signature-Input"].startswith('lifang=("@method" "@path" "@query");created=')
    True
    """

    requires_request_body = True

    def __init__(self, number: str, secret: str) -> None:
        self._number = number
        self._key = bytes.fromhex(secret)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the headers that prove who sends."""
        covered = ["@method", "@path", "@query"]
        if request.content:
            request.headers["Content-Digest"] = signature.digest_of(request.content)
            covered.append("content-digest")
        names = " ".join(f'"{name}"' for name in covered)
        params = f'({names});created={int(time.time())};keyid="{self._number}";nonce="{secrets.token_urlsafe(12)}"'
        path, _, query = request.url.raw_path.decode("ascii").partition("?")
        values = signature.components(request.method, path, query, request.headers.get("Content-Digest"))
        proof = signature.mac(self._key, signature.base_of(covered, params, values))
        request.headers["Signature-Input"] = f"lifang={params}"
        request.headers["Signature"] = f"lifang=:{base64.b64encode(proof).decode()}:"
        yield request
