"""What linkage promises beyond its rules: once, with its cause or not at all, only where it is meant, never in circles."""

from dataclasses import replace
from datetime import timedelta

import pytest
import shapely

from gis.errors import BadInput, Conflict, NotFound
from layers.device.commands import Order
from layers.linkage.rules import Reach, parse_rule
from layers.linkage.scope import Cause, Surroundings
from tests.layers.linkage_world import HOUSE, NOON, ROOM, Community, M, device

FLAGSHIP = ("LR01", "LR02", "LR04", "LR05", "LR06", "LR15-fire")
TITLE = {"zh": "试", "en": "Trial"}


@pytest.fixture
def community(tmp_path):
    made = Community(tmp_path / "twin.gpkg")
    yield made
    made.raw.close()


def unlocked(community):
    return sorted(
        one.subject
        for one in community.told("command")
        if (one.body["command"], one.body["state"]) == ("unlock", "requested")
    )


def written(community, name, when, do, **more):
    community.book.write({"id": name, "title": TITLE, "when": when, "do": do, **more}, "王").result()
    community.enable(name)


def notice(*to):
    return [{"notify": {"to": list(to), "text": TITLE}}]


# --- the fire -------------------------------------------------------------------------------------------------------


def test_a_fire_opens_each_unit_door_of_its_building_once_and_no_other(community):
    community.enable(*FLAGSHIP)
    community.say("smoke-twin", "fire_smoke", True)
    assert unlocked(community) == ["bell-twin", "door-twin", "door2-twin"]
    assert {"gate-twin open", "lift-twin emergency_stop", "bell-twin speak", "incident fire"} <= community.effects()
    assert not {
        effect for effect in community.effects() if effect.split()[0] in ("door", "door2", "bell", "gate", "lift")
    }


def test_the_second_detector_of_a_fire_opens_no_door_again_and_files_no_second_incident(community):
    community.enable(*FLAGSHIP)
    community.say("smoke", "fire_smoke", True)
    first = [one.body["id"] for one in community.told("command")]
    community.say("smoke2", "fire_smoke", True)
    community.say("unit", "fire", True)
    assert [one.body["id"] for one in community.told("command")] == first
    assert len(community.told("incident")) == 1
    assert len(community.told("notice")) == 2  # control room; fire centre and rescue


def test_a_door_that_was_locked_by_hand_in_between_is_opened_again(community):
    community.enable("LR01")
    community.say("smoke", "fire_smoke", True)
    door = community.registry.devices()["door"]
    order = Order(device=door, command="lock", by="王", reason="误报")
    community.commands.ask(order, community.types["access_controller_smart"]).result()
    community.now += timedelta(seconds=1)
    community.say("smoke2", "fire_smoke", True)
    assert unlocked(community) == ["bell", "door", "door", "door2"]


def test_a_fire_that_nobody_can_place_opens_no_door(community):
    community.put(device("stray", "smoke_detector", 5))
    community.enable("LR01")
    community.say("stray", "fire_smoke", True)
    assert [one.body["outcome"] for one in community.told("linkage")] == ["fired"]
    assert community.effects() == set()


def test_a_fire_that_comes_back_after_it_was_over_opens_the_doors_again(community):
    community.enable("LR01")
    for holds in (True, False, True):
        community.say("smoke", "fire_smoke", holds)
        community.now += timedelta(minutes=6)
    assert unlocked(community) == ["bell", "bell", "door", "door", "door2", "door2"]


# --- once, and with its cause ----------------------------------------------------------------------------------------


def test_duplicates_repeats_and_decisions_fire_nothing_again(community):
    community.enable("LR01", "LR06")
    community.say("smoke", "fire_smoke", True, seq="7")
    before = len(community.told("linkage", "command", "camera"))
    community.say("smoke", "fire_smoke", True, seq="7")
    community.say("smoke", "fire_smoke", True)
    community.duty.shelve("smoke:fire_smoke", "王", community.now + timedelta(hours=1), "检修").result()
    community.now += timedelta(seconds=1)
    community.duty.unshelve("smoke:fire_smoke").result()
    community.duty.acknowledge("smoke:fire_smoke", "王").result()
    assert len(community.told("linkage", "command", "camera")) == before


def test_what_was_raised_on_the_shelf_fires_when_it_is_taken_off(community):
    community.enable("LR01")
    community.say("smoke", "fire_smoke", True)
    community.duty.shelve("smoke:fire_smoke", "王", community.now + timedelta(hours=1), "检修").result()
    community.now += timedelta(minutes=10)
    community.say("smoke", "fire_smoke", False)
    community.say("smoke", "fire_smoke", True)
    assert len(community.told("linkage")) == 1
    community.duty.unshelve("smoke:fire_smoke").result()
    assert len(community.told("linkage")) == 2


