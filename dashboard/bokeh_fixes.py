"""Three repairs to bokeh-fastapi 0.1.8, applied to the class in place and refused on any other version.

1. A closed WebSocket never tells the server that its client is gone: sessions and documents live for ever.
2. ``websocket_origins`` is stored but never compared: any web page may open the socket.
3. Tokens are not checked unless sessions are signed, and then a bad one ends in a stack trace, not a refusal.
"""

import logging
from importlib.metadata import version
from typing import Any

from bokeh.util.token import check_token_signature
from bokeh_fastapi.handler import WSHandler
from starlette.websockets import WebSocket

from gis.errors import Unavailable

REPAIRED = "0.1.8"
_POLICY_VIOLATION = 1008  # RFC 6455, 7.4.1

_log = logging.getLogger(__name__)
_original_connect = WSHandler.ws_connect


def repair_bokeh_fastapi(installed: str | None = None) -> None:
    """Replace the WebSocket entry of bokeh-fastapi by one that refuses strangers and forgets the dead.

    Calling it again changes nothing.

    Raises:
        Unavailable: ``dashboard.other_bokeh_fastapi`` when the installed version is not the one repaired here.
    """
    found = installed or version("bokeh-fastapi")
    if found != REPAIRED:
        raise Unavailable(
            "dashboard.other_bokeh_fastapi",
            f"bokeh-fastapi is {found}; its repairs are written for {REPAIRED}.",
            "Install the pinned version, or look which of the three defects remain and mend dashboard.bokeh_fixes.",
        )
    WSHandler.ws_connect = _connect


async def _connect(handler: Any, websocket: WebSocket) -> None:
    fault = _fault(handler, websocket)
    if fault:
        _log.warning("WebSocket %s refused: %s", websocket.url.path, fault)
        await websocket.close(_POLICY_VIOLATION)
        return
    try:
        await _original_connect(handler, websocket)
    finally:
        if handler.connection is not None:
            handler.application.client_lost(handler.connection)


def _fault(handler: Any, websocket: WebSocket) -> str | None:
    """Say why the socket may not open, ``None`` when it may."""
    if not handler.check_origin(websocket.headers.get("origin", "")):
        return "its origin is not allowed"
    protocols = websocket.scope["subprotocols"]
    if len(protocols) != 2 or not _is_signed(handler.application, protocols[1]):
        return "its token was not signed by this server"
    return None


def _is_signed(application: Any, token: str) -> bool:
    try:
        return bool(check_token_signature(token, signed=True, secret_key=application.secret_key))
    except (ValueError, KeyError, AssertionError):  # base64, JSON or text that no server of ours wrote
        return False
