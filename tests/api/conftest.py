"""A real service on a real socket for each test module's needs."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.jobs import Jobs
from api.patience import PatientProtocol
from layers.catalogue import load_catalogue
from layers.device.types import load_device_types
from tests.api.described import judge
from twin.declaration import Catalogue
from twin.embedded import EmbeddedStore
from twin.store import Store


class Service:
    """A running service: its store, and a client that speaks to it."""

    def __init__(self, store: Store, url: str, app: FastAPI, spool: Path) -> None:
        self.store = store
        self.spool = spool
        self.app = app
        self.url = url
        told = {"response": [partial(judge, app)]}
        self.client = httpx.Client(base_url=url, timeout=30, trust_env=False, event_hooks=told)

    def put(self, *features):
        return self.store.write(lambda tx: [tx.put(feature) for feature in features]).result()


@contextmanager
def serving(
    path: Path, catalogue: Catalogue | None = None, opening: Callable[..., Store] = EmbeddedStore, **given
) -> Iterator[Service]:
    catalogue = catalogue or load_catalogue()
    store, spool = opening(path, catalogue), path.with_suffix(".imports")
    jobs = Jobs(store, catalogue, spool, lambda: datetime.now(UTC), limit_bytes=1024**2)
    app = create_app(store, catalogue, load_device_types(), public_origin="http://127.0.0.1", jobs=jobs, **given)
    server = uvicorn.Server(
        uvicorn.Config(
            app, port=0, http=PatientProtocol, log_level="warning", lifespan="on", timeout_graceful_shutdown=1
        )
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the service did not start"
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    service = Service(store, f"http://127.0.0.1:{port}", app, spool)
    try:
        yield service
    finally:
        service.client.close()
        server.should_exit = True
        thread.join()
        store.close()


def pytest_generate_tests(metafunc):
    """What is marked ``both_stores`` is tried on the embedded store and on PostGIS."""
    if "store_kind" in metafunc.fixturenames and metafunc.definition.get_closest_marker("both_stores"):
        metafunc.parametrize("store_kind", ["embedded", "postgis"], indirect=True, scope="module")


@pytest.fixture(scope="module")
def store_kind(request):
    return getattr(request, "param", "embedded")


@pytest.fixture(scope="module")
def serving_at(store_kind, request, tmp_path_factory):
    """Return a function that opens a service on an empty store of its own, of the kind the test asks for."""
    return _starter(store_kind, request, tmp_path_factory)


@pytest.fixture(scope="module", params=["embedded", "postgis"])
def serving_on(request, tmp_path_factory):
    """Return a function that opens a service on an empty store of its own: of each kind in turn."""
    return _starter(request.param, request, tmp_path_factory)


def _starter(kind, request, tmp_path_factory):
    if kind == "embedded":
        return lambda catalogue=None, **given: serving(
            tmp_path_factory.mktemp("twin") / "twin.gpkg", catalogue, **given
        )
    new_database = request.getfixturevalue("new_database")
    from twin.postgis import PostgisStore

    @contextmanager
    def opened(catalogue=None, **given):
        path = tmp_path_factory.mktemp("twin") / "twin"
        with (
            new_database() as url,
            serving(path, catalogue, lambda _path, known: PostgisStore(url, known), **given) as running,
        ):
            yield running

    return opened


@pytest.fixture
def service(store_kind, serving_at, tmp_path):
    """A service of this test's own; the embedded store lies where a command of the test finds it."""
    with serving(tmp_path / "twin.gpkg") if store_kind == "embedded" else serving_at() as running:
        yield running
