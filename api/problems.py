"""The one table from errors to HTTP: RFC 9457 problem details."""

import json
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic_core import PydanticSerializationError
from starlette.exceptions import HTTPException

from gis.errors import BadInput, LifangError, Unauthenticated

MEDIA_TYPE = "application/problem+json"
TITLES = {
    400: "Bad request",
    401: "Not authenticated",
    403: "Forbidden",
    404: "Not found",
    409: "Conflict",
    412: "Precondition failed",
    422: "Bad input",
    429: "Too many requests",
    503: "Unavailable",
}


class _Problem(JSONResponse):
    """A problem document; half characters that somebody sent are told as question marks."""

    media_type = MEDIA_TYPE

    def render(self, content: Any) -> bytes:
        """Return the document as bytes."""
        return json.dumps(content, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")


def problem(request: Request, error: LifangError) -> JSONResponse:
    """Return the error as problem+json; its facts become members."""
    status = _status(request, error)
    body = {
        **members(error),
        "type": f"urn:lifang:{error.code}",
        "title": TITLES.get(status, "Error"),
        "status": status,
    }
    return _Problem(body, status, headers=_headers(error))


def _headers(error: LifangError) -> dict[str, str]:
    """Return what HTTP itself wants to be told of an error."""
    if isinstance(error, Unauthenticated):
        return {"WWW-Authenticate": 'Bearer realm="lifang"'}
    retry = error.facts.get("retry_after_s")
    return {} if retry is None else {"Retry-After": str(retry)}


def members(error: LifangError) -> dict[str, Any]:
    """Return what an error says about itself, as JSON values."""
    facts = {
        name: value if isinstance(value, str | int | float | bool | list) else str(value)
        for name, value in error.facts.items()
    }
    return {**facts, "code": error.code, "detail": error.message, "cure": error.cure}


def _status(request: Request, error: LifangError) -> int:
    return 400 if isinstance(error, BadInput) and is_bad_request(request.scope["path"]) else error.http_status


def is_bad_request(path: str) -> bool:
    """Tell whether bad input is answered there with 400 instead of 422.

    OGC API Features wants it for every fault of a parameter (Part 1, requirements 8 and 9), OAuth 2.0 too (5.2).
    """
    return path.startswith(("/ogc", "/sta", "/v1/token"))


def install(app: FastAPI) -> None:
    """Let every fault of the application leave as problem+json."""

    @app.exception_handler(LifangError)
    async def _ours(request: Request, error: LifangError) -> JSONResponse:
        return problem(request, error)

    @app.exception_handler(RequestValidationError)
    async def _parameters(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
        return problem(request, BadInput("request.parameter", f"{name}: {first['msg']}.", "See /docs.", parameter=name))

    @app.exception_handler(HTTPException)
    async def _http(_request: Request, error: HTTPException) -> JSONResponse:
        body = {
            "type": "about:blank",
            "title": str(error.detail),
            "status": error.status_code,
            "code": f"http.{error.status_code}",
        }
        return _Problem(body, error.status_code, headers=error.headers)

    # What nobody stores meets no check: half characters show when they are written into an answer.
    @app.exception_handler(UnicodeEncodeError)
    @app.exception_handler(PydanticSerializationError)
    async def _half_characters(request: Request, error: ValueError) -> JSONResponse:
        if "surrogates not allowed" not in str(error):
            raise error
        return problem(
            request,
            BadInput(
                "request.half_character",
                "The request holds half of a surrogate pair.",
                "Leave out what is no whole character.",
            ),
        )