def test_what_follows_is_committed_in_the_transaction_of_its_cause(community):
    community.enable("LR37")
    last = community.store.last_seq()

    community.signal("evening_scene", position=(120 + 100 * M, 30))
    seqs = [one.seq for one in community.store.events(last, 100)]
    assert seqs == list(range(last + 1, last + 1 + len(seqs)))
    assert len({one.recorded_at for one in community.store.events(last, 100)}) == 1


def test_every_command_says_who_why_and_from_what(community):
    community.enable("LR01")
    community.say("smoke", "fire_smoke", True)
    (alarm,) = community.told("alarm")
    said = community.told("command")[0].body
    assert (said["rule"], said["by"], said["cause"], said["chain"], said["state"]) == (
        "LR01",
        "linkage:LR01",
        alarm.seq,
        ["LR01"],
        "requested",
    )


def test_an_action_that_fails_is_told_and_the_others_are_done(community):
    written(
        community,
        "mine",
        [{"signal": "x"}],
        [{"incident": {"incident_class": "fire"}}, *notice("b")],
    )
    community.signal("x")  # nobody says where, so that there is no incident to file
    assert community.effects() == {"@b"}
    fired, failed = community.told("linkage")
    assert (fired.body["outcome"], failed.body["outcome"], failed.body["code"]) == (
        "fired",
        "failed",
        "incident.nowhere",
    )


def test_a_reading_that_stays_beyond_its_limit_fires_once_until_it_was_back(community):
    community.enable("LR19-dark")
    for lux in (29, 20, 45, 25, 51, 29):
        community.say("lux", "illuminance", lux)
    assert len(community.told("linkage")) == 2


def test_a_late_reading_drives_nothing(community):
    community.enable("LR19-dark")
    community.say("lux", "illuminance", 100)
    late = {"device": "lux", "property": "illuminance", "result": 1, "source": "gw", "source_seq": "late"}
    community.ingest.observe([{**late, "phenomenonTime": (NOON - timedelta(hours=1)).isoformat()}]).result()
    assert community.effects() == set()


# --- the loop guard --------------------------------------------------------------------------------------------------


def test_a_rule_that_triggers_itself_stops_and_says_so(community):
    written(community, "mine", [{"event": {"kind": "notice"}}, {"signal": "x"}], notice("me"))
    community.signal("x")
    assert [one.body["outcome"] for one in community.told("linkage")] == ["fired", "stopped"]
    assert community.told("linkage")[1].body["reason"] == "loop"
    assert len(community.told("notice")) == 1


def test_two_rules_that_trigger_each_other_stop(community):
    written(community, "ping", [{"event": {"kind": "camera"}}, {"signal": "x"}], notice("me"))
    written(community, "pong", [{"event": {"kind": "notice"}}], [{"camera": {"where": {"within_m": 100}}}])
    community.signal("x", position=(120 + 50 * M, 30))
    outcomes = [(one.subject, one.body["outcome"]) for one in community.told("linkage")]
    assert outcomes == [("ping", "fired"), ("pong", "fired"), ("ping", "stopped")]


def test_a_long_chain_stops(community):
    for number in range(7):
        body = {"to": [str(number)], "text": TITLE}
        when = {"signal": "x"} if number == 0 else {"event": {"kind": "notice", "body": {"rule": [f"r{number - 1}"]}}}
        written(community, f"r{number}", [when], [{"notify": body}])
    community.signal("x")
    assert [one.body["reason"] for one in community.told("linkage") if one.body["outcome"] == "stopped"] == ["depth"]
    assert len(community.told("notice")) == 5


def test_a_loop_through_an_answer_of_a_device_stops_too(community):
    answered = {"event": {"kind": "command", "body": {"state": ["acknowledged"]}}}
    lamp = {"command": {"name": "set_brightness", "arguments": {"percent": 1}, "where": {"within_m": 200}}}
    written(community, "mine", [{"signal": "x"}, answered], [lamp])
    community.signal("x", position=(120 + 65 * M, 30))
    (command,) = [one.body["id"] for one in community.told("command") if one.subject == "lamp"]
    community.commands.answer(command, "acknowledged", None, None).result()
    assert [one.body["outcome"] for one in community.told("linkage")] == ["fired", "stopped"]


