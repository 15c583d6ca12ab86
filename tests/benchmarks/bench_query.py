"""What a question costs over HTTP in a town of 100,000 homes, each with a device, half of them with an open alarm.

The service runs in a process of its own, on the embedded store and on PostGIS; one client asks over one connection,
each kind of question in random order. Printed are the client's p50 and p99 and the service's processor time a request,
which a busy machine disturbs least. LIFANG_BENCH_COMMUNITIES makes the town smaller. Run by ``make bench``; judges
nothing.
"""

import http.client
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import shapely
from own_postgis import own_postgis

from gis import beidou
from layers.alarm.record import feature_of as alarm_record
from layers.alarm.rules import raise_new
from layers.catalogue import load_catalogue
from layers.device.types import load_device_types
from layers.incident.record import updated as incident_record
from layers.incident.rules import Incident
from twin.event import Reading
from twin.feature import Feature
from twin.spacecode import GRID_LEVEL
from twin.store import Identifier

COMMUNITIES = int(os.environ.get("LIFANG_BENCH_COMMUNITIES", "25"))
BUILDINGS, STOREYS, PER_STOREY = 40, 10, 10
"""Of a community, of a building, of a storey: 4,000 homes and 10,000 residents in each community."""
HOMES = STOREYS * PER_STOREY
PORT = 8198
NOW = datetime.now(UTC)
SINCE = NOW - timedelta(days=30)
M = 1 / 100_000
"""About a metre, degrees."""
EVERYTHING = (
    "address,divisions,geometry,ancestors,children,identifiers,descent,records,population,alarms,facilities,"
    "incidents,history"
)


def load() -> str:
    return f"load {os.getloadavg()[0]:.1f}"


# --- the town -------------------------------------------------------------------------------------------------------


def community(number: int) -> str:
    return f"330106001{number:03}"


@cache
def house_code(house: int) -> str:
    at = outline(house).centroid
    return f"{beidou.encode(at.x, at.y, GRID_LEVEL)}-0"


