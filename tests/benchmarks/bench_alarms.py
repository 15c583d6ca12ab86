"""What an alarm costs among many: 50,000 open alarms and 100,000 devices, on both stores; about five minutes.

A transition (raised, acknowledged, cleared) is one durable transaction of its own through the live part, without HTTP: the
time its thread computes in the transaction, beside that while only 500 alarms are open; then with commit, the other threads
and the roll-up kept current, which is asked for after each; ``wall`` is the clock, flush and other programs included. Then, over HTTP: latest
values of a building, its roll-up, and the first page of the list. ``LIFANG_BENCH_ALARMS`` makes it smaller. Asserts nothing.
"""

import http.client
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from own_postgis import free_port, own_postgis

from api.live import Live, LiveOptions, live_part
from gis.errors import BadInput
from layers.alarm.board import Wanted
from layers.catalogue import load_catalogue
from layers.device.types import load_device_types
from twin.embedded import EmbeddedStore
from twin.event import Reading
from twin.feature import Feature
from twin.spacecode import SpaceCode
from twin.store import Store

OPEN = int(os.environ.get("LIFANG_BENCH_ALARMS", "50000"))
DEVICES, PER_HOUSE, FEW, MOVED, ASKED = 2 * OPEN, 100, 500, 200, 300
BATCH = 5000
BEGUN = datetime.now(UTC) - timedelta(hours=2)


def _cell(number: int) -> str | None:
    """Return a building's code in a grid cell; ``None`` when there is no such cell."""
    try:
        return SpaceCode.parse(f"N51H04297{number:05}-0").key.removesuffix("-0")
    except BadInput:
        return None


CELLS = [cell for cell in map(_cell, range(1000)) if cell is not None]


def house(number: int) -> str:
    """Return the code of a building."""
    return f"{CELLS[number // 10]}-{number % 10}"


def building(number: int) -> Feature:
    """Return a building."""
    return Feature(layer="building", id=house(number), community="c1", place=house(number), name=f"{number}幢")


