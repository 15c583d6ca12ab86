"""What only the PostGIS store promises: several processes on one database, and what happens when the server is gone."""

import random
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gis.errors import BadInput, LifangError, Unavailable
from gis.local import LocalFrame
from layers.catalogue import load_catalogue
from twin.declaration import Catalogue, FieldDeclaration
from twin.embedded import EmbeddedStore
from twin.event import NewEvent, Reading
from twin.feature import Feature
from twin.filter import Compare, Every, IsNull, Not, Property, queryables
from twin.query import Query
from twin.series import Series
from twin.store import Identifier

pytest.importorskip("psycopg", reason="psycopg is not installed (pip install 'lifang[postgis]')")

from twin.postgis import PostgisStore, migrations
from twin.postgis.condition import leaf
from twin.postgis.select import _is_gathered, rows, run, where_of

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
LAYERS = ("building", "device", "space")
CATALOGUE = load_catalogue()


@pytest.fixture
def open_store(database):
    """Opens stores on one database, each as another process would, and closes them."""
    stores = []

    def opened(url=database, clock=lambda: datetime.now(UTC)):
        stores.append(PostgisStore(url, CATALOGUE, clock))
        return stores[-1]

    yield opened
    for store in stores:
        store.close()


def event(number, source="s"):
    return NewEvent(
        kind="x", community="c", subject="s", source=source, source_seq=str(number), occurred_at=NOON, body={}
    )


def append(store, number, source="s"):
    return store.write(lambda tx: tx.append(event(number, source))).result()


def house(key, **more):
    return Feature(**{"layer": "building", "id": key, "community": "c1", "place": key, **more})


def put(store, *features):
    return store.write(lambda tx: [tx.put(feature) for feature in features]).result()


def eventually(condition):
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def backends(postgres, state="%"):
    """Process numbers of the server's processes that serve our stores."""
    sql = f"SELECT pid FROM pg_stat_activity WHERE application_name = 'lifang' AND state LIKE '{state}'"
    return [pid for (pid,) in postgres.execute(sql)]


def terminate(postgres, *pids):
    for pid in pids:
        postgres.execute(f"SELECT pg_terminate_backend({pid}, 10000)")  # waits until it has ended


# --- opening --------------------------------------------------------------------------------------------------------