def test_a_rule_that_comes_round_by_the_outside_world_is_held_back_and_told_once(community):
    written(community, "mine", [{"reading": {"property": "access_record"}}], notice("me"), most=3)
    for number in range(10):
        community.say("door", "access_record", {"n": number})
    outcomes = [one.body["outcome"] for one in community.told("linkage")]
    assert outcomes == ["fired"] * 3 + ["stopped"]
    community.now += timedelta(minutes=2)
    community.say("door", "access_record", {"n": 11})
    assert len(community.told("notice")) == 4


# --- where it reaches ------------------------------------------------------------------------------------------------


def cause(**where):
    return Cause(key="1", name="fire", at=NOON, community="c1", **where)


AT_FIRE = {"place": f"{HOUSE}-{ROOM}", "storey": 5, "position": (120 + 5 * M, 30 + 5 * M), "device": "smoke"}


@pytest.mark.parametrize(
    ("where", "some", "none"),
    [
        ({"same": "building"}, {"door", "door2", "smoke"}, {"door-twin", "horn"}),
        ({"same": "unit"}, {"door", "smoke"}, {"door2", "gate", "door-twin"}),
        ({"same": "storey"}, {"smoke", "meter2"}, {"lift", "smoke2", "door"}),
        ({"same": "room"}, {"smoke", "meter"}, {"meter2", "smoke-twin"}),
        ({"same": "device"}, {"smoke"}, {"door"}),
        ({"same": "grid"}, {"smoke", "horn", "door-twin"}, {"horn-far"}),
        ({"same": "community"}, {"horn-far", "smoke"}, {"elsewhere"}),
        ({"storeys": "below"}, {"lift", "smoke2"}, {"smoke", "gate", "lift-twin"}),
        ({"storeys": "above"}, set(), {"smoke", "lift"}),
        ({"within_m": 26}, {"horn", "smoke-twin"}, {"fence"}),
        ({"within_m": 26, "nearest": 1}, {"air"}, {"horn"}),
        ({"same": "building", "within_m": 26}, {"door"}, {"door-twin", "horn"}),
        (
            {"polygon": shapely.box(120 + 25 * M, 30, 120 + 42 * M, 30.001).wkt},
            {"horn", "worker", "fence"},
            {"edge", "door"},
        ),
    ],
)
def test_a_spatial_condition_reaches_what_it_names_and_nothing_else(community, where, some, none):
    devices = {
        **community.registry.devices(),
        "elsewhere": replace(device("elsewhere", "broadcast", 5), community="c2"),
    }
    area = shapely.box(120 - 500 * M, 29.99, 120 + 500 * M, 30.01)
    around = Surroundings(devices, lambda position: area if area.contains(shapely.Point(position)) else None)
    found = {one.id for one, _ in around.reached(Reach(**where), cause(**AT_FIRE), lambda _device: True)}
    assert some <= found
    assert not none & found


@pytest.mark.parametrize(
    "where",
    [
        {"same": "building"},
        {"same": "room"},
        {"same": "place"},
        {"storeys": "above"},
        {"within_m": 50},
        {"same": "grid"},
    ],
)
def test_a_cause_without_place_or_position_reaches_nothing(community, where):
    around = Surroundings(community.registry.devices())
    assert around.reached(Reach(**where), cause(), lambda _device: True) == []


# --- the rule book ---------------------------------------------------------------------------------------------------


def test_a_simulation_names_what_would_be_touched_and_changes_nothing(community):
    last = community.store.last_seq()
    rule = community.book.get("LR01").rule
    plan = community.engine.simulate(rule, cause(**AT_FIRE)).as_json()
    assert sorted(one["device"] for one in plan["commands"]) == ["bell", "door", "door2"]
    assert community.store.last_seq() == last


