"""What every store promises of the other names of places: both clocks, and the way back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain, count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gis.errors import Conflict
from twin.feature import Feature
from twin.store import Identifier

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
NAME = Identifier(
    community="c1", place="B-0", scheme="building_no", value="AH-01", source="a", valid_from=NOON - 9 * HOUR
)


@pytest.fixture
def say(store, clock):
    """Says names in one transaction, an hour after what was done before, and returns its moment."""

    def said(*names):
        clock.now += HOUR
        store.write(lambda tx: tx.identify_all(names)).result()
        return clock.now

    return said


@pytest.fixture
def undo(store, clock):
    def undone(moment):
        clock.now += HOUR
        store.write(lambda tx: tx.undo(moment)).result()
        return clock.now

    return undone


def versions(store):
    count = "SELECT count(*) AS n FROM identifier"
    return store.write(lambda tx: tx._connection.execute(count).fetchone()["n"]).result()


def test_when_the_end_of_a_name_was_learned_is_kept(store, say):
    house = Feature(layer="building", id="B-0", community="c1", place="B-0", valid_from=NOON - 9 * HOUR)
    store.write(lambda tx: tx.put(house)).result()
    said = say(NAME)
    ended = replace(NAME, valid_to=NOON - HOUR)
    learned = say(ended)
    for known_at, borne, told in ((said, ["B-0"], NAME), (learned - HOUR / 2, ["B-0"], NAME), (learned, [], ended)):
        assert store.lookup("AH-01", known_at=known_at) == borne
        assert store.lookup("AH-01", "building_no", at=NOON, known_at=known_at) == borne
        assert [one.id for one in store.search("AH-01", 10, at=NOON, known_at=known_at)] == borne
        assert store.identifiers("B-0", known_at=known_at) == [told]
        assert store.identifiers("B-0", at=NOON, known_at=known_at) == [told][: len(borne)]
    assert store.lookup("AH-01", at=NOON - 2 * HOUR) == ["B-0"]
    assert store.lookup("AH-01", known_at=said - HOUR / 2) == store.identifiers("B-0", known_at=said - HOUR / 2) == []


def test_all_names_are_told_or_those_of_a_moment(store, say):
    ended, later = replace(NAME, valid_to=NOON), replace(NAME, value="AH-02", valid_from=NOON)
    say(ended, later)
    assert store.identifiers("B-0") == [ended, later]
    assert store.identifiers("B-0", at=NOON - HOUR) == [ended]
    assert store.identifiers("B-0", at=NOON) == [later]
    assert store.identifiers("B-0", at=NOON - 10 * HOUR) == store.identifiers("B-1") == []


def test_where_a_name_is_from_and_since_when_is_kept_with_each_version(store, say):
    first, second = say(replace(NAME, valid_from=None)), say(replace(NAME, source="b"))
    third = say(replace(NAME, source="c", valid_from=None))
    told = [
        (one.source, one.valid_from) for at in (first, second, third) for one in store.identifiers("B-0", known_at=at)
    ]
    assert told == [("a", None), ("b", NAME.valid_from), ("c", NAME.valid_from)]


def test_a_name_said_again_alike_adds_nothing(store, say):
    say(NAME)
    for again in (NAME, replace(NAME, valid_from=None), replace(NAME, community="c2")):
        say(again)
    assert (versions(store), store.identifiers("B-0")) == (1, [NAME])


def test_what_one_transaction_says_of_a_name_last_is_its_only_version(store, say, clock):
    before = say(NAME)
    clock.now += HOUR
    last = replace(NAME, valid_to=NOON, source="c")
    store.write(lambda tx: (tx.identify(replace(NAME, source="b")), tx.identify(last))).result()
    assert versions(store) == 2
    assert store.identifiers("B-0", known_at=clock.now) == [last]
    assert (
        store.identifiers("B-0", known_at=clock.now - HOUR / 2) == store.identifiers("B-0", known_at=before) == [NAME]
    )


def test_undo_takes_names_back_and_brings_back_those_that_ended(store, say, undo):
    first = say(NAME)
    second = say(replace(NAME, valid_to=NOON), replace(NAME, value="AH-02"))
    third = undo(second)
    assert store.identifiers("B-0") == [NAME]
    assert (store.lookup("AH-01"), store.lookup("AH-02")) == (["B-0"], [])
    assert [store.lookup("AH-01", known_at=at) for at in (first, second, third)] == [["B-0"], [], ["B-0"]]
    assert [store.lookup("AH-02", known_at=at) for at in (first, second, third)] == [[], ["B-0"], []]


def test_an_import_whose_names_changed_since_is_not_undone(store, say, undo):
    first = say(NAME, replace(NAME, value="AH-02"))
    second = say(replace(NAME, valid_to=NOON))
    with pytest.raises(Conflict, match=r"import\.changed_since: 1 of the names .* building_no AH-01 first") as refused:
        undo(first)
    assert refused.value.facts == {"place": "B-0", "scheme": "building_no", "value": "AH-01"}
    assert [one.value for one in store.identifiers("B-0")] == ["AH-01", "AH-02"]
    undo(second)
    undo(first)
    assert store.identifiers("B-0") == []
    with pytest.raises(Conflict, match=r"import\.changed_since"):
        undo(first)


def test_a_clock_that_runs_backwards_does_not_reorder_what_was_said(store, reopen, clock, say):
    said = say(NAME)
    store.close()
    clock.now -= 9 * HOUR
    again = reopen()
    again.write(lambda tx: tx.identify(replace(NAME, valid_to=NOON))).result()
    assert again.identifiers("B-0", known_at=said) == [NAME]
    assert again.identifiers("B-0") == [replace(NAME, valid_to=NOON)]
    again.close()


# --- any order ------------------------------------------------------------------------------------------------------

MOMENTS = [NOON + hours * HOUR for hours in range(3)]
NAMES = st.builds(
    Identifier,
    community=st.sampled_from(["c1", "c2"]),
    place=st.sampled_from(["A", "B"]),
    scheme=st.sampled_from(["building_no", "other"]),
    value=st.sampled_from(["1", "2"]),
    source=st.sampled_from([None, "a", "b"]),
    valid_from=st.sampled_from([None, *MOMENTS]),
    valid_to=st.sampled_from([None, *MOMENTS]),
)
SAYINGS = st.lists(st.lists(NAMES, min_size=1, max_size=3), max_size=2)
DEEDS = st.lists(st.tuples(SAYINGS, st.none() | st.integers(1, 9)), min_size=1, max_size=8)
_RUNS = count()


class Told:
    """The names as they were believed after each deed, written down in full."""

    def __init__(self, begun):
        self.states, self.moments = [{}], [begun]

    def does(self, moment, names, undone):
        """Say names and take a deed back, both or neither; tell whether it could be done."""
        state = dict(self.states[-1])
        for one in names:
            key = one.scheme, one.value, one.place
            was = state.get(key, one)
            state[key] = replace(one, community=was.community, valid_from=one.valid_from or was.valid_from)
        if undone is not None:
            before, after = self.states[undone - 1], self.states[undone]
            for key in before | after:
                if before.get(key) != after.get(key):
                    if state.pop(key, None) != after.get(key):
                        return False
                    state |= {key: before[key]} if key in before else {}
        self.states.append(state)
        self.moments.append(moment)
        return True

    def names(self, at, known_at):
        last = len(self.states) if known_at is None else sum(moment <= known_at for moment in self.moments)
        state = self.states[last - 1] if last else {}
        return [state[key] for key in sorted(state) if at is None or _holds(state[key], at)]


def _holds(name, at):
    return (name.valid_from is None or name.valid_from <= at) and (name.valid_to is None or name.valid_to > at)


def test_whatever_was_said_ended_and_undone_each_moment_is_told_as_it_was_known(store, clock):
    if hasattr(store, "_pool"):
        store._pool.wait()  # while it opens, its threads draw random numbers, which hypothesis takes for ours

    @settings(max_examples=60, suppress_health_check=list(HealthCheck))
    @given(DEEDS)
    def tells(deeds):
        run, told = next(_RUNS), Told(clock.now)
        for sayings, number in deeds:
            clock.now += HOUR
            said = [[_in(run, one) for one in names] for names in sayings]
            undone = number if number is not None and number < len(told.states) else None
            work = store.write(partial(_do, said, undone and told.moments[undone]))
            if told.does(clock.now, chain(*said), undone):
                work.result()
            else:
                with pytest.raises(Conflict, match=r"import\.changed_since"):
                    work.result()
        for known_at in (None, *told.moments, told.moments[-1] - HOUR / 2):
            for at in (None, NOON - HOUR, *MOMENTS):
                _compare(store, told.names(at, known_at), run, at, known_at)

    tells()


def _in(run, name):
    return replace(name, value=f"{name.value} {run}", place=f"{name.place} {run}")


def _do(sayings, undone, tx):
    for names in sayings:
        tx.identify_all(names)
    if undone is not None:
        tx.undo(undone)


def _compare(store, names, run, at, known_at):
    for place in (f"A {run}", f"B {run}"):
        assert store.identifiers(place, at=at, known_at=known_at) == [one for one in names if one.place == place]
    borne = [one for one in names if at is not None or one.valid_to is None]
    for value, scheme in ((f"1 {run}", None), (f"2 {run}", "other")):
        bearers = {one.place for one in borne if one.value == value and scheme in (None, one.scheme)}
        assert store.lookup(value, scheme, at=at, known_at=known_at) == sorted(bearers)
