"""What property sets say arrives in SI units, bounded, and without what a twin must not hold."""

import json
import sys

import pytest

from bim_import import Placement, read_ifc
from bim_import.worker import read

AT = Placement(120.1536, 30.2874)


def imported(path):
    return read(path, AT, lambda stage, share: None)


def one_room(house):
    building = house.building()
    return house.space(house.storey(building, "1F", 0.0), "101")


def room_of(model):
    (room,) = (place for place in model.places if place.kind == "space")
    return room


@pytest.mark.parametrize("schema", ["IFC2X3", "IFC4", "IFC4X3"])
def test_quantities_come_in_square_metres_whatever_the_projects_unit(house, tmp_path, schema):
    made = house(schema, millimetres=True)
    room = one_room(made)
    area = made.add("IfcQuantityArea", "NetFloorArea", None, None, 12_500_000.0)
    height = made.add("IfcQuantityLength", "Height", None, None, 2700.0)
    group = made.root("IfcElementQuantity", "Qto_SpaceBaseQuantities", Quantities=(area, height))
    made.root("IfcRelDefinesByProperties", None, RelatedObjects=(room,), RelatingPropertyDefinition=group)
    attributes = room_of(imported(made.write(tmp_path / "a.ifc"))).attributes
    assert attributes["area_m2"] == 12.5
    assert attributes["quantities"] == {
        "Qto_SpaceBaseQuantities.NetFloorArea": {"value": 12.5, "unit": "m2"},
        "Qto_SpaceBaseQuantities.Height": {"value": 2.7, "unit": "m"},
    }


def test_choices_and_nested_properties_are_kept(house, tmp_path):
    made = house()
    room = one_room(made)
    choice = made.add(
        "IfcPropertyEnumeratedValue", "朝向", None, [made.add("IfcLabel", "南"), made.add("IfcLabel", "东")]
    )
    inner = made.add("IfcPropertySingleValue", "材质", None, made.add("IfcLabel", "木"), None)
    nested = made.add("IfcComplexProperty", "地面", None, "finish", (inner,))
    group = made.root("IfcPropertySet", "装修", HasProperties=(choice, nested))
    made.root("IfcRelDefinesByProperties", None, RelatedObjects=(room,), RelatingPropertyDefinition=group)
    properties = room_of(imported(made.write(tmp_path / "a.ifc"))).attributes["properties"]
    assert properties == {"装修.朝向": "南; 东", "装修.地面.材质": "木"}


def test_what_a_type_states_holds_until_the_thing_says_otherwise(house, tmp_path):
    made = house()
    room = one_room(made)
    label = [made.add("IfcPropertySingleValue", name, None, made.add("IfcLabel", "型"), None) for name in ("甲", "乙")]
    group = made.root("IfcPropertySet", "P", HasProperties=label)
    kind = made.root("IfcSpaceType", "T", HasPropertySets=(group,), PredefinedType="SPACE")
    made.root("IfcRelDefinesByType", None, RelatedObjects=(room,), RelatingType=kind)
    made.properties(room, "P", 乙=("IfcLabel", "自"))
    properties = room_of(imported(made.write(tmp_path / "a.ifc"))).attributes["properties"]
    assert properties == {"P.甲": "型", "P.乙": "自"}


def test_tax_and_police_groups_are_left_out_and_listed_with_what_bore_them(house, tmp_path):
    made = house()
    room = one_room(made)
    made.properties(room, "税务信息", 纳税人=("IfcLabel", "秘一"), 户名=("IfcLabel", "秘二"))
    made.properties(room, "公安业务", 派出所=("IfcLabel", "秘三"))
    made.properties(
        room, "地址信息", 派出所=("IfcLabel", "翠苑"), tax_no=("IfcLabel", "秘四"), 街道=("IfcLabel", "文一")
    )
    made.zone("涉案房屋", room)
    made.zone("2单元", room)
    model = imported(made.write(tmp_path / "a.ifc"))
    assert "秘" not in json.dumps(model.as_json(), ensure_ascii=False)
    attributes = room_of(model).attributes
    assert attributes["properties"] == {"地址信息.派出所": "翠苑", "地址信息.街道": "文一"}
    assert attributes["groups"] == ["2单元"]
    told = {(one.topic, one.group): (one.names, one.count, one.elements) for one in model.receipt.left_out}
    key = (room.GlobalId,)
    assert told == {
        ("tax", "税务信息"): (("纳税人", "户名"), 2, key),
        ("public_security", "公安业务"): (("派出所",), 1, key),
        ("tax", "地址信息"): (("tax_no",), 1, key),
        ("public_security", "涉案房屋"): (("涉案房屋",), 1, key),
    }


def test_a_group_within_a_group_is_left_out_too(house, tmp_path):
    made = house()
    room = one_room(made)
    inner = made.add("IfcPropertySingleValue", "号", None, made.add("IfcLabel", "秘"), None)
    nested = made.add("IfcComplexProperty", "税务", None, "x", (inner,))
    group = made.root("IfcPropertySet", "其他", HasProperties=(nested,))
    made.root("IfcRelDefinesByProperties", None, RelatedObjects=(room,), RelatingPropertyDefinition=group)
    model = imported(made.write(tmp_path / "a.ifc"))
    assert "properties" not in room_of(model).attributes
    assert [one.topic for one in model.receipt.left_out] == ["tax"]


def test_ten_thousand_empty_property_sets_on_every_room_do_not_hold_an_import_up(house, tmp_path):
    made = house()
    storey = made.storey(made.building(), "1F", 0.0)
    rooms = [made.space(storey, str(number), (5.0 * number, 0, 0)) for number in range(20)]
    for number in range(10_000):
        empty = made.root("IfcPropertySet", f"空{number}")
        made.root("IfcRelDefinesByProperties", None, RelatedObjects=rooms, RelatingPropertyDefinition=empty)
    made.properties(rooms[0], "P", 甲=("IfcLabel", "乙"))
    model = read_ifc(made.write(tmp_path / "a.ifc"), at=AT, time_limit_s=60)
    spaces = [place for place in model.places if place.kind == "space"]
    assert len(spaces) == 20
    assert spaces[0].attributes["properties"] == {"P.甲": "乙"}


@pytest.mark.parametrize("schema", ["IFC2X3", "IFC4", "IFC4X3"])
def test_no_rules_of_the_schema_are_loaded_to_read_a_model(house, tmp_path, monkeypatch, schema):
    """They derive attributes that nobody asks for, and take longer to load than a small model takes to read."""
    made = house(schema)
    level = made.storey(made.building(), "1F", 0.0)
    made.zone("1单元", made.space(level, "101"))
    wall = made.element("IfcWall", level, (0, 0, 0), (4, 0.2, 3))
    made.element("IfcDoor", level, (1, 0, 0), (1, 0.2, 2))
    made.properties(wall, "Pset_WallCommon", IsExternal=("IfcBoolean", True))
    for name in [name for name in sys.modules if name.startswith("ifcopenshell.express.rules.")]:
        monkeypatch.delitem(sys.modules, name)
    read(made.write(tmp_path / "a.ifc"), AT, lambda stage, share: None)
    assert not [name for name in sys.modules if name.startswith("ifcopenshell.express.rules.")]
