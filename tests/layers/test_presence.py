"""Who is silent, one by one and whole buildings at once."""

import pytest

from gis.errors import NotFound
from layers.alarm.board import Wanted
from tests.layers.conftest import BUILDING

HEARD = ("S-1", "S-2", "S-3", "S-4")


def speak(community, *devices):
    for device in devices:
        community.say(device, "smoke", 0.01)


def open_alarms(community):
    return sorted(community.board.page(Wanted(state="active"), 100)[0])


def test_a_device_that_stops_talking_is_an_alarm_until_it_is_heard_again(community):
    speak(community, *HEARD)
    community.tick()
    assert {one.presence for one in community.watchman.standing().values()} == {"online"}
    community.at(50)
    speak(community, *HEARD[1:])
    community.at(70)
    community.tick()
    community.tick()
    assert open_alarms(community) == ["S-1:device_silent"]
    assert community.alarm("S-1:device_silent").severity == 4
    assert community.watchman.missed()["S-1"] == "silent"
    speak(community, "S-1")
    community.tick()
    assert open_alarms(community) == []
    assert [event.body["status"] for event in community.told("device") if event.subject == "S-1"] == [
        "online",
        "silent",
        "online",
    ]


def test_a_building_that_falls_silent_is_one_alarm_and_heard_again_leaves_those_still_silent(community):
    speak(community, *HEARD)
    community.tick()
    community.at(100)
    community.tick()
    assert open_alarms(community) == [f"{BUILDING}:building_silent"]
    assert community.alarm(f"{BUILDING}:building_silent").record.place == BUILDING
    speak(community, "S-1", "S-2", "S-3")
    community.tick()
    assert open_alarms(community) == ["S-4:device_silent"]


def test_devices_that_were_told_one_by_one_are_told_as_a_building_once_they_are_most(community):
    speak(community, *HEARD)
    community.tick()
    community.at(50)
    speak(community, *HEARD[1:])
    community.at(70)
    community.tick()
    assert open_alarms(community) == ["S-1:device_silent"]
    community.at(200)
    community.tick()
    assert open_alarms(community) == [f"{BUILDING}:building_silent"]


def test_a_service_that_was_down_does_not_blame_the_devices(community):
    speak(community, *HEARD)
    community.tick()
    community.at(100_000)
    community.start()
    community.tick()
    assert open_alarms(community) == []
    community.at(100_061)
    community.tick()
    assert open_alarms(community) == [f"{BUILDING}:building_silent"]


def test_a_device_that_never_spoke_has_not_fallen_silent(community):
    community.at(100_000)
    community.tick()
    assert open_alarms(community) == []
    assert community.watchman.missed()["G-1"] == "silent"  # the map shows it hollow all the same


def test_a_gateway_says_at_once_that_a_device_went(community):
    speak(community, "S-1")
    community.tick()
    community.watchman.say("S-1", "offline").result()
    assert community.watchman.missed()["S-1"] == "offline"
    community.at(5)
    speak(community, "S-1")
    community.tick()
    assert "S-1" not in community.watchman.missed()
    with pytest.raises(NotFound, match=r"device\.unknown"):
        community.watchman.say("nobody", "online")


def test_a_building_is_judged_anew_when_devices_leave_it(community):
    speak(community, *HEARD)
    community.tick()
    community.at(50)
    speak(community, *HEARD[2:])
    community.at(70)
    community.tick()
    assert open_alarms(community) == ["S-1:device_silent", "S-2:device_silent"]
    for number in HEARD[3:]:
        community.registry.retire(number, lambda transaction, device: None).result()
    community.at(120)
    community.tick()
    assert open_alarms(community) == [f"{BUILDING}:building_silent"]
