"""A real server for the cockpit's pages: sockets and headers are what is tested."""

import socket
import threading
from contextlib import contextmanager

import httpx
import pytest
import uvicorn


@contextmanager
def _serving(app):
    """Serve an application on a free port; yields a client that knows the address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            address = f"http://127.0.0.1:{listener.getsockname()[1]}"
            with httpx.Client(base_url=address, timeout=30, trust_env=False) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="session")
def serving():
    return _serving
