"""Sensors, alarms, meters and cameras of a model become devices of the types the twin knows."""

import pytest
import yaml

from bim_import import Placement
from bim_import.model import ImportedModel
from bim_import.worker import read
from layers.device.types import load_device_types

AT = Placement(120.1536, 30.2874)


def imported(path):
    return read(path, AT, lambda stage, share: None)


def office(house, schema="IFC4"):
    made = house(schema)
    storey = made.storey(made.building(), "1F", 0.0)
    return made, storey, made.space(storey, "101")


def typed(made, thing, kind, **named):
    type_ = made.root(kind, named.pop("name", None), **named)
    made.root("IfcRelDefinesByType", None, RelatedObjects=(thing,), RelatingType=type_)
    return thing


def test_every_type_of_the_mapping_is_one_the_twin_knows():
    from importlib.resources import files

    rules = yaml.safe_load(files("bim_import").joinpath("data/device_types.yaml").read_text("utf-8"))
    assert {rule["type"] for rule in rules} <= load_device_types().keys()
    assert all(word == word.lower() for rule in rules for word in rule.get("words", ()))


@pytest.mark.parametrize(
    ("schema", "kind", "named", "type_", "expected"),
    [
        ("IFC4", "IfcSensor", {"PredefinedType": "SMOKESENSOR"}, None, "smoke_detector"),
        ("IFC4", "IfcAlarm", {"PredefinedType": "BREAKGLASSBUTTON"}, None, "fire_alarm_unit"),
        ("IFC4", "IfcAudioVisualAppliance", {"PredefinedType": "CAMERA"}, None, "camera_hd"),
        ("IFC4X3", "IfcAudioVisualAppliance", {"ObjectType": "半球摄像机"}, None, "camera_dome"),
        ("IFC4", "IfcFlowMeter", {"PredefinedType": "WATERMETER"}, None, "meter_water"),
        ("IFC4", "IfcBuildingElementProxy", {"ObjectType": "安防-枪机"}, None, "camera_bullet"),
        ("IFC2X3", "IfcDistributionControlElement", {}, ("IfcSensorType", "SMOKESENSOR"), "smoke_detector"),
        ("IFC2X3", "IfcFlowController", {}, ("IfcFlowMeterType", "ELECTRICMETER"), "meter_electricity"),
    ],
)
def test_class_predefined_type_and_words_tell_the_type(house, tmp_path, schema, kind, named, type_, expected):
    made, storey, room = office(house, schema)
    thing = made.product(kind, storey, "D", (1, 1, 2.65), None, **named)
    made.contain(storey, thing)
    if type_:
        typed(made, thing, type_[0], PredefinedType=type_[1])
    (device,) = imported(made.write(tmp_path / "a.ifc")).devices
    assert device.attributes["device_type"] == expected
    assert (device.space_key, device.height_m) == (room.GlobalId, 2.65)


def test_what_no_rule_fits_is_listed_and_never_guessed(house, tmp_path):
    made, storey, _ = office(house)
    things = [made.product("IfcSensor", storey, "神秘", (1, 1, 1), None, PredefinedType="RADIATIONSENSOR")]
    things.append(made.product("IfcBuildingElementProxy", storey, "花盆", (1, 1, 1), None))
    made.contain(storey, *things)
    model = imported(made.write(tmp_path / "a.ifc"))
    assert model.devices == []
    (one,) = model.receipt.unmatched
    assert (one.what, one.count, one.elements) == ("IfcSensor RADIATIONSENSOR 神秘", 1, (things[0].GlobalId,))


def test_a_devices_own_number_goes_before_its_global_id(house, tmp_path):
    made, storey, _ = office(house)
    tags = ["SD-01", "612345", None, "SD-02", "SD-02"]
    things = [
        made.product("IfcSensor", storey, str(x), (x / 2, 1, 2), None, PredefinedType="SMOKESENSOR", Tag=tag)
        for x, tag in enumerate(tags)
    ]
    made.contain(storey, *things)
    made.properties(things[2], "资产", 设备编号=("IfcLabel", "A-77"))
    numbers = [one.number for one in imported(made.write(tmp_path / "a.ifc")).devices]
    assert numbers == ["SD-01", None, "A-77", None, None]


def test_devices_drawn_at_one_placement_stand_where_their_bodies_are(house, tmp_path):
    made, storey, _ = office(house)
    things = []
    for x in (0.0, 2.0):
        thing = made.product("IfcSensor", storey, str(x), (0, 0, 0), (0.1, 0.1, 0.1), PredefinedType="SMOKESENSOR")
        solid = thing.Representation.Representations[0].Items[0]
        solid.Position = made.axes(x, 1, 2)
        things.append(thing)
    made.contain(storey, *things)
    one, other = imported(made.write(tmp_path / "a.ifc")).devices
    assert one.geometry.distance(other.geometry) > 1e-5
    assert one.height_m == pytest.approx(2.05)


def test_devices_and_ways_survive_the_pipe(house, tmp_path):
    made, storey, _ = office(house)
    made.contain(storey, made.product("IfcSensor", storey, "D", (1, 1, 2), None, PredefinedType="SMOKESENSOR"))
    model = imported(made.write(tmp_path / "a.ifc"))
    again = ImportedModel.from_json(model.as_json())
    assert again.devices == model.devices
    assert again.connections == model.connections


@pytest.mark.shared_data
def test_the_six_smoke_detectors_of_the_duplex_are_found_and_the_thermostats_listed(shared_ifc):
    model = imported(shared_ifc / "core/duplex_electrical_revit2013_feet.ifc")
    assert [one.attributes["device_type"] for one in model.devices].count("smoke_detector") == 6
    assert {one.what: one.count for one in model.receipt.unmatched}["IfcController TWOPOSITION M_Thermostat"] == 2
    assert sorted({one.height_m for one in model.devices if one.attributes["device_type"] == "smoke_detector"}) == [
        2.6,
        5.7,
    ]
