"""Short questions on the event loop, against a real PostgreSQL server."""

import asyncio
from datetime import UTC, datetime

import pytest
import shapely

from gis.errors import LifangError
from layers.catalogue import load_catalogue
from tests.loop import run
from twin.asker import ASKER, Asker
from twin.feature import Feature
from twin.query import Query

pytest.importorskip("psycopg", reason="psycopg is not installed (pip install 'lifang[postgis]')")

from twin.postgis import PostgisStore, prompt
from twin.postgis.select import Statement

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
LEFT = LifangError("request.left", "Who asked is gone.")


@pytest.fixture
def store(database):
    opened = PostgisStore(database, load_catalogue(), lambda: NOON)
    spots = [shapely.Point(120 + n * 0.001, 30) for n in range(40)]
    houses = [Feature(layer="building", id=f"B-{n:02}", community="c1", geometry=spot) for n, spot in enumerate(spots)]
    opened.write(lambda tx: [tx.put(house) for house in houses]).result()
    yield opened
    opened.close()


def one(number):
    return Query(layers=("building",), ids=(f"B-{number:02}",), limit=1, counted=False)


async def name_of(store, number):
    (row,) = (await store.rows_async(one(number))).rows
    return row.id


def asked(sql, *values):
    (row,) = yield Statement(sql, values)
    return row


def of_ours(postgres, condition):
    sql = f"SELECT pid FROM pg_stat_activity WHERE application_name = 'lifang' AND {condition}"
    return [pid for (pid,) in postgres.execute(sql)]


async def eventually(condition):
    for _ in range(2000):
        if condition():
            return True
        await asyncio.sleep(0.01)
    return False


def test_many_questions_at_once_are_answered_over_a_few_connections(store, postgres):
    before = len(of_ours(postgres, "true"))

    async def ask():
        names = await asyncio.gather(*(name_of(store, n % 40) for n in range(200)))
        return names, len(of_ours(postgres, "true"))

    names, then = run(ask())
    assert names == [f"B-{n % 40:02}" for n in range(200)]
    assert 1 <= then - before <= 4


def test_each_event_loop_has_connections_of_its_own_and_those_of_loops_that_ended_are_closed(store, postgres):
    before = len(of_ours(postgres, "true"))
    for number in range(10):
        assert run(name_of(store, number)) == f"B-{number:02}"
    assert len(of_ours(postgres, "true")) <= before + 2


def test_an_idle_connection_that_was_lost_is_not_noticed(store, postgres):
    async def ask():
        assert await name_of(store, 1) == "B-01"
        for pid in of_ours(postgres, "state = 'idle'"):
            postgres.execute(f"SELECT pg_terminate_backend({pid}, 10000)")
        await asyncio.sleep(0.05)  # until the loop has heard of it
        assert await name_of(store, 2) == "B-02"

    run(ask())


def test_a_question_cut_off_in_the_middle_is_told_and_the_next_one_works(store, postgres):
    async def ask():
        cut = asyncio.create_task(store._prompt.run(asked("SELECT pg_sleep(30)")))
        assert await eventually(lambda: of_ours(postgres, "query LIKE 'SELECT pg_sleep%'"))
        for pid in of_ours(postgres, "query LIKE 'SELECT pg_sleep%'"):
            postgres.execute(f"SELECT pg_terminate_backend({pid}, 10000)")
        with pytest.raises(LifangError, match=r"store\.lost"):
            await cut
        assert await name_of(store, 3) == "B-03"

    run(ask())


@pytest.mark.parametrize("way", ["dismissed", "cancelled"])
def test_a_question_nobody_waits_for_ends_in_the_database_too(store, postgres, way):
    sleeping = "state = 'active' AND query LIKE 'SELECT pg_sleep%'"

    async def ask():
        asker = Asker()
        ASKER.set(asker)
        task = asyncio.create_task(store._prompt.run(asked("SELECT pg_sleep(30)")))
        assert await eventually(lambda: of_ours(postgres, sleeping))
        if way == "dismissed":
            asker.dismiss(LEFT)
            with pytest.raises(LifangError, match=r"request\.left"):
                await task
        else:
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert await eventually(lambda: not of_ours(postgres, sleeping))
        ASKER.set(None)
        assert await name_of(store, 4) == "B-04"

    run(ask())


def test_a_refused_statement_is_told_and_its_connection_asks_on(store):
    async def ask():
        await store._prompt.run(asked("SELECT 1"))
        (before,) = await store._prompt.run(asked("SELECT pg_backend_pid()"))
        with pytest.raises(LifangError, match=r"store\.bad_value"):
            await store._prompt.run(asked("SELECT %s::text::int", "x"))
        return before, *await store._prompt.run(asked("SELECT pg_backend_pid()"))

    before, then = run(ask())
    assert before == then


def test_who_waits_too_long_for_a_connection_is_told(store, monkeypatch):
    monkeypatch.setattr(prompt, "PATIENCE_S", 0.1)

    async def ask():
        slow = [asyncio.create_task(store._planned.run(asked("SELECT pg_sleep(30)"))) for _ in range(4)]
        await asyncio.sleep(0)
        with pytest.raises(LifangError, match=r"store\.unreachable"):
            await name_of(store, 5)
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)
        assert await name_of(store, 5) == "B-05"

    run(ask())


def test_a_page_that_takes_several_statements_is_the_same(store):
    slanting = [shapely.LineString([(119, 30), (120, 29)]) for _ in range(30)]  # their boxes touch what is asked for
    beside = [Feature(layer="building", id=f"A-{n:02}", community="c1", geometry=s) for n, s in enumerate(slanting)]
    store.write(lambda tx: [tx.put(feature) for feature in beside]).result()
    for side in (0.0009, 0.009, 1.0):
        box = (120 - side, 30 - side, 120 + side / 10 + 0.0005, 30 + side)
        query = Query(layers=("building",), bbox=box, limit=5, counted=False)
        found = run(store.rows_async(query))
        assert found == store.rows(query)


def test_a_closed_store_says_so(store):
    store.close()
    with pytest.raises(LifangError, match=r"store\.closed"):
        run(name_of(store, 6))
