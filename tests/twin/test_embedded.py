"""What only the embedded store promises: one GeoPackage that survives a killed process and that others can open."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from queue import Queue

import pyogrio
import pytest
import shapely

from gis.errors import Unavailable
from layers.catalogue import load_catalogue
from twin.access import Access
from twin.declaration import Catalogue, FieldDeclaration
from twin.embedded import EmbeddedStore, migrations
from twin.event import NewEvent, Reading
from twin.feature import Feature
from twin.query import Query
from twin.series import Series
from twin.store import Identifier

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "孪生" / "twin.gpkg"


def fill(store):
    house = Feature(
        layer="building",
        id="N51H0429733232-0",
        community="c1",
        place="N51H0429733232-0",
        name="安和里1幢",
        geometry=shapely.box(120, 30, 120.001, 30.001),
        attributes={"storey_count": 6, "main_use": "residential"},
    )
    store.write(lambda tx: tx.put(house)).result()


def test_gdal_reads_typed_layers_while_the_store_is_open(path):
    store = EmbeddedStore(path, load_catalogue())
    fill(store)
    frame = pyogrio.read_dataframe(path, layer="building")
    assert frame["name"].tolist() == ["安和里1幢"]
    assert frame["storey_count"].tolist() == [6]
    assert frame["storey_count"].dtype.kind == "i"
    assert frame.crs.to_epsg() == 4326
    assert tuple(frame.total_bounds) == (120, 30, 120.001, 30.001)
    store.close()


@pytest.mark.skipif(shutil.which("ogrinfo") is None, reason="GDAL's programs are not installed (Debian: gdal-bin)")
def test_debians_gdal_opens_it_without_a_warning(path):
    store = EmbeddedStore(path, load_catalogue())
    fill(store)
    seen = subprocess.run(
        ["ogrinfo", "-ro", "-al", "-q", path, "building"], capture_output=True, text=True, check=True, timeout=60
    )
    store.close()
    assert "安和里1幢" in seen.stdout
    assert seen.stderr == ""


def test_personal_layers_are_not_shown_to_gis_programs(path):
    EmbeddedStore(path, load_catalogue()).close()
    assert {"household", "resident"}.isdisjoint(name for name, _ in pyogrio.list_layers(path))


def test_a_closed_store_is_one_file(path):
    store = EmbeddedStore(path, load_catalogue())
    fill(store)
    store.find(Query(layers=("building",)))
    store.close()
    assert [file.name for file in path.parent.iterdir()] == ["twin.gpkg"]


def test_wal_mode_returns_after_another_program_switched_it_off(path):
    EmbeddedStore(path, load_catalogue()).close()
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA journal_mode = DELETE")
    other.close()
    store = EmbeddedStore(path, load_catalogue())
    fill(store)
    store.close()
    with sqlite3.connect(path) as other:
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    other.close()


def test_the_header_names_the_version_that_old_gis_programs_know(path):
    EmbeddedStore(path, load_catalogue()).close()
    with sqlite3.connect(path) as other:
        assert other.execute("PRAGMA user_version").fetchone() == (10300,)
    other.close()


def test_no_trigger_asks_for_functions_that_only_gdal_has(path):
    store = EmbeddedStore(path, load_catalogue())
    fill(store)
    store.close()
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall() == []
        assert other.execute("UPDATE feature SET geom = geom").rowcount == 1
    other.close()


def test_a_commit_is_on_disk_before_it_is_answered(path):
    store = EmbeddedStore(path, load_catalogue())
    full = store.write(lambda tx: tx._connection.execute("PRAGMA synchronous").fetchone()[0]).result()
    store.close()
    assert full == 2


def test_a_file_that_is_no_store_is_left_alone(path):
    path.parent.mkdir()
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(Unavailable, match=r"store\.not_ours"):
        EmbeddedStore(path, load_catalogue())
    assert path.read_bytes() == b"not a database at all" * 100


def test_somebody_elses_database_is_left_alone(path):
    path.parent.mkdir()
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE theirs (x)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(Unavailable, match=r"store\.not_ours"):
        EmbeddedStore(path, load_catalogue())
    assert path.read_bytes() == before


def test_a_newer_schema_is_refused(path):
    EmbeddedStore(path, load_catalogue()).close()
    with sqlite3.connect(path) as other:
        other.execute("INSERT INTO lifang_migration (number) VALUES (999)")
    other.close()
    with pytest.raises(Unavailable, match=r"store\.newer_schema"):
        EmbeddedStore(path, load_catalogue())


def test_a_path_under_a_file_is_refused_with_the_cure(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match=r"store\.read_only.*Choose another --store path"):
        EmbeddedStore(tmp_path / "file" / "twin.gpkg", Catalogue([]))


def test_a_full_disk_undoes_the_work_and_later_work_goes_on(path):
    store = EmbeddedStore(path, load_catalogue())
    store.write(lambda tx: tx._connection.execute("PRAGMA max_page_count = 100")).result()
    big = NewEvent(
        kind="x", community="c", subject="s", source="s", source_seq="1", occurred_at=NOON, body={"t": "x" * 10_000_000}
    )
    with pytest.raises(Unavailable, match=r"store\.disk_full"):
        store.write(lambda tx: tx.append(big)).result()
    assert store.last_seq() == 0
    store.write(lambda tx: tx._connection.execute("PRAGMA max_page_count = 1000000")).result()
    fill(store)
    assert store.counts() == {"building": 1}
    store.close()


def test_commits_of_another_process_wake_subscribers(path):
    ours, theirs = EmbeddedStore(path, load_catalogue()), EmbeddedStore(path, load_catalogue())
    heard = []
    ours.subscribe(heard.append)
    event = NewEvent(kind="x", community="c", subject="s", source="s", source_seq="1", occurred_at=NOON, body={})
    theirs.write(lambda tx: tx.append(event)).result()
    deadline = time.monotonic() + 10
    while not heard and time.monotonic() < deadline:
        time.sleep(0.01)
    assert heard[:1] == [1]
    ours.close()
    theirs.close()


def test_what_another_process_committed_before_the_watch_began_wakes_subscribers_too(path, monkeypatch):
    ours, theirs = EmbeddedStore(path, load_catalogue()), EmbeddedStore(path, load_catalogue())
    event = NewEvent(kind="x", community="c", subject="s", source="s", source_seq="1", occurred_at=NOON, body={})
    heard = Queue()
    watch = EmbeddedStore._watch

    def late(store):
        theirs.write(lambda tx: tx.append(event)).result()
        watch(store)

    monkeypatch.setattr(EmbeddedStore, "_watch", late)
    ours.subscribe(heard.put)
    assert heard.get(timeout=10) == 1
    ours.close()
    theirs.close()


def test_closing_ends_what_other_threads_still_read_before_it_lets_go_of_the_file(path):
    store = EmbeddedStore(path, load_catalogue())
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(store._rows, endless) for _ in range(4)]
        deadline = time.monotonic() + 10
        while store._asking < 4 and time.monotonic() < deadline:
            time.sleep(0.01)
        store.close()
        for one in asked:
            with pytest.raises(Unavailable, match=r"store\.closed"):
                one.result(10)
    with pytest.raises(Unavailable, match=r"store\.closed"):
        store.find(Query(layers=("building",)))


_WRITER = """
import sys
from datetime import UTC, datetime, timedelta
from queue import Queue
from pathlib import Path
from queue import Queue
from layers.catalogue import load_catalogue
from twin.embedded import EmbeddedStore
from twin.series import Series
from twin.event import NewEvent, Reading
from twin.store import Identifier
store = EmbeddedStore(Path(sys.argv[1]), load_catalogue())
for n in range(int(sys.argv[2]), 10**9):
    event = NewEvent(kind="x", community="c", subject="s", source="s", source_seq=str(n), occurred_at=datetime.now(UTC), body={})
    store.write(lambda tx: (tx.append(event), tx.append(event))).result()
    print(n, flush=True)
