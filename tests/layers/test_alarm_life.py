"""How alarms are raised, counted, cleared, handled, shelved and told, on a real store."""

import itertools
from datetime import timedelta

import pytest

from gis.errors import Conflict, NotFound
from layers.alarm.board import Wanted
from tests.layers.conftest import BUILDING, NOON
from twin.event import NewEvent
from twin.feature import Feature

FIRE, EBIKE = "S-1:fire_smoke", "E-1:ebike_in_elevator"


def test_a_storm_of_a_hundred_thousand_reports_is_one_alarm_a_version_a_message_and_few_announcements(community):
    for _ in range(10):
        storm = [community.item("S-1", "fire_smoke", True) for _ in range(10_000)]
        assert community.ingest.observe(storm).result().accepted == 10_000
    assert community.alarm(FIRE).count == 100_000
    assert len(community.store.history("alarm", FIRE)) == 11
    assert [event.body["count"] for event in community.told()] == [1, 10_000, 20_000, 50_000, 100_000]


def test_normal_clears_only_where_the_standard_lets_the_device_clear(community):
    community.say("S-1", "fire_smoke", True)
    community.say("E-1", "ebike_in_elevator", True)
    community.at(1)
    community.say("S-1", "fire_smoke", False)
    community.say("E-1", "ebike_in_elevator", False)
    assert (community.alarm(FIRE).active, community.alarm(FIRE).ended_by) == (False, "reading")
    assert community.alarm(EBIKE).active


def test_a_passing_event_runs_out_after_its_last_report_and_a_restart_does_not_forget_it(community):
    community.say("E-1", "ebike_in_elevator", True)
    community.at(600)
    community.say("E-1", "ebike_in_elevator", True)
    community.start()
    community.at(1499)
    community.tick()
    assert community.alarm(EBIKE).active
    community.at(1501)
    community.tick()
    community.tick()
    ended = community.alarm(EBIKE)
    assert (ended.active, ended.ended_by) == (False, "timeout")
    assert ended.cleared_at == (NOON + timedelta(seconds=1500)).isoformat()


def test_a_report_after_the_time_out_is_a_new_passing_event_even_if_nobody_ticked(community):
    community.say("E-1", "ebike_in_elevator", True)
    community.duty.acknowledge(EBIKE, "王").result()
    community.at(5000)
    community.say("E-1", "ebike_in_elevator", True)
    again = community.alarm(EBIKE)
    assert (again.count, again.acknowledged, again.raised_at) == (1, False, community.now.isoformat())


def test_what_no_device_ends_is_closed_by_whoever_deals_with_it(community):
    community.say("E-1", "ebike_in_elevator", True)
    seen = community.duty.handle(EBIKE, "李", "推出电梯").result()
    assert (seen["active"], seen["acknowledged"], seen["handled_by"], seen["result"]) == (False, True, "李", "推出电梯")
    assert community.alarm(EBIKE) is None
    with pytest.raises(NotFound, match=r"alarm\.unknown"):
        community.duty.handle(EBIKE, "李", "again").result()


def test_what_the_device_ends_nobody_else_may_end(community):
    community.say("S-1", "fire_smoke", True)
    with pytest.raises(Conflict, match=r"alarm\.clears_itself"):
        community.duty.handle(FIRE, "李", "nothing there").result()


def test_a_new_occurrence_begins_when_the_last_one_is_closed_and_never_overlaps_it(community):
    community.say("S-1", "fire_smoke", True)
    community.at(10)
    community.say("S-1", "fire_smoke", False)
    community.at(60)
    community.duty.acknowledge(FIRE, "王").result()
    early = NOON + timedelta(seconds=50)  # seen before the acknowledgement, received after it
    community.at(70)
    community.say("S-1", "fire_smoke", True, phenomenonTime=early.isoformat())
    assert community.alarm(FIRE).count == 1
    versions = [one for one in community.store.history("alarm", FIRE) if one.superseded_at is None]
    spans = sorted((one.valid_from, one.valid_to or community.now) for one in versions)
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))


def test_a_shelved_alarm_is_counted_but_not_told_until_its_time_is_over(community):
    community.say("S-1", "fire_smoke", True)
    community.duty.shelve(FIRE, "王", NOON + timedelta(seconds=100), "检修").result()
    told = len(community.told())
    for second in range(1, 5):
        community.at(second)
        community.say("S-1", "fire_smoke", second % 2 == 0)
    assert len(community.told()) == told
    assert community.board.page(Wanted(), 10)[0] == []
    assert community.board.page(Wanted(state="shelved"), 10)[0] == [FIRE]
    assert community.board.summary("building", Wanted(state="standing"))[0]["shelved"] == 1
    community.at(101)
    community.tick()
    assert [event.body["shelved_until"] for event in community.told()[told:]] == [None]
    assert community.board.page(Wanted(), 10)[0] == [FIRE]


def test_a_shelf_outlasts_the_condition_it_hides(community):
    community.say("S-1", "fire_smoke", True)
    community.duty.shelve(FIRE, "王", NOON + timedelta(seconds=100), "检修").result()
    community.at(1)
    community.say("S-1", "fire_smoke", False)
    community.duty.acknowledge(FIRE, "王").result()
    assert community.alarm(FIRE).shelved_by == "王"
    community.at(101)
    community.tick()
    assert community.alarm(FIRE) is None


