"""From nothing to a living map: ``python tests/benchmarks/bench_first_light.py``, 1 to 3 minutes.

Starts ``lifang run`` on the sample community as a person would, opens its cockpit in Chromium with software rendering,
and posts observations. Prints each figure with its target; asserts nothing.
"""

import os
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import httpx
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "e2e")]

from conftest import ARGUMENTS, CHROMIUM  # noqa: E402
from test_pages import _Wire  # noqa: E402

from layers.device.types import load_device_types  # noqa: E402

ALARMS, SINGLES, BATCHES, BATCH = 7, 300, 40, 200
ALARM = "fire_smoke"
NUMBERS = count()


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        with running(Path(folder)) as (_, seconds, _):
            told("lifang run from nothing to healthy", f"{seconds:.1f} s", "(no installation in it)")
        with running(Path(folder)) as (address, seconds, process):
            told("second start to healthy", f"{seconds:.1f} s", "6 s")
            told("resident memory after the start", f"{resident_mb(process):.0f} MB")
            with httpx.Client(base_url=f"{address}/v1/", timeout=60, trust_env=False) as api:
                if Path(CHROMIUM).exists():
                    look(address, api)
                else:
                    told("cockpit", f"no Chromium at {CHROMIUM}")
                post(api)
            told("resident memory afterwards", f"{resident_mb(process):.0f} MB")
        single, batched = bare_rates(Path(folder) / "bare.sqlite")
        told("bare sqlite3, a row a commit", f"{single:,.0f} rows/s")
        told(f"bare sqlite3, {BATCH} rows a commit", f"{batched:,.0f} rows/s")


def told(what: str, figure: str, target: str = "") -> None:
    """Print one line."""
    print(f"{what:48s} {figure:>16s}  {f'target {target}' if target[:1].isdigit() else target}", flush=True)


@contextmanager
def running(folder):
    """Run the sample community; yield its address, the seconds it took to become healthy, and the process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "LIFANG_STORE": str(folder / "twin.gpkg"), "LIFANG_SAMPLE": str(folder / "sample")}
    began = time.monotonic()
    command = [Path(sys.executable).with_name("lifang"), "run", "--port", str(port)]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        until_healthy(address, process)
        yield address, time.monotonic() - began, process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)


def until_healthy(address, process):
    """Wait until the service answers; a process that ended instead is an error."""
    with httpx.Client(trust_env=False, timeout=10) as client:
        while process.poll() is None:
            try:
                client.get(f"{address}/v1/health").raise_for_status()
            except httpx.HTTPError:
                time.sleep(0.02)
            else:
                return
    raise RuntimeError(f"lifang run ended with status {process.returncode}")


def resident_mb(process):
    """Return the resident memory of a process, MB (10^6 bytes)."""
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def look(address, api):
    """Measure the page and the way of an alarm to it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        context = browser.new_context(viewport={"width": 1280, "height": 720}, reduced_motion="reduce")
        for visit, seconds, size in (("cold", "8 s", "4,000 kB"), ("warm", "8 s", "50 kB")):
            page = context.new_page()
            wire, began = _Wire(page), time.monotonic()
            page.goto(f"{address}/cockpit")
            page.wait_for_selector(".cockpit[data-ready]", timeout=90_000)
            told(f"cockpit, {visit}: first map", f"{time.monotonic() - began:.2f} s", seconds)
            told(f"cockpit, {visit}: page", f"{wire.bytes / 1000:,.0f} kB", size)
            if visit == "cold":
                page.close()
        delays = [delay_s(page, api, device) for device in detectors(api)]
        told("observation posted to alarm on the page, median", f"{statistics.median(delays):.2f} s", "1 s")
        told(f"observation posted to alarm, worst of {len(delays)}", f"{max(delays):.2f} s", "1 s")
        browser.close()


