"""Linkage does the same on every store."""

from datetime import timedelta

import pytest

from tests.layers.linkage_world import Community
from twin.embedded import EmbeddedStore


def opened(name, request):
    if name == "embedded":
        return Community(request.getfixturevalue("tmp_path") / "twin.gpkg", store=EmbeddedStore)
    from twin.postgis import PostgisStore

    return Community(request.getfixturevalue("database"), store=PostgisStore)


@pytest.fixture(params=["embedded", "postgis"])
def community(request):
    made = opened(request.param, request)
    yield made
    made.raw.close()


def test_a_fire_is_answered_once_in_its_own_transaction(community):
    community.enable("LR01", "LR05", "LR06", "LR15-fire", "LR28")
    community.say("smoke", "fire_smoke", True, seq="1")
    community.say("smoke", "fire_smoke", True, seq="1")
    community.say("smoke2", "fire_smoke", True)
    commands = sorted(f"{one.subject} {one.body['command']}" for one in community.told("command"))
    assert commands == sorted(
        ["door unlock", "door2 unlock", "bell unlock", "lift emergency_stop", "bell speak", "home speak", "home2 speak"]
    )
    assert len(community.told("incident")) == 1
    alarm, command = community.told("alarm")[0], community.told("command")[0]
    assert (alarm.recorded_at, alarm.seq) == (command.recorded_at, command.body["cause"])
    community.say("help", "sos", True)
    assert community.told("command")[-1].subject == "worker"


def test_a_command_is_handed_over_answered_and_given_up(community):
    community.enable("LR01", "LR19-dark")
    community.say("smoke", "fire_smoke", True)
    (handed,) = community.commands.hand_over("door", community.types["access_controller_smart"]).result()
    community.commands.answer(handed["id"], "acknowledged", "open", None).result()
    community.now += timedelta(seconds=61)
    community.commands.tick().result()
    assert {one["id"]: one["state"] for one in community.commands.find()} == {
        "door:unlock:1": "acknowledged",
        "door2:unlock:1": "timed_out",
        "bell:unlock:1": "timed_out",
    }
    for lux in (29, 20, 60, 10):
        community.say("lux", "illuminance", lux)
    assert [one.body["outcome"] for one in community.told("linkage")] == ["fired"] * 3
