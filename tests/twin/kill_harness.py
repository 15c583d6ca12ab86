"""Kills processes that write to a store and tells, one JSON line a kill, what each had acknowledged and what is there.

``python kill_harness.py import|ingest STORE KILLS``. The processes are forked: this one has no threads then, and a
fork starts at once, so that the kills really fall on the writing.
"""

import json
import os
import random
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import shapely

from layers.alarm.desk import KINDS
from layers.catalogue import load_catalogue
from layers.device.types import load_device_types
from layers.ingest import Ingest
from twin.batch import Batch
from twin.embedded import EmbeddedStore
from twin.feature import Feature, PlaceDraft
from twin.intake import take_places
from twin.query import Query

DAY = datetime(2026, 11, 21, tzinfo=UTC)
CATALOGUE = load_catalogue()
BUILDINGS, ROOMS = 200, 2


def survey(version):
    """Return drafts of an estate whose every name tells the version; each version has a room more than the last."""
    for n in range(BUILDINGS):
        west, south = 120.1 + 0.0008 * (n % 20), 30.2 + 0.0006 * (n // 20)
        outline = shapely.box(west, south, west + 0.0002 + 0.000013 * (n % 20), south + 0.0001 + 0.00001 * (n // 20))
        rooms = [
            PlaceDraft(kind="space", key=f"r{n}.{r}", parent_key=f"s{n}", storey=1, room=str(101 + r), name=version)
            for r in range(ROOMS + int(version[1:]) % 2)
        ]
        yield PlaceDraft(kind="building", key=f"b{n}", name=version, geometry=outline)
        yield PlaceDraft(kind="storey", key=f"s{n}", parent_key=f"b{n}", storey=1)
        yield from rooms


def take(store, number, _tell):
    """Import one version of the estate."""
    batch = Batch(id=f"batch-{number}", community="c1", source="estate.ifc", at=DAY + timedelta(minutes=number))
    drafts = list(survey(f"v{number}"))
    store.write(lambda transaction: take_places(transaction, drafts, batch)).result()


def report(store, number, tell):
    """Report alternating smoke and no smoke, six observations a message, for as long as nobody kills it."""
    ingest = Ingest(store, load_device_types(), lambda: DAY + timedelta(days=1))
    while True:
        message = [observation(number + n) for n in range(6)]
        receipt = ingest.observe(message).result()
        if receipt.rejected:
            raise RuntimeError(receipt.rejected)
        number += 6
        tell(number)


def observation(number):
    """Return the observation with this number of the only gateway."""
    return {
        "device": "D-1",
        "property": "fire_smoke",
        "result": number % 2 == 0,
        "phenomenonTime": (DAY + timedelta(seconds=number)).isoformat(),
        "source": "gateway",
        "source_seq": str(number),
    }


def estate(store):
    """Return what an import left: the versions that are seen, the numbers of things, the imports in the log."""
    found = store.find(Query(layers=("building", "storey", "space"))).features
    return {
        "versions": sorted({place.name for place in found if place.layer != "storey"}),
        "counts": dict(store.counts()),
        "imports": [event.source_seq for event in store.events(0, 10_000, ("change",))],
    }


def log(store):
    """Return what the ingest left: numbers in the log, the announcements of the alarm, the latest value's time."""
    events = store.events(0, 1_000_000)
    latest = store.latest(["D-1"])
    return {
        "stored": [int(event.source_seq) for event in events if event.kind == "observation"],
        "announced": sum(event.kind in KINDS for event in events),
        "latest_s": (latest[0].occurred_at - DAY).total_seconds() if latest else None,
    }


def killed(path, work, number, after_s):
    """Run work in a process of its own, kill it some time after it has opened the store; return what it told."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        store = EmbeddedStore(path, CATALOGUE)
        os.write(writing, b"0\n")
        work(store, number, lambda done: os.write(writing, b"%d\n" % done))
        store.close()
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        pipe.readline()
        time.sleep(after_s)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return [int(line) for line in pipe.read().split()]


def opened(path, work):
    """Return what work makes of the store."""
    store = EmbeddedStore(path, CATALOGUE)
    try:
        return work(store)
    finally:
        store.close()


def kill_imports(path, kills, chance):
    """Kill imports; print what is there before and after each."""
    opened(path, lambda store: take(store, 0, None))
    began = time.monotonic()
    opened(path, lambda store: take(store, 1, None))
    usual_s = time.monotonic() - began
    before = opened(path, estate)
    for number in range(2, kills + 2):
        killed(path, take, number, chance.uniform(0.1, 2.0) * usual_s)
        after = opened(path, estate)
        print(json.dumps({"number": number, "before": before, "after": after}))
        before = after


def kill_ingests(path, kills, chance):
    """Kill ingests; each goes on, as a gateway does, with what was not acknowledged to the one before."""
    device = Feature(layer="device", id="D-1", community="c1", attributes={"device_type": "smoke_detector"})
    opened(path, lambda store: store.write(lambda transaction: transaction.put(device)).result())
    acknowledged = 0
    for _ in range(kills):
        told = killed(path, report, acknowledged, chance.uniform(0.02, 0.4))
        acknowledged = told[-1] if told else acknowledged
        print(json.dumps({"acknowledged": acknowledged, **opened(path, log)}))


if __name__ == "__main__":
    kill = {"import": kill_imports, "ingest": kill_ingests}[sys.argv[1]]
    kill(Path(sys.argv[2]), int(sys.argv[3]), random.Random(2026))
