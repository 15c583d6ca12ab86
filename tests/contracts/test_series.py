"""What every store promises of readings in time, tried on each of them."""

import json
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gis.errors import BadInput
from twin.event import NewEvent, Reading
from twin.feature import Feature
from twin.series import Series, floor

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
RUNS = count()
CHINA = timedelta(hours=8)


def reading(number, value, at, device="D-1", name="level", source="gw"):
    return Reading("c1", device, name, value, at, source, str(number))


def observe(store, *readings):
    return store.write(lambda tx: tx.observe(readings)).result()


def values(store, **asked):
    found = store.observations(Series(**{"devices": ("D-1",), **asked}))
    return [event.body["result"] for event in found]


def test_readings_come_in_the_order_they_happened_not_in_which_they_came(store):
    observe(store, reading(1, 3, NOON + MINUTE), reading(2, 1, NOON - HOUR), reading(3, 2, NOON))
    assert values(store) == [1, 2, 3]
    assert values(store, newest_first=True, limit=2) == [3, 2]
    assert values(store, start=NOON, end=NOON + MINUTE) == [2]
    assert values(store, skip=1, limit=1) == [2]
    assert store.observation_count(Series(devices=("D-1",), limit=1)) == 3


def test_readings_of_one_moment_come_in_the_order_they_were_recorded(store):
    observe(store, *(reading(n, n, NOON) for n in range(5)))
    assert values(store) == [0, 1, 2, 3, 4]
    assert values(store, newest_first=True) == [4, 3, 2, 1, 0]


