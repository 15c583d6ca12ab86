"""How fast readings come in durably, beside a bare sqlite3 loop with the same rows and indexes, in one run.

The service runs in a process of its own with ``synchronous=FULL``; the client sends batches over a few connections, one
batch waiting on each. Then, in this process: the stores without HTTP, features in bulk, and the latest values of a
building among 100,000 devices. Run by ``make bench``; judges nothing.
"""

import asyncio
import json
import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import shapely
from own_postgis import own_postgis

from layers.catalogue import load_catalogue
from twin.embedded import EmbeddedStore
from twin.event import Reading
from twin.feature import Feature

DEVICES = 1000
PER_BATCH = 200
BATCHES = int(os.environ.get("LIFANG_BENCH_BATCHES", "500"))
CONNECTIONS = 8
PORT = 8196
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def load() -> str:
    return f"load {os.getloadavg()[0]:.1f}"


def device(number: int, layer: str = "device", per_house: int = 100) -> Feature:
    return Feature(
        layer=layer,
        id=f"D-{number:06}",
        community="c1",
        name=f"温度计{number}",
        place=f"B{number // per_house:05}-0",
        geometry=shapely.Point(120 + number % 300 * 1e-4, 30 + number // 300 * 1e-4),
        attributes={"device_type": "room_temp"},
    )


def reading(number: int) -> Reading:
    at = NOON + timedelta(milliseconds=number * 20)
    return Reading("c1", f"D-{number % DEVICES:06}", "room_temperature", 20 + number % 83 / 8, at, "gw", str(number))


def message(batch: int) -> bytes:
    readings = [reading(batch * PER_BATCH + n) for n in range(PER_BATCH)]
    return json.dumps(
        {
            "observations": [
                {
                    "device": one.device,
                    "property": one.name,
                    "result": one.value,
                    "phenomenonTime": one.occurred_at.isoformat(),
                    "source": one.source,
                    "source_seq": one.source_seq,
                }
                for one in readings
            ]
        }
    ).encode()


# --- the service ----------------------------------------------------------------------------------------------------


async def send(requests: list[bytes], answers: list[float]) -> None:
    """Send requests on one connection, each when the one before was answered: 201 means it is on disk."""
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
    for request in requests:
        started = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[16:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
        body = await reader.readexactly(length)
        if not head.startswith(b"HTTP/1.1 201") or json.loads(body)["accepted"] != PER_BATCH:
            raise RuntimeError(body)
        answers.append(time.perf_counter() - started)
    writer.close()


def http_rate(path: Path) -> float:
    command = [sys.executable, "-m", "api", "serve", "--store", str(path), "--port", str(PORT)]
    process = subprocess.Popen(command)
    try:
        while True:
            if process.poll() is not None:
                raise RuntimeError("the service did not start")
            with suppress(OSError), closing(socket.create_connection(("127.0.0.1", PORT))):
                break
            time.sleep(0.05)
        head = (
            "POST /v1/observations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"
        )
        requests = [head.format(len(body)).encode() + body for body in map(message, range(BATCHES))]
        answers: list[float] = []

        async def run() -> None:
            await asyncio.gather(*(send(requests[n::CONNECTIONS], answers) for n in range(CONNECTIONS)))

        started = time.perf_counter()
        asyncio.run(run())
        seconds = time.perf_counter() - started
    finally:
        process.terminate()
        process.wait()
    p50, p99 = np.percentile(answers, (50, 99)) * 1000
    print(
        f"HTTP, {PER_BATCH} a batch, {CONNECTIONS} connections: {BATCHES * PER_BATCH / seconds:8.0f}/s"
        f"   batch p50 {p50:.0f} ms, p99 {p99:.0f} ms   {load()}"
    )
    return BATCHES * PER_BATCH / seconds


# --- the bare loop --------------------------------------------------------------------------------------------------


def bare_rate(source: Path, path: Path) -> float:
    """Write the very rows the service wrote into the same tables, eight batches a commit, nothing else."""
    with closing(sqlite3.connect(source)) as theirs:
        rows = theirs.execute("SELECT * FROM event ORDER BY seq").fetchall()
        schema = theirs.execute("SELECT sql FROM sqlite_master WHERE tbl_name IN ('event', 'latest') AND sql NOTNULL")
        statements = [sql for (sql,) in schema]
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in (
            "page_size = 8192",
            "journal_mode = WAL",
            "synchronous = FULL",
            "cache_size = -65536",
            "wal_autocheckpoint = 4000",
        ):
            connection.execute(f"PRAGMA {pragma}")
        for sql in statements:
            connection.execute(sql)
        started = time.perf_counter()
        size = PER_BATCH * CONNECTIONS
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO event VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING", part)
            connection.executemany(
                "INSERT INTO latest VALUES (?,?,?,?,?,?) ON CONFLICT (device, name) DO UPDATE SET value = excluded.value,"
                " occurred_at = excluded.occurred_at WHERE excluded.occurred_at >= latest.occurred_at",
                ((row[2], row[3], "room_temperature", row[8], row[6], row[7]) for row in part),
            )
            connection.execute("COMMIT")
        seconds = time.perf_counter() - started
    print(f"bare sqlite3, {size} a commit:           {len(rows) / seconds:8.0f}/s   {load()}")
    return len(rows) / seconds


# --- the stores -----------------------------------------------------------------------------------------------------


def write_rate(store) -> None:
    batches = [[reading(batch * PER_BATCH + n) for n in range(PER_BATCH)] for batch in range(BATCHES)]
    started = time.perf_counter()
    works = [store.write(lambda tx, batch=batch: tx.observe(batch)) for batch in batches]
    for work in works:
        work.result()
    print(f"  readings:          {BATCHES * PER_BATCH / (time.perf_counter() - started):8.0f}/s   {load()}")


def put_rate(store, count: int = 20_000) -> None:
    things = [device(number, "facility") for number in range(count)]
    started = time.perf_counter()
    store.write(lambda tx: tx.put_all(things)).result()
    bulk = count / (time.perf_counter() - started)
    print(f"  features in bulk:  {bulk:8.0f}/s   {load()}")


def building_latency(store, devices: int = 100_000) -> None:
    """Ask for the latest values of one building of 100 devices among many."""
    for start in range(0, devices, 10_000):
        numbers = range(start, start + 10_000)
        things = [device(number) for number in numbers]
        seen = [
            Reading("c1", thing.id, "room_temperature", 21.5, NOON, "first", str(number))
            for number, thing in zip(numbers, things, strict=True)
        ]
        store.write(lambda tx, things=things, seen=seen: (tx.put_all(things), tx.observe(seen))).result()
    chance = np.random.default_rng(7)
    took = []
    for house in chance.integers(0, devices // 100, 300):
        started = time.perf_counter()
        found = store.latest(within=f"B{house:05}-0")
        took.append((time.perf_counter() - started) * 1000)
        if len(found) != 100:
            raise RuntimeError(len(found))
    p50, p99 = np.percentile(took, (50, 99))
    print(f"  latest values of a building (100 of {devices} devices): p50 {p50:.2f} ms, p99 {p99:.2f} ms   {load()}")


def measure(store, label: str) -> None:
    print(label)
    write_rate(store)
    put_rate(store)
    building_latency(store)


def postgis() -> None:
    with own_postgis() as server:
        if server is None:
            return
        from twin.postgis import PostgisStore

        with closing(PostgisStore(server.address, load_catalogue())) as store:
            measure(store, "PostGIS, without HTTP (fsync off)")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "twin.gpkg"
        with closing(EmbeddedStore(path, load_catalogue())) as store:
            store.write(lambda tx: tx.put_all([device(number) for number in range(DEVICES)])).result()
        served = http_rate(path)
        bare = bare_rate(path, Path(folder) / "bare.gpkg")
        print(f"HTTP / bare: {served / bare:.2f} (target 0.6; 25,000/s)")
        with closing(EmbeddedStore(Path(folder) / "own.gpkg", load_catalogue())) as store:
            measure(store, "embedded, without HTTP")
    postgis()


if __name__ == "__main__":
    main()
