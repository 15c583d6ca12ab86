"""What linkage costs: ``python tests/benchmarks/bench_linkage.py``, about a minute.

The sample community's 2,500 devices in the embedded store, durable commits. Each figure is a ratio or a difference of two
ways measured in turn in one run, in seconds of computing; a fire is told in seconds of the clock; the machine's load is printed. Asserts nothing.
"""

import os
import statistics
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from layers.linkage.rules import load_rules  # noqa: E402
from tests.layers.linkage_world import Community  # noqa: E402
from tests.layers.sample_devices import building_keys, sample_devices  # noqa: E402

BATCHES, BATCH, ALARMS = 30, 200, 150


def main() -> None:
    """Print the figures."""
    features = list(sample_devices(building_keys()))
    with tempfile.TemporaryDirectory() as folder:
        plain, linked = (Community(Path(folder) / f"{name}.gpkg", features) for name in ("plain", "linked"))
        plain.store._follow = lambda _watched: None
        linked.enable(*load_rules())
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, all {len(load_rules())} rules on")
        readings(plain, linked)
        alarms(plain, linked, "street_lamp_monitor", "lamp_fault", "no rule waits for it")
        alarms(plain, linked, "smart_bin", "bin_full", "a notice, the nearest terminal")
        fire(linked)
        plain.raw.close()
        linked.raw.close()
        print(f"load {os.getloadavg()[0]:.1f}")


def readings(plain: Community, linked: Community) -> None:
    """Observations that no rule waits for."""
    took: dict[Community, list[float]] = {plain: [], linked: []}
    meters = of_type(plain, "meter_water")
    for batch in range(BATCHES):
        for one in (plain, linked):
            items = [one_item(one, meters[n % len(meters)], "water_m3", batch * BATCH + n) for n in range(BATCH)]
            took[one].append(timed(lambda one=one, items=items: one.ingest.observe(items).result()))
    before, after = (statistics.median(took[one]) for one in (plain, linked))
    print(
        f"{BATCH} readings without rule: {before * 1e3:.2f} ms, with linkage {after * 1e3:.2f} ms ({after / before:.2f})"
    )


def alarms(plain: Community, linked: Community, kind: str, alarm: str, what: str) -> None:
    """Raisings and clearings, one a transaction."""
    took: dict[Community, list[float]] = {plain: [], linked: []}
    numbers = of_type(plain, kind)[:ALARMS]
    for device in numbers:
        for one in (plain, linked):
            item = one_item(one, device, alarm, True)
            took[one].append(timed(lambda one=one, item=item: one.ingest.observe([item]).result()))
    before, after = (statistics.median(took[one]) * 1e3 for one in (plain, linked))
    print(f"{len(numbers)} × {alarm} ({what}): {before:.2f} ms, with linkage {after:.2f} ms (+{after - before:.2f} ms)")


def fire(linked: Community) -> None:
    """A fire with every shipped rule on: alarm, commands, cameras, notices and incident in one transaction."""
    smoke = [one for one in linked.registry.devices().values() if one.attributes["device_type"] == "smoke_detector"]
    houses = sorted({one.attributes["building_no"] for one in smoke})
    for house in houses:
        first = next(one for one in smoke if one.attributes["building_no"] == house)
        before = linked.store.last_seq()
        item = one_item(linked, first.id, "fire_smoke", True)
        start = time.perf_counter()
        linked.ingest.observe([item]).result()
        seconds = time.perf_counter() - start
        told = linked.store.events(before, 10_000)
        doors = sum(one.kind == "command" and one.body["command"] == "unlock" for one in told)
        print(f"fire in {house}: {doors} doors, {len(told)} events, durable after {seconds * 1e3:.1f} ms (target 2 s)")


def of_type(community: Community, kind: str) -> list[str]:
    """Return the devices of a type."""
    standing = community.registry.devices().values()
    return sorted(one.id for one in standing if one.attributes["device_type"] == kind)


def one_item(community: Community, device: str, name: str, result: object) -> dict[str, object]:
    """Return an observation of now."""
    community.now += timedelta(milliseconds=1)
    return dict(community.item(device, name, result))


def timed(work: object) -> float:
    """Return how many seconds of computing a call takes, on all threads: other programs' load is not ours."""
    start = time.process_time()
    work()  # type: ignore[operator]
    return time.process_time() - start


if __name__ == "__main__":
    main()