def corner(house: int) -> tuple[float, float]:
    """Return the south-west corner of a building: five rows of eight in a community, a street between communities."""
    block, lot = divmod(house, BUILDINGS)
    return 120 + (block % 5 * 600 + lot % 8 * 70) * M, 30 + (block // 5 * 300 + lot // 8 * 50) * M


def outline(house: int) -> shapely.Polygon:
    west, south = corner(house)
    return shapely.box(west, south, west + 50 * M, south + 14 * M)


def sites() -> Iterator[Feature]:
    """Yield communities and their two grids."""
    for block in range(COMMUNITIES):
        west, south = corner(block * BUILDINGS)
        key = community(block)
        whole = {"community": key, "source": "bench", "valid_from": SINCE}
        area = shapely.box(west - 10 * M, south - 10 * M, west + 560 * M, south + 250 * M)
        yield Feature(layer="community", id=key, name=f"社区{block}", geometry=area, **whole)
        for half in range(2):
            part = shapely.box(
                west + (half * 280 - 10) * M, south - 10 * M, west + (half * 280 + 270) * M, south + 250 * M
            )
            yield Feature(layer="grid", id=f"{key}00{half}", name=f"网格{half}", parent=key, geometry=part, **whole)


def building(house: int, chance: random.Random) -> Iterator[Feature]:
    """Yield a building and everything in it."""
    west, south = corner(house)
    code, area = house_code(house), outline(house)
    whole = {"community": community(house // BUILDINGS), "source": "bench", "batch": "bench", "valid_from": SINCE}
    yield Feature(
        layer="building", id=code, place=code, parent=f"{whole['community']}00{house % 8 // 4}",
        name=f"{house % BUILDINGS + 1}幢", z_min_m=0.0, z_max_m=3.0 * STOREYS, geometry=area, stage="operation",
        attributes={"building_no": f"B-{house}", "main_use": "residential", "storey_count": STOREYS,
                    "compound": f"里坊{house // BUILDINGS}苑", "street": "里坊路", "height_m": 3.0 * STOREYS}, **whole,
    )  # fmt: skip
    yield Feature(
        layer="facility", id=f"SS-{house}", name=f"快递柜{house}", place=code, geometry=shapely.Point(west, south),
        attributes={"facility_no": f"SS-{house}", "facility_type": "parcel_locker"}, **whole,
    )  # fmt: skip
    for floor in range(1, STOREYS + 1):
        storey = f"{code}-U00-F{floor:02}"
        inside = {**whole, "storey": floor, "z_min_m": 3.0 * (floor - 1), "z_max_m": 3.0 * floor}
        yield Feature(
            layer="storey", id=storey, place=storey, parent=code, name=f"{floor}层", geometry=area,
            attributes={"area_m2": 700}, **inside,
        )  # fmt: skip
        for door in range(1, PER_STOREY + 1):
            home = HOMES * house + PER_STOREY * (floor - 1) + door - 1
            room = f"{storey}-R{floor:02}{door:02}"
            shape = shapely.box(west + 5 * (door - 1) * M, south, west + 5 * door * M, south + 14 * M)
            yield Feature(
                layer="space", id=room, place=room, parent=storey, name=f"{floor:02}{door:02}", geometry=shape,
                attributes={"area_m2": 70, "use": "住宅"}, **inside,
            )  # fmt: skip
            yield from _lived_in(home, room, shape.centroid, inside, chance)


def _lived_in(home: int, room: str, at: shapely.Point, inside: dict, chance: random.Random) -> Iterator[Feature]:
    persons = chance.choice((0, 1, 2, 2, 3, 3, 3, 4, 4, 3))
    yield Feature(
        layer="household", id=f"HH{home:06}", place=room, name=f"HH{home:06}",
        attributes={"household_no": f"HH{home:06}", "persons": persons, "occupancy_type": "owner", "layout": "三室一厅",
                    "area_m2": 70, "ownership": "商品房", "compound": f"里坊{home // HOMES // BUILDINGS}苑"}, **inside,
    )  # fmt: skip
    if home < BUILDINGS * HOMES:  # the residents of the first community
        for member in range(persons):
            number = f"RY{home:05}{member}"
            yield Feature(
                layer="resident", id=number, place=room,
                attributes={"person_no": number, "household_no": f"HH{home:06}", "sex": "female", "age": 30 + member,
                            "population_class": "permanent"}, **inside,
            )  # fmt: skip
    device = Feature(
        layer="device", id=f"D-{home:06}", place=room, name=f"烟感{home}", geometry=at,
        attributes={"device_no": f"D-{home:06}", "device_type": "smoke_detector", "status": "running"}, **inside,
    )  # fmt: skip
    yield device
    raised = SINCE + timedelta(seconds=home)
    if home % 2 == 0:
        yield alarm_record(
            raise_new(device.id, "fire_smoke", 1, raised), device, TYPES["smoke_detector"].alarms["fire_smoke"], NOW
        )
    if home % 20 == 0:
        record = replace(device, layer="incident", id=f"SJ{home:06}", name="楼道堆物", attributes={"title": "楼道堆物"})
        incident = Incident(
            no=record.id,
            class_="fire",
            severity=2,
            level=2,
            source="grid_worker",
            reported_at=raised,
            changed_at=raised,
        )
        yield incident_record(record, incident)


TYPES = load_device_types()


def fill(store) -> None:
    """Write the town through the store, ten buildings a transaction."""
    chance = random.Random(7)
    store.write(lambda tx: tx.put_all(list(sites()))).result()
    for first in range(0, COMMUNITIES * BUILDINGS, 10):
        things = [one for house in range(first, first + 10) for one in building(house, chance)]
        seen = [
            Reading(one.community, one.id, "smoke", 0.5, NOW, "first", one.id)
            for one in things
            if one.layer == "device"
        ]
        names = [
            Identifier(community=one.community, place=one.id, scheme="building_no", value=one.attributes["building_no"])
            for one in things
            if one.layer == "building"
        ]
        store.write(lambda tx, parts=(things, seen, names): _write(tx, *parts)).result()


def _write(transaction, things, seen, names) -> None:
    transaction.put_all(things)
    transaction.observe(seen)
    transaction.identify_all(names)


# --- the questions --------------------------------------------------------------------------------------------------


def questions(chance: random.Random) -> dict[str, tuple[str, Callable[[], tuple[str, dict | None]]]]:
    """Return for each question its goal, and what draws a path with its parameters or the document of a POST."""
    houses = COMMUNITIES * BUILDINGS

    def anywhere() -> int:
        return chance.randrange(houses)

    def room() -> str:
        floor = f"{chance.randint(1, STOREYS):02}"
        return f"{house_code(anywhere())}-U00-F{floor}-R{floor}{chance.randint(1, PER_STOREY):02}"

    def get(path: str, **parameters: object) -> tuple[str, None]:
        return f"{path}?{urlencode(parameters)}", None

    def volume() -> tuple[str, None]:
        floor = chance.randint(1, STOREYS - 2)
        area = shapely.buffer(outline(anywhere()), 2 * M).wkt
        layers = "storey,space,device,alarm,facility,incident"
        return get("/v1/query", layers=layers, area=area, z_min=3 * floor - 2.9, z_max=3 * floor + 5.9, limit=1000)

    def storeys() -> tuple[str, None]:
        floor = chance.randint(1, STOREYS - 2)
        layers, three = "storey,space,device,alarm,incident", f"{floor},{floor + 1},{floor + 2}"
        return get("/v1/query", layers=layers, within=house_code(anywhere()), storeys=three, limit=1000)

    def quarter(metres: float) -> tuple[str, dict]:
        west, south = corner(anywhere())
        area = shapely.affinity.rotate(shapely.box(west, south, west + metres * M, south + metres * M), 20)
        return "/v1/analysis/inside", {"area": area.wkt}

    def bbox(metres: float) -> str:
        west, south = corner(anywhere())
        return f"{west},{south},{west + metres * M},{south + metres * M}"

    return {
        "place, everything: a building": ("p99 10", lambda: get(f"/v1/places/{house_code(anywhere())}", include=EVERYTHING)),
        "place, everything: a room": ("p99 10", lambda: get(f"/v1/places/{room()}", include=EVERYTHING)),
        "3 storeys of a building": ("20", storeys),
        "volume: outline and heights": ("20", volume),
        "headcount in 100 m × 100 m": ("50", lambda: quarter(100)),
        "headcount in 300 m × 300 m": ("50", lambda: quarter(300)),
        "persons of a building by storey": (
            "50", lambda: get("/v1/aggregate", layer="household", by="storey", sum="persons", within=house_code(anywhere())),
        ),
        "persons of a compound by building": (
            "50", lambda: get("/v1/aggregate", layer="household", by="building", sum="persons",
                              filter=f"compound:里坊{chance.randrange(COMMUNITIES)}苑"),
        ),
        "all devices by grid": ("", lambda: get("/v1/aggregate", layer="device", by="grid")),
        "all devices by H3 cell": ("", lambda: get("/v1/aggregate", layer="device", by="h3", resolution=10)),
        "latest values of a building": ("p99 10", lambda: get(f"/v1/places/{house_code(anywhere())}/latest")),
        "alarms, first page of 100": ("", lambda: get("/v1/alarms", limit=100)),
        "alarms of a building": ("", lambda: get("/v1/alarms", place=house_code(anywhere()))),
        "search: a building's number": ("", lambda: get("/v1/search", q=f"B-{anywhere()}")),
        "search: a name": ("", lambda: get("/v1/search", q=f"{chance.randint(1, BUILDINGS)}幢")),
        "OGC items in 500 m, limit 100": ("", lambda: get("/ogc/collections/device/items", bbox=bbox(500), limit=100, f="json")),
    }  # fmt: skip


def cpu_ms(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def ask(connection: http.client.HTTPConnection, path: str, document: dict | None) -> bytes:
    if document is None:
        connection.request("GET", path)
    else:
        connection.request("POST", path, json.dumps(document), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{path}: {body[:500]!r}")
    return body


def measure(label: str, store: str) -> None:
    """Ask every kind for about two seconds."""
    command = [sys.executable, "-m", "api", "serve", "--store", store, "--port", str(PORT)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=os.environ | {"LIFANG_LOG_LEVEL": "warning"})
    try:
        with closing(_connected(process)) as connection:
            print(f"\n{label:34} {'p50':>7} {'p99':>7} {'cpu':>7}  ms{'KiB':>9}   goal")
            for name, (goal, draw) in questions(random.Random(3)).items():
                _measure(connection, process.pid, name, goal, draw)
    finally:
        process.terminate()
        process.wait()


def _measure(connection, pid: int, name: str, goal: str, draw: Callable) -> None:
    for _ in range(3):
        ask(connection, *draw())
    took, sizes = [], []
    began, used = time.perf_counter(), cpu_ms(pid)
    while len(took) < 10 or (time.perf_counter() - began < 2 and len(took) < 500):
        asked = draw()
        started = time.perf_counter()
        sizes.append(len(ask(connection, *asked)))
        took.append((time.perf_counter() - started) * 1000)
    used = (cpu_ms(pid) - used) / len(took)
    p50, p99 = np.percentile(took, (50, 99))
    told = f"{name:34} {p50:7.1f} {p99:7.1f} {used:7.1f}{np.mean(sizes) / 1024:13.1f}   {goal:8}"
    print(f"{told}{len(took):5} asked, {load()}", flush=True)


def _connected(process: subprocess.Popen) -> http.client.HTTPConnection:
    while True:
        if process.poll() is not None:
            raise RuntimeError("the service did not start")
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=300)
        try:
            ask(connection, "/v1/health", None)
        except OSError:
            time.sleep(0.1)
        else:
            break
    while True:  # what it does at its start is none of the questions' cost
        used = cpu_ms(process.pid)
        time.sleep(1)
        if cpu_ms(process.pid) - used < 50:
            connection.close()  # it opens again by itself; the service ends those that are idle
            return connection


def embedded() -> None:
    from twin.embedded import EmbeddedStore

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "town.gpkg"
        started = time.perf_counter()
        with closing(EmbeddedStore(path, load_catalogue())) as store:
            fill(store)
        print(f"{COMMUNITIES * BUILDINGS * HOMES} homes written in {time.perf_counter() - started:.0f} s   {load()}")
        measure("embedded", str(path))


def postgis() -> None:
    with own_postgis() as server:
        if server is None:
            return
        import psycopg

        from twin.postgis import PostgisStore

        with closing(PostgisStore(server.address, load_catalogue())) as store:
            fill(store)
        with psycopg.connect(server.address, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
        measure("PostGIS (its own processes not counted)", server.address)


def main() -> None:
    embedded()
    postgis()


if __name__ == "__main__":
    main()
