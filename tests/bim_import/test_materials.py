"""What the envelope is made of, layer by layer, in metres."""

import pytest

from bim_import import Placement
from bim_import.worker import read

AT = Placement(120.1536, 30.2874)


def materials(path):
    model = read(path, AT, lambda stage, share: None)
    return next(place for place in model.places if place.kind == "building").attributes.get("materials")


@pytest.mark.parametrize("schema", ["IFC2X3", "IFC4", "IFC4X3"])
def test_layers_of_walls_are_counted_and_measured_in_metres(house, tmp_path, schema):
    made = house(schema, millimetres=True)
    storey = made.storey(made.building(), "1F", 0.0)
    walls = [made.element("IfcWall", storey, (3.0 * x, 0, 0), (0.3, 3, 2.7)) for x in range(3)]
    layers = [
        made.add("IfcMaterialLayer", made.add("IfcMaterial", name), thickness, None)
        for name, thickness in (("砖", 240.0), ("保温", 60.0))
    ]
    stack = made.add("IfcMaterialLayerSet", layers, "外墙")
    usage = made.add("IfcMaterialLayerSetUsage", stack, "AXIS2", "POSITIVE", 0.0)
    made.root("IfcRelAssociatesMaterial", None, RelatedObjects=walls[:2], RelatingMaterial=usage)
    single = made.add("IfcMaterial", "混凝土")
    made.root("IfcRelAssociatesMaterial", None, RelatedObjects=walls[2:], RelatingMaterial=single)
    for wall in walls[:2]:
        made.properties(wall, "Pset_WallCommon", IsExternal=("IfcBoolean", True))
    brick = [{"material": "砖", "thickness_m": 0.24}, {"material": "保温", "thickness_m": 0.06}]
    assert materials(made.write(tmp_path / "a.ifc")) == [
        {"part": "wall", "external": True, "count": 2, "layers": brick},
        {"part": "wall", "external": None, "count": 1, "layers": [{"material": "混凝土", "thickness_m": None}]},
    ]


def test_a_building_without_materials_says_nothing_of_them(house, tmp_path):
    made = house()
    made.element("IfcWall", made.storey(made.building(), "1F", 0.0), (0, 0, 0), (3, 0.3, 2.7))
    assert materials(made.write(tmp_path / "a.ifc")) is None


@pytest.mark.shared_data
def test_the_duplex_has_brick_outside_and_plasterboard_within(shared_ifc):
    found = materials(shared_ifc / "core/duplex_A_20110907_revit2011.ifc")
    outer = next(one for one in found if one["part"] == "wall" and one["external"])
    inner = next(one for one in found if one["part"] == "wall" and one["external"] is False)
    assert sum(layer["thickness_m"] for layer in outer["layers"]) == pytest.approx(0.417, abs=0.001)
    assert sum(layer["thickness_m"] for layer in inner["layers"]) == pytest.approx(0.124, abs=0.001)
