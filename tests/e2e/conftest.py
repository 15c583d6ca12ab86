"""A real ``lifang serve`` with the sample community, and a real Chromium that can reach nothing else."""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, sync_playwright

CHROMIUM = os.environ.get("LIFANG_CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = [
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--no-sandbox",
    "--disable-background-networking",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]
START_S = 240


def pytest_collection_modifyitems(items):
    for item in items:
        if "/e2e/" in item.nodeid or Path(item.fspath).parent.name == "e2e":
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    """The sample community, generated and imported as ``lifang run`` does it."""
    from api.commands.common import Progress, opened
    from api.commands.run import fill
    from api.settings import Settings

    folder = tmp_path_factory.mktemp("community")
    chosen = Settings(store=folder / "twin.gpkg", sample=folder / "sample")
    with opened(chosen) as (twin, catalogue):
        fill(twin, catalogue, chosen, Progress())
    return chosen.store


class Service:
    """A ``lifang serve`` of a store that can be killed and started again at the same address."""

    def __init__(self, store):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.store = store
        self.address = f"http://127.0.0.1:{self._port}"

    def start(self):
        where = ["--store", str(self.store), "--host", "127.0.0.1", "--port", str(self._port)]
        self._process = subprocess.Popen([sys.executable, "-m", "api", "serve", *where])
        _wait(self.address, self._process)
        return self

    def kill(self):
        self._process.kill()
        self._process.wait(timeout=20)

    def stop(self):
        self._process.terminate()
        self._process.wait(timeout=20)


@pytest.fixture(scope="session")
def server(store):
    """Address of a running ``lifang serve``."""
    service = Service(store)
    try:
        yield service.start().address
    finally:
        service.stop()


def _wait(address, process):
    for _ in range(START_S * 4):
        assert process.poll() is None, "lifang serve ended before it answered"
        try:
            httpx.get(f"{address}/v1/health", trust_env=False).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.25)
        else:
            return
    pytest.fail(f"lifang serve did not answer in {START_S} s")


@pytest.fixture(scope="module")
def mortal(store, tmp_path_factory):
    """A service of its own, with a copy of the community: a test may kill it."""
    folder = tmp_path_factory.mktemp("mortal")
    shutil.copytree(store.parent, folder, dirs_exist_ok=True)
    service = Service(folder / store.name)
    try:
        yield service.start()
    finally:
        service.stop()


@pytest.fixture(scope="session")
def api(server):
    with httpx.Client(base_url=f"{server}/v1/", timeout=30, trust_env=False) as client:
        yield client


@pytest.fixture(scope="session")
def browser():
    if shutil.which(CHROMIUM) is None:
        pytest.skip(f"no Chromium at {CHROMIUM}")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


class Cockpit:
    """The page as an operator has it before him, and what the browser complained about."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.complaints: list[str] = []
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _note(self, message):
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.text} {message.location.get('url', '')}")

    def open(self, path="map"):
        self.page.goto(f"{self.address}/{path}")
        self.page.wait_for_selector(".cockpit[data-ready]", timeout=90_000)
        self.settle()
        return self

    def settle(self):
        """Wait until what was asked for is drawn."""
        self.ask("cockpit => cockpit.map?.settled()")

    def ask(self, function, argument=None):
        """Evaluate ``(cockpit, argument) => ...`` with the running cockpit's state and map."""
        script = f"([root, argument]) => ({function})(root.cockpit, argument)"
        root = self.page.query_selector(".cockpit")
        return self.page.evaluate(script, [root, argument])

    def until(self, function, argument=None):
        """Ask until the answer is truthy."""
        for _ in range(80):
            if self.ask(function, argument):
                return
            self.page.wait_for_timeout(250)
        pytest.fail(f"never true: {function}")


@pytest.fixture(scope="module")
def cockpit(browser, server):
    """One open map for a module; every test leaves it as it found it."""
    context = browser.new_context(viewport={"width": 1280, "height": 720}, locale="zh-CN", reduced_motion="reduce")
    yield Cockpit(context.new_page(), server).open()
    context.close()
