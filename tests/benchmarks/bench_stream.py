"""From the post of a reading to the stream's clients: how long, and what the fan-out costs the service.

One run: the service takes readings at one rate, first with nobody listening, then with the subscribers; the
difference in processor time is the fan-out. Latency is from just before the post to the arrival of the bytes.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from layers.catalogue import load_catalogue
from tests.benchmarks.bench_ingest import DEVICES, device
from twin.embedded import EmbeddedStore

PORT = 8197
RATE = int(os.environ.get("LIFANG_BENCH_RATE", "1000"))
SUBSCRIBERS = int(os.environ.get("LIFANG_BENCH_SUBSCRIBERS", "100"))
SECONDS = float(os.environ.get("LIFANG_BENCH_SECONDS", "12"))
PER_POST = 20
MEASURED = 10  # so many clients read every message; the others take the bytes, for all run on this machine


def load() -> str:
    return f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores"


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def request(number: int) -> bytes:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    readings = [
        {
            "device": f"D-{(number * PER_POST + n) % DEVICES:06}",
            "property": "room_temperature",
            "result": 20.5,
            "phenomenonTime": now,
            "source": "bench",
            "source_seq": f"{time.monotonic_ns()}-{n}",
        }
        for n in range(PER_POST)
    ]
    body = json.dumps({"observations": readings}).encode()
    head = f"POST /v1/observations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def post(seconds: float) -> int:
    """Post at the rate for some seconds, each when the one before was answered and its time has come."""
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
    started, sent = time.perf_counter(), 0
    while (now := time.perf_counter()) - started < seconds:
        due = started + sent * PER_POST / RATE
        if due > now:
            await asyncio.sleep(due - now)
        writer.write(request(sent))
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[16:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
        await reader.readexactly(length)
        if not head.startswith(b"HTTP/1.1 201"):
            raise RuntimeError(head)
        sent += 1
    writer.close()
    return sent * PER_POST


async def listen(late_s: list[float] | None, count: list[int]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
    writer.write(b"GET /v1/stream HTTP/1.1\r\nHost: x\r\n\r\n")
    rest = b""
    while part := await reader.read(1 << 18):
        if late_s is None:
            continue
        arrived = time.time()
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            if line.startswith(b'data: {"items"'):
                items = json.loads(line[6:])["items"]
                count[0] += len(items)
                late_s += [arrived - datetime.fromisoformat(item[3]).timestamp() for item in items]


async def measure(pid: int) -> None:
    await post(2)
    before = cpu_s(pid)
    quiet = await post(SECONDS)
    alone_s = cpu_s(pid) - before
    late_s: list[float] = []
    count = [0]
    clients = [
        asyncio.create_task(listen(late_s if number < MEASURED else None, count)) for number in range(SUBSCRIBERS)
    ]
    await asyncio.sleep(1.5)
    before = cpu_s(pid)
    sent = await post(SECONDS)
    await asyncio.sleep(0.5)
    with_s = cpu_s(pid) - before
    for client in clients:
        client.cancel()
    middle, high = np.percentile(np.array(late_s) * 1000, [50, 99])
    print(f"{sent / SECONDS:.0f} readings/s ({PER_POST} a post), {SUBSCRIBERS} subscribers; {load()}")
    print(f"post to client: median {middle:.0f} ms, p99 {high:.0f} ms; heard {count[0]} of {sent * MEASURED}")
    print(
        f"service: {alone_s / SECONDS:.0%} of a core alone ({quiet / SECONDS:.0f}/s), {with_s / SECONDS:.0%} with them"
    )
    print(f"fan-out: {(with_s - alone_s) / SECONDS:.0%} of a core")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "twin.gpkg"
        store = EmbeddedStore(path, load_catalogue())
        store.write(lambda tx: tx.put_all([device(number) for number in range(DEVICES)])).result()
        store.close()
        service = subprocess.Popen([sys.executable, "-m", "api", "serve", "--store", str(path), "--port", str(PORT)])
        try:
            asyncio.run(_started())
            asyncio.run(measure(service.pid))
        finally:
            service.terminate()
            service.wait()


async def _started() -> None:
    for _ in range(600):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", PORT)
        except OSError:
            await asyncio.sleep(0.1)
            continue
        writer.close()
        return
    raise RuntimeError("the service did not start")


if __name__ == "__main__":
    main()
