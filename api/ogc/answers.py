"""What the routes of the OGC APIs share: which encoding is asked for, addresses, answers, the layers that are open."""

import json
from functools import lru_cache
from typing import Any

from fastapi import Request, Response

from api.ogc import documents, pages
from api.state import Services
from gis.errors import BadInput
from twin.declaration import Layer

PREFIX = "/ogc"
_ENCODINGS = ("json", "html")


def layer_named(here: Services, name: str) -> Layer:
    """Return an open layer.

    Raises:
        NotFound: ``layer.unknown``.
        Forbidden: ``layer.aggregate_only``.
    """
    layer = here.catalogue[name]
    here.access.check_open(layer)
    return layer


def open_layers(here: Services) -> list[Layer]:
    """Return the layers whose single features may be read, in drawing order."""
    return [layer for layer in here.catalogue.values() if layer.access == "open"]


def wants_html(request: Request, texts: dict[str, str], encodings: tuple[str, ...] = _ENCODINGS) -> bool:
    """Tell whether a page is asked for: by ``f``, else by the Accept header's first word on it."""
    encoding = texts.get("f")
    if encoding is None:
        accepted = request.headers.get("accept", "")
        html, other = accepted.find("text/html"), accepted.find("json")
        return html >= 0 and not 0 <= other < html
    if encoding not in encodings:
        raise BadInput(
            "request.parameter", f"f={encoding!r:.60} is not offered.", f"Use {' or '.join(encodings)}.", parameter="f"
        )
    return encoding == "html"


def feature_form(request: Request, texts: dict[str, str]) -> str:
    """Return which encoding of features is asked for: ``json``, ``jsonfg`` or ``html``."""
    if "f" in texts or documents.FEATURE_FORMS["jsonfg"][0] not in request.headers.get("accept", ""):
        return "html" if wants_html(request, texts, tuple(documents.FEATURE_FORMS)) else texts.get("f", "json")
    return "jsonfg"


def root(request: Request) -> str:
    """Return the address of the service, with a slash at its end."""
    scope = request.scope
    outside = scope.get("app_root_path", scope.get("root_path", ""))
    return _root(scope["scheme"], tuple(scope.get("server") or ()), outside, request.headers.get("host"))


@lru_cache(maxsize=256)
def _root(scheme: str, server: tuple[str, int], outside: str, host: str | None) -> str:
    """Return what starlette makes of these parts of a request; nearly all requests have the same."""
    headers = [] if host is None else [(b"host", host.encode("latin-1"))]
    asked = {"type": "http", "scheme": scheme, "server": server or None, "root_path": outside, "headers": headers}
    return str(Request({**asked, "path": "/", "query_string": b""}).base_url)


def base(request: Request) -> str:
    """Return the address of the landing page."""
    return root(request).rstrip("/") + PREFIX


def json_answer(document: Any, media_type: str = documents.JSON) -> Response:
    """Return a document as JSON."""
    return Response(json.dumps(document, ensure_ascii=False), media_type=media_type)


def page_answer(heading: str, text: str, above: list[tuple[str, str]], *parts: str) -> Response:
    """Return a page; ``above`` are address and title of the pages above it."""
    return Response(pages.page(heading, text, above, *parts), media_type="text/html", headers=pages.HEADERS)


def crumbs(request: Request, depth: int, layer: Layer | None = None) -> list[tuple[str, str]]:
    """Return the pages above one that lies so many steps deep; the cockpit comes first."""
    here = base(request)
    steps = [
        (f"{root(request)}cockpit", "驾驶舱 Cockpit"),
        (here, "OGC API"),
        (f"{here}/collections", "图层 Collections"),
    ]
    if layer is not None:
        own = f"{here}/collections/{layer.name}"
        steps += [(own, documents.title(layer)), (f"{own}/items?f=html", "要素 Features")]
    return steps[:depth]
