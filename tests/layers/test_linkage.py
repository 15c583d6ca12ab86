"""The stated linkage rules on a real store: each fires on its trigger, and not on what only looks like it."""

from dataclasses import dataclass, field

import pytest

from layers.device.types import load_device_types
from layers.linkage.rules import load_rules, unknown_names
from tests.layers.linkage_world import HOUSE, ROOM, Community, M


@pytest.fixture
def community(tmp_path):
    made = Community(tmp_path / "twin.gpkg")
    yield made
    made.raw.close()


# --- every stated rule ----------------------------------------------------------------------------------------------


def say(*args):
    return lambda community: community.say(*args)


def signal(name, **where):
    return lambda community: community.signal(name, **where)


@dataclass(frozen=True)
class Case:
    """What sets a stated rule off, what it must do, and what looks like it but must do nothing."""

    clause: str
    when: object
    then: set
    near_miss: object
    rules: tuple = field(default=())

    @property
    def enabled(self):
        return self.rules or (self.clause,)


AT_HOME = {"place": f"{HOUSE}-{ROOM}"}
DOORS = {"door unlock", "door2 unlock", "bell unlock"}
CASES = [
    Case("LR01", say("smoke", "fire_smoke", True), DOORS, say("smoke", "device_fault", True)),
    Case("LR02", say("unit", "fire", True), {*DOORS, "gate open"}, say("gas", "gas_leak", True)),
    Case("LR03", signal("emergency_open", place=f"{HOUSE}-U01"), {"door unlock", "bell unlock", "lock unlock"}, signal("emergency_open"), ("LR03-open",)),
    Case("LR03", signal("emergency_close", place=HOUSE), {"door lock", "door2 lock", "lock lock", "gate close"}, signal("emergency_open", place=HOUSE), ("LR03-close",)),
    Case("LR04", say("smoke", "fire_smoke", True), {"horn sound", "@control_room"}, say("meter", "gas_leak", True)),
    Case("LR05", say("ai", "smoke_fire", True), {"incident fire", "@fire_centre", "@rescue"}, say("ai", "fall", True)),
    Case("LR06", say("bike", "ebike_in_elevator", True), {"see cam", "see cam-twin", "see edge"}, say("lift", "elevator_fault", True)),
    Case("LR07", say("hydrant", "hydrant_abnormal", True), {"incident facility", "@property_maintenance"}, say("lamp", "lamp_fault", True)),
    Case("LR08", say("sky", "high_altitude_throwing", True), {"sky record", "see sky", "see ai", "incident falling_object", "@safety_platform"}, say("ai", "object_left", True)),
    Case("LR09", say("fence", "perimeter_intrusion", True), {"horn sound"}, say("fence-far", "perimeter_intrusion", False)),
    Case("LR10", say("edge", "illegal_entry", True), {"@perimeter_map"}, say("door", "illegal_entry", True)),
    Case("LR11", say("fence", "perimeter_intrusion", True), {"see edge", "see ai"}, say("barrier", "illegal_entry", True)),
    Case("LR12", say("fence", "perimeter_intrusion", True), {"edge capture", "ai capture"}, say("door", "door_forced", True)),
    Case("LR13", say("door", "door_forced", True), {"cam record", "cam-twin record"}, say("barrier", "illegal_entry", True)),
    Case("LR13", say("door", "access_record", {"direction": "in"}), {"cam record"}, say("door", "door_open_timeout", True), ("LR13-card",)),
    Case("LR14", say("lane", "illegal_dumping", True), {"see lane", "see sky"}, say("bin", "bin_full", True)),
    Case("LR15", say("lift", "elevator_fault", True), {"lift emergency_stop", "bell speak", "home speak", "home2 speak", "incident elevator", "@elevator_rescue"}, say("bike", "ebike_in_elevator", True)),
    Case("LR15", say("smoke", "fire_smoke", True), {"lift emergency_stop", "bell speak", "home speak", "home2 speak"}, say("pressure", "pressure_abnormal", True), ("LR15-fire",)),
    Case("LR16", say("gas", "gas_leak", True), {"meter cut_off", "incident gas", "@gas_company", "@property"}, say("meter", "abnormal_use", True)),
    Case("LR17", say("air", "co2", 1001), {"air adjust", "horn sound", "@property"}, say("air", "co2", 1000)),
    Case("LR18", say("warm", "room_temperature", 28.5), {"home adjust"}, say("warm", "room_temperature", 28)),
    Case("LR19", say("lux", "illuminance", 29), {"lamp set_brightness"}, say("lux", "illuminance", 31), ("LR19-dark",)),
    Case("LR19", say("lux", "illuminance", 60), {"lamp set_brightness"}, say("lux", "illuminance", 40), ("LR19-light",)),
    Case("LR19", say("barrier", "vehicle_flow", 201), {"lamp set_brightness"}, say("barrier", "vehicle_flow", 200), ("LR19-traffic",)),
    Case("LR20", say("soil", "soil_moisture", 19), {"@irrigation"}, say("soil", "soil_moisture", 20), ("LR20-dry",)),
    Case("LR20", say("rain", "rainfall", 3), {"@irrigation"}, say("rain", "rainfall", 1), ("LR20-rain",)),
    Case("LR20", lambda community: community.clock("2026-11-22T05:31:00+08:00"), {"@irrigation"}, lambda community: community.clock("2026-11-22T05:29:00+08:00"), ("LR20-time",)),
    Case("LR21", say("bin", "bin_full", True), {"@sanitation_worker", "@waste_transport", "worker push"}, say("bin", "fill_level", 94)),
    Case("LR22", say("pond", "flooding", True), {"@residents", "speaker speak", "screen show"}, say("pond", "water_level", 0.1)),
    Case("LR23", say("smog", "pollution", True), {"incident environment", "@environment_regulator", "@property"}, say("smog", "aqi", 199)),
    Case("LR24", say("quake", "earthquake", True), {"speaker speak", "speaker-far speak", "@residents"}, say("quake", "vibration", 0.1)),
    Case("LR24", signal("disaster"), {"speaker speak", "speaker-far speak", "@residents"}, signal("drill")),
    Case("LR25", say("home", "home_intrusion", True), {"home push", "@property", "@owner", "@emergency_contact"}, say("gas", "gas_leak", True)),
    Case("LR26", signal("home_entered", **AT_HOME), {"home disarm"}, signal("home_entered", place=HOUSE), ("LR26-home",)),
    Case("LR26", signal("home_left", **AT_HOME), {"home arm"}, signal("home_entered", **AT_HOME), ("LR26-away",)),
    Case("LR26", say("lock", "illegal_open", True), {"home push", "@owner", "@property"}, say("door", "illegal_entry", True), ("LR26-illegal",)),
    Case("LR27", say("help", "sos", True), {"incident help", "@control_room", "@emergency_contact", "@building_steward"}, say("help", "sos", False)),
    Case("LR28", say("help", "sos", True), {"worker push"}, say("home", "home_intrusion", True)),
    Case("LR28", lambda community: community.incident("escalate"), {"@department"}, lambda community: community.incident("accept"), ("LR28-up",)),
    Case("LR29", signal("lease_expired", place=HOUSE), {"@grid_worker"}, signal("lease_renewed", place=HOUSE)),
    Case("LR30", signal("unregistered_person", place=HOUSE), {"@community_police"}, signal("registered_person", place=HOUSE)),
    Case("LR31", signal("key_person_anomaly"), {"@community_police"}, signal("key_person_seen")),
    Case("LR31", lambda community: community.clock("2026-11-22T08:00:30+08:00"), {"@community_police"}, lambda community: community.clock("2026-11-22T08:00:30+00:00")),
    Case("LR32", say("patrol", "point_missed", True), {"@guards"}, say("patrol", "checkpoint", {"point": 1})),
    Case("LR33", signal("surveillance_hit"), {"@surveillance_subscribers"}, say("plate", "vehicle_pass", {"lane": 1})),
    Case("LR34", say("pile", "charge_state", "full"), {"pile stop"}, say("pile", "charge_state", "charging")),
    Case("LR35", say("ai", "fight", True), {"@command_centre", "worker push"}, say("ai", "object_left", True)),
    Case("LR36", lambda community: community.watchman.say("door", "offline").result(), {"@device_maintenance"}, say("door", "door_forced", True)),
    Case("LR37", signal("evening_scene", position=(120 + 100 * M, 30)), {"lamp set_brightness", "glow set_brightness", "screen show", "@scene_target"}, signal("evening_scene_over", position=(120, 30))),
]  # fmt: skip
NAMES = [f"{case.clause}-{number}" for number, case in enumerate(CASES)]


def test_the_shipped_set_carries_out_all_37_stated_rules_and_each_has_a_case():
    stated = {f"LR{number:02d}" for number in range(1, 38)}
    assert {rule.clause for rule in load_rules().values()} == stated == {case.clause for case in CASES}
    assert {name for case in CASES for name in case.enabled} == set(load_rules())


@pytest.mark.parametrize("rule", load_rules().values(), ids=load_rules())
def test_a_shipped_rule_names_only_what_the_catalogue_knows(rule):
    assert unknown_names(rule, load_device_types()) == []


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_a_stated_rule_does_what_it_says(community, case):
    community.enable(*case.enabled)
    case.when(community)
    assert community.effects() == case.then


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_a_stated_rule_leaves_alone_what_only_looks_like_its_trigger(community, case):
    community.enable(*case.enabled)
    case.near_miss(community)
    assert community.effects() == set()
    assert community.told("linkage") == [] or case.clause in ("LR03", "LR26")  # these fire, and reach nothing


def test_a_shipped_rule_does_nothing_until_somebody_switches_it_on(community):
    for case in CASES:
        case.when(community)
    assert community.effects() == set()
