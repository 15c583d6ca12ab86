"""The states of an alarm."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from gis.errors import Conflict
from layers.alarm import acknowledge, clear, raise_again, raise_new
from layers.alarm.record import feature_of, message_of, messages_of
from layers.catalogue import load_catalogue
from layers.device.types import load_device_types
from twin.embedded import EmbeddedStore
from twin.feature import Feature
from twin.query import Query

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def fresh():
    return raise_new("D-1", "fire_smoke", 1, NOON)


def test_a_new_alarm_is_active_and_unacknowledged():
    alarm = fresh()
    assert (alarm.id, alarm.active, alarm.acknowledged, alarm.open, alarm.count) == (
        "D-1:fire_smoke",
        True,
        False,
        True,
        1,
    )


def test_ten_reports_of_one_condition_are_one_alarm_with_count_ten():
    alarm = fresh()
    for n in range(9):
        alarm = raise_again(alarm, NOON + n * MINUTE)
    assert (alarm.count, alarm.raised_at, alarm.changed_at) == (10, NOON, NOON)


def test_a_condition_that_cleared_unseen_stays_on_the_list_until_acknowledged():
    cleared = clear(fresh(), NOON + MINUTE)
    assert (cleared.active, cleared.open, cleared.cleared_at) == (False, True, NOON + MINUTE)
    assert not acknowledge(cleared, "王", NOON + 2 * MINUTE).open


def test_a_cleared_alarm_that_returns_must_be_acknowledged_again():
    seen = acknowledge(fresh(), "王", NOON + MINUTE)
    again = raise_again(clear(seen, NOON + 2 * MINUTE), NOON + 3 * MINUTE)
    assert (again.active, again.acknowledged, again.acknowledged_by, again.cleared_at) == (True, False, None, None)


def test_a_late_all_clear_does_not_end_what_began_after_it():
    assert clear(fresh(), NOON - MINUTE).active


def test_acknowledging_twice_is_refused_and_names_who_was_first():
    seen = acknowledge(fresh(), "王", NOON)
    with pytest.raises(Conflict, match="王"):
        acknowledge(seen, "李", NOON)


@given(st.lists(st.tuples(st.sampled_from(["raise", "clear", "acknowledge"]), st.integers(-5, 30))))
def test_whatever_happens_time_never_runs_back_and_acknowledged_means_by_somebody(steps):
    alarm = fresh()
    for act, minutes in steps:
        before, at = alarm, NOON + minutes * MINUTE
        if act == "raise":
            alarm = raise_again(alarm, at)
        elif act == "clear":
            alarm = clear(alarm, at)
        elif not alarm.acknowledged:
            alarm = acknowledge(alarm, "王", at)
        assert alarm.changed_at >= before.changed_at
        assert alarm.count >= before.count
        assert alarm.acknowledged == (alarm.acknowledged_by is not None)
        assert alarm.active == (alarm.cleared_at is None)
        assert alarm.raised_at == NOON


def test_records_as_the_store_keeps_them_tell_the_same_as_alarms(tmp_path):
    line = shapely.LineString([(120, 30), (120.002, 30)])
    inside = {"community": "c1", "place": "N51H0429733232-0-U00-F01-R0101", "storey": 1, "z_min_m": 2.0, "name": "烟感"}
    devices = [
        Feature(layer="device", id="D-1", geometry=line, **inside),
        Feature(layer="device", id="D-2", community="c1"),
    ]
    kind = load_device_types()["smoke_detector"].alarms["fire_smoke"]
    records = [feature_of(raise_new(one.id, "fire_smoke", 1, NOON), one, kind, NOON) for one in devices]
    with closing(EmbeddedStore(tmp_path / "twin.gpkg", load_catalogue(), lambda: NOON)) as store:
        store.write(lambda tx: tx.put_all(records)).result()
        told = messages_of(store.rows(Query(layers=("alarm",))).rows, {"N51H0429733232-0": "1幢"})
    assert told == [dict(message_of(records[0], "1幢")), dict(message_of(records[1], None))]
    assert [one["center"] for one in told] == [[120.001, 30.0], None]
