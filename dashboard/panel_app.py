"""The cockpit's pages: ``/cockpit`` inside Panel, ``/map`` the same map alone under a strict policy."""

import secrets
from collections.abc import Callable
from html import escape
from pathlib import Path
from urllib.parse import urlsplit

import panel as pn
import param
from bokeh.embed.bundle import extension_dirs
from bokeh.settings import settings
from fastapi import FastAPI
from panel.custom import JSComponent
from panel.io.fastapi import add_applications
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from dashboard.assets import AssetFolder, LibraryFiles, folder_contents
from dashboard.bokeh_fixes import repair_bokeh_fastapi
from dashboard.deck_assets import deck_script

_HERE = Path(__file__).parent
_TITLE = "里坊 Lifang"
_CALLBACK_THREADS = 4  # a slow Python callback must not hold up the live feed of everybody else
WORTH_ZIPPING = 1000  # bytes
_LOOPBACK = ("127.0.0.1", "localhost")

_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'self'"
)


_PAGE = """
{% extends base %}
{% block postamble %}<style>html, body { background: #0d131e; }</style>{% endblock %}
{% block contents %}{{ embed(roots.cockpit) }}{% endblock %}
"""


class Cockpit(JSComponent):
    """The map as a Panel component; the browser talks to the API by itself, Python only hears what was chosen."""

    selected = param.String(default="", doc="Space code key of the place the user chose; setting it flies there.")

    _esm = """
    export async function render({model, el}) {
      const address = new URL(model.entry, document.baseURI).href;
      const {start} = await import(address);
      await start(el, {
        onSelect: (code) => { model.selected = code; },
        watch: (fly) => model.on("selected", () => fly(model.selected)),
      });
    }
    """

    entry = param.String(doc="Address of the cockpit's first module, relative to the page.")


def mount(app: FastAPI, *, public_origin: str, secret_key: bytes | None = None) -> None:
    """Add the cockpit to an application: ``/cockpit``, ``/map``, ``/assets`` and what Panel needs.

    What the application answers itself is compressed from now on, because the cockpit reads it over thin lines too.

    Args:
        app: Gets the routes; its lifespan also ends sessions that nobody looks at any more.
        public_origin: Where browsers reach the application, such as ``https://twin.example:8443``.
        secret_key: Signs Panel's session tokens; several processes behind one address must share it. A fresh one
            when not given.
    """
    repair_bokeh_fastapi()
    folder = AssetFolder({**folder_contents(_HERE / "static"), "deck.gl.js": deck_script().content})
    _add_files(app, folder)
    app.add_route("/map", _map_page(folder.version))
    app.add_middleware(GZipMiddleware, minimum_size=WORTH_ZIPPING, compresslevel=5)  # event streams pass untouched
    pn.config.nthreads = _CALLBACK_THREADS  # type: ignore[misc]  # has a setter that type checkers do not see
    add_applications(
        {"/cockpit": lambda: _page(folder.version)},
        app=app,
        title=_TITLE,
        location=False,
        websocket_origin=_allowed_hosts(public_origin),
        secret_key=secret_key or secrets.token_bytes(32),
        sign_sessions=True,
    )


def _add_files(app: FastAPI, folder: AssetFolder) -> None:
    """Register our files, and Panel's compressed, before Panel registers its own."""
    roots = {f"extensions/{name}/": Path(path) for name, path in extension_dirs.items()}
    library = LibraryFiles({"": Path(settings.bokehjs_path()), **roots})
    app.add_route("/assets/{version}/{path:path}", folder.respond)
    app.add_route("/static/{path:path}", library.respond)


def _allowed_hosts(public_origin: str) -> list[str]:
    """Return the hosts a page may come from; the two names of this machine stand for each other.

    >>> _allowed_hosts("http://127.0.0.1:8000")
    ['127.0.0.1:8000', 'localhost:8000']
    """
    host = urlsplit(public_origin)
    if host.hostname in _LOOPBACK:
        return [host.netloc.replace(host.hostname, name) for name in _LOOPBACK]
    return [host.netloc]


def _page(version: str) -> pn.Template:
    page = pn.Template(_PAGE)
    page.add_variable("app_favicon", f"assets/{version}/icon.svg")
    page.add_variable("apple_icon", f"assets/{version}/icon.svg")
    page.add_panel("cockpit", Cockpit(entry=f"assets/{version}/main.js"))  # type: ignore[no-untyped-call]
    return page


def _map_page(version: str) -> Callable[[Request], Response]:
    page = (_HERE / "map.html").read_text(encoding="utf-8")
    page = page.replace("{assets}", f"assets/{version}").replace("{title}", escape(_TITLE))

    def answer(_request: Request) -> Response:
        return HTMLResponse(page, headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"})

    return answer
