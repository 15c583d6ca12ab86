"""What every store promises, tried on each of them."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import shapely

from gis.errors import BadInput, Conflict
from tests.loop import run
from twin.event import UNCHANGED, Band, NewEvent, Reading
from twin.feature import Feature
from twin.query import Query
from twin.store import Completeness, Descent, Extent, Identifier

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def box(west, south, size=0.001):
    return shapely.box(west, south, west + size, south + size)


def building(key="B-0", **more):
    return Feature(
        **{"layer": "building", "id": key, "community": "c1", "place": key, "geometry": box(120, 30), **more}
    )


def put(store, *features):
    return store.write(lambda tx: [tx.put(feature) for feature in features]).result()


def find(store, **conditions):
    return store.find(Query(layers=conditions.pop("layers", ("building",)), **conditions))


def ids(page):
    return [feature.id for feature in page.features]


def test_a_feature_comes_back_as_it_was_put(store):
    given = building(
        name="安和里1幢", storey=-1, z_min_m=4.5, z_max_m=22.25, attributes={"b": [1, None], "名": "甲"}, source="a.shp"
    )
    assert put(store, given) == [True]
    (found,) = find(store).features
    assert replace(found, recorded_at=None, valid_from=None, geometry=None) == replace(given, geometry=None)
    assert found.geometry.equals(given.geometry)
    assert found.valid_from == found.recorded_at


def test_unknown_stays_unknown(store):
    put(store, building(geometry=None))
    (found,) = find(store).features
    assert (found.geometry, found.z_min_m, found.storey, found.name) == (None, None, None, None)


def test_putting_the_same_again_changes_nothing(store):
    put(store, building(name="1"))
    before = store.version(["building"])
    assert put(store, building(name="1")) == [False]
    assert store.version(["building"]) == before
    assert len(store.history("building", "B-0")) == 1


def test_a_correction_is_believed_from_now_on_and_the_old_belief_is_kept(store, clock):
    put(store, building(name="wrong"))
    clock.now += HOUR
    put(store, building(name="right"))
    assert [f.name for f in find(store).features] == ["right"]
    assert [f.name for f in find(store, known_at=NOON + HOUR / 2).features] == ["wrong"]
    assert [f.name for f in find(store, at=NOON + HOUR / 2).features] == ["right"]


def test_a_change_in_the_world_leaves_the_earlier_state_true_for_its_time(store, clock):
    put(store, building(name="5 storeys", valid_from=NOON - 48 * HOUR))
    put(store, building(name="6 storeys", valid_from=NOON - 24 * HOUR))
    assert [f.name for f in find(store).features] == ["6 storeys"]
    assert [f.name for f in find(store, at=NOON - 30 * HOUR).features] == ["5 storeys"]
    assert find(store, at=NOON - 72 * HOUR).features == ()


def test_an_ended_version_may_be_corrected_and_the_correction_undone(store, clock):
    put(store, building(name="first", valid_from=NOON - 48 * HOUR))
    put(store, building(name="second", valid_from=NOON - 24 * HOUR))
    put(store, building(name="always", valid_from=NOON - 48 * HOUR))
    moment = store.history("building", "B-0")[-1].recorded_at
    for at in (None, NOON - 30 * HOUR):
        assert [f.name for f in find(store, at=at).features] == ["always"]
    store.write(lambda tx: tx.undo(moment)).result()
    assert [f.name for f in find(store).features] == ["second"]
    assert [f.name for f in find(store, at=NOON - 30 * HOUR).features] == ["first"]


def test_what_ended_may_begin_again_at_the_same_moment(store):
    put(store, building(valid_from=NOON - HOUR))
    store.write(lambda tx: tx.end("building", "B-0", NOON)).result()
    assert put(store, building(valid_from=NOON - HOUR)) == [True]
    assert ids(find(store)) == ["B-0"]
    assert len(find(store, at=NOON - HOUR / 2).features) == 1


def test_what_ended_is_gone_now_and_there_before(store, clock):
    put(store, building())
    clock.now += HOUR
    assert store.write(lambda tx: tx.end("building", "B-0", clock.now)).result()
    assert find(store).features == ()
    assert ids(find(store, at=NOON + HOUR / 2)) == ["B-0"]
    assert not store.write(lambda tx: tx.end("building", "B-0", clock.now)).result()


def test_a_clock_that_runs_backwards_does_not_reorder_what_was_recorded(store, clock):
    put(store, building(name="first"))
    clock.now -= HOUR
    put(store, building(name="second"))
    first, second = store.history("building", "B-0")
    assert first.recorded_at < second.recorded_at
    assert [f.name for f in find(store).features] == ["second"]


def test_a_box_finds_what_touches_it_and_nothing_else(store):
    put(store, building("B-0"), building("B-1", geometry=box(120.002, 30)))
    assert ids(find(store, bbox=(120.0, 30.0, 120.0015, 30.01))) == ["B-0"]
    assert ids(find(store, bbox=(120.001, 30.0, 120.002, 30.01))) == ["B-0", "B-1"]
    assert ids(find(store, bbox=(121, 30, 122, 31))) == []


def test_a_slanting_shape_is_not_found_by_the_empty_corner_of_its_box(store):
    put(store, building(geometry=shapely.LineString([(120, 30), (120.01, 30.01)])))
    assert ids(find(store, bbox=(120.006, 30.0, 120.01, 30.003))) == []


def test_what_stands_a_hand_apart_is_told_apart(store):
    # A single-precision index is 0.7 m coarse here.
    hand = 1e-6
    put(store, *(building(f"P-{n}", geometry=shapely.Point(117 + n * hand, 31.8)) for n in range(5)))
    assert ids(find(store, bbox=(117 + 1.5 * hand, 31.7, 117 + 2.5 * hand, 31.9))) == ["P-2"]
    assert ids(find(store, near=(117 + 2 * hand, 31.8, 0.1))) == ["P-2", "P-1", "P-3"]


def test_a_second_is_told_from_the_next_inside_a_box(store):
    # Seconds since 1970 in single precision would be 128 s coarse.
    for n in range(4):
        put(store, building(name=str(n), valid_from=NOON - HOUR + n * timedelta(seconds=1)))
    box_around = (119, 29, 121, 31)
    for n in range(4):
        at = NOON - HOUR + n * timedelta(seconds=1)
        assert [f.name for f in find(store, bbox=box_around, at=at).features] == [str(n)]


def test_near_measures_metres_not_degrees(store):
    # 0.001 degree is 96 m east-west here but 111 m north-south: in degrees both would be equally far.
    put(
        store,
        building("N-0", geometry=shapely.Point(120, 30.001)),
        building("E-0", geometry=shapely.Point(120.001, 30)),
    )
    assert ids(find(store, near=(120, 30, 200))) == ["E-0", "N-0"]
    assert ids(find(store, near=(120, 30, 100))) == ["E-0"]


def test_within_finds_the_place_and_all_below_but_not_its_namesake(store):
    put(store, building("B-0"), building("B-0-U01"), building("B-01"), building("B-0.X"))
    assert ids(find(store, within="B-0")) == ["B-0", "B-0-U01"]


def test_heights_and_storeys_narrow_and_unknown_heights_never_match(store):
    put(
        store,
        building("A", z_min_m=0, z_max_m=3, storey=1),
        building("B", z_min_m=3, z_max_m=6, storey=2),
        building("C"),
    )
    assert ids(find(store, z_min_m=3.5)) == ["B"]
    assert ids(find(store, z_max_m=2)) == ["A"]
    assert ids(find(store, storeys=(1, 2))) == ["A", "B"]


def test_ends_the_wrong_way_round_are_kept_as_the_source_said(store):
    put(store, building("A", z_min_m=3, z_max_m=0), building("B", valid_from=NOON, valid_to=NOON - HOUR))
    (found,) = find(store, bbox=(119, 29, 121, 31)).features
    assert (found.id, found.z_min_m, found.z_max_m) == ("A", 3, 0)
    assert len(store.history("building", "B")) == 1


def test_pages_hold_everything_once_and_count_honestly(store):
    put(store, *(building(f"B-{n:02}") for n in range(7)))
    seen, cursor = [], None
    for _ in range(4):
        page = find(store, limit=2, cursor=cursor)
        assert page.matched == 7
        seen += ids(page)
        cursor = page.next
    assert seen == [f"B-{n:02}" for n in range(7)]
    assert cursor is None


def test_spatial_pages_hold_everything_once_too(store):
    put(store, *(building(f"B-{n:02}") for n in range(5)))
    first = find(store, bbox=(119, 29, 121, 31), limit=3)
    rest = find(store, bbox=(119, 29, 121, 31), limit=3, cursor=first.next)
    assert ids(first) + ids(rest) == [f"B-{n:02}" for n in range(5)]
    assert (first.matched, rest.next) == (5, None)


def test_pages_that_are_not_counted_hold_the_same(store):
    put(
        store,
        *(building(f"B-{n:02}") for n in range(7)),
        building("A-1", geometry=shapely.LineString([(119.8, 30), (120, 29.8)])),
    )
    box = (119.95, 29.95, 120.5, 30.5)  # the box of A-1 touches it, A-1 does not
    for conditions in ({"bbox": box}, {"area": shapely.box(*box)}, {}):
        seen, cursor = [], None
        while not seen or cursor:
            page = find(store, **conditions, limit=3, cursor=cursor, counted=False)
            assert page.matched >= len(page.features)
            seen += ids(page)
            cursor = page.next
        assert seen == ids(find(store, **conditions))


AWKWARD = {"name": "another", "storey": 3, "n": 2**70, "z": -0.0, "名": ["甲", None], "e": 1e16}


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"limit": 2},
        {"limit": 2, "counted": False},
        {"limit": 2, "counted": False, "bbox": (119, 29, 121, 31)},
        {"limit": 2, "bbox": (119, 29, 121, 31)},
        {"bbox": (119, 29, 121, 31)},
        {"near": (120, 30, 500.0), "limit": 2},
        {"ids": ("B-1",), "limit": 1, "counted": False},
        {"during": (NOON - 3 * HOUR, NOON)},
    ],
)
def test_rows_are_the_features_undecoded(store, asked):
    put(store, building("B-0", name="1幢", storey=2, z_min_m=4.0, attributes=AWKWARD, source="a", stage="operation"))
    put(store, building("B-1", valid_from=NOON - 2 * HOUR + timedelta(milliseconds=250), valid_to=NOON + HOUR))
    put(store, building("B-2", geometry=None, parent="B-0"), building("B-3", geometry=shapely.Point(120, 30)))
    query = Query(layers=("building",), **asked)
    page, kept = store.find(query), store.rows(query)
    assert (kept.matched, kept.next) == (page.matched, page.next)
    assert run(store.rows_async(query)) == kept
    assert len(kept.rows) == len(page.features) > 0
    for row, feature in zip(kept.rows, page.features, strict=True):
        read = row._asdict() | {"attributes": json.loads(row.attributes)}
        for name in ("valid_from", "valid_to", "recorded_at"):
            read[name] = read[name] and datetime.fromisoformat(read[name])
        assert read == {name: getattr(feature, name) for name in row._fields}


def columns(store, inside=None, **conditions):
    query = Query(layers=("building", "device"), **conditions)
    found, whole = (store.columns(query, ("ids",), fields, inside) for fields in (("n",), ("n", "m", "o", "p")))
    picked, read = (dict(zip(one.ids, one.values["n"], strict=True)) for one in (found, whole))
    assert picked == read
    assert found.count == len(found.ids) == len(found.values["n"])
    return dict(sorted(picked.items()))


def test_a_commit_is_counted_before_it_is_told(store):
    seen = [store.commits]
    for number in range(3):
        put(store, building(f"B-{number}"))
        seen.append(store.commits)
    assert seen == sorted(set(seen))


def test_columns_are_of_all_that_a_query_finds(store):
    values = {"A-0": 3, "A-0-U01-F02": 2.5, "A-0-U01-F02-R0201": "甲", "A-0x": True, "B-0": None, "C-0": [1]}
    things = [building(key, name=f"{key} 楼", storey=2, z_min_m=3.5, attributes={"n": n}) for key, n in values.items()]
    put(store, *things, building("D-0", geometry=None))
    assert columns(store) == {**values, "D-0": None}
    assert columns(store, within="A-0") == {key: values[key] for key in list(values)[:3]}
    assert columns(store, ["A-0-U01-F02", "C-0"]) == {
        key: values[key] for key in list(values) if "F02" in key or key == "C-0"
    }
    assert columns(store, []) == {}
    members = ("ids", "communities", "names", "places", "storeys", "z_min_m", "z_max_m", "geometries")
    one = store.columns(Query(layers=("building",), ids=("B-0",)), members)
    assert (one.ids, one.communities, one.names, one.places) == (("B-0",), ("c1",), ("B-0 楼",), ("B-0",))
    assert (one.storeys, one.z_min_m, one.z_max_m, one.values) == ((2,), (3.5,), (None,), {})
    assert [shape.wkt for shape in one.geometries] == [box(120, 30).wkt]
    assert list(store.columns(Query(layers=("building",), ids=("D-0",)), ("geometries",)).geometries) == [None]


@pytest.mark.parametrize("fields", [("n",), ("n", "m"), ("n", "m", "x"), ("n", "m", "x", "y")])
def test_columns_tell_what_is_asked_for_and_nothing_else(store, fields):
    awkward = {"n": 123456789012345678901, "m": 0.1, "x": None, "y": [True, {"甲": '\\"'}], "z": "no"}
    put(store, building("B-0", attributes=awkward), building("B-1", attributes={"m": False}))
    query = Query(layers=("building",), bbox=(119, 29, 122, 32))
    told = store.columns(query, ("places",), fields)
    assert (told.count, sorted(told.places), told.ids, len(told.geometries)) == (2, ["B-0", "B-1"], (), 0)
    here = told.places.index("B-0")
    assert {name: told.values[name][here] for name in told.values} == {name: awkward[name] for name in fields}
    assert told.values["m"][1 - here] is False if "m" in fields else told.values["n"][1 - here] is None
    empty = store.columns(Query(layers=("device",)), ("ids", "geometries"), fields)
    assert (empty.count, empty.ids, len(empty.geometries)) == (0, (), 0)
    assert {name: list(values) for name, values in empty.values.items()} == {name: [] for name in fields}


def sums(store, inside=None, **conditions):
    return sorted(map(tuple, store.sums(Query(layers=("building", "device"), **conditions), "n", inside)), key=str)


def test_numbers_are_summed_by_place_and_storey(store, clock):
    values = {"A-0": 3, "A-0-U01": 2.5, "A-0-U01-F02": "9", "A-0-U01-F02-R0201": 4, "A-0x": 7, "B-0": None, "C-0": True}
    things = [building(key, storey=2 if "F02" in key else None, attributes={"n": n}) for key, n in values.items()]
    put(store, *things)
    assert sums(store) == [(None, 2, 2, 4.0), (None, None, 5, 12.5)]
    assert sums(store, ["A-0", "B-0", "D-0"]) == [("A-0", 2, 2, 4.0), ("A-0", None, 2, 5.5), ("B-0", None, 1, 0.0)]
    assert sums(store, ["A-0-U01-F02"], storeys=(2,)) == [("A-0-U01-F02", 2, 2, 4.0)]
    assert sums(store, ["A-0"], within="A-0-U01", ids=("A-0", "A-0-U01")) == [("A-0", None, 1, 2.5)]
    assert sums(store, []) == sums(store, within="D-0") == []
    assert all(isinstance(one.total, float) for one in store.sums(Query(layers=("building",)), "n"))


def test_sums_are_as_of_both_clocks_and_only_of_what_meets_the_area(store, clock):
    put(store, building("A-0", attributes={"n": 1}), building("B-0", geometry=box(121.1, 31.1), attributes={"n": 2}))
    clock.now += HOUR
    put(store, building("A-0", attributes={"n": 7}))
    assert sums(store, ["A-0"]) == [("A-0", None, 1, 7.0)]
    assert sums(store, ["A-0", "B-0"], known_at=NOON + HOUR / 2) == [("A-0", None, 1, 1.0), ("B-0", None, 1, 2.0)]
    triangle = shapely.Polygon([(119.9, 29.9), (121.2, 29.9), (119.9, 31.2)])  # its box holds B-0, it does not
    assert sums(store, area=triangle) == sums(store, near=(120, 30, 900.0)) == [(None, None, 1, 7.0)]
    assert sums(store, ["A-0", "B-0"], area=triangle) == [("A-0", None, 1, 7.0)]


def test_columns_are_as_of_both_clocks_and_only_of_what_meets_the_area(store, clock):
    put(store, building("A-0", attributes={"n": 1}), building("B-0", geometry=box(121.1, 31.1), attributes={"n": 2}))
    clock.now += HOUR
    put(store, building("A-0", attributes={"n": 7}))
    assert columns(store, ["A-0"]) == {"A-0": 7}
    assert columns(store, ["A-0", "B-0"], known_at=NOON + HOUR / 2) == {"A-0": 1, "B-0": 2}
    triangle = shapely.Polygon([(119.9, 29.9), (121.2, 29.9), (119.9, 31.2)])  # its box holds B-0, it does not
    assert columns(store, area=triangle) == {"A-0": 7}


def test_what_a_layer_spans_is_of_all_that_is_and_was_and_counts_what_stands(store, clock):
    nothing = Extent(count=0, bounds=None, begin=None, updated=None, placed=0, solid=0)
    assert store.extent("building") == nothing
    put(
        store, building("B-0", valid_from=NOON - HOUR), building("B-1", geometry=box(121, 31), z_min_m=0.0, z_max_m=9.0)
    )
    put(store, building("B-2", geometry=box(130, 40), valid_from=NOON - 3 * HOUR), building("B-3", geometry=None))
    store.write(lambda tx: tx.end("building", "B-2", NOON - HOUR)).result()
    put(store, building("B-0", geometry=box(119, 30), valid_from=NOON))
    found = store.extent("building")
    assert found.bounds == pytest.approx((119, 30, 130.001, 40.001), abs=1e-6)
    assert (found.count, found.placed, found.solid, found.begin) == (3, 2, 1, NOON - 3 * HOUR)
    assert found.updated == max(one.recorded_at for one in store.history("building", "B-0"))


def test_how_complete_a_layer_is_counts_values_not_fields(store):
    put(store, building("B-0", name="甲", source="a", attributes={"n": 1, "m": None}))
    put(store, building("B-1", source="a", attributes={"n": 0, "m": ""}), building("B-2", attributes={"n": False}))
    store.write(lambda tx: tx.end("building", "B-2", NOON)).result()
    put(store, building("B-3", source="b"))
    assert store.completeness("building") == Completeness({"a": 2, "b": 1}, {"n": 2, "m": 1, "name": 1})
    assert store.completeness("device") == Completeness({}, {"name": 0})


def test_an_empty_area_holds_nothing(store):
    put(store, building())
    assert ids(find(store, area=shapely.Polygon())) == []


def test_filters_compare_values_as_json_writes_them(store):
    put(store, building("A", attributes={"v": 0.1 + 0.2, "w": True, "x": 1.0, "y": [1, "a"], "z": None, "n": 10**20}))
    for name, value in (("v", str(0.1 + 0.2)), ("w", "1"), ("x", "1.0"), ("y", '[1,"a"]'), ("n", str(10**20))):
        assert ids(find(store, filters=((name, value),))) == ["A"]
    for name, value in (("v", "0.3"), ("w", "true"), ("x", "1"), ("z", "None"), ("z", "null"), ("absent", "")):
        assert ids(find(store, filters=((name, value),))) == []


def test_numbers_come_back_as_the_kind_they_were(store):
    given = {"a": 1e16, "b": 10**16, "c": 1.0, "d": 1, "e": 1e-7, "f": -0.0, "g": True}
    assert put(store, building(attributes=given)) == [True]
    assert put(store, building(attributes=dict(reversed(given.items())))) == [False]
    (found,) = find(store).features
    assert repr(sorted(found.attributes.items())) == repr(sorted(given.items()))
    assert put(store, building(attributes={**given, "c": 1})) == [True]


def test_moments_are_kept_to_the_millisecond(store):
    since = NOON - HOUR + timedelta(microseconds=123_456)
    until = NOON + HOUR + timedelta(microseconds=999)
    assert put(store, building(name="a", valid_from=since)) == [True]
    assert put(store, building(name="b", valid_from=since)) == [True]
    (found,) = find(store).features
    assert (found.name, found.valid_from) == ("b", NOON - HOUR + timedelta(milliseconds=123))
    put(store, building("E", valid_to=until))
    assert store.history("building", "E")[0].valid_to == NOON + HOUR


def test_a_foreign_cursor_is_refused(store):
    with pytest.raises(BadInput, match=r"query\.cursor"):
        find(store, limit=1, cursor="!")


def event(number, **more):
    base = {"kind": "observation", "community": "c1", "subject": "D-1", "source": "gw", "occurred_at": NOON, "body": {}}
    return NewEvent(**{**base, "source_seq": str(number), **more})


def append(store, *events):
    return store.write(lambda tx: [tx.append(one) for one in events]).result()


def test_events_are_numbered_in_order_and_read_from_any_point(store):
    written = append(store, event(1), event(2, body={"温度": 21.5}), event(3))
    assert [e.seq for e in written] == [1, 2, 3]
    assert [e.body for e in store.events(1, 10)] == [{"温度": 21.5}, {}]
    assert store.last_seq() == 3


def test_events_can_be_read_by_kind(store):
    append(store, event(1), event(2, kind="change"), event(3))
    assert [e.seq for e in store.events(0, 10, ("change",))] == [2]
    assert store.events(2, 10, ("change", "alarm")) == []


def test_the_same_message_twice_is_one_event(store):
    append(store, event(1))
    assert append(store, event(1), event(2))[0] is None
    assert [e.source_seq for e in store.events(0, 10)] == ["1", "2"]


def test_a_failing_work_is_undone_alone(store):
    def fails(tx):
        tx.append(event(1))
        tx.put(building())
        raise ValueError("no")

    failed, fine = store.write(fails), store.write(lambda tx: tx.append(event(2)))
    with pytest.raises(ValueError, match="no"):
        failed.result()
    assert fine.result().source_seq == "2"
    assert [e.source_seq for e in store.events(0, 10)] == ["2"]
    assert find(store).features == ()


def test_late_data_do_not_turn_the_latest_value_back(store):
    def observe(value, at):
        reading = Reading("c1", "D-1", "temperature", value, at, "gw", str(value))
        (observed,) = store.write(lambda tx: tx.observe([reading])).result()
        return observed.newest

    assert observe(20, NOON)
    assert not observe(10, NOON - HOUR)
    assert observe(30, NOON + HOUR)
    assert [(latest.name, latest.value) for latest in store.latest(["D-1", "D-2"])] == [("temperature", 30)]
    assert store.heard().keys() == {"D-1"}


def banded(value, minute, name="temperature", device="D-1", within=0.5):
    """A reading that need not be kept while it is within 0.5 of the last one kept, which is less than an hour old."""
    at = NOON + minute * MINUTE
    return Reading("c1", device, name, value, at, "gw", f"{device}{name}{minute}", band=Band(within, HOUR))


def kept(store, *readings):
    """Tell of each reading, sent alone, whether it is in the log."""
    fates = [store.write(lambda tx, one=one: tx.observe([one])).result()[0] for one in readings]
    together = store.write(
        lambda tx: tx.observe([replace(one, community="c2", device=f"{one.device}'") for one in readings])
    )
    assert [fate is UNCHANGED for fate in together.result()] == [fate is UNCHANGED for fate in fates]
    return [fate is not UNCHANGED for fate in fates]


@pytest.mark.parametrize(
    ("readings", "expected"),
    [
        pytest.param([(20, 0), (20.5, 1), (20.51, 2), (20.2, 3)], [True, False, True, False], id="within"),
        pytest.param([(20 + n / 4, n) for n in range(7)], [n % 3 == 0 for n in range(7)], id="slow drift"),
        pytest.param([(20, 0), (20, 59), (20, 60), (20, 61)], [True, False, True, False], id="at least every hour"),
        pytest.param([(20, 0), (20, -5), (20.4, -4)], [True, True, True], id="late"),
        pytest.param([(True, 0), (True, 1), (False, 2), (0, 3)], [True, False, True, True], id="what is no number"),
        pytest.param(
            [("开", 0), ("开", 1), ({"a": 1}, 2), ({"a": 1}, 3)], [True, False, True, False], id="texts and objects"
        ),
    ],
)
def test_a_reading_that_says_nothing_new_is_not_kept(store, readings, expected):
    assert kept(store, *(banded(*one) for one in readings)) == expected
    found = [event.body["result"] for event in store.events(0, 100) if event.community == "c1"]
    assert found == [value for (value, _), stays in zip(readings, expected, strict=True) if stays]


def test_of_what_is_not_kept_the_log_has_no_gap_and_the_device_was_heard(store):
    kept(store, banded(20, 0), banded(20, 1), banded(30, 2))
    assert [event.seq for event in store.events(0, 10)] == [1, 2, 3, 4]
    before = store.heard()["D-1"]
    assert kept(store, banded(30.1, 3)) == [False]
    assert store.heard()["D-1"] > before
    (latest,) = store.latest(["D-1"])
    assert (latest.value, latest.occurred_at) == (30, NOON + 2 * MINUTE)


def test_when_a_result_was_made_is_kept_where_it_was_said(store):
    said = [replace(banded(7, n, "ph"), band=None, result_time=made) for n, made in enumerate([None, NOON + HOUR])]
    store.write(lambda tx: tx.observe(said)).result()
    assert [event.body.get("resultTime") for event in store.events(0, 10)] == [None, "2026-11-21T13:00:00Z"]


def test_search_finds_chinese_by_character_and_words_by_their_beginning(store):
    put(store, building("N51H0429733232-0", name="安和里21幢"), building("N51H0429733233-0", name="Tower West"))
    assert [f.name for f in store.search("和里", 10)] == ["安和里21幢"]
    assert [f.name for f in store.search("tow", 10)] == ["Tower West"]
    assert [f.id for f in store.search("N51H0429733233-0", 10)] == ["N51H0429733233-0"]
    assert store.search("'; DROP TABLE feature --", 10) == []
    assert store.search("  ", 10) == []


def test_search_is_deaf_to_case_and_accents_and_knows_word_borders(store):
    put(store, building("B-1", name="Café_Étage two"))
    for typed in ("cafe", "CAFÉ", "étage T", "b-1", "café etage", "cafe_e"):
        assert [f.id for f in store.search(typed, 10)] == ["B-1"], typed
    assert store.search("tage", 10) == []
    assert store.search("etagecafe", 10) == []


def test_search_lists_the_whole_code_first_then_buildings_then_short_names(store):
    put(
        store,
        building("D-2", layer="device", name="安和里1"),
        building("B-12", name="安和里12幢"),
        building("B-2", name="安和里1幢 D-2"),
        building("B-1", name="安和里1幢"),
    )
    assert [f.id for f in store.search("安和里", 10)] == ["B-1", "B-12", "B-2", "D-2"]
    assert [f.id for f in store.search("d-2", 10)] == ["D-2", "B-2"]
    assert [f.id for f in store.search("安和里", 1)] == ["B-1"]


def test_search_never_finds_personal_records_nor_superseded_names(store, clock):
    put(store, building(name="旧名"), building("H-1", layer="household", name="张三"))
    put(store, building(name="新名"))
    assert store.search("张三", 10) == []
    assert store.search("旧名", 10) == []
    assert [f.name for f in store.search("新名", 10)] == ["新名"]


def test_search_in_the_past_finds_by_the_name_of_then_and_what_has_ended_since(store, clock):
    begun = clock.now
    put(
        store,
        building("B-1", name="安和里1幢"),
        building("B-2", name="老锅炉房"),
        building("H-1", layer="household", name="张三"),
    )
    clock.now += HOUR
    put(store, building("B-1", name="Tower West", valid_from=clock.now))
    store.write(lambda tx: tx.end("building", "B-2", clock.now)).result()
    clock.now += HOUR
    then, now = {"at": begun + HOUR / 2}, {"at": clock.now}
    for typed, before, after in (("安和里1幢", "B-1", None), ("安和", "B-1", None), ("锅炉", "B-2", None),
                                 ("安合里1幢", "B-1", None), ("tow", None, "B-1"), ("b-1", "B-1", "B-1"),
                                 ("张三", None, None)):  # fmt: skip
        assert ids_of(store.search(typed, 10, **then)) == ([] if before is None else [before]), typed
        assert ids_of(store.search(typed, 10, **now)) == ([] if after is None else [after]), typed
        assert ids_of(store.search(typed, 10)) == ids_of(store.search(typed, 10, **now)), typed
    assert [one.name for one in store.search("B-1", 10, **then)] == ["安和里1幢"]
    assert store.search("安和", 10, ["device"], **then) == []
    assert store.search("安和", 10, at=begun - HOUR) == []


def test_search_knows_only_what_was_known(store, clock):
    put(store, building("B-1", name="甲楼", valid_from=NOON - HOUR))
    learned = clock.now
    clock.now += HOUR
    put(store, building("B-1", name="乙楼", valid_from=NOON - HOUR))  # it had been wrong all the time
    assert ids_of(store.search("甲楼", 10, at=NOON)) == []
    assert ids_of(store.search("甲楼", 10, at=NOON, known_at=learned + HOUR / 2)) == ["B-1"]
    assert ids_of(store.search("甲楼", 10, known_at=learned + HOUR / 2)) == ["B-1"]
    assert ids_of(store.search("乙楼", 10, known_at=learned + HOUR / 2)) == []


def test_an_identifier_names_whoever_bore_it_then(store, clock):
    put(store, *(building(key, name=name, valid_from=NOON - 3 * HOUR) for key, name in (("A-0", "甲"), ("B-0", "乙"))))
    name = Identifier(community="c1", place="A-0", scheme="building_no", value="AH-01", valid_to=NOON - HOUR)
    store.write(lambda tx: tx.identify(name)).result()
    store.write(lambda tx: tx.identify(replace(name, place="B-0", valid_from=NOON - HOUR, valid_to=None))).result()
    for hours, bearer in ((-2, "A-0"), (-1, "B-0"), (1, "B-0")):
        at = NOON + hours * HOUR
        assert store.lookup("AH-01", at=at) == store.lookup("AH-01", "building_no", at=at) == [bearer]
        assert ids_of(store.search("ah-0", 10, at=at)) == [bearer]
    assert store.lookup("AH-01", at=NOON, known_at=NOON - HOUR) == []
    assert store.search("AH-01", 10, at=NOON, known_at=NOON - HOUR) == []


@pytest.mark.parametrize(
    "text", ["安和里", "安和里1", "tow", "tower w", "1", "b-1", "安合里", "towr", "里 安和", "2幢", "D-2"]
)
def test_search_as_of_now_answers_like_search(store, clock, text):
    names = {"B-1": "安和里1幢", "B-12": "安和里12幢", "B-2": "安和里2幢 D-2", "B-3": "Tower West", "B-4": "Café Tower"}
    put(
        store,
        *(building(key, name=name) for key, name in names.items()),
        building("D-2", layer="device", name="安和里1"),
    )
    clock.now += HOUR
    assert ids_of(store.search(text, 10, at=clock.now)) == ids_of(store.search(text, 10))


def test_an_identifier_of_two_places_names_neither(store):
    def work(tx):
        for place, number in (("B-0", "1"), ("B-1", "1"), ("B-1", "2")):
            tx.identify(Identifier(community="c1", place=place, scheme="building_no", value=number, source="a"))
        return tx.lookup("building_no", "1"), tx.lookup("building_no", "2"), tx.lookup("building_no", "3")

    assert store.write(work).result() == (None, "B-1", None)
    assert [(name.scheme, name.value) for name in store.identifiers("B-1")] == [
        ("building_no", "1"),
        ("building_no", "2"),
    ]
    assert store.lookup("1") == ["B-0", "B-1"]
    assert store.lookup("1", "ifc:GlobalId") == []


def test_an_identifier_that_ended_is_remembered_but_names_nothing(store, clock):
    old = Identifier(community="c1", place="B-0", scheme="building_no", value="1", source="a", valid_from=NOON - HOUR)
    store.write(lambda tx: tx.identify(old)).result()
    store.write(lambda tx: tx.identify(replace(old, valid_from=None, valid_to=NOON))).result()
    assert store.lookup("1") == []
    assert store.identifiers("B-0") == [replace(old, valid_to=NOON)]


def test_names_recorded_together_are_those_recorded_one_after_another(store, clock):
    one = Identifier(community="c1", place="B-0", scheme="building_no", value="1", source="a", valid_from=NOON - HOUR)
    other = replace(one, place="B-1", value="2")
    again = replace(one, source="b", valid_from=None, valid_to=NOON)
    store.write(lambda tx: tx.identify_all([one, other, again])).result()
    store.write(lambda tx: tx.identify_all([])).result()
    assert store.identifiers("B-0") == [replace(again, valid_from=NOON - HOUR)]
    assert store.identifiers("B-1") == [other]


def test_a_thing_put_twice_at_once_is_changed_twice(store, clock):
    houses = [building("B"), building("A"), building("B", name="later"), building("A"), building("C", geometry=None)]
    assert store.write(lambda tx: tx.put_all(houses)).result() == [True, True, True, False, True]
    assert [(f.id, f.name) for f in find(store).features] == [(h.id, h.name) for h in (houses[1], houses[2], houses[4])]
    assert len(store.history("building", "B")) == 2
    assert store.write(lambda tx: tx.put_all(houses[2:])).result() == [False, False, False]


def test_codes_minted_under_several_beginnings_are_told_at_once_and_once(store):
    put(store, building("A-0"), building("A-1"), building("B-0"), building("C-0"))
    minted = store.write(lambda tx: (tx.minted("A", "A-1", "C-"), tx.minted())).result()
    assert (sorted(minted[0]), minted[1]) == (["A-0", "A-1", "C-0"], [])


def test_descent_is_told_from_both_ends(store):
    split = Descent("c1", "B-0", "B-1", "split", NOON)
    store.write(lambda tx: tx.descend(split)).result()
    assert store.descent("B-0") == store.descent("B-1") == [split]
    assert store.descent("B-2") == []


def recorded(store, *features):
    """Put features and return the moment of their transaction."""
    put(store, *features)
    return store.history(features[0].layer, features[0].id)[-1].recorded_at


def test_an_undone_import_leaves_everything_as_it_was_and_stays_on_record(store, clock):
    put(store, building("A", name="before"), building("B", name="stays"))
    clock.now += HOUR
    moment = recorded(store, building("A", name="after"), building("C", name="new"))
    during = clock.now + HOUR / 2
    clock.now += HOUR
    assert store.write(lambda tx: tx.undo(moment)).result() == 2
    assert [(f.id, f.name) for f in find(store).features] == [("A", "before"), ("B", "stays")]
    assert [(f.id, f.name) for f in find(store, known_at=during).features] == [
        ("A", "after"),
        ("B", "stays"),
        ("C", "new"),
    ]
    assert store.search("new", 10) == []
    assert [f.name for f in store.search("before", 10)] == ["before"]
    assert store.write(lambda tx: tx.minted("C")).result() == ["C"]


def test_undo_brings_back_what_the_import_had_ended(store, clock):
    put(store, building("A"))
    clock.now += HOUR
    store.write(lambda tx: tx.end("building", "A", clock.now)).result()
    moment = store.history("building", "A")[-1].recorded_at
    store.write(lambda tx: tx.undo(moment)).result()
    assert ids(find(store)) == ["A"]


def test_an_import_that_was_built_upon_cannot_be_undone(store, clock):
    moment = recorded(store, building("A", name="first"))
    put(store, building("A", name="second"))
    with pytest.raises(Conflict, match=r"import\.changed_since"):
        store.write(lambda tx: tx.undo(moment)).result()
    assert [f.name for f in find(store).features] == ["second"]


def test_a_life_cycle_stage_has_a_history(store, clock):
    put(store, building(stage="construction"))
    clock.now += HOUR
    put(store, building(stage="operation", valid_from=clock.now))
    assert [f.stage for f in find(store).features] == ["operation"]
    assert [f.stage for f in find(store, at=NOON + HOUR / 2).features] == ["construction"]


def test_subscribers_hear_of_commits(store):
    heard = []
    stop = store.subscribe(heard.append)
    append(store, event(1))
    assert heard == [1]
    stop()
    append(store, event(2))
    assert heard == [1]


def test_everything_is_there_after_closing_and_opening(store, reopen):
    put(store, building(name="stays"))
    append(store, event(1))
    store.close()
    again = reopen()
    assert [f.name for f in find(again).features] == ["stays"]
    assert again.event("gw", "1").seq == 1
    assert again.event("gw", "2") is None
    again.close()


def test_search_reads_an_address_however_it_is_written(store):
    put(
        store,
        building("A-0", name="安和里21幢", attributes={"address": "里坊路24号安和里21幢"}),
        building("B-0", name="安和里2幢", attributes={"address": "里坊路21号安和里2幢"}),
    )
    for typed in ("21号楼", "安和里二十一栋", "安和里２１＃", "里坊路 二十四号", "21幢0501"):
        assert [f.id for f in store.search(typed, 10)] == ["A-0"], typed


def test_search_finds_places_by_the_beginning_of_an_identifier_and_exact_ones_first(store):
    put(store, building("A-0", name="甲"), building("B-0", name="乙"), building("C-0", name="丙"))
    names = (("A-0", "AH-010"), ("B-0", "AH-01"), ("C-0", "7"))
    store.write(
        lambda tx: [
            tx.identify(Identifier(community="c1", place=place, scheme="building_no", value=value))
            for place, value in names
        ]
    ).result()
    assert ids_of(store.search("AH-01", 10)) == ["B-0", "A-0"]
    assert ids_of(store.search("ah-0", 10)) == ["B-0", "A-0"]
    assert ids_of(store.search("7", 10)) == ["C-0"]
    ended = Identifier(community="c1", place="A-0", scheme="building_no", value="AH-010", valid_to=NOON)
    store.write(lambda tx: tx.identify(ended)).result()
    assert ids_of(store.search("AH-01", 10)) == ["B-0"]


def ids_of(features):
    return [feature.id for feature in features]


def test_search_forgives_one_slip_but_never_a_wrong_number(store):
    put(
        store,
        building("A-0", name="安和幼儿园"),
        building("B-0", name="Tower 7 West"),
        building("C-0", name="感烟探测器"),
    )
    for typed, found in (("安合幼儿园", "A-0"), ("安和幼园", "A-0"), ("towr west", "B-0"), ("烟感", "C-0")):
        assert ids_of(store.search(typed, 10)) == [found], typed
    for typed in ("tower 8 west", "安合幼儿元", "xyz"):
        assert store.search(typed, 10) == [], typed


def test_search_looks_in_some_layers_only_when_asked(store):
    put(store, building("A-0", name="泵房"), building("D-1", layer="device", name="泵房水位计", place="A-0"))
    assert ids_of(store.search("泵房", 10)) == ["A-0", "D-1"]
    assert ids_of(store.search("泵房", 10, ["device"])) == ["D-1"]
    assert store.search("泵房", 10, ["household"]) == []


def test_search_puts_the_thing_itself_before_what_is_named_after_it(store):
    put(
        store,
        building("D-1", layer="device", name="安和小学", place="A-0"),
        building("A-0", name="安和小学教学楼"),
        building("D-10", layer="device", name="水表"),
    )
    assert ids_of(store.search("安和小学", 10)) == ["D-1", "A-0"]
    assert ids_of(store.search("D-1", 10)) == ["D-1", "D-10"]


ODD = ["D\0", "D\ud800"]


@pytest.mark.parametrize("odd", ODD)
def test_a_character_that_cannot_be_stored_is_refused_by_name_and_the_store_goes_on(store, odd):
    event = NewEvent(kind="x", community="c1", subject="D", source="s", source_seq="1", occurred_at=NOON, body={})
    reading = Reading("c1", "D", "say", "on", NOON, "s", "2")
    works = [
        lambda tx: tx.put(building(odd)),
        lambda tx: tx.put(building(name=odd)),
        lambda tx: tx.put(building(attributes={"a": [{"b": odd}]})),
        lambda tx: tx.put(building(attributes={odd: 1})),
        lambda tx: tx.append(replace(event, source_seq=odd)),
        lambda tx: tx.append(replace(event, body={"a": odd})),
        lambda tx: tx.observe([replace(reading, value=odd)]),
        lambda tx: tx.observe([replace(reading, value={"a": odd})]),
        lambda tx: tx.find(Query(layers=("building",), ids=("B-0", odd))),
    ]
    for work in works:
        with pytest.raises(BadInput, match=r"store\.bad_text"):
            store.write(work).result()
    for asked in ({"ids": (odd,)}, {"within": odd}, {"filters": (("name", odd),)}):
        with pytest.raises(BadInput, match=r"store\.bad_text"):
            find(store, **asked)
    assert put(store, building(attributes={"a": "\\u0000"})) == [True]
    assert find(store).features[0].attributes == {"a": "\\u0000"}