"""


def test_killed_at_any_moment_nothing_acknowledged_is_lost_and_nothing_is_double(path):
    acknowledged = -1
    for turn in range(5):
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(path), str(acknowledged + 1)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(20 + 7 * turn):
            acknowledged = int(writer.stdout.readline())
        os.kill(writer.pid, signal.SIGKILL)
        rest = writer.stdout.read().split()
        writer.stdout.close()
        writer.wait()
        acknowledged = int(rest[-1]) if rest else acknowledged
        store = EmbeddedStore(path, load_catalogue())
        numbers = [int(event.source_seq) for event in store.events(0, 10**6)]
        store.close()
        assert numbers[: acknowledged + 1] == list(range(acknowledged + 1))
        assert len(numbers) == len(set(numbers))
        acknowledged = len(numbers) - 1


def test_a_file_that_another_process_holds_is_told_as_locked(path, monkeypatch):
    monkeypatch.setattr("twin.embedded.store.BUSY_MS", 50)
    store = EmbeddedStore(path, load_catalogue())
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match=r"store\.locked"):
            fill(store)
        other.execute("ROLLBACK")
    fill(store)
    assert store.counts() == {"building": 1}
    store.close()


def test_a_store_of_the_schema_before_keeps_its_readings_and_can_sum_them(path):
    EmbeddedStore(path, load_catalogue()).close()
    with closing(sqlite3.connect(path)) as old, old:
        for statement in (
            "DROP INDEX event_subject",
            "DROP TABLE rollup",
            "DROP TABLE projection",
            "DROP TABLE expired",
            "ALTER TABLE latest DROP COLUMN recorded_at",
            "DELETE FROM lifang_migration WHERE number > 2",
        ):
            old.execute(statement)
        at = "2026-11-21T12:00:00.000Z"
        body = '{"property":"level","result":1.5}'
        old.execute("INSERT INTO event VALUES (1, 'observation', 'c1', 'D-1', 'gw', '1', ?, ?, ?)", (at, at, body))
        old.execute("INSERT INTO latest VALUES ('c1', 'D-1', 'level', '1.5', ?)", (at,))
    store = EmbeddedStore(path, load_catalogue())
    (bucket,) = store.rollup(Series(devices=("D-1",)), "day", timedelta(hours=8))
    assert (bucket.count, bucket.total) == (1, 1.5)
    assert store.heard() == {"D-1": NOON}
    later = Reading("c1", "D-1", "level", 2, NOON, "gw", "2")
    assert [one.seq for one in store.write(lambda tx: tx.observe([later])).result()] == [2]
    store.close()


def test_a_store_of_the_schema_before_keeps_its_names_and_learns_their_ends(path, monkeypatch):
    path.parent.mkdir()
    name = Identifier(community="c1", place="B-0", scheme="building_no", value="1", source="a", valid_from=NOON)
    at = "2026-11-21T12:00:00.000Z"
    with closing(sqlite3.connect(path, isolation_level=None)) as old, monkeypatch.context() as before:
        before.setattr(migrations, "_MIGRATIONS", migrations._MIGRATIONS[:3])
        migrations.migrate(old)
        old.execute("INSERT INTO identifier VALUES ('c1', 'building_no', '1', 'B-0', 'a', ?, NULL, ?)", (at, at))
    hour = timedelta(hours=1)
    with closing(EmbeddedStore(path, load_catalogue(), lambda: NOON + hour)) as store:
        assert store.identifiers("B-0") == [name]
        store.write(lambda tx: tx.identify(replace(name, valid_to=NOON + hour))).result()
        assert (store.lookup("1"), store.lookup("1", known_at=NOON)) == ([], ["B-0"])
        assert store.lookup("1", known_at=NOON - hour) == []


@pytest.mark.parametrize(
    "ask",
    [
        lambda store: store.find(Query(layers=("building", "device"), within="N51H0429733232-0", storeys=(1,))),
        lambda store: store.find(Query(layers=("building",), within="N51H0429733232-0", limit=10)),
        lambda store: store.columns(Query(layers=("building",)), (), (), ["N51H0429733232-0"]),
        lambda store: store.sums(Query(layers=("building",)), "n", ["N51H0429733232-0"]),
    ],
)
def test_what_stands_in_a_place_is_looked_up_by_its_key(path, ask):
    with closing(EmbeddedStore(path, load_catalogue())) as store:
        fill(store)
        reader, asked = store._reader(), []
        reader.set_trace_callback(asked.append)
        ask(store)
        reader.set_trace_callback(None)
        for sql in asked:
            plan = " ".join(row["detail"] for row in reader.execute(f"EXPLAIN QUERY PLAN {sql}"))
            assert "feature_place (place>? AND place<?)" in plan
            assert "(layer=?" not in plan


def test_who_bears_a_name_is_looked_up_by_the_name(path):
    with closing(EmbeddedStore(path, load_catalogue())) as store:
        fill(store)
        reader, asked = store._reader(), []
        reader.set_trace_callback(asked.append)
        store.search("HZ-01", 10)
        reader.set_trace_callback(None)
        (named,) = [sql for sql in asked if "FROM identifier" in sql and "'HZ-01'" in sql]
        plan = " ".join(row["detail"] for row in reader.execute(f"EXPLAIN QUERY PLAN {named}"))
        assert "feature_versions (layer=? AND id=?)" in plan


def _with_uses(**more):
    field = {"name": "main_use", "title": {"zh": "用途", "en": "Use"}, **more}
    return Catalogue([load_catalogue()["building"].model_copy(update={"fields": (FieldDeclaration(**field),)})])


def _indexes(path):
    with closing(sqlite3.connect(path)) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE name GLOB 'by *'")]


def test_a_field_declared_as_indexed_has_an_index_that_filters_use_until_it_is_no_longer(path):
    indexed, plain = _with_uses(indexed=True), _with_uses()
    with closing(EmbeddedStore(path, indexed)) as store:
        uses = [
            Feature(layer="building", id=f"B-{n:03}", community="c1", attributes={"main_use": f"use {n % 3}"})
            for n in range(300)
        ]
        store.write(lambda tx: tx.put_all(uses)).result()
        reader, asked = store._reader(), []
        reader.set_trace_callback(asked.append)
        page = Access(store, indexed).find(Query(layers=("building",), filters=(("main_use", "use 1"),), limit=2))
        behind = Access(store, indexed).find(
            Query(layers=("building",), filters=(("main_use", "use 1"),), limit=2, cursor=page.next)
        )
        reader.set_trace_callback(None)
        assert [one.id for one in (*page.features, *behind.features)] == ["B-001", "B-004", "B-007", "B-010"]
        assert (page.matched, behind.matched) == (100, 100)
        for sql in asked:
            plan = " ".join(row["detail"] for row in reader.execute(f"EXPLAIN QUERY PLAN {sql}"))
            assert "by building.main_use" in plan, plan
            assert "TEMP B-TREE" not in plan, plan
    assert _indexes(path) == ["by building.main_use"]
    with closing(sqlite3.connect(path)) as connection:
        connection.execute('DROP INDEX "by building.main_use"')
        connection.execute('CREATE INDEX "by building.main_use" ON feature (layer)')
    EmbeddedStore(path, indexed).close()
    with closing(sqlite3.connect(path)) as connection:
        (made,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'by building.main_use'").fetchone()
    assert "main_use" in made.partition(" ON ")[2]
    assert len(pyogrio.read_dataframe(path, layer="building")) == 300
    EmbeddedStore(path, plain).close()
    assert _indexes(path) == []
