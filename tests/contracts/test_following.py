"""What follows the records of a layer knows what the store holds after every change, whoever made it."""

from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gis.errors import LifangError
from layers.following import Standing
from tests.contracts.conftest import CATALOGUE, Clock
from twin.embedded import EmbeddedStore
from twin.feature import Feature
from twin.query import Query

IDS = st.sampled_from(["D-1", "D-2"])
STEPS = st.one_of(
    st.tuples(st.just("put"), IDS, st.sampled_from(["a", "b", "c"])),
    st.tuples(st.just("begin"), IDS, st.integers(-90, 20)),
    st.tuples(st.just("end"), IDS, st.integers(-90, 20)),
    st.tuples(st.just("vanish"), IDS),
    st.tuples(st.just("undo"), st.integers(0, 3)),
    st.tuples(st.just("import")),
)


def device(number, **more):
    return Feature(layer="device", id=number, community="c1", **more)


def current(store):
    return {one.id: one for one in store.find(Query(layers=("device",))).features}


def act(store, clock, step):
    """Change something, and with it the layer."""
    kind, *said = step
    if kind == "put":
        return store.write(lambda tx: tx.put(device(said[0], name=said[1])))
    if kind == "begin":
        moment = clock.now + timedelta(seconds=said[1])
        return store.write(lambda tx: tx.put(device(said[0], name=f"since {moment}", valid_from=moment)))
    if kind == "end":
        return store.write(lambda tx: tx.end("device", said[0], clock.now + timedelta(seconds=said[1])))
    if kind == "vanish":
        return store.write(lambda tx: tx.end("device", said[0], clock.now - timedelta(days=999)))
    if kind == "undo":
        moments = sorted({one.recorded_at for one in current(store).values()})
        return store.write(lambda tx: tx.undo(moments[said[0]]))
    return store.write(lambda tx: tx.put_all([device(f"D-{number}", name=str(clock.now)) for number in range(2, 6)]))


@pytest.fixture(params=["embedded", "postgis"])
def fresh(request, tmp_path_factory):
    """Return a function that gives an empty store of its own, opened twice as by two processes, and their clock."""
    if request.param == "postgis":
        new_database = request.getfixturevalue("new_database")
        from twin.postgis import PostgisStore

    @contextmanager
    def opened():
        clock = Clock()
        with ExitStack() as stack:
            if request.param == "embedded":
                path = tmp_path_factory.mktemp("twin") / "twin.gpkg"
                both = [EmbeddedStore(path, CATALOGUE, clock) for _ in range(2)]
            else:
                address = stack.enter_context(new_database())
                both = [PostgisStore(address, CATALOGUE, clock) for _ in range(2)]
            for one in both:
                stack.enter_context(closing(one))
            yield *both, clock

    return opened


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=st.lists(st.tuples(STEPS, st.integers(0, 40), st.booleans()), min_size=10, max_size=60))
def test_it_stands_as_the_store_has_it_after_every_change(fresh, steps):
    with fresh() as (store, elsewhere, clock):
        standing = Standing(store, "device")
        for step, seconds, here in steps:
            clock.now += timedelta(seconds=seconds)
            before = store.version(["device"])
            try:
                act(store if here else elsewhere, clock, step).result()
            except (LifangError, IndexError):
                continue  # nothing to undo, or changed since
            if store.version(["device"]) != before:
                assert standing.records() == current(store)


def test_one_change_of_many_is_followed_by_reading_one(store, clock):
    store.write(lambda tx: tx.put_all([device(f"D-{number}") for number in range(50)])).result()
    clock.now += timedelta(minutes=1)
    store.write(lambda tx: tx.put(device("D-6", name="long after those"))).result()
    counted = Counted(store)
    standing = Standing(counted, "device")
    assert len(standing.records()) == 50
    assert counted.read >= 50
    for change in (
        lambda tx: tx.put(device("D-7", name="new")),
        lambda tx: tx.put(device("D-50")),
        lambda tx: tx.end("device", "D-8", clock.now),
    ):
        counted.read = 0
        store.write(change).result()
        assert standing.records() == current(store)
        assert counted.read <= 10, "what was read before, and the few that are new"


def test_as_long_as_nothing_changes_it_is_the_same_object(store):
    standing = Standing(store, "device")
    store.write(lambda tx: tx.put(device("D-1"))).result()
    first = standing.records()
    store.write(lambda tx: tx.put(replace(device("D-1"), layer="building"))).result()
    assert standing.records() is first


class Counted:
    """A store that counts the features it reads."""

    def __init__(self, store):
        self._store = store
        self.read = 0

    def find(self, query):
        page = self._store.find(query)
        self.read += len(page.features)
        return page

    def __getattr__(self, name):
        return getattr(self._store, name)


@pytest.mark.parametrize("seconds", [5, 50])
def test_what_begins_in_future_stands_from_the_first_change_after_that(store, clock, seconds):
    standing = Standing(store, "device")
    later = clock.now + timedelta(seconds=seconds)
    store.write(lambda tx: tx.put_all([device("D-1"), device("D-2", valid_from=later)])).result()
    assert set(standing.records()) == {"D-1"}
    clock.now += timedelta(seconds=100)
    store.write(lambda tx: tx.put(device("D-3"))).result()
    assert set(standing.records()) == {"D-1", "D-2", "D-3"}


def test_what_is_said_to_have_begun_before_what_has_ended_is_followed_too(store, clock):
    store.write(lambda tx: tx.put(device("D-1", name="a", valid_from=clock.now))).result()
    clock.now += timedelta(minutes=1)
    store.write(lambda tx: tx.end("device", "D-1", clock.now)).result()
    earlier = clock.now - timedelta(hours=1)
    store.write(lambda tx: tx.put_all([device("D-1", name="b", valid_from=earlier), device("D-2")])).result()
    standing = Standing(store, "device")
    assert standing.records()["D-1"].name == "b"
    for name in ("c", "d"):
        clock.now += timedelta(minutes=1)
        store.write(lambda tx, name=name: tx.put(device("D-1", name=name))).result()
        assert standing.records()["D-1"].name == name
