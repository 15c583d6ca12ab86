"""A fire in the sample community, with its 2,500 devices and its houses close to one another."""

import pytest

from layers.device.types import load_device_types
from sample_data.devices import devices
from tests.layers.linkage_world import Community
from tests.layers.sample_devices import building_keys, sample_devices
from twin.spacecode import building_of

HOUSES = sorted({row["楼栋编号"] for row, _ in devices(2026) if row["设备类型"] == "smoke_detector"})
UNLOCKED = {name for name, kind in load_device_types().items() if "unlock" in kind.commands} - {"smart_lock"}


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    keys = building_keys()
    made = Community(tmp_path_factory.mktemp("sample") / "twin.gpkg", list(sample_devices(keys)))
    made.enable("LR01", "LR02", "LR04", "LR05", "LR06", "LR15-fire")
    yield made, keys
    made.raw.close()


@pytest.mark.parametrize("number", HOUSES)
def test_a_fire_in_one_house_of_the_sample_opens_its_doors_once_and_no_other_house(sample, number):
    community, keys = sample
    standing = community.registry.devices().values()
    inside = [one for one in standing if one.place and building_of(one.place) == keys[number]]
    doors = {one.id for one in inside if one.attributes["device_type"] in UNLOCKED}
    lifts = {one.id for one in inside if one.attributes["device_type"] == "elevator_monitor"}
    smoke = [one.id for one in inside if one.attributes["device_type"] == "smoke_detector"]
    assert doors
    assert smoke
    before = community.store.last_seq()
    for detector in smoke[:3]:
        community.say(detector, "fire_smoke", True)
    told = [one for one in community.store.events(before, 10_000) if one.kind == "command"]
    of = lambda command: sorted(one.subject for one in told if one.body["command"] == command)  # noqa: E731
    assert of("unlock") == sorted(doors)
    assert of("emergency_stop") == sorted(lifts)
    assert {building_of(one.body["place"]) for one in told} == {keys[number]}
    assert len([one for one in community.store.events(before, 10_000) if one.kind == "incident"]) == 1
    cameras = [one.body["cameras"] for one in community.store.events(before, 10_000) if one.kind == "camera"]
    assert all(0 < len(near) <= 3 for near in cameras)
