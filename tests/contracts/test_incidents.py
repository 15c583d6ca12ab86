"""Incidents and calls for help, the same on every store and after a restart."""

from datetime import timedelta

import pytest
import shapely

from gis.errors import Conflict
from layers.catalogue import load_catalogue
from layers.incident import Report, report, take
from layers.incident.one_key import OneKey
from layers.incident.policy import load_policy
from layers.incident.record import KIND, LAYER, entries_of, incident_of
from layers.incident.rules import folded
from layers.incident.supervision import Supervision
from twin.embedded import EmbeddedStore
from twin.feature import Feature
from twin.filter import Compare, Property
from twin.query import Query
from twin.walking import walking

BUILDING = "N51H0429733232-0"
STATE = Property("state", "string", column=False)


def thing(layer, key, shape, place=None, **attributes):
    return Feature(layer=layer, id=key, community="c1", place=place, geometry=shape, attributes=attributes)


FEATURES = [
    thing("building", BUILDING, shapely.box(120.15, 30.28, 120.1502, 30.2802), BUILDING),
    thing("grid", "g1", shapely.box(120.1, 30.2, 120.2, 30.3), "g1"),
    thing("staff", "A", shapely.Point(120.151, 30.28), grid_code="g1"),
    thing("staff", "B", shapely.Point(120.153, 30.28), grid_code="g1"),
]
STREET = thing("walkway", "w", shapely.LineString([(120.14, 30.28), (120.16, 30.28)]))


@pytest.fixture
def reopen(request, tmp_path, clock):
    catalogue = load_catalogue()
    if request.param == "embedded":
        return lambda: EmbeddedStore(tmp_path / "twin.gpkg", catalogue, clock)
    from twin.postgis import PostgisStore

    database = request.getfixturevalue("database")
    return lambda: PostgisStore(database, catalogue, clock)


both = pytest.mark.parametrize("reopen", ["embedded", "postgis"], indirect=True)


def filed(clock, **more):
    said = {"class_": "fire", "severity": 1, "source": "hotline", "source_no": "7", "title": "起火", "by": "12345"}
    return Report(**{**said, "place": BUILDING, "occurred_at": clock.now, **more})


def run(store, work):
    return store.write(work).result()


@both
def test_a_report_counts_once_and_the_closed_loop_is_the_fold_of_its_log(reopen, clock):
    store = reopen()
    run(store, lambda tx: tx.put_all(FEATURES))
    first, again = (run(store, lambda tx: report(tx, filed(clock), clock.now)) for _ in range(2))
    assert (first.no, first.created, again.created) == (again.no, True, False)
    assert first.message["grid"] == "g1"
    steps = [("accept", {}), ("dispatch", {"to": "A"}), ("handle", {}), ("feedback", {"result": "好"})]
    for step, facts in [*steps, ("assess", {"score": 5})]:
        clock.now += timedelta(minutes=1)
        run(store, lambda tx, step=step, facts=facts: take(tx, first.no, step, "王", clock.now, facts))
    with pytest.raises(Conflict, match=r"incident\.step"):
        run(store, lambda tx: take(tx, first.no, "note", "王", clock.now, {"note": "晚了"}))
    clock.now += timedelta(days=2)
    assert store.find(Query(layers=(LAYER,))).features == ()
    everything = Query(layers=(LAYER,), during=(None, None), where=Compare(STATE, "=", "assessed"), limit=10)
    (record,) = store.find(everything).features
    events = store.events(0, 100, (KIND,), subjects=(first.no,))
    assert folded(first.no, entries_of([event.body for event in events])) == incident_of(record)
    store.close()


@both
def test_a_call_goes_on_where_it_was_when_the_service_comes_back(reopen, clock):
    store = reopen()
    run(store, lambda tx: tx.put_all(FEATURES))

    def calls(opened):
        return OneKey(opened, load_policy(), lambda: walking([STREET], [], []), clock)

    pressed = calls(store).press(filed(clock, class_="help", source="one_key")).result()
    assert (pressed.call.asked, pressed.call.by) == (("A",), "walk")
    assert calls(store).tick() is None
    store.close()

    clock.now += timedelta(hours=1)
    store = reopen()
    calls(store).tick().result()
    assert calls(store).call(pressed.call.incident).asked == ("A", "B")
    assert calls(store).tick() is None  # twice is once
    clock.now += timedelta(hours=1)
    calls(store).tick().result()
    call = calls(store).call(pressed.call.incident)
    assert (call.state, call.until) == ("escalated", None)
    (told,) = store.find(Query(layers=(LAYER,))).features
    assert (told.attributes["level"], told.attributes["department"]) == (1, "公安派出所")
    store.close()


@both
def test_each_step_that_does_not_come_in_its_time_is_told_once_also_after_a_restart(reopen, clock):
    store = reopen()
    run(store, lambda tx: tx.put_all(FEATURES))
    no = run(store, lambda tx: report(tx, filed(clock), clock.now)).no

    def ticked(supervision):
        done = supervision.tick()
        return done is not None and done.result() is None

    def entries():
        events = store.events(0, 100, (KIND,), subjects=(no,))
        return [(one.step, one.facts.get("awaits")) for one in entries_of([event.body for event in events])]

    first = Supervision(store, load_policy(), clock)
    clock.now += timedelta(seconds=179)
    assert not ticked(first)
    store.close()

    clock.now += timedelta(seconds=1)
    store = reopen()
    first, second = (Supervision(store, load_policy(), clock) for _ in range(2))
    assert ticked(first)
    assert not ticked(first)
    assert not ticked(second)  # the one that takes over
    (record,) = store.find(Query(layers=(LAYER,))).features
    assert (record.attributes["overdue"], record.attributes["overdue_at"]) == ("accept", clock.now.isoformat())
    run(store, lambda tx: take(tx, no, "accept", "王", clock.now))
    (record,) = store.find(Query(layers=(LAYER,))).features
    assert record.attributes["overdue"] is None
    clock.now += timedelta(hours=1)
    assert ticked(second)
    assert not ticked(first)
    assert entries() == [("report", None), ("overdue", "accept"), ("accept", None), ("overdue", "dispatch")]
    store.close()


@both
def test_a_storm_within_one_second_gives_every_incident_its_own_number(reopen, clock):
    store = reopen()
    run(store, lambda tx: tx.put_all(FEATURES))
    numbers = run(store, lambda tx: [report(tx, filed(clock, source_no=str(n)), clock.now).no for n in range(70)])
    assert numbers == [f"SJ20261121200000-{n:02d}" for n in range(1, 71)]
    store.close()
