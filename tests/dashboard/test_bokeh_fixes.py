"""Each repair of bokeh-fastapi: the defect is there without it, and gone with it."""

import re
import time

import panel as pn
import pytest
from bokeh.util.token import generate_jwt_token, generate_session_id
from bokeh_fastapi.handler import WSHandler
from fastapi import FastAPI
from panel.io.fastapi import add_applications
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from dashboard import bokeh_fixes
from gis.errors import Unavailable

# Panel builds Tornado requests in a way that Tornado will drop; nothing of ours can change that.
pytestmark = pytest.mark.filterwarnings("ignore:.*HTTPServerRequest.*Tornado 6.7:DeprecationWarning")

HOME = "http://lifang.example"
KEY = b"k" * 32


@pytest.fixture
def original(monkeypatch):
    """bokeh-fastapi as it is shipped."""
    monkeypatch.setattr(WSHandler, "ws_connect", bokeh_fixes._original_connect)


@pytest.fixture
def repaired(monkeypatch):
    monkeypatch.setattr(WSHandler, "ws_connect", bokeh_fixes._original_connect)
    bokeh_fixes.repair_bokeh_fastapi()


@pytest.fixture
def served():
    return _serve(sign_sessions=True, secret_key=KEY)


def _serve(**options):
    app = FastAPI()
    application = add_applications(
        {"/page": lambda: pn.pane.Str("x")}, app=app, location=False, websocket_origin="lifang.example", **options
    )
    return app, application


def _token(client):
    return re.search(r'"token":"([^"]+)"', client.get("/page").text).group(1)


def _opens(client, token, origin=HOME):
    """Whether the server takes the socket and answers on it."""
    address = f"{client.base_url}/page/ws".replace("http", "ws")
    try:
        with connect(address, origin=origin, subprotocols=["bokeh", token], proxy=None) as socket:
            return "ACK" in socket.recv()
    except InvalidStatus:
        return False


def _visits(serving, app, application):
    """Return how many clients the server still holds when three visitors have gone."""
    with serving(app) as client:
        for _ in range(3):
            assert _opens(client, _token(client))
        for _ in range(40):
            if not application._clients:
                return 0
            time.sleep(0.05)  # the server notices a closed socket a moment later
        return len(application._clients)


def test_without_the_repair_clients_are_never_forgotten(original, serving, served):
    assert _visits(serving, *served) == 3


def test_a_closed_socket_lets_its_session_go(repaired, serving, served):
    assert _visits(serving, *served) == 0


def test_without_the_repair_any_page_may_open_the_socket(original, serving, served):
    with serving(served[0]) as client:
        assert _opens(client, _token(client), "http://evil.example")


@pytest.mark.parametrize("origin", ["http://evil.example", "http://lifang.example.evil.example", ""])
def test_a_page_from_elsewhere_may_not_open_the_socket(repaired, serving, served, origin):
    with serving(served[0]) as client:
        token = _token(client)
        assert not _opens(client, token, origin)
        assert _opens(client, token)


def _handmade(key):
    session = generate_session_id(secret_key=key, signed=key is not None)
    return generate_jwt_token(session, secret_key=key, signed=key is not None)


def test_without_signatures_a_handmade_token_opens_a_session(original, serving):
    app, _ = _serve()
    with serving(app) as client:
        assert _opens(client, _handmade(None))


@pytest.mark.parametrize("token", [_handmade(None), _handmade(b"x" * 32), "rubbish", "a.b", "e30.e30"])
def test_a_token_this_server_did_not_sign_opens_nothing(repaired, serving, served, token):
    app, application = served
    with serving(app) as client:
        assert not _opens(client, token)
    assert not application._applications["/page"].sessions


def test_another_bokeh_fastapi_is_refused_until_somebody_looked():
    with pytest.raises(Unavailable) as fault:
        bokeh_fixes.repair_bokeh_fastapi(installed="0.2.0")
    assert fault.value.code == "dashboard.other_bokeh_fastapi"