def test_an_alarm_that_goes_to_and_fro_is_told_once_and_again_when_it_is_calm(community):
    for second in range(40):
        community.at(second)
        community.say("S-1", "fire_smoke", second % 2 == 0)
    assert community.alarm(FIRE).flapping
    assert len(community.told()) == 8
    assert len(community.told("alarm_quiet")) == 32
    community.at(40 + 900)
    community.tick()
    assert not community.alarm(FIRE).flapping
    assert community.told()[-1].body["active"] is False


def test_a_camera_sees_two_things_at_two_places_and_the_same_thing_twice(community):
    for position in ([120.15, 30.15], [120.15, 30.15001], [120.16, 30.15]):
        community.say("C-1", "object_left", True, position=position)
    ids, _ = community.board.page(Wanted(), 10)
    assert sorted(community.alarm(name).count for name in ids) == [1, 2]
    assert {round(community.alarm(name).record.geometry.x, 3) for name in ids} == {120.15, 120.16}


def test_a_limit_raises_after_its_delay_and_clears_below_its_dead_band(community):
    community.say("S-1", "smoke", 0.6)
    assert community.alarm(FIRE) is None
    community.at(11)
    community.tick()  # no further reading is needed
    assert (community.alarm(FIRE).active, community.alarm(FIRE).cause) == (True, "rule")
    community.say("S-1", "smoke", 0.45)  # inside the dead band
    community.at(200)
    community.tick()
    assert community.alarm(FIRE).active
    community.say("S-1", "smoke", 0.2)
    community.at(261)
    community.tick()
    assert not community.alarm(FIRE).active


def test_a_spike_shorter_than_the_delay_is_no_alarm(community):
    community.say("S-1", "smoke", 5)
    community.at(5)
    community.say("S-1", "smoke", 0.01)
    community.at(60)
    community.tick()
    assert community.alarm(FIRE) is None


def test_bad_water_is_bad_until_every_reading_is_good(community):
    alarm = "Q-1:water_quality_abnormal"
    for name, value in (("turbidity", 3), ("ph", 9)):
        community.say("Q-1", name, value)
    community.at(301)
    community.tick()
    assert community.alarm(alarm).count == 2
    community.say("Q-1", "ph", 7)
    community.at(700)
    community.tick()
    assert community.alarm(alarm).active
    community.say("Q-1", "turbidity", 0.2)
    community.at(1100)
    community.tick()
    assert not community.alarm(alarm).active


def test_the_board_pages_by_urgency_and_a_second_board_reads_the_same_from_the_store(community):
    for device, name in (("E-1", "ebike_entry"), ("S-1", "fire_smoke"), ("S-2", "fire_smoke"), ("S-3", "device_fault")):
        community.say(device, name, True)
    community.duty.acknowledge(FIRE, "王").result()
    first, cursor = community.board.page(Wanted(), 3)
    rest, end = community.board.page(Wanted(), 3, cursor)
    assert [*first, *rest] == ["S-2:fire_smoke", FIRE, "E-1:ebike_entry", "S-3:device_fault"]
    assert end is None
    community.start()
    assert community.board.page(Wanted(), 10)[0] == [*first, *rest]
    assert community.board.page(Wanted(severities=frozenset({1}), within=BUILDING), 10)[0] == first[:2]
    assert community.board.page(Wanted(within=BUILDING), 3) == (first, cursor)
    assert community.board.page(Wanted(within=BUILDING), 3, cursor)[0] == rest
    assert community.board.count(Wanted(within=BUILDING)) == 4
    assert community.board.count(Wanted(within=f"{BUILDING}-U01")) == 0
    assert community.board.count(Wanted(within="N51H0429733233-0")) == 0
    (row,) = community.board.summary("building", Wanted())
    assert (row["key"], row["worst"], row["count"], row["unacknowledged"]) == (BUILDING, 1, 4, 3)
    assert row["severities"] == {"1": 2, "3": 1, "4": 1}


def test_an_alarm_that_says_too_little_is_counted_and_holds_up_no_other(community, caplog):
    said = ({}, {"id": "x", "severity": "worst"}, {"id": "y", "severity": 1, "device": 7})
    half = Feature(layer="alarm", id="half", community="c1", attributes={"device": "S-1"})
    community.put(half)
    assert community.board.count(Wanted()) == 0
    for number, body in enumerate(said):
        told = NewEvent(
            kind="alarm",
            community="c1",
            subject="x",
            source="elsewhere",
            source_seq=str(number),
            occurred_at=community.now,
            body=body,
        )
        community.store.write(lambda tx, told=told: tx.append(told)).result()
    community.say("S-1", "fire_smoke", True)
    assert community.board.page(Wanted(), 10) == ([FIRE], None)
    assert community.board.unread == 4
    assert [record.args[0].partition(" ")[0] for record in caplog.records] == ["record", "event", "event", "event"]
    community.tick()