def detectors(api):
    """Return some quiet devices that can report smoke."""
    kinds = {name for name, kind in load_device_types().items() if ALARM in kind.alarms}
    busy = {alarm["device"] for alarm in api.get("alarms").json()["alarms"]}
    features = [
        feature
        for kind in sorted(kinds)
        for feature in api.get(
            "query", params={"layers": "device", "filter": f"device_type:{kind}", "limit": 50}
        ).json()["features"]
    ]
    return [feature["id"] for feature in features if feature["id"] not in busy][:ALARMS]


def delay_s(page, api, device):
    """Return the seconds from posting an alarm until its row is on the page; the alarm is cleared afterwards."""
    began = time.monotonic()
    send(api, [observation(device, ALARM, result=True)])
    page.wait_for_selector(f"[data-alarm='{device}:{ALARM}']", timeout=30_000)
    seconds = time.monotonic() - began
    send(api, [observation(device, ALARM, result=False)])
    api.post(f"alarms/{device}:{ALARM}/acknowledge", json={"by": "bench"})
    return seconds


def observation(device, name, result):
    """Return a new observation of now."""
    now = datetime.now(UTC).isoformat()
    return {
        "device": device,
        "property": name,
        "result": result,
        "phenomenonTime": now,
        "source": f"bench-{os.getpid()}",
        "source_seq": str(next(NUMBERS)),
    }


def send(api, observations):
    """Post observations; one that is not stored now is an error."""
    answer = api.post("observations", json={"observations": observations}).raise_for_status().json()
    if answer["accepted"] != len(observations):
        raise RuntimeError(answer)


def post(api):
    """Measure how many observations a second are stored, each answer after its durable commit."""
    device, name = meter(api)
    began = time.monotonic()
    for n in range(SINGLES):
        send(api, [observation(device, name, n)])
    told("POST /v1/observations, one a message", f"{SINGLES / (time.monotonic() - began):,.0f} rows/s")
    began = time.monotonic()
    for n in range(BATCHES):
        send(api, [observation(device, name, n) for _ in range(BATCH)])
    told(f"POST /v1/observations, {BATCH} a message", f"{BATCHES * BATCH / (time.monotonic() - began):,.0f} rows/s")


def meter(api):
    """Return a device and a number it measures."""
    for kind, declared in load_device_types().items():
        names = [name for name, measure in declared.measures.items() if measure.kind == "number"]
        if names:
            found = api.get("query", params={"layers": "device", "filter": f"device_type:{kind}", "limit": 1}).json()
            if found["features"]:
                return found["features"][0]["id"], names[0]
    raise RuntimeError("the sample has no meter")


def bare_rates(path):
    """Return rows a second of sqlite3 alone with rows of the same shape: a row a commit, a batch a commit."""
    with sqlite3.connect(path, isolation_level=None) as base:
        base.execute("PRAGMA journal_mode = WAL")
        base.execute("PRAGMA synchronous = FULL")
        base.execute(
            "CREATE TABLE event (seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT, community TEXT, subject TEXT,"
            " source TEXT, source_seq TEXT, occurred_at TEXT, recorded_at TEXT, body TEXT,"
            " UNIQUE (source, source_seq, community))"
        )
        rates = commits(base, SINGLES, 1), commits(base, BATCHES, BATCH)
    base.close()
    return rates


def commits(base, times, size):
    """Return rows a second of this many commits of this many rows."""
    began = time.monotonic()
    for _ in range(times):
        base.execute("BEGIN IMMEDIATE")
        for _ in range(size):
            row = observation("D-0001", "room_temperature", 21.5)
            body = f'{{"property":"{row["property"]}","result":{row["result"]}}}'
            at = row["phenomenonTime"]
            values = ("observation", "330106099001", row["device"], row["source"], row["source_seq"], at, at, body)
            base.execute("INSERT INTO event VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)", values)
        base.execute("COMMIT")
    return times * size / (time.monotonic() - began)


if __name__ == "__main__":
    main()
