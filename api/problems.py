"""The one table from errors to HTTP: RFC 9457 problem details."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from gis.errors import BadInput, LifangError, Unauthenticated

MEDIA_TYPE = "application/problem+json"
_TITLES = {
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


def problem(request: Request, error: LifangError) -> JSONResponse:
    """Return the error as problem+json; its facts become members."""
    status = _status(request, error)
    body = {
        **members(error),
        "type": f"urn:lifang:{error.code}",
        "title": _TITLES.get(status, "Error"),
        "status": status,
    }
    return JSONResponse(body, status, media_type=MEDIA_TYPE, headers=_headers(error))


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
    # OGC API Features wants 400 for every fault of a parameter (Part 1, requirements 8 and 9), OAuth 2.0 too (5.2).
    wanted = request.scope["path"].startswith(("/ogc", "/sta", "/v1/token"))
    return 400 if isinstance(error, BadInput) and wanted else error.http_status


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
        return JSONResponse(body, error.status_code, media_type=MEDIA_TYPE, headers=error.headers)