@pytest.mark.parametrize("newest_first", [False, True])
def test_pages_of_readings_hold_each_once(store, newest_first):
    observe(store, *(reading(n, n, NOON + n // 3 * MINUTE) for n in range(10)))
    whole = values(store, newest_first=newest_first)
    seen, after = [], None
    while page := store.observations(Series(devices=("D-1",), limit=4, newest_first=newest_first, after=after)):
        seen += [event.body["result"] for event in page]
        after = page[-1].occurred_at, page[-1].seq
    assert seen == whole


def test_readings_are_of_the_devices_and_properties_asked_for(store):
    observe(
        store,
        reading(1, 1, NOON),
        reading(2, 2, NOON + MINUTE, name="温度"),
        reading(3, 3, NOON + 2 * MINUTE, device="D-2"),
        reading(4, 4, NOON, device="D-3"),
    )
    assert values(store, names=("温度",)) == [2]
    assert values(store, devices=("D-2", "D-1")) == [1, 2, 3]
    assert values(store, devices=("D-9",)) == []


def test_the_log_as_it_was_known_then_lacks_what_came_later(store, clock):
    observe(store, reading(1, 1, NOON))
    clock.now += HOUR
    observe(store, reading(2, 2, NOON - MINUTE), reading(3, 3, NOON + MINUTE))
    assert values(store, known_at=NOON + HOUR / 2) == [1]
    assert values(store) == [2, 1, 3]


def latest(store, **asked):
    return [(one.device, one.name, one.value) for one in store.latest(asked.pop("devices", ["D-1"]), **asked)]


def test_the_latest_value_can_be_asked_for_any_moment(store, clock):
    observe(store, reading(1, 1, NOON), reading(2, True, NOON + MINUTE, name="open"))
    clock.now += HOUR
    observe(store, reading(3, 3, NOON + HOUR), reading(4, 0, NOON + MINUTE))
    assert latest(store) == [("D-1", "level", 3), ("D-1", "open", True)]
    assert latest(store, at=NOON + 30 * MINUTE) == [("D-1", "level", 0), ("D-1", "open", True)]
    assert latest(store, at=NOON) == [("D-1", "level", 1)]
    assert latest(store, at=NOON + 30 * MINUTE, known_at=NOON + 30 * MINUTE) == [
        ("D-1", "level", 1),
        ("D-1", "open", True),
    ]
    assert latest(store, at=NOON - HOUR) == []


def test_the_latest_values_of_a_building_are_one_question(store):
    def device(number, place):
        return Feature(layer="device", id=number, community="c1", place=place, geometry=shapely.Point(120, 30))

    standing = [device("D-1", "B-0-U01-F01"), device("D-2", "B-0"), device("D-3", "B-01"), device("D-4", "B-0")]
    store.write(lambda tx: (tx.put_all(standing), tx.end("device", "D-4", NOON))).result()
    observe(store, *(reading(n, n, NOON, device=f"D-{n}") for n in range(1, 6)))
    assert latest(store, devices=[], within="B-0") == [("D-1", "level", 1), ("D-2", "level", 2)]
    assert latest(store, devices=["D-5"], within="B-0-U01") == [("D-1", "level", 1), ("D-5", "level", 5)]


def test_it_is_known_when_a_device_was_last_heard_whatever_its_own_clock_says(store, clock):
    clock.now += HOUR
    observe(store, reading(1, 1, NOON - 100 * HOUR))
    assert store.heard() == {"D-1": clock.now}
    assert (store.heard(clock.now), store.heard(clock.now + HOUR)) == ({"D-1": clock.now}, {})


def test_of_a_message_with_a_repetition_each_reading_is_kept_once(store):
    twice = reading(1, 1, NOON)
    first = observe(store, twice, twice, reading(2, 2, NOON + MINUTE))
    assert [one and (one.seq, one.newest) for one in first] == [(1, True), None, (2, True)]
    again = observe(store, reading(2, 2, NOON + MINUTE), reading(3, 3, NOON))
    assert [one and (one.seq, one.newest) for one in again] == [None, (3, False)]
    assert values(store) == [1, 3, 2]
    assert observe(store) == []


def test_a_batch_tells_of_each_reading_whether_it_was_the_latest_when_it_came(store):
    found = observe(store, reading(1, 1, NOON), reading(2, 2, NOON - MINUTE), reading(3, 3, NOON))
    assert [one.newest for one in found] == [True, False, True]
    assert latest(store) == [("D-1", "level", 3)]


def test_a_batch_of_events_is_numbered_in_order_and_repetitions_left_out(store):
    def event(number, **more):
        base = {"kind": "alarm", "community": "c1", "subject": "A", "source": "s", "occurred_at": NOON, "body": {}}
        return NewEvent(**{**base, "source_seq": str(number), **more})

    added = store.write(lambda tx: tx.append_all([event(1), event(1), event(2, body={"é": [1]})])).result()
    assert [one and one.seq for one in added] == [1, None, 2]
    assert store.events(0, 9)[1] == added[2]


def test_events_can_be_asked_for_by_subject_source_and_time(store):
    def event(number, subject, kind="alarm", source="s"):
        return NewEvent(
            kind=kind,
            community="c1",
            subject=subject,
            source=source,
            source_seq=str(number),
            occurred_at=NOON + number * MINUTE,
            body={},
        )

    store.write(
        lambda tx: tx.append_all(
            [event(1, "A"), event(2, "B"), event(3, "A", "command"), event(4, "A", source="t"), event(5, "A")]
        )
    ).result()

    def numbers(*narrow, **asked):
        return [int(found.source_seq) for found in store.events(*(narrow or (0, 99)), **asked)]

    assert numbers(subjects=["A"]) == [1, 3, 4, 5]
    assert numbers(0, 99, ["alarm"], subjects=["A"]) == [1, 4, 5]
    assert numbers(1, 2, subjects=["A", "B"]) == [2, 3]
    assert numbers(source="t") == [4]
    assert numbers(start=NOON + 2 * MINUTE, end=NOON + 4 * MINUTE) == [2, 3]


def rollup(store, step, offset=timedelta(), **asked):
    return store.rollup(Series(**{"devices": ("D-1",), **asked}), step, offset)


def test_a_summary_counts_a_late_reading_in_its_own_hour_and_a_repeated_one_not_at_all(store):
    observe(store, reading(1, 1, NOON), reading(2, 5, NOON + HOUR))
    observe(store, reading(3, 3, NOON + MINUTE), reading(1, 1, NOON))
    first, second = rollup(store, "hour")
    assert (first.start, first.count, first.low, first.high, first.mean, first.last) == (NOON, 2, 1, 3, 2, 3)
    assert (second.count, second.total, second.last_at) == (1, 5, NOON + HOUR)
    assert [bucket.start for bucket in rollup(store, "minute")] == [NOON, NOON + MINUTE, NOON + HOUR]


def test_days_begin_when_the_clocks_on_the_wall_say_so(store):
    observe(store, reading(1, 1, NOON + 3 * HOUR + 59 * MINUTE), reading(2, 2, NOON + 4 * HOUR))
    assert [bucket.start for bucket in rollup(store, "day", CHINA)] == [NOON - 20 * HOUR, NOON + 4 * HOUR]
    assert [bucket.count for bucket in rollup(store, "day")] == [2]
    with pytest.raises(BadInput, match=r"series\.offset"):
        rollup(store, "day", timedelta(minutes=330))


def test_words_and_switches_are_counted_and_the_last_is_kept(store):
    said = [True, False, "关", {"plate": "皖A"}]
    observe(store, *(reading(n, value, NOON + n * MINUTE, name=f"p{n}") for n, value in enumerate(said)))
    for bucket, value in zip(rollup(store, "hour"), said, strict=True):
        assert (bucket.count, bucket.low, bucket.total, bucket.mean, bucket.last) == (1, None, None, None, value)


def test_an_event_that_only_calls_itself_an_observation_breaks_no_summary(store):
    for number, body in enumerate(
        ({}, {"property": "level"}, {"property": 1, "result": 2}, {"property": "level", "result": None})
    ):
        bare = {"kind": "observation", "community": "c1", "subject": "D-1", "source": "other", "occurred_at": NOON}
        store.write(lambda tx, n=number, b=body, e=bare: tx.append(NewEvent(**e, source_seq=str(n), body=b))).result()
    observe(store, reading(1, 1, NOON))
    found = rollup(store, "hour")
    assert sweep(store, 0, NOON - HOUR, 1, lambda _: False).removed == 0
    assert rollup(store, "hour") == found
    assert [(bucket.count, bucket.total) for bucket in found] == [(2, 1)]


def test_a_summary_of_what_was_known_then_lacks_what_came_later(store, clock):
    observe(store, reading(1, 1, NOON))
    clock.now += HOUR
    observe(store, reading(2, 2, NOON))
    assert [bucket.total for bucket in rollup(store, "day", CHINA, known_at=NOON + HOUR / 2)] == [1]


@st.composite
def histories(draw):
    """Readings in batches: several devices and properties, late, doubled, of one moment, across days."""
    one = st.builds(
        lambda number, device, name, seconds, value: reading(
            number, value, NOON + timedelta(seconds=seconds), f"D-{device}", name
        ),
        st.integers(0, 40),
        st.integers(1, 2),
        st.sampled_from(["level", "温度"]),
        st.one_of(st.integers(-100_000, 100_000), st.sampled_from([0, 3599, 3600, 14400])),
        # Eighths, whose sums are exact in whatever order.
        st.one_of(
            st.integers(-800, 800).map(lambda n: n / 8),
            st.integers(-9, 9),
            st.booleans(),
            st.text(st.characters(exclude_characters="\0"), max_size=2),
        ),
    )
    return draw(st.lists(st.lists(one, max_size=12), max_size=6))


def brute_force(readings, step, offset, start, end):
    """Sum what the definition says, from the readings that are in the log, in the order they came."""
    groups = defaultdict(list)
    for number, one in enumerate(readings):
        begin = floor(one.occurred_at, step, offset)
        if (start is None or begin >= start) and (end is None or begin < end):
            groups[one.device, one.name, begin].append((one.occurred_at, number, one.value))
    summed = []
    for key in sorted(groups):
        numbers = [v for _, _, v in groups[key] if isinstance(v, int | float) and not isinstance(v, bool)]
        sums = (min(numbers), max(numbers), sum(numbers)) if numbers else (None, None, None)
        when, _, last = max(groups[key], key=lambda part: part[:2])
        summed.append((*key, len(groups[key]), *sums, json.dumps(last), when))
    return summed


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    batches=histories(),
    folded=st.integers(0, 6),
    step=st.sampled_from(["minute", "hour", "day"]),
    span=st.tuples(st.none() | st.integers(-30, 0), st.none() | st.integers(0, 30)),
)
def test_summaries_are_exactly_what_the_readings_say(store, batches, folded, step, span):
    run = str(next(RUNS))  # one store for all examples: each has its own devices
    batches = [[replace(one, device=f"{one.device}.{run}", source=run) for one in batch] for batch in batches]
    kept = []
    for number, batch in enumerate(batches):
        taken = observe(store, *batch)
        kept += [one for one, seen in zip(batch, taken, strict=True) if seen is not None]
        if number == folded:
            # A sweep brings all that is in the log into the rollups first; it removes nothing here.
            store.write(lambda tx: tx.sweep(0, NOON, 1, lambda _: False)).result()
    start, end = (None if hours is None else NOON + hours * HOUR + MINUTE / 2 for hours in span)
    devices = tuple(sorted({one.device for one in kept}))
    found = store.rollup(Series(devices=devices, start=start, end=end), step, CHINA)
    assert [
        (b.device, b.name, b.start, b.count, b.low, b.high, b.total, json.dumps(b.last), b.last_at) for b in found
    ] == brute_force(kept, step, CHINA, start, end)


# --- what is removed ------------------------------------------------------------------------------------------------


def sweep(store, *arguments):
    return store.write(lambda tx: tx.sweep(*arguments)).result()


def test_a_sweep_removes_what_is_old_and_doomed_and_says_how_far_it_came(store, clock):
    observe(store, *(reading(n, n, NOON - n * MINUTE) for n in range(5)))
    clock.now += HOUR
    observe(store, reading(9, 9, NOON - HOUR))
    first = sweep(store, 0, NOON + MINUTE, 3, lambda event: event.body["result"] != 1)
    assert (first.removed, first.last) == (2, 3)
    rest = sweep(store, first.last, NOON + MINUTE, 3, lambda _: True)
    assert (rest.removed, rest.last) == (2, None)
    assert [event.seq for event in store.events(0, 99)] == [2, 6]
    assert (store.expired(), store.expired(["observation"]), store.expired(["alarm"])) == (5, 5, 0)


def test_what_a_sweep_removed_stays_in_the_summaries(store):
    observe(store, reading(1, 1, NOON - HOUR), reading(2, 2, NOON - HOUR), reading(3, 3, NOON - HOUR))
    before = rollup(store, "hour")
    assert sweep(store, 0, NOON + HOUR, 99, lambda _: True).removed == 2  # the newest stays, so numbers are not reused
    assert rollup(store, "hour") == before
    assert observe(store, reading(4, 4, NOON))[0].seq == 4


def test_what_came_late_is_not_old(store, clock):
    clock.now += 100 * HOUR
    observe(store, reading(1, 1, NOON), reading(2, 2, NOON))
    assert sweep(store, 0, NOON + HOUR, 99, lambda _: True).removed == 0


def test_hours_are_removed_by_property_or_all_others(store):
    for number, name in enumerate(("a", "b", "c")):
        observe(store, reading(number, 1, NOON, name=name), reading(f"{number}'", 1, NOON + HOUR, name=name))
    sweep(store, 0, NOON - HOUR, 1, lambda _: False)

    def remove(names, others, limit=99):
        cut = NOON + HOUR
        return store.write(lambda tx: tx.sweep_rollups(cut, limit, names, others=others)).result()

    assert remove(["a"], others=False) == 1
    assert [(b.name, b.start) for b in rollup(store, "hour")][:2] == [("a", NOON + HOUR), ("b", NOON)]
    assert remove(["b"], others=True) == 1
    assert [b.name for b in rollup(store, "hour", end=NOON + HOUR)] == ["b"]
    assert remove([], others=True, limit=1) == 1
