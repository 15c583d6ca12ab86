"""What happened is kept as long as the policy says, and longer where something open needs it."""

from datetime import UTC, datetime, timedelta

import pytest

from api.__main__ import main
from gis.errors import BadInput
from layers.catalogue import load_catalogue
from layers.ingest import Ingest
from layers.retention import expire, parse_retention, shipped
from twin.embedded import EmbeddedStore
from twin.event import NewEvent, Reading
from twin.feature import Feature
from twin.series import Series

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)


class Clock:
    now = NOW

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(tmp_path, clock):
    opened = EmbeddedStore(tmp_path / "twin.gpkg", load_catalogue(), clock)
    yield opened
    opened.close()


def observe(store, clock, days_ago, name, device="D-1"):
    clock.now = NOW - days_ago * DAY
    reading = Reading("c1", device, name, 1, clock.now, "gw", f"{device}{name}{days_ago}")
    store.write(lambda tx: tx.observe([reading])).result()


def left(store, device="D-1"):
    return [event.body["property"] for event in store.observations(Series(devices=(device,)))]


def test_a_pass_of_179_days_stays_and_one_of_181_goes_while_other_readings_went_before(store, clock):
    for days_ago, name in (
        (181, "vehicle_pass"),
        (179, "vehicle_pass"),
        (100, "room_temperature"),
        (0, "people_count"),
    ):
        observe(store, clock, days_ago, name)
    assert expire(store, shipped(), NOW, rehearse=True) == {"observation": 2}
    assert left(store) == ["vehicle_pass", "vehicle_pass", "room_temperature", "people_count"]
    assert expire(store, shipped(), NOW, rehearse=False) == {"observation": 2}
    assert left(store) == ["vehicle_pass", "people_count"]
    assert expire(store, shipped(), NOW, rehearse=False) == {}


def test_what_was_removed_is_told_in_the_log_and_stays_in_the_summaries(store, clock):
    observe(store, clock, 100, "room_temperature")
    observe(store, clock, 0, "room_temperature")
    expire(store, shipped(), NOW, rehearse=False)
    (told,) = store.events(0, 9, ("retention",))
    assert told.body == {"removed": {"observation": 1}}
    assert store.expired(["observation"]) == 1
    assert [bucket.count for bucket in store.rollup(Series(devices=("D-1",)), "hour", timedelta())] == [1, 1]


def test_what_an_open_alarm_needs_stays_until_it_is_closed(store, clock):
    observe(store, clock, 100, "fire_smoke")
    alarm = Feature(layer="alarm", id="D-1:fire_smoke", community="c1", attributes={"device": "D-1"})
    told = NewEvent(
        kind="alarm",
        community="c1",
        subject=alarm.id,
        source="a",
        source_seq="1",
        occurred_at=clock.now - 2000 * DAY,
        body={},
    )
    clock.now = NOW - 2000 * DAY
    store.write(lambda tx: (tx.append(told), tx.put(alarm))).result()
    observe(store, clock, 0, "people_count", "D-2")
    assert expire(store, shipped(), NOW, rehearse=False) == {}
    store.write(lambda tx: tx.end("alarm", alarm.id, NOW)).result()
    assert expire(store, shipped(), NOW, rehearse=False)["observation"] == 1


def test_hours_go_after_their_own_term(store, clock):
    observe(store, clock, 1900, "room_temperature")
    observe(store, clock, 0, "room_temperature")
    assert expire(store, shipped(), NOW, rehearse=True) == {"observation": 1, "hours": 1}
    assert expire(store, shipped(), NOW, rehearse=False) == {"observation": 1, "hours": 1}
    assert [b.start.date() for b in store.rollup(Series(devices=("D-1",)), "hour", timedelta())] == [NOW.date()]


def test_a_policy_below_the_standard_is_refused():
    short = "{readings: {}, other_readings: {days: 100}, hours: {days: 900}, events: {}}"
    with pytest.raises(
        BadInput, match=r"retention\.too_short: mine: vehicle_pass .* 100 days; B 6\.2\.1\.4c asks for 180"
    ):
        parse_retention(short, "mine")


def test_the_command_shows_what_would_go_and_removes_only_when_told_to(tmp_path, clock, capsys):
    path = tmp_path / "own.gpkg"
    store = EmbeddedStore(path, load_catalogue(), clock)
    observe(store, clock, 100, "room_temperature")
    observe(store, clock, 0, "room_temperature")
    store.close()
    for extra, said in (([], "would be removed"), (["--apply"], "removed"), ([], "")):
        clock.now = NOW
        assert main(["retention", "--store", str(path), *extra]) == 0
        assert capsys.readouterr().out == (f"observation\t1 {said}\n" if said else "")


THINNED = """readings:
  vehicle_pass: {{days: 180}}
  plate_capture: {{days: 180}}
  vehicle_structured: {{days: 180}}
  video_ref: {{days: 30}}
  recording: {{days: 30}}
  {line}
other_readings: {{days: 90}}
hours: {{days: 1830}}
events: {{}}
"""


def test_what_a_standard_asks_for_is_kept_whole():
    text = THINNED.format(line="").replace(
        "vehicle_pass: {days: 180}", "vehicle_pass: {days: 180, by_exception: {within: 0, every_s: 60}}"
    )
    with pytest.raises(BadInput, match=r"retention\.kept_whole.*B 6\.2\.1\.4c"):
        parse_retention(text, "mine.yaml")


def test_only_exceptions_of_a_property_are_kept_and_what_may_raise_an_alarm_is_kept_whole(community):
    lines = "\n  ".join(
        f"{name}: {{days: 9, by_exception: {{within: 0.5, every_s: 600}}}}"
        for name in ("conductivity", "gas_concentration")
    )
    bands = parse_retention(THINNED.format(line=lines), "mine.yaml").bands
    ingest = Ingest(community.store, community.types, lambda: community.now, bands=bands)
    items = [
        community.item(device, name, value)
        for device, name in (("Q-1", "conductivity"), ("G-1", "gas_concentration"))
        for value in (2, 2, 2.25)
    ]
    receipt = ingest.observe(items).result()
    assert (receipt.accepted, receipt.unchanged, receipt.rejected) == (4, 2, [])
    assert ingest.totals.unchanged == 2
    assert [event.subject for event in community.told("observation")] == ["Q-1", "G-1", "G-1", "G-1"]