def device(number: int) -> Feature:
    """Return a smoke detector in a house of a hundred."""
    return Feature(
        layer="device",
        id=f"D-{number:06}",
        community="c1",
        name=f"烟感{number}",
        place=house(number // PER_HOUSE),
        geometry=shapely.Point(120 + number % 300 * 1e-4, 30 + number // 300 * 1e-4),
        attributes={"device_type": "smoke_detector"},
    )


def online(one: Feature) -> Feature:
    """Return that a device is known to be there."""
    said = {"presence": "online", "since": BEGUN.isoformat()}
    return Feature(layer="device_status", id=one.id, community="c1", place=one.place, attributes=said, valid_from=BEGUN)


def said(number: int, *, smoke: bool, at_s: float) -> dict[str, Any]:
    """Return an observation of a device."""
    at = BEGUN + timedelta(seconds=at_s)
    name = {"device": f"D-{number:06}", "property": "fire_smoke", "source": "gw", "source_seq": f"{number}:{at_s}"}
    return {**name, "result": smoke, "phenomenonTime": at.isoformat()}


def fill(store: Store) -> None:
    """Register buildings and devices; each device has told a value."""
    store.write(lambda tx: tx.put_all([building(number) for number in range(DEVICES // PER_HOUSE)])).result()
    for start in range(0, DEVICES, BATCH):
        things = [device(number) for number in range(start, start + BATCH)]
        seen = [Reading("c1", one.id, "smoke", 0.1, BEGUN, "first", one.id) for one in things]
        known = [*things, *map(online, things)]
        store.write(lambda tx, known=known, seen=seen: (tx.put_all(known), tx.observe(seen))).result()


def raise_all(live: Live, numbers: range) -> None:
    """Open an alarm of each."""
    for start in range(numbers.start, numbers.stop, BATCH):
        part = range(start, min(start + BATCH, numbers.stop))
        receipt = live.ingest.observe([said(number, smoke=True, at_s=1) for number in part]).result()
        if receipt.rejected:
            raise RuntimeError(receipt.rejected[0])


class Timed:
    """A store that notes how long its works compute, each in its transaction on the writer's thread."""

    def __init__(self, store: Store) -> None:
        self._store, self.spent_s = store, 0.0

    def write(self, work: Callable[[Any], Any]) -> Any:
        """Write as the store does."""

        def timed(transaction: Any) -> Any:
            began = time.thread_time()
            result = work(transaction)
            self.spent_s = time.thread_time() - began
            return result

        return self._store.write(timed)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def transitions(live: Live, timed: Timed, first: int, at_s: float) -> dict[str, list[tuple[float, float, float]]]:
    """Raise, acknowledge and clear the alarms of some devices, each in a transaction, with the roll-up asked for after it."""
    took: dict[str, list[tuple[float, float, float]]] = {"raised": [], "acknowledged": [], "cleared": []}
    for number in range(first, first + MOVED):
        steps: dict[str, Callable[[], Any]] = {
            "raised": lambda n=number: live.ingest.observe([said(n, smoke=True, at_s=at_s)]).result(),
            "acknowledged": lambda n=number: live.duty.acknowledge(f"D-{n:06}:fire_smoke", "王").result(),
            "cleared": lambda n=number: live.ingest.observe([said(n, smoke=False, at_s=at_s + 1)]).result(),
        }
        for name, step in steps.items():
            computed, began = time.process_time(), time.perf_counter()
            step()
            live.board.due(datetime.now(UTC))  # brings the roll-up up to date, as the next to ask would
            took[name].append((timed.spent_s, time.process_time() - computed, time.perf_counter() - began))
    return took


def measure(store: Store, label: str) -> None:
    """Print the figures of one store."""
    print(f"{label}: {DEVICES} devices, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    fill(store)
    timed: Any = Timed(store)
    live = live_part(timed, load_device_types(), lambda: datetime.now(UTC), LiveOptions())
    raise_all(live, range(FEW))
    few = transitions(live, timed, DEVICES - MOVED, 10)
    computed = time.process_time()
    raise_all(live, range(FEW, OPEN))
    print(
        f"  raised {BATCH} in one message: {(time.process_time() - computed) / (OPEN - FEW) * 1e3:.2f} ms of computing each"
    )
    many = transitions(live, timed, DEVICES - MOVED, 20)
    print(f"  open: {live.board.count(Wanted())}")
    for name in many:
        before = statistics.median(own for own, _, _ in few[name]) * 1e3
        own, whole = (statistics.median(one[at] for one in many[name]) * 1e3 for at in (0, 1))
        p50, p99 = np.percentile([clock * 1e3 for _, _, clock in many[name]], (50, 99))
        print(
            f"  {name:12} {own:.2f} ms in its transaction (target 1), {own / before:.2f} × that among {FEW}; with commit,"
            f" threads and roll-up {whole:.2f} ms of computing; wall p50 {p50:.2f}, p99 {p99:.2f} ms"
        )
    for which in ("first", "next"):
        computed = time.process_time()
        for tick in (live.duty.tick, live.commands.tick, live.watchman.tick):
            tick()
        print(f"  {which} round of the clock over all: {(time.process_time() - computed) * 1e3:.0f} ms of computing")
    print(f"  load {os.getloadavg()[0]:.1f}")


def cpu_s(process: int) -> float:
    """Return the processor time of a process so far, seconds."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def serving(store: str) -> Iterator[tuple[http.client.HTTPConnection, int]]:
    """A ``lifang serve`` in a process of its own: a connection to it, and its number."""
    port = free_port()
    command = [sys.executable, "-m", "api", "serve", "--store", store, "--port", str(port)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        while True:
            if process.poll() is not None:
                raise RuntimeError("the service did not start")
            with suppress(OSError), closing(socket.create_connection(("127.0.0.1", port))):
                break
            time.sleep(0.1)
        yield http.client.HTTPConnection("127.0.0.1", port), process.pid
    finally:
        process.terminate()
        process.wait()


def over_http(store: str) -> None:
    """Ask a whole service."""
    chance = np.random.default_rng(7)
    questions: dict[str, Callable[[int], str]] = {
        "latest values of a building (target p99 10 ms)": lambda number: f"/v1/places/{house(number)}/latest",
        "its alarms": lambda number: f"/v1/alarms?place={house(number)}",
        "first page of the list": lambda _: "/v1/alarms?limit=100",
        "roll-up by building": lambda _: "/v1/alarms/summary?by=building",
    }
    with serving(store) as (connection, process):
        time.sleep(20)  # what is done once, at the start, is not what is asked here
        for name, address in questions.items():
            for number in range(20):
                ask(connection, address(number))
            took, spent = [], cpu_s(process)
            for number in chance.integers(0, OPEN // PER_HOUSE, ASKED):
                began = time.perf_counter()
                ask(connection, address(number))
                took.append((time.perf_counter() - began) * 1e3)
            p50, p99 = np.percentile(took, (50, 99))
            spent = (cpu_s(process) - spent) / ASKED * 1e3
            load = os.getloadavg()[0]
            print(f"  HTTP, {name}: p50 {p50:.1f} ms, p99 {p99:.1f} ms, {spent:.1f} ms of computing   load {load:.1f}")


def ask(connection: http.client.HTTPConnection, address: str) -> None:
    """Read one answer."""
    connection.request("GET", address)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != http.client.OK:
        raise RuntimeError(body)


def main() -> None:
    """Print the figures of both stores."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "twin.gpkg"
        with closing(EmbeddedStore(path, load_catalogue())) as store:
            measure(store, "embedded")
        over_http(str(path))
    with own_postgis() as server:
        if server is None:
            return
        from twin.postgis import PostgisStore

        with closing(PostgisStore(server.address, load_catalogue())) as store:
            measure(store, "PostGIS (fsync off)")
        over_http(server.address)


if __name__ == "__main__":
    main()