def test_rules_are_switched_written_and_taken_back_on_record(community):
    community.enable("LR09")
    shipped = community.book.get("LR09")
    assert (shipped.enabled, shipped.by, shipped.since) == (True, "王", NOON)
    own = shipped.rule.model_dump(mode="json", exclude_none=True)
    community.now += timedelta(seconds=1)
    community.book.write({**own, "do": notice("guards")}, "李").result()
    community.say("fence", "perimeter_intrusion", True)
    assert community.effects() == {"@guards"}
    community.now += timedelta(seconds=1)
    community.book.remove("LR09", "李").result()
    assert (community.book.get("LR09").enabled, community.book.get("LR09").shipped) == (False, True)
    decisions = [(one.body["by"], one.body["decision"]) for one in community.told("linkage_rule")]
    assert decisions == [("王", "enabled"), ("李", "written"), ("李", "removed")]
    with pytest.raises(Conflict, match=r"linkage\.shipped"):
        community.book.remove("LR09", "李")
    with pytest.raises(NotFound, match=r"linkage\.unknown_rule"):
        community.book.switch("LR99", "李", on=True)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"do": []}, "do"),
        ({"when": [{"alarm": {"types": ["teapot"]}}]}, "teapot"),
        ({"when": [{"signal": "x", "alarm": {"types": ["fire"]}}]}, "exactly one"),
        ({"when": [{"schedule": {"at": "25:00", "zone": "Asia/Shanghai"}}]}, "pattern"),
        ({"when": [{"schedule": {"at": "05:00", "zone": "Mars/Base"}}]}, "time zone"),
        ({"do": [{"command": {"name": "explode", "where": {"same": "building"}}}]}, "explode"),
        ({"do": [{"command": {"name": "unlock", "where": {}}}]}, "reaches everything"),
        ({"do": [{"camera": {"where": {"polygon": "POINT(1 2)"}}}]}, "polygon"),
        ({"do": [{"incident": {"incident_class": "war"}}]}, "war"),
        ({"do": [{"notify": {"to": ["me"], "text": TITLE, "nearest": "resident"}}]}, "nearest"),
        ({"when": [{"event": {"kind": "observation"}}]}, "say reading"),
        ({"id": "../x"}, "pattern"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused_by_name(community, change, fault):
    rule = {"id": "mine", "title": TITLE, "when": [{"signal": "x"}], "do": notice("me"), **change}
    with pytest.raises(BadInput, match=r"linkage\.bad_rule") as refused:
        parse_rule(rule, community.types)
    assert fault in str(refused.value)


# --- commands --------------------------------------------------------------------------------------------------------


def states(community, number="door"):
    return [one.body["state"] for one in community.told("command") if one.subject == number]


def test_a_command_is_handed_over_once_and_answered_once(community):
    community.enable("LR01")
    community.say("smoke", "fire_smoke", True)
    kind = community.types["access_controller_smart"]
    (handed,) = community.commands.hand_over("door", kind).result()
    assert community.commands.hand_over("door", kind).result() == [handed]
    assert (handed["id"], handed["state"]) == ("door:unlock:1", "sent")
    for _ in range(2):
        assert community.commands.answer(handed["id"], "acknowledged", "open", None).result()["state"] == "acknowledged"
    assert states(community) == ["requested", "sent", "acknowledged"]
    assert community.commands.hand_over("door", kind).result() == []
    with pytest.raises(Conflict, match=r"command\.answered"):
        community.commands.answer(handed["id"], "failed", None, None).result()
    with pytest.raises(Conflict, match=r"command\.foreign"):
        community.commands.answer("door2:unlock:1", "failed", None, "door").result()
    with pytest.raises(NotFound, match=r"command\.no_such"):
        community.commands.answer("door:unlock:2", "acknowledged", None, None).result()


def test_a_command_nobody_answers_times_out_and_a_late_answer_still_counts(community):
    community.enable("LR01")
    community.say("smoke", "fire_smoke", True)
    assert community.commands.tick() is None
    community.now += timedelta(seconds=61)
    community.commands.tick().result()
    assert community.commands.tick() is None
    assert states(community) == ["requested", "timed_out"]
    community.commands.answer("door:unlock:1", "acknowledged", None, None).result()
    assert states(community)[-1] == "acknowledged"


def test_a_device_that_failed_is_told_again_by_the_next_cause(community):
    community.enable("LR01")
    community.say("smoke", "fire_smoke", True)
    community.commands.answer("door:unlock:1", "failed", "jammed", None).result()
    community.say("smoke2", "fire_smoke", True)
    assert unlocked(community) == ["bell", "door", "door", "door2"]
    assert community.commands.find(["door"])[0]["id"] == "door:unlock:2"


def test_of_one_name_only_the_newest_command_waits(community):
    lamp, kind = community.registry.devices()["lamp"], community.types["street_lamp_monitor"]
    for percent in (10, 80):
        order = Order(device=lamp, command="set_brightness", by="王", reason="x", arguments={"percent": percent})
        community.commands.ask(order, kind).result()
    (waiting,) = community.commands.hand_over("lamp", kind).result()
    assert waiting["arguments"] == {"percent": 80}
    assert states(community, "lamp") == ["requested", "superseded", "requested", "sent"]


def test_a_device_is_told_only_what_its_type_can_do(community):
    order = Order(device=community.registry.devices()["smoke"], command="unlock", by="王", reason="x")
    with pytest.raises(BadInput, match=r"command\.unknown"):
        community.commands.ask(order, community.types["smoke_detector"])
