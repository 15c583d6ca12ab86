"""Requests a second of our service, tipg and pygeoapi on the same polygons in the same PostGIS, in one run.

Each is one worker; wrk keeps 8 connections busy. Figures are medians of five; the servers take turns within a round, so
that all see the same machine. Before anything is measured each server must name the same ids. Run by
``make bench-peers``; ``--places`` makes the city smaller, ``--only`` picks kinds. Judges nothing but the ids.
"""

import argparse
import json
import os
import random
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[2])]

import city  # noqa: E402
from own_postgis import own_postgis  # noqa: E402
from servers import PORTS, ROOT, Server, environment, running  # noqa: E402

from gis.tilegrid import Tile, limits  # noqa: E402
from layers.catalogue import load_catalogue  # noqa: E402
from twin.postgis import PostgisStore  # noqa: E402

CONNECTIONS = 8
ROUNDS = 5
ADDRESSES = 400
BOXES_M = {"100 m": 100, "500 m": 500, "2 km": 2000, "10 km": 10_000}
_LUA = """
local paths, at = {}, 0
for line in io.lines(os.getenv("PATHS")) do paths[#paths + 1] = line end
function request()
  at = at % #paths + 1
  return wrk.format("GET", paths[at])
end
"""


def paths(kind: str, server: Server, places: int) -> list[str]:
    """Return the addresses of a kind, the same for each server; answers are JSON and of at most 100 features."""
    items = f"{server.collection}/items"
    form = "geojson" if server.name == "tipg" else "json"
    if kind == "single item":
        chance = random.Random(3)
        return [f"{items}/B{chance.randrange(places):07}?f={form}" for _ in range(ADDRESSES)]
    if kind.startswith("MVT"):
        _, zoom, _ = kind.split()
        return [server.tiles.format(z=one.zoom, y=one.row, x=one.column) for one in tiles(int(zoom[1:]))]
    filtered = "&main_use=commercial" if kind.endswith("filter") else ""
    metres = BOXES_M["2 km" if filtered else kind.removeprefix("bbox ")]
    return [f"{items}?bbox={box}&limit=100&f={form}{filtered}" for box in city.boxes(metres, ADDRESSES)]


def tiles(zoom: int) -> list[Tile]:
    """Return tiles of the city in a random order."""
    far = (city.WEST + city.EXTENT_M * city.LON_M, city.SOUTH + city.EXTENT_M * city.LAT_M)
    ((_, first, last),) = limits((city.WEST, city.SOUTH, *far), range(zoom, zoom + 1))
    found = [Tile(zoom, y, x) for y in range(first.row, last.row + 1) for x in range(first.column, last.column + 1)]
    random.Random(zoom).shuffle(found)
    return found[:ADDRESSES]


def fetched(server: Server, path: str) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=300) as answer:
        return answer.read()


def check_same(kind: str, servers: list[Server], places: int) -> None:
    """Stop unless each server names the same ids with the same values."""
    for number in range(5):
        found = {one.name: _known(json.loads(fetched(one, paths(kind, one, places)[number]))) for one in servers}
        first, *others = found.values()
        if any(other != first for other in others):
            raise SystemExit(f"{kind}: the answers differ: { {name: sorted(ids)[:3] for name, ids in found.items()} }")


_COMPARED = ("name", "place", "z_max_m", "main_use", "storey_count", "compound", "street", "gross_floor_area_m2")


def _known(document: dict) -> dict:
    listed = document.get("features", [document])
    return {str(one["id"]): [one["properties"][name] for name in _COMPARED] for one in listed}


def measured(server: Server, wanted: list[str], seconds: int) -> tuple[float, float]:
    """Return requests a second and the share of one processor that the client took."""
    with tempfile.TemporaryDirectory() as folder:
        listed, script = Path(folder, "paths"), Path(folder, "paths.lua")
        listed.write_text("\n".join(wanted))
        script.write_text(_LUA)
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "60s", "-s", script]
        done = subprocess.run(
            [*command, f"http://127.0.0.1:{server.port}"],
            env=os.environ | {"PATHS": str(listed)}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        after, took = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - started
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise SystemExit(f"{server.name}: {done.stdout}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return float(rate[1]), used / took


def end_abandoned(database: str) -> None:
    """End what a server still asks for clients that have gone: it would take its share of the next one's processors."""
    import psycopg

    active = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()"
    with psycopg.connect(database, autocommit=True) as connection:
        while connection.execute(active).fetchall():
            time.sleep(0.1)


def compare(kind: str, servers: list[Server], places: int, seconds: int, database: str) -> float:
    """Print a kind's medians and return the largest share of a processor the client took."""
    wanted = {one.name: paths(kind, one, places) for one in servers}
    if not kind.startswith("MVT"):
        check_same(kind, servers, places)
    for one in servers:
        if kind.endswith(" cached"):
            for path in wanted[one.name]:
                fetched(one, path)
        measured(one, wanted[one.name], 1)
    rates: dict[str, list[float]] = {one.name: [] for one in servers}
    client = 0.0
    for _ in range(ROUNDS):
        for one in servers:
            end_abandoned(database)
            rate, share = measured(one, wanted[one.name], seconds)
            rates[one.name].append(rate)
            client = max(client, share)
    medians = [statistics.median(rates[one.name]) for one in servers]
    told = " ".join(f"{rate:10.1f}" for rate in medians)
    ratios = " ".join(f"{medians[0] / max(rate, 0.01):9.2f}x" for rate in medians[1:])
    print(
        f"{kind:22} {told}{'' if len(medians) > 2 else ' ' * 11} {ratios}   load {os.getloadavg()[0]:.1f}", flush=True
    )
    return client


@contextmanager
def database(places: int):
    """Run a private PostgreSQL with both tables filled; yield it."""
    import psycopg

    with own_postgis() as server:
        if server is None:
            raise SystemExit("nothing to compare without it")
        PostgisStore(server.address, load_catalogue()).close()
        started = time.perf_counter()
        with psycopg.connect(server.address) as connection:
            city.load(connection, places)
        print(f"{places} polygons loaded twice in {time.perf_counter() - started:.0f} s", flush=True)
        yield server


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--places", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=3, help="of each of the five measurements")
    parser.add_argument("--only", default="", help="kinds whose name holds this")
    given = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed (Debian: wrk)")
    folder = ROOT / ".lifang" / "peers"
    environment(folder)
    features = [*(f"bbox {size}" for size in BOXES_M), "single item", "bbox 2 km + filter"]
    drawn = [f"MVT z{zoom} {state}" for state in ("uncached", "cached") for zoom in (14, 16)]
    with database(given.places) as at, ExitStack() as stack:
        up = {name: stack.enter_context(running(name, folder, at.folder, at.port)) for name in PORTS}
        print(f"requests/s, {'':10} {'lifang':>10} {'tipg':>10} {'pygeoapi':>10} {'ours/tipg':>10} {'ours/pyg.':>10}")
        shares = []
        for kind in (one for one in (*features, *drawn) if given.only in one):
            ours = up["lifang uncached" if kind.endswith("uncached") else "lifang"]
            others = [up["tipg"]] if kind.startswith("MVT") else [up["tipg"], up["pygeoapi"]]
            shares.append(compare(kind, [ours, *others], given.places, given.seconds, at.address))
    print(f"the client took at most {max(shares):.2f} of one processor")


if __name__ == "__main__":
    main()
