"""Filters and intervals mean the same in every store: what a person would pick by hand."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from twin.feature import Feature
from twin.filter import Compare, Every, Intersects, IsNull, Like, Not, Property, Some
from twin.query import Query

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)
USE = Property("use", "string", column=False)
HEIGHT = Property("height_m", "number", column=False)
LISTED = Property("listed", "boolean", column=False)
NAME = Property("name", "string", column=True)
STOREY = Property("storey", "number", column=True)
SINCE = Property("valid_from", "time", column=True)

USES = ("home", "Home", "h_me", "school*", "学校", "50%", "", "[a]", "a\\b")
HOUSES = [
    Feature(
        layer="building",
        id=f"B-{n:03}",
        community="c1",
        name=None if n % 7 == 0 else f"{n % 5}幢",
        storey=None if n % 3 == 0 else n % 4 + 1,
        geometry=None if n % 11 == 0 else shapely.box(120 + n % 10, 30 + n // 10, 120.5 + n % 10, 30.5 + n // 10),
        attributes={
            **({} if n % 4 == 0 else {"use": USES[n % len(USES)]}),
            "height_m": [None, "tall", 3, 3.5, -1, 10**9, True][n % 7],
            "listed": [None, True, False, 1, "true"][n % 5],
        },
        valid_from=NOON - n % 6 * DAY,
    )
    for n in range(60)
]


def value_of(named, house):
    value = getattr(house, named.name) if named.column else house.attributes.get(named.name)
    right = {"string": str, "number": (int, float), "boolean": bool, "time": datetime}[named.type]
    return value if isinstance(value, right) and (named.type == "boolean" or not isinstance(value, bool)) else None


def holds(condition, house):
    """The three-valued truth of a condition: True, False, or None for not known."""
    match condition:
        case Not(of):
            known = holds(of, house)
            return None if known is None else not known
        case Every(of):
            known = {holds(part, house) for part in of}
            return False if False in known else None if None in known else True
        case Some(of):
            known = {holds(part, house) for part in of}
            return True if True in known else None if None in known else False
        case IsNull(named):
            return value_of(named, house) is None
        case Intersects(area):
            return None if house.geometry is None else area.intersects(house.geometry)
        case Like(named, pattern):
            parts = re.findall(r"\\.|.", pattern, re.DOTALL)
            shape = "".join({"%": ".*", "_": "."}.get(part) or re.escape(part[-1]) for part in parts)
            value = value_of(named, house)
            return None if value is None else re.fullmatch(shape, value, re.DOTALL) is not None
        case Compare(named, operator, wanted):
            value = value_of(named, house)
            if value is None:
                return None
            return {
                "=": value == wanted,
                "<>": value != wanted,
                "<": value < wanted,
                "<=": value <= wanted,
                ">": value > wanted,
                ">=": value >= wanted,
            }[operator]


def compare(named, values):
    return st.builds(Compare, st.just(named), st.sampled_from(("=", "<>", "<", "<=", ">", ">=")), values)


LEAVES = st.one_of(
    compare(USE, st.sampled_from(USES)),
    compare(HEIGHT, st.sampled_from((3.0, 3.5, -1.0, 0.0))),
    compare(LISTED, st.booleans()),
    compare(NAME, st.sampled_from(("1幢", "2幢", "x"))),
    compare(STOREY, st.sampled_from((1.0, 2.0, 2.5))),
    compare(SINCE, st.sampled_from((NOON, NOON - 2 * DAY))),
    st.builds(Like, st.just(USE), st.sampled_from(("h%", "_ome", "%\\%", "h\\_me", "%", "学_", "*", "[a]", "a\\\\b"))),
    st.builds(IsNull, st.sampled_from((USE, HEIGHT, LISTED, NAME, STOREY))),
    st.builds(
        lambda x, y, r: Intersects(shapely.Point(x, y).buffer(r)),
        st.floats(119, 131),
        st.floats(29, 37),
        st.floats(0.1, 4),
    ),
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda parts: st.one_of(
        st.builds(Not, parts),
        st.builds(Every, st.lists(parts, max_size=3).map(tuple)),
        st.builds(Some, st.lists(parts, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)


def put(store, *features):
    store.write(lambda tx: [tx.put(feature) for feature in features]).result()


def ids(store, **asked):
    return [feature.id for feature in store.find(Query(layers=("building",), **asked)).features]


def test_a_filter_picks_what_a_person_would_pick(store):
    put(store, *HOUSES)

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(CONDITIONS)
    def check(condition):
        assert ids(store, where=condition) == [house.id for house in HOUSES if holds(condition, house)]

    check()


def test_filtered_pages_follow_one_another_and_count_all_matches(store):
    put(store, *HOUSES)
    tall = Compare(HEIGHT, ">=", 3.0)
    wanted = [house.id for house in HOUSES if holds(tall, house)]
    found, cursor = [], None
    while True:
        page = store.find(Query(layers=("building",), where=tall, limit=4, cursor=cursor))
        assert page.matched == len(wanted)
        found += [house.id for house in page.features]
        cursor = page.next
        if cursor is None:
            break
    assert found == wanted


def history(store):
    """A house that changed at noon, one that ended a day before, one taken back, one that is not yet."""

    def house(key, **more):
        return Feature(
            **{"layer": "building", "id": key, "community": "c1", "geometry": shapely.box(0, 0, 1, 1), **more}
        )

    put(store, house("changed", name="old", valid_from=NOON - 9 * DAY), house("ended", valid_from=NOON - 9 * DAY))
    put(store, house("changed", name="new", valid_from=NOON), house("never", valid_from=NOON - 2 * DAY))
    put(store, house("later", valid_from=NOON + 9 * DAY))
    store.write(
        lambda tx: [tx.end("building", "ended", NOON - DAY), tx.end("building", "never", NOON - 3 * DAY)]
    ).result()


@pytest.mark.parametrize("spatial", [{}, {"bbox": (0.0, 0.0, 2.0, 2.0)}])
@pytest.mark.parametrize(
    ("during", "expected"),
    [
        ((None, None), {"changed": "new", "ended": None, "later": None}),
        ((NOON - 5 * DAY, NOON - DAY / 2), {"changed": "old", "ended": None}),
        ((NOON - DAY, NOON - DAY / 2), {"changed": "old"}),
        ((NOON - DAY, NOON), {"changed": "new"}),
        ((None, NOON - 9 * DAY), {"changed": "old", "ended": None}),
        ((None, NOON - 10 * DAY), {}),
        ((NOON + 9 * DAY, None), {"changed": "new", "later": None}),
    ],
)
def test_an_interval_shows_each_thing_once_as_it_last_was_in_it(store, during, expected, spatial):
    history(store)
    found = store.find(Query(layers=("building",), during=during, **spatial))
    assert {house.id: house.name for house in found.features} == expected
    assert found.matched == len(found.features) == len(expected)


def test_an_interval_can_be_asked_of_what_was_known_then(store):
    put(store, Feature(layer="building", id="a", community="c1", name="first", valid_from=NOON - DAY))
    known = store.history("building", "a")[0].recorded_at
    put(store, Feature(layer="building", id="a", community="c1", name="corrected", valid_from=NOON - DAY))
    (then,) = store.find(Query(layers=("building",), during=(NOON - 2 * DAY, None), known_at=known)).features
    (now,) = store.find(Query(layers=("building",), during=(NOON - 2 * DAY, None))).features
    assert (then.name, now.name) == ("first", "corrected")
