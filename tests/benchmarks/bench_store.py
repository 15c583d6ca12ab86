"""What the twin's layer costs over the bare database: 1,000,000 places of 1,000 communities, both stores, one run.

Each question is asked in random order through the store and as bare SQL on the same rows and indexes; bare means the
shortest statement that returns the same rows, with geometry and attributes decoded, because nobody can use a blob.
LIFANG_BENCH_PLACES makes it smaller. Run by ``make bench``; judges nothing.
"""

import json
import os
import random
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import shapely
from own_postgis import own_postgis

from layers.catalogue import load_catalogue
from twin.access import Access
from twin.embedded import EmbeddedStore
from twin.embedded.rows import COLUMNS, boxes_of, degree_box, rows_of
from twin.feature import Feature
from twin.query import Query
from twin.versions import Version, stated

PLACES = int(os.environ.get("LIFANG_BENCH_PLACES", "1000000"))
PER_COMMUNITY = 1000
ROUNDS = 300
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
M = 1 / 111_000


def place(number: int) -> Feature:
    """Every tenth place is a building; the nine after it are its rooms, one a storey."""
    house, floor = divmod(number, 10)
    community, lot = divmod(house, PER_COMMUNITY // 10)
    west = 110 + (community % 32) * 0.02 + (lot % 10) * 60 * M
    south = 25 + (community // 32) * 0.02 + (lot // 10) * 60 * M
    key = f"N{house:013}-0"
    room = floor > 0
    outline = shapely.box(west, south, west + 40 * M, south + 15 * M)
    return Feature(
        layer="space" if room else "building",
        id=f"{key}-U00-F{floor:02}-R{floor:02}01" if room else key,
        community=f"c{community}",
        place=f"{key}-U00-F{floor:02}-R{floor:02}01" if room else key,
        name=f"{floor:02}01" if room else f"{lot}幢",
        storey=floor or None,
        z_min_m=3.0 * (floor - 1) if room else 0.0,
        z_max_m=3.0 * floor if room else 27.0,
        geometry=outline,
        attributes={"area_m2": 600, "use": "住宅"} if room else {"storey_count": 9, "main_use": "residential"},
        source="bench",
        batch="bench",
        valid_from=SINCE,
    )


def timed(ask: Callable[[], object]) -> float:
    started = time.perf_counter()
    ask()
    return (time.perf_counter() - started) * 1000


def questions() -> dict[str, list[tuple]]:
    """Return for each kind of question the same random arguments for every store."""
    chance = random.Random(7)
    corners = [place(10 * chance.randrange(PLACES // 10)) for _ in range(ROUNDS)]
    half = 250 * M
    centres = [one.geometry.centroid for one in corners]
    boxes = [(c.x - half, c.y - half, c.x + half, c.y + half) for c in centres]
    return {
        "bbox 500 m": [(bounds, None) for bounds in boxes],
        "bbox 500 m, as of last year": [(bounds, SINCE + timedelta(days=1)) for bounds in boxes],
        "nearest 10": [(c.x, c.y) for c in centres],
        "point and height to room": [(c.x, c.y, 3.0 * chance.randrange(9) + 1.5) for c in centres],
        "code to place": [(one.id,) for one in corners],
    }


def through(store, name: str, arguments: tuple) -> Callable[[], object]:
    access = Access(store, load_catalogue())
    if name.startswith("bbox"):
        return lambda: store.find(Query(layers=("building",), bbox=arguments[0], at=arguments[1]))
    if name == "nearest 10":
        return lambda: access.nearest(Query(layers=("building",)), *arguments, 10)
    if name == "point and height to room":
        lon, lat, height = arguments
        return lambda: store.find(
            Query(layers=("space",), area=shapely.Point(lon, lat), z_min_m=height, z_max_m=height)
        )
    return lambda: store.find(Query(layers=("building",), ids=arguments))


def decoded(rows: list[tuple]) -> list[tuple]:
    shapely.from_wkb([row[-1] for row in rows])
    return [(*row, json.loads(row[-2])) for row in rows]


class BareSqlite:
    """Hand-written SQL on the store's own file."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path)
        self.connection.execute("PRAGMA mmap_size = 268435456")

    def ask(self, name: str, arguments: tuple) -> Callable[[], object]:
        columns = "f.layer, f.id, f.name, f.place, f.storey, f.z_min_m, f.z_max_m, f.valid_from, f.attributes, substr(f.geom, 41)"
        joined = f"SELECT {columns} FROM feature_box AS b JOIN feature AS f ON f.fid = b.fid"
        run = self.connection.execute
        if name.startswith("bbox"):
            x0, x1, y0, y1 = degree_box(*arguments[0])
            sql = f"{joined} WHERE b.x0 <= ? AND b.x1 >= ? AND b.y0 <= ? AND b.y1 >= ? AND +f.layer = 'building'"
            return lambda: decoded(run(sql, (x1, x0, y1, y0)).fetchall())
        if name == "nearest 10":
            return lambda: self._nearest(joined, *arguments)
        if name == "point and height to room":
            lon, lat, height = arguments
            x, y, z = int(lon * 1e7), int(lat * 1e7), int(height * 100)
            sql = (
                f"{joined} WHERE b.x0 <= ? AND b.x1 >= ? AND b.y0 <= ? AND b.y1 >= ?"
                " AND b.z0 <= ? AND b.z1 >= ? AND +f.layer = 'space'"
            )
            return lambda: decoded(run(sql, (x, x, y, y, z, z)).fetchall())
        sql = f"SELECT {columns} FROM feature AS f WHERE layer = 'building' AND id = ?"
        return lambda: decoded(run(sql, arguments).fetchall())

    def _nearest(self, joined: str, lon: float, lat: float) -> list[tuple]:
        reach = 100 * M
        x0, x1, y0, y1 = degree_box(lon - reach, lat - reach, lon + reach, lat + reach)
        sql = f"{joined} WHERE b.x0 <= ? AND b.x1 >= ? AND b.y0 <= ? AND b.y1 >= ? AND +f.layer = 'building'"
        rows = decoded(self.connection.execute(sql, (x1, x0, y1, y0)).fetchall())
        near = shapely.distance(shapely.from_wkb([row[-2] for row in rows]), shapely.Point(lon, lat))
        return [rows[index] for index in np.argsort(near)[:10]]


class BarePostgis:
    """Hand-written SQL on the store's own tables."""

    def __init__(self, url: str) -> None:
        import psycopg

        self.connection = psycopg.connect(url, autocommit=True)

    def ask(self, name: str, arguments: tuple) -> Callable[[], object]:
        columns = "layer, id, name, place, storey, z_min_m, z_max_m, valid_from, attributes::text, ST_AsBinary(geom)"
        select = f"SELECT {columns} FROM feature WHERE"
        run = self.connection.execute
        if name.startswith("bbox"):
            sql = f"{select} geom && ST_MakeEnvelope(%s, %s, %s, %s, 4326) AND layer = 'building'"
            return lambda: decoded(run(sql, arguments[0]).fetchall())
        if name == "nearest 10":
            sql = f"{select} layer = 'building' ORDER BY geom <-> ST_SetSRID(ST_Point(%s, %s), 4326) LIMIT 10"
            return lambda: decoded(run(sql, arguments).fetchall())
        if name == "point and height to room":
            sql = f"{select} geom && ST_SetSRID(ST_Point(%s, %s), 4326) AND z_min_m <= %s AND z_max_m >= %s AND layer = 'space'"
            return lambda: decoded(run(sql, (*arguments, arguments[2])).fetchall())
        return lambda: decoded(run(f"{select} layer = 'building' AND id = %s", arguments).fetchall())


def compare(label: str, store, bare) -> None:
    print(
        f"\n{label:32} {'ours p50':>9} {'p99':>8} {'bare p50':>9} {'p99':>8} {'ratio p50':>10}   (ms; target ratio 1.5)"
    )
    for name, arguments in questions().items():
        ours = [through(store, name, one) for one in arguments]
        theirs = [bare.ask(name, one) for one in arguments]
        for ask in (*ours[:20], *theirs[:20]):
            ask()
        # In turn, so that both see the same machine.
        pairs = [(timed(mine), timed(other)) for mine, other in zip(ours, theirs, strict=True)]
        mine, other = zip(*pairs, strict=True)
        low, high = np.percentile(mine, (50, 99))
        bare_low, bare_high = np.percentile(other, (50, 99))
        print(f"{name:32} {low:9.2f} {high:8.2f} {bare_low:9.2f} {bare_high:8.2f} {low / bare_low:10.2f}")


def put_rate(store) -> float:
    fresh = [place(PLACES + number) for number in range(10_000)]
    started = time.perf_counter()
    store.write(lambda tx: [tx.put(one) for one in fresh]).result()
    return len(fresh) / (time.perf_counter() - started)


def columns_of(one: Feature, moment: object, geometry: object) -> tuple:
    """The values of a store's columns, as it would write them."""
    return (*stated(one), moment, None, moment, geometry)


def chunks(size: int = 20_000) -> Iterator[list[Feature]]:
    for start in range(0, PLACES, size):
        yield [place(number) for number in range(start, min(start + size, PLACES))]


def fill_embedded(path: Path) -> None:
    """Write the rows as the store would, in bulk; the rate of single puts is measured apart."""
    EmbeddedStore(path, load_catalogue()).close()
    marks = ", ".join("?" * (COLUMNS.count(",") + 1))
    with closing(sqlite3.connect(path)) as connection, connection:
        first = 1
        for features in chunks():
            fids = range(first, first + len(features))
            first += len(features)
            versions = [Version(one, SINCE, None) for one in features]
            shapes = np.array([one.geometry for one in features], dtype=object)
            rows = rows_of(fids, versions, shapes, SINCE)
            connection.executemany(f"INSERT INTO feature (fid, {COLUMNS}) VALUES (?, {marks})", rows)
            connection.executemany(
                "INSERT INTO feature_box VALUES (?,?,?,?,?,?,?,?,?)", boxes_of(fids, versions, shapes)
            )
        connection.execute("INSERT INTO layer_version VALUES ('building', 1), ('space', 1)")


def fill_postgis(connection) -> None:
    names = COLUMNS.replace(" superseded_at, geom", " geom")
    with connection.cursor() as cursor, cursor.copy(f"COPY feature ({names}) FROM STDIN") as copy:
        for features in chunks():
            for one in features:
                wkb = shapely.to_wkb(shapely.set_srid(one.geometry, 4326), hex=True, include_srid=True)
                copy.write_row(columns_of(one, SINCE, wkb))
    connection.execute("INSERT INTO layer_version VALUES ('building', 1), ('space', 1)")
    connection.execute("UPDATE clock SET recorded_at = %s", (SINCE,))
    connection.commit()
    connection.autocommit = True
    connection.execute("VACUUM ANALYZE feature")


def service(path: Path) -> None:
    """Start the service on the million and print how soon it answers and what it holds."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "api", "serve", "--store", str(path), "--port", "8197"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        while True:
            try:
                urllib.request.urlopen("http://127.0.0.1:8197/v1/health", timeout=30).read()
                break
            except OSError:
                time.sleep(0.05)
        print(f"\nservice: healthy after {time.perf_counter() - started:.1f} s (target 10)")
        for bounds, _ in questions()["bbox 500 m"][:200]:
            west, south, east, north = bounds
            url = f"http://127.0.0.1:8197/v1/query?layers=building&bbox={west},{south},{east},{north}"
            urllib.request.urlopen(url, timeout=30).read()
        status = Path(f"/proc/{process.pid}/status").read_text()
        resident = next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]
        print(f"service: {int(resident) / 1024:.0f} MB resident after 200 queries (target 1500)")
    finally:
        process.terminate()
        process.wait()


def embedded(folder: Path) -> None:
    path = folder / "million.gpkg"
    started = time.perf_counter()
    fill_embedded(path)
    print(
        f"embedded: {PLACES} places, {path.stat().st_size / 2**20:.0f} MB, filled in {time.perf_counter() - started:.0f} s"
    )
    service(path)
    store = EmbeddedStore(path, load_catalogue())
    bare = BareSqlite(path)
    compare("embedded GeoPackage", store, bare)
    print(f"put: {put_rate(store):.0f} new places/s in one transaction, searchable and indexed")
    bare.connection.close()
    store.close()


def postgis() -> None:
    with own_postgis() as server:
        if server is None:
            return
        import psycopg

        from twin.postgis import PostgisStore

        PostgisStore(server.address, load_catalogue()).close()
        started = time.perf_counter()
        with psycopg.connect(server.address) as connection:
            fill_postgis(connection)
        print(f"\nPostGIS: {PLACES} places filled in {time.perf_counter() - started:.0f} s")
        store = PostgisStore(server.address, load_catalogue())
        bare = BarePostgis(server.address)
        compare("PostGIS", store, bare)
        print(f"put: {put_rate(store):.0f} new places/s in one transaction, searchable and indexed")
        bare.connection.close()
        store.close()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        embedded(Path(folder))
    postgis()
    print(f"\nthis process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB at its largest")


if __name__ == "__main__":
    main()