def test_many_processes_may_open_an_empty_database_at_once(database):
    failures, stores = [], []

    def open_one():
        try:
            stores.append(PostgisStore(database, CATALOGUE))
        except LifangError as error:
            failures.append(error)

    threads = [threading.Thread(target=open_one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [append(store, number).seq for number, store in enumerate(stores)] == list(range(1, 9))
    for store in stores:
        store.close()


def test_an_unreachable_server_is_named_with_the_cure():
    with pytest.raises(Unavailable, match=r"store\.unreachable: .*port 1 failed.*See that it runs") as told:
        PostgisStore("postgresql://twin:hush@127.0.0.1:1/twin", CATALOGUE)
    assert "hush" not in str(told.value)


def test_a_wrong_password_is_named_and_not_shown(postgres):
    with pytest.raises(Unavailable, match=r"store\.wrong_password: .*'twin'.*PGPASSWORD") as told:
        PostgisStore(f"postgresql://twin:hush@127.0.0.1:{postgres.port}/twin", CATALOGUE)
    assert "hush" not in str(told.value)


def test_a_missing_database_is_named(postgres):
    with pytest.raises(Unavailable, match=r"store\.no_database: There is no database 'nowhere'"):
        PostgisStore(postgres.url("nowhere"), CATALOGUE)


def test_a_database_without_postgis_is_refused_with_the_cure(postgres):
    with pytest.raises(Unavailable, match=r"store\.no_postgis: .*CREATE EXTENSION postgis"):
        PostgisStore(postgres.url("postgres"), CATALOGUE)
    assert postgres.execute("SELECT to_regclass('lifang_migration')", "postgres") == [(None,)]


def test_a_user_who_may_not_make_tables_is_told(postgres):
    with pytest.raises(Unavailable, match=r"store\.read_only"):
        PostgisStore(postgres.url(user="guest"), CATALOGUE)


def test_somebody_elses_tables_are_left_alone(postgres, database):
    import psycopg

    with closing(psycopg.connect(database, autocommit=True)) as other:
        other.execute("CREATE TABLE feature (theirs text)")
        with pytest.raises(Unavailable, match=r"store\.not_ours"):
            PostgisStore(database, CATALOGUE)
        (found,) = other.execute(
            "SELECT array_agg(tablename) FROM pg_tables WHERE schemaname = current_schema()"
        ).fetchone()
    assert found == ["feature"]


def test_a_store_of_the_schema_before_keeps_its_readings_and_can_sum_them(database, open_store):
    import psycopg

    open_store().close()
    body = '{"property":"level","result":1.5}'
    with psycopg.connect(database) as old:
        old.execute("DROP INDEX event_subject; DROP TABLE rollup, projection, expired")
        old.execute("ALTER TABLE latest DROP COLUMN recorded_at; DELETE FROM lifang_migration WHERE number > 1")
        old.execute("ALTER TABLE identifier DROP COLUMN superseded_at, ADD PRIMARY KEY (scheme, value, place)")
        old.execute(
            "INSERT INTO event VALUES (1, 'observation', 'c1', 'D-1', 'gw', '1', %s, %s, %s)", (NOON, NOON, body)
        )
        old.execute("INSERT INTO latest VALUES ('c1', 'D-1', 'level', '1.5', %s)", (NOON,))
    store = open_store()
    (bucket,) = store.rollup(Series(devices=("D-1",)), "day", timedelta(hours=8))
    assert (bucket.count, bucket.total) == (1, 1.5)
    assert store.heard() == {"D-1": NOON}
    later = Reading("c1", "D-1", "level", 2, NOON, "gw", "2")
    assert [one.seq for one in store.write(lambda tx: tx.observe([later])).result()] == [2]


def test_a_store_of_the_schema_before_keeps_its_names_and_learns_their_ends(database, open_store, monkeypatch):
    import psycopg

    with monkeypatch.context() as before:
        before.setattr(migrations, "_MIGRATIONS", migrations._MIGRATIONS[:2])
        open_store().close()
    name = Identifier(community="c1", place="B-0", scheme="building_no", value="1", source="a", valid_from=NOON)
    with psycopg.connect(database) as old:
        old.execute("INSERT INTO identifier VALUES ('c1', 'building_no', '1', 'B-0', 'a', %s, NULL, %s)", (NOON, NOON))
    store = open_store(clock=lambda: NOON + HOUR)
    assert store.identifiers("B-0") == [name]
    store.write(lambda tx: tx.identify(replace(name, valid_to=NOON + HOUR))).result()
    assert (store.lookup("1"), store.lookup("1", known_at=NOON)) == ([], ["B-0"])
    assert store.lookup("1", known_at=NOON - HOUR) == []


def test_a_newer_schema_is_refused(database, open_store):
    store = open_store()
    store.write(lambda tx: tx._connection.execute("INSERT INTO lifang_migration (number) VALUES (999)")).result()
    with pytest.raises(Unavailable, match=r"store\.newer_schema"):
        PostgisStore(database, CATALOGUE)


def test_a_refused_store_leaves_no_connection_behind(postgres):
    for _ in range(3):
        with pytest.raises(Unavailable):
            PostgisStore(postgres.url(user="guest"), CATALOGUE)
    assert eventually(lambda: backends(postgres) == [])


# --- several processes ----------------------------------------------------------------------------------------------


def test_two_writers_number_all_events_and_a_reader_never_misses_one(open_store):
    first, second, reader = open_store(), open_store(), open_store()
    seen, done = [], threading.Event()

    def follow():
        while not (done.is_set() and len(seen) == reader.last_seq()):
            seen.extend(one.seq for one in reader.events(seen[-1] if seen else 0, 50))

    def send(store, source):
        for future in [store.write(lambda tx, n=n: tx.append(event(n, source))) for n in range(300)]:
            future.result()

    threads = [threading.Thread(target=send, args=pair) for pair in ((first, "a"), (second, "b"))]
    follower = threading.Thread(target=follow)
    for thread in (follower, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    follower.join()
    assert seen == list(range(1, 601))
    for source in "ab":
        numbers = [int(one.source_seq) for one in reader.events(0, 1000) if one.source == source]
        assert numbers == list(range(300))


def test_transactions_of_processes_whose_clocks_disagree_have_growing_moments(open_store):
    ahead, behind = open_store(clock=lambda: NOON + HOUR), open_store(clock=lambda: NOON)
    for number, store in enumerate((ahead, behind, ahead, behind)):
        put(store, house("B", name=str(number)))
    moments = [version.recorded_at for version in behind.history("building", "B")]
    assert moments == sorted(set(moments))
    assert [one.name for one in behind.find(Query(layers=("building",))).features] == ["3"]


def test_a_commit_of_one_process_wakes_the_other_once(open_store):
    ours, theirs = open_store(), open_store()
    append(theirs, 0)
    heard = []
    ours.subscribe(heard.append)
    append(theirs, 1)
    assert eventually(lambda: heard == [2])
    put(theirs, house("B"))
    append(ours, 2)
    append(theirs, 3)
    assert eventually(lambda: heard[-1:] == [4])
    assert heard == [2, 3, 4]


def test_a_lost_listener_returns_and_tells_what_happened_meanwhile(postgres, open_store, caplog):
    ours, theirs = open_store(), open_store()
    heard = []
    ours.subscribe(heard.append)
    append(theirs, 1)
    assert eventually(lambda: heard == [1])
    (listener,) = postgres.execute("SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
    terminate(postgres, *listener)
    append(theirs, 2)
    assert eventually(lambda: heard == [1, 2])
    assert "not listening" in caplog.text


def test_the_same_message_to_two_processes_is_one_event(open_store):
    first, second = open_store(), open_store()
    futures = [store.write(lambda tx: tx.append(event(1))) for store in (first, second)]
    assert sorted(future.result() is None for future in futures) == [False, True]


# --- a server that goes away ----------------------------------------------------------------------------------------


def test_a_writer_terminated_in_the_middle_wrote_nothing_and_the_next_write_works(postgres, open_store):
    store = open_store()

    def half(tx):
        tx.append(event(1))
        terminate(postgres, tx._connection.info.backend_pid)
        tx.append(event(2))

    with pytest.raises(Unavailable, match=r"store\.lost"):
        store.write(half).result()
    assert store.events(0, 10) == []
    assert append(store, 3).seq == 1


def test_a_writer_whose_connection_vanished_unnoticed_is_told_and_goes_on(postgres, open_store):
    store = open_store()

    def vanish(tx):
        terminate(postgres, tx._connection.info.backend_pid)
        raise ValueError("something else")

    with pytest.raises(Unavailable, match=r"store\.lost"):
        store.write(vanish).result()
    assert append(store, 1).seq == 1


def test_a_lock_held_too_long_is_told_and_the_next_write_works(postgres, open_store):
    store, other = open_store(), open_store()
    store.write(lambda tx: tx._connection.execute("SET lock_timeout = '100ms'")).result()
    held, go = threading.Event(), threading.Event()
    waiting = other.write(lambda tx: (held.set(), go.wait(20)))
    held.wait(20)
    with pytest.raises(Unavailable, match=r"store\.locked"):
        append(store, 1)
    go.set()
    waiting.result()
    assert append(store, 1).seq == 1


def test_writers_terminated_at_random_moments_keep_all_that_was_answered_and_nothing_by_halves(postgres, open_store):
    store, answered = open_store(), []
    stop = threading.Event()

    def pair(number):
        return lambda tx: [tx.append(event(f"{number}{half}")) for half in "ab"]

    def send():
        number = 0
        while not stop.is_set():
            futures = {n: store.write(pair(n)) for n in range(number, number + 20)}
            number += 20
            for n, future in futures.items():
                error = future.exception()
                assert error is None or error.code in ("store.lost", "store.failed"), error
                answered.extend([n] if error is None else [])

    sender = threading.Thread(target=send)
    sender.start()
    for turn in range(15):
        time.sleep(0.02 + 0.003 * turn)
        terminate(postgres, *backends(postgres))
    stop.set()
    sender.join()
    log = store.events(0, 10**6)
    kept = {one.source_seq for one in log}
    assert {f"{n}{half}" for n in answered for half in "ab"} <= kept
    assert {number[:-1] + "a" for number in kept} == {number for number in kept if number.endswith("a")}
    assert [one.seq for one in log] == list(range(1, len(log) + 1))
    assert len(answered) > 0


def test_idle_connections_that_were_lost_are_not_noticed(postgres, open_store):
    store = open_store()
    append(store, 1)
    assert store.last_seq() == 1
    terminate(postgres, *backends(postgres))
    assert store.last_seq() == 1
    terminate(postgres, *backends(postgres))
    assert append(store, 2).seq == 2


def test_a_reader_terminated_in_the_middle_is_told_and_the_next_one_works(postgres, open_store):
    store = open_store()
    failures = []

    def read():
        try:
            store._rows("SELECT pg_sleep(30)")
        except Unavailable as error:
            failures.append(error.code)

    reader = threading.Thread(target=read)
    reader.start()
    sleeping = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'"
    assert eventually(lambda: postgres.execute(sleeping))
    terminate(postgres, *postgres.execute(sleeping)[0])
    reader.join()
    assert failures == ["store.lost"]
    assert store.last_seq() == 0


_WRITER = """
import sys
from datetime import UTC, datetime
from layers.catalogue import load_catalogue
from twin.postgis import PostgisStore, migrations
from twin.event import NewEvent
store = PostgisStore(sys.argv[1], load_catalogue())
for n in range(10**9):
    event = NewEvent(kind="x", community="c", subject="s", source="s", source_seq=str(n), occurred_at=datetime.now(UTC), body={})
    store.write(lambda tx: tx.append(event)).result()
    print(n, flush=True)
"""


def test_a_killed_process_loses_nothing_acknowledged_and_leaves_no_lock(database, open_store):
    writer = subprocess.Popen([sys.executable, "-c", _WRITER, database], stdout=subprocess.PIPE, text=True)
    for _ in range(50):
        writer.stdout.readline()
    writer.kill()
    acknowledged = 49 + len(writer.stdout.read().split())
    writer.stdout.close()
    writer.wait()
    store = open_store()
    assert append(store, 1, "other").seq >= acknowledged + 2
    numbers = [int(one.source_seq) for one in store.events(0, 10**6) if one.source == "s"]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) >= acknowledged + 1


# --- what PostgreSQL would do differently ---------------------------------------------------------------------------


def test_commits_are_on_disk_even_where_the_server_would_not_wait(database, postgres):
    lazy = database.replace("options=", "options=-csynchronous_commit%3Doff%20")
    with closing(PostgisStore(lazy, CATALOGUE)) as store:
        how = store.write(lambda tx: tx._connection.execute("SHOW synchronous_commit").fetchone()).result()
    assert how == {"synchronous_commit": "on"}


def test_keys_sort_by_bytes_though_the_database_sorts_chinese(postgres, open_store):
    keys = ["B-1", "b-0", "一", "丁", "a-B", "a_b", "B-10", "B.1", "ä", "Z"]
    assert [key for (key,) in postgres.execute("SELECT unnest(ARRAY['Z', 'a']) AS k ORDER BY k")] == ["a", "Z"]
    store = open_store()
    put(store, *(house(key) for key in keys))
    assert [one.id for one in store.find(Query(layers=("building",))).features] == sorted(keys)
    first = store.find(Query(layers=("building",), limit=5))
    rest = store.find(Query(layers=("building",), limit=5, cursor=first.next))
    assert [one.id for one in (*first.features, *rest.features)] == sorted(keys)


def test_what_the_database_cannot_keep_is_refused_alone(open_store):
    store = open_store()
    bad = store.write(lambda tx: tx.put(house("B", name="a\x00b")))
    good = store.write(lambda tx: tx.put(house("C")))
    with pytest.raises(BadInput, match=r"store\.bad_text"):
        bad.result()
    assert good.result()


def test_the_index_is_used_for_a_small_box_among_many_features(open_store):
    store = open_store()
    put(store, *(house(f"B-{n}", geometry=shapely.Point(120 + n / 1e4, 30)) for n in range(3000)))

    def plan(tx):
        tx._connection.execute("ANALYZE feature")
        sql = "EXPLAIN SELECT * FROM feature WHERE geom && ST_MakeEnvelope(120.1, 29, 120.101, 31, 4326)"
        return "\n".join(row["QUERY PLAN"] for row in tx._connection.execute(sql))

    assert "feature_geom" in store.write(plan).result()


# --- the same answers -----------------------------------------------------------------------------------------------

LON, LAT = 117.0, 31.8
ONE_CM = 1e-7  # degrees; an index of single-precision numbers errs by 70 times as much here

places = st.tuples(st.integers(-30, 30), st.integers(-30, 30)).map(lambda xy: (LON + xy[0] / 3e4, LAT + xy[1] / 3e4))
shapes = st.one_of(
    places.map(shapely.Point),
    st.tuples(places, places).filter(lambda ends: ends[0] != ends[1]).map(shapely.LineString),
    st.tuples(places, st.sampled_from((ONE_CM, 1e-4, 3e-4))).map(
        lambda it: shapely.box(*it[0], it[0][0] + it[1], it[0][1] + it[1])
    ),
    st.lists(places, min_size=2, max_size=3).map(shapely.MultiPoint),
    st.none(),
)
heights = st.one_of(st.none(), st.sampled_from((-3.0, 0.0, 2.9, 3.0, 60.5)))
values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.sampled_from((0.5, 1.0, 0.1 + 0.2, 1e16, -0.0)),
    st.text(max_size=2),
).filter(lambda value: not isinstance(value, str) or "\x00" not in value)
features = st.lists(
    st.builds(
        house,
        st.sampled_from(("A", "A-1", "A-1-F01", "A-2", "A.1", "a", "里", "里-坊", "Z")),
        layer=st.sampled_from(LAYERS),
        place=st.sampled_from((None, "A", "A-1", "A-1-F01", "A.1", "里-坊")),
        geometry=shapes,
        storey=st.sampled_from((None, -1, 1, 2)),
        z_min_m=heights,
        z_max_m=heights,
        name=st.sampled_from((None, "安和里1幢", "安和里12幢", "Tour Élysée", "tour 2")),
        attributes=st.dictionaries(st.sampled_from(("v", "名")), values, max_size=2),
        valid_from=st.sampled_from((None, *(NOON - timedelta(hours=h, microseconds=7) for h in (1, 2, 3)))),
    ),
    min_size=1,
    max_size=25,
)
boxes = st.tuples(places, places).map(
    lambda it: (min(it[0][0], it[1][0]), min(it[0][1], it[1][1]), max(it[0][0], it[1][0]), max(it[0][1], it[1][1]))
)
queries = st.builds(
    lambda **conditions: conditions,
    layers=st.lists(st.sampled_from(LAYERS), min_size=1, unique=True).map(tuple),
    bbox=st.one_of(st.none(), boxes),
    area=st.one_of(st.none(), places.map(lambda at: shapely.Point(at).buffer(5e-4, quad_segs=2))),
    near=st.one_of(
        st.none(), st.tuples(places, st.sampled_from((0.01, 50.0, 111.0, 300.0))).map(lambda it: (*it[0], it[1]))
    ),
    within=st.sampled_from((None, None, "A", "A-1", "里")),
    storeys=st.sampled_from(((), (), (1,), (-1, 2))),
    z_min_m=st.sampled_from((None, None, 2.95)),
    z_max_m=st.sampled_from((None, None, 2.95)),
    filters=st.sampled_from(((), (), (("v", "1"),), (("v", "1.0"),), (("名", "0.30000000000000004"),), (("v", "0"),))),
    at=st.sampled_from((None, None, NOON - 1.5 * HOUR)),
    known_at=st.sampled_from((None, None, 0, 1)),
    limit=st.sampled_from((None, 1, 3)),
)


def everything(store, conditions):
    """All pages of an answer, with what each says of the whole."""
    pages = [store.find(Query(**conditions))]
    while pages[-1].next is not None:
        pages.append(store.find(Query(**conditions, cursor=pages[-1].next)))
        assert len(pages) < 100
    return [(page.features, page.matched, page.next) for page in pages]


def passes(feature, conditions):
    """What a person would decide with the geometry and a tape measure; everything but time."""
    shape, within = feature.geometry, conditions["within"]
    bbox, area, near = (conditions[name] for name in ("bbox", "area", "near"))
    if (bbox or area or near) and shape is None:
        return False
    top = feature.z_min_m if feature.z_max_m is None else feature.z_max_m
    low, high = conditions["z_min_m"], conditions["z_max_m"]
    text = {name: str(int(v) if isinstance(v, bool) else v) for name, v in feature.attributes.items() if v is not None}
    return (
        feature.layer in conditions["layers"]
        and (bbox is None or shapely.box(*bbox).intersects(shape))
        and (area is None or area.intersects(shape))
        and (near is None or metres(near, shape) <= near[2])
        and (within is None or (feature.place is not None and (feature.place + "-").startswith(within + "-")))
        and (not conditions["storeys"] or feature.storey in conditions["storeys"])
        and (low is None or (top is not None and top >= low))
        and (high is None or (feature.z_min_m is not None and feature.z_min_m <= high))
        and all(text.get(name) == value for name, value in conditions["filters"])
    )


def metres(near, shape):
    return LocalFrame(*near[:2]).forward(shape).distance(shapely.Point(0, 0))


def test_both_stores_answer_alike_and_as_brute_force_does(tmp_path, database):
    now = [NOON]
    with (
        closing(EmbeddedStore(tmp_path / "twin.gpkg", CATALOGUE, lambda: now[0])) as embedded,
        closing(PostgisStore(database, CATALOGUE, lambda: now[0])) as postgis,
    ):
        postgis._pool.wait()  # while it opens, its threads draw random numbers, which hypothesis takes for ours

        @settings(max_examples=100, suppress_health_check=list(HealthCheck))
        @given(st.lists(features, min_size=1, max_size=3), st.lists(queries, min_size=5, max_size=10))
        def answers_agree(turns, asked):
            moments = []
            for turn in [None, *turns]:
                now[0] += HOUR
                moments.append(now[0])
                changed = [forget(store) if turn is None else put(store, *turn) for store in (embedded, postgis)]
                assert changed[0] == changed[1]
            standing = postgis.find(Query(layers=LAYERS)).features
            for one in asked:
                known = one["known_at"]
                conditions = {**one, "known_at": None if known is None else moments[min(known, len(turns))]}
                answer = everything(embedded, conditions)
                assert answer == everything(postgis, conditions)
                if (conditions["at"], known) == (None, None):
                    told = [one for features, _, _ in answer for one in features]
                    assert sorted(map(key, told)) == sorted(key(one) for one in standing if passes(one, conditions))
                    far = [metres(conditions["near"], one.geometry) for one in told] if conditions["near"] else []
                    assert far == pytest.approx(sorted(far))
            for typed in ("安和里1", "tour é", "elysee", "a-1", "里"):
                assert embedded.search(typed, 7) == postgis.search(typed, 7)
            assert embedded.counts() == postgis.counts()

        answers_agree()


def key(feature):
    return feature.layer, feature.id


def forget(store):
    tables = ("feature", "feature_box", "feature_text") if isinstance(store, EmbeddedStore) else ("feature",)
    store.write(lambda tx: [tx._connection.execute(f"DELETE FROM {table}") for table in tables]).result()


# --- plans ----------------------------------------------------------------------------------------------------------


def _with_uses(**more):
    field = {"name": "main_use", "title": {"zh": "用途", "en": "Use"}, **more}
    return Catalogue([CATALOGUE["building"].model_copy(update={"fields": (FieldDeclaration(**field),)})])


def test_a_field_declared_as_indexed_has_an_index_that_filters_use_until_it_is_no_longer(database):
    indexed, plain = _with_uses(indexed=True), _with_uses()
    store = PostgisStore(database, indexed)
    uses = [house(f"B-{n:03}", attributes={"main_use": f"use {n}"}) for n in range(300)]
    put(store, *uses, house("B-X", attributes={"main_use": 7}))
    wanted = Compare(queryables(indexed["building"])["main_use"], "=", "use 7")
    assert [one.id for one in store.find(Query(layers=("building",), where=wanted)).features] == ["B-007"]
    store._session.connection.execute("SET enable_seqscan = off")  # so few rows are read faster without an index
    text, values = leaf(wanted)
    explained = f"EXPLAIN SELECT fid FROM feature WHERE layer = %s AND superseded_at IS NULL AND {text}"
    plan = [line["QUERY PLAN"] for line in rows(store._session.connection, explained, "building", *values)]
    assert any("by cell building.main_use" in line for line in plan), plan
    store.close()
    PostgisStore(database, indexed).close()
    store = PostgisStore(database, plain)
    sql = "SELECT relname FROM pg_class WHERE relname LIKE 'by %%' AND relnamespace = current_schema()::regnamespace"
    assert store._rows(sql) == []
    store.close()


def test_a_value_in_a_box_is_found_by_one_index_and_is_what_brute_force_finds(open_store):
    store, chance = open_store(), random.Random(5)
    shapes = []
    for size in (0.0, 0.0001, 0.0029, 0.003, 0.0031, 0.02):
        for _ in range(60):
            west, south = 120 + chance.randrange(80) * 0.00025, 30 + chance.randrange(80) * 0.00025
            shapes.append(
                shapely.box(west, south, west + size, south + size / 2) if size else shapely.Point(west, south)
            )
    uses = [{"main_use": chance.choice(["office", "school"])} for _ in shapes]
    houses = [house(f"B-{n:03}", geometry=shapes[n], attributes=uses[n]) for n in range(len(shapes))]
    put(store, *houses, house("B-X", attributes={"main_use": "office"}))
    office = Compare(queryables(CATALOGUE["building"])["main_use"], "=", "office")
    for where in (office, Every((office, Not(IsNull(Property("name", "string", column=True)))))):
        for _ in range(40):
            west, south, side = (
                120 + chance.random() * 0.02,
                30 + chance.random() * 0.02,
                0.001 + chance.random() * 0.02,
            )
            box = (round(west, 3), round(south, 3), round(west + side, 4), round(south + side / 2, 4))
            query = Query(layers=("building",), bbox=box, where=where, limit=1000, counted=False)
            among = [one.id for one in houses if one.attributes["main_use"] == "office" and where is office]
            wanted = [id_ for id_ in among if shapes[int(id_[2:])].intersects(shapely.box(*box))]
            assert [one.id for one in store.find(query).features] == wanted
    few = Query(layers=("building",), bbox=(120.001, 30.001, 120.002, 30.002), where=office, limit=10)
    where = where_of(few, NOON)
    connection = store._session.connection
    connection.execute("SET enable_seqscan = off")  # so few rows are read faster without an index
    plan = rows(connection, f"EXPLAIN SELECT fid FROM feature WHERE {where.sql}", *where.values)
    assert any("by cell building.main_use" in line["QUERY PLAN"] for line in plan), plan


def test_pages_of_a_wide_box_are_the_same_whether_they_are_gathered_or_walked(open_store):
    store = open_store()
    spots = [shapely.Point(120 + n % 20 * 0.005, 30 + n // 20 * 0.005) for n in range(300)]
    put(store, *(house(f"B-{n * 7 % 300:03}", geometry=spot) for n, spot in enumerate(spots)))
    store._session.connection.execute("ANALYZE feature")
    for east, gathered in ((120.012, True), (121, False)):
        query = Query(layers=("building",), bbox=(120, 29, east, 31), limit=20, counted=False)
        assert store._ask(run, _is_gathered(query, 20)) is gathered
        whole, seen, cursor = store.find(replace(query, limit=None)).features, [], None
        while not seen or cursor:
            page = store.find(replace(query, cursor=cursor))
            seen, cursor = [*seen, *page.features], page.next
        assert [one.id for one in seen] == [one.id for one in whole]
