"""The states of an alarm."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis.errors import Conflict
from layers.alarm import acknowledge, clear, raise_again, raise_new

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
