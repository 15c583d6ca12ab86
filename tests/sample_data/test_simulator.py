"""The simulator: smooth readings, a handful of alarms that end, sequence numbers that never repeat."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis.errors import BadInput
from layers.device.types import load_device_types
from sample_data.devices import devices
from sample_data.simulator import Simulator, reading

START = datetime(2026, 5, 1, 0, 0, tzinfo=UTC)
TYPES = load_device_types()
NUMBERS = sorted(
    {(name, kind.name) for kind in TYPES.values() for name, m in kind.measures.items() if m.kind == "number"}
)


@pytest.fixture(scope="module")
def fleet():
    return [(row["设备编号"], row["设备类型"]) for row, _ in devices(2026)]


@pytest.fixture(scope="module")
def half_an_hour(fleet):
    simulator = Simulator(fleet, TYPES, seed=2026)
    return [(simulator.step(START + timedelta(seconds=s)), simulator.active_alarms) for s in range(1800)]


def test_a_handful_of_alarms_is_active_at_any_time(half_an_hour):
    assert all(3 <= len(active) <= 12 for _, active in half_an_hour)
    assert len({len(active) for _, active in half_an_hour}) > 3


def test_about_a_hundred_observations_come_each_second(half_an_hour):
    assert 50 <= sum(len(observed) for observed, _ in half_an_hour) / len(half_an_hour) <= 130


def test_every_device_with_readings_speaks_within_one_sweep(fleet, half_an_hour):
    spoken = {seen["device"] for observed, _ in half_an_hour[:40] for seen in observed}
    with_readings = {d for d, kind in fleet if any(m.kind != "record" for m in TYPES[kind].measures.values())}
    assert with_readings <= spoken


def test_an_alarm_begins_once_and_ends_within_minutes(fleet, half_an_hour):
    alarms = {(device, name) for device, kind in fleet for name in TYPES[kind].alarms}
    begun = {}
    lengths = []
    for second, (observed, _) in enumerate(half_an_hour):
        for seen in observed:
            which = (seen["device"], seen["property"])
            if which in alarms and seen["result"] is True:
                assert which not in begun
                begun[which] = second
            elif which in alarms and seen["result"] is False:
                lengths.append(second - begun.pop(which))
    assert len(lengths) > 10
    assert all(60 <= length <= 600 for length in lengths)


def test_what_the_observations_say_is_what_is_active(fleet, half_an_hour):
    alarms = {(device, name) for device, kind in fleet for name in TYPES[kind].alarms}
    standing = set()
    for observed, active in half_an_hour:
        for seen in observed:
            which = (seen["device"], seen["property"])
            if which in alarms:
                (standing.add if seen["result"] else standing.discard)(which)
        assert standing == set(active)


def test_sequence_numbers_never_repeat_even_after_a_restart(fleet):
    first, second = Simulator(fleet, TYPES, seed=1), Simulator(fleet, TYPES, seed=1)
    seen = [o["source_seq"] for s in range(20) for o in first.step(START + timedelta(seconds=s))]
    seen += [o["source_seq"] for s in range(20) for o in second.step(START + timedelta(seconds=21 + s))]
    assert max(Counter(seen).values()) == 1


def test_the_same_seed_and_times_give_the_same_observations(fleet):
    runs = [Simulator(fleet, TYPES, seed=5) for _ in range(2)]
    for second in range(30):
        now = START + timedelta(seconds=second)
        assert runs[0].step(now) == runs[1].step(now)


def test_times_are_given_in_utc(fleet):
    local = datetime.fromisoformat("2026-05-01T08:00:00+08:00")
    assert Simulator(fleet, TYPES, seed=1).step(local)[0]["phenomenonTime"] == "2026-05-01T00:00:00Z"


def test_a_time_without_zone_is_refused(fleet):
    with pytest.raises(BadInput, match=r"sample\.naive_time"):
        Simulator(fleet, TYPES, seed=1).step(datetime(2026, 5, 1))  # noqa: DTZ001


def test_a_device_of_unknown_type_is_refused_by_name():
    with pytest.raises(BadInput, match="D-1 is of unknown type 'teapot'"):
        Simulator([("D-1", "teapot")], TYPES, seed=1)


def test_one_device_alone_raises_no_more_alarms_than_it_has():
    simulator = Simulator([("D-1", "smoke_detector")], TYPES, seed=1)
    for second in range(900):
        simulator.step(START + timedelta(seconds=second))
        assert len(simulator.active_alarms) <= len(TYPES["smoke_detector"].alarms)


@given(st.sampled_from(NUMBERS), st.text("0123456789", min_size=1, max_size=5), st.integers(0, 86_400 * 800))
def test_a_reading_is_plausible_and_moves_smoothly(which, device, seconds):
    name, kind = which
    measure = TYPES[kind].measures[name]
    now = START + timedelta(seconds=seconds)
    before = reading(device, name, measure, now)
    after = reading(device, name, measure, now + timedelta(seconds=1))
    day = [reading(device, name, measure, now + timedelta(hours=hour)) for hour in range(24)]
    assert measure.plausible(before)
    assert abs(after - before) <= 0.01 * (max(day) - min(day)) + 0.011


def test_temperature_peaks_in_the_afternoon_and_meters_never_run_back():
    air, meter = TYPES["env_station"].measures["air_temperature"], TYPES["meter_water"].measures["water_m3"]
    midnight = datetime.fromisoformat("2026-05-01T00:00:00+08:00")
    hours = [midnight + timedelta(hours=hour) for hour in range(24)]
    mean = [sum(reading(f"D-{n}", "air_temperature", air, hour) for n in range(50)) for hour in hours]
    assert 12 <= mean.index(max(mean)) <= 17
    counted = [reading("D-1", "water_m3", meter, hour) for hour in hours]
    assert counted == sorted(counted)
    assert counted[0] < counted[-1]


def test_a_closed_manhole_stays_closed():
    cover = TYPES["manhole_sensor"].measures["open_state"]
    assert not any(reading(f"D-{n}", "open_state", cover, START + timedelta(hours=n)) for n in range(200))


def test_many_smoke_detectors_do_not_drown_every_other_alarm(half_an_hour):
    kinds = Counter(name for _, active in half_an_hour for _, name in active)
    assert len(kinds) > 15
    assert kinds["fire_smoke"] < sum(kinds.values()) / 5


def test_the_readings_go_on_after_a_restart_where_they_were(fleet):
    later = START + timedelta(seconds=3)
    first, second = Simulator(fleet, TYPES, seed=1), Simulator(fleet, TYPES, seed=99)
    assert [o["result"] for o in first.step(later)[:50]] == [o["result"] for o in second.step(later)[:50]]


def test_alarms_left_standing_by_an_earlier_run_are_cleared(fleet):
    left = [(device, "sos") for device, kind in fleet if kind == "one_key_help"][:5]
    simulator = Simulator(fleet, TYPES, seed=1, active=left)
    cleared = [
        (seen["device"], seen["property"])
        for second in range(600)
        for seen in simulator.step(START + timedelta(seconds=second))
        if seen["result"] is False
    ]
    assert set(left) <= set(cleared)


def test_a_clock_that_jumps_leaves_no_alarm_standing_and_none_twice(fleet):
    simulator = Simulator(fleet, TYPES, seed=1)
    for hours in (0, 5, 100):
        observed = simulator.step(START + timedelta(hours=hours))
        changes = [(seen["device"], seen["property"]) for seen in observed if isinstance(seen["result"], bool)]
        assert len(set(changes)) == len(changes)
        assert 3 <= len(simulator.active_alarms) <= 12
