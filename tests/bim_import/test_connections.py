"""Doors, openings, stairs and lifts say which rooms they connect."""

import pytest

from bim_import import Placement
from bim_import.worker import read

AT = Placement(120.1536, 30.2874)


def imported(path):
    return read(path, AT, lambda stage, share: None)


def ways(model):
    """Return kind, names of the rooms at both ends (nothing stands for outside), and how it was found."""
    names = {place.key: place.name for place in model.places}
    return sorted(
        (one.kind, *sorted((names[one.from_key], names[one.to_key] if one.to_key else "")), one.attributes["found_by"])
        for one in model.connections
    )


class Plan:
    """Two rooms, 101 west and 102 east of a wall 0.2 m thick at x = 4."""

    def __init__(self, house, schema="IFC4", **options):
        self.made = house(schema, **options)
        self.building = self.made.building()
        self.storey = self.made.storey(self.building, "1F", 0.0)
        self.west = self.made.space(self.storey, "101", (0, 0, 0), (4, 3, 2.7))
        self.east = self.made.space(self.storey, "102", (4.2, 0, 0), (4, 3, 2.7))
        self.wall = self.made.element("IfcWall", self.storey, (4, 0, 0), (0.2, 3, 2.7))

    def hole(self, at=(4, 1, 0), size=(0.2, 0.9, 2.1), wall=None):
        hole = self.made.product("IfcOpeningElement", self.storey, None, at, size)
        self.made.root(
            "IfcRelVoidsElement", None, RelatingBuildingElement=wall or self.wall, RelatedOpeningElement=hole
        )
        return hole

    def door(self, hole, width=0.9):
        door = self.made.product("IfcDoor", self.storey, "M1", (4, 1, 0), None, OverallWidth=width / self.made.unit)
        self.made.root("IfcRelFillsElement", None, RelatingOpeningElement=hole, RelatedBuildingElement=door)
        self.made.contain(self.storey, door)
        return door

    def bound(self, space, element, kind="IfcRelSpaceBoundary", outer="INTERNAL"):
        self.made.root(
            kind, None, RelatingSpace=space, RelatedBuildingElement=element, PhysicalOrVirtualBoundary="PHYSICAL",
            InternalOrExternalBoundary=outer,
        )  # fmt: skip


@pytest.mark.parametrize("schema", ["IFC2X3", "IFC4", "IFC4X3"])
@pytest.mark.parametrize("millimetres", [False, True])
def test_a_door_connects_the_rooms_on_either_side_of_its_hole(house, tmp_path, schema, millimetres):
    plan = Plan(house, schema, millimetres=millimetres)
    door = plan.door(plan.hole())
    model = imported(plan.made.write(tmp_path / "a.ifc"))
    assert ways(model) == [("door", "101", "102", "position")]
    (one,) = model.connections
    assert (one.key, one.attributes["width_m"], one.storey) == (door.GlobalId, 0.9, 1)


def test_what_space_boundaries_state_goes_before_position(house, tmp_path):
    plan = Plan(house)
    third = plan.made.space(plan.storey, "103", (20, 0, 0))
    door = plan.door(plan.hole())
    plan.bound(plan.west, door, "IfcRelSpaceBoundary2ndLevel")
    plan.bound(third, door, "IfcRelSpaceBoundary2ndLevel")
    assert ways(imported(plan.made.write(tmp_path / "a.ifc"))) == [("door", "101", "103", "stated")]


def test_a_door_in_an_outer_wall_leads_outside(house, tmp_path):
    plan = Plan(house)
    outer = plan.made.element("IfcWall", plan.storey, (-0.3, 0, 0), (0.3, 3, 2.7))
    door = plan.door(plan.hole((-0.3, 1, 0), (0.3, 1.2, 2.1), outer), 1.2)
    plan.made.properties(
        door, "Pset_DoorCommon", FireExit=("IfcBoolean", True), HandicapAccessible=("IfcBoolean", True)
    )
    model = imported(plan.made.write(tmp_path / "a.ifc"))
    assert ways(model) == [("door", "", "101", "position")]
    assert model.connections[0].attributes["fire_exit"] is True
    assert model.connections[0].attributes["barrier_free"] is True


def test_an_inner_door_to_a_room_nobody_drew_leads_nowhere(house, tmp_path):
    plan = Plan(house)
    outer = plan.made.element("IfcWall", plan.storey, (-0.3, 0, 0), (0.3, 3, 2.7))
    door = plan.door(plan.hole((-0.3, 1, 0), (0.3, 1.2, 2.1), outer), 1.2)
    plan.made.properties(door, "Pset_DoorCommon", IsExternal=("IfcBoolean", False))
    model = imported(plan.made.write(tmp_path / "a.ifc"))
    assert model.connections == []
    (notice,) = (one for one in model.receipt.warnings if one.code == "ifc.door_to_nowhere")
    assert notice.global_id == door.GlobalId


def test_a_hole_down_to_the_floor_is_a_way_and_a_hatch_is_not(house, tmp_path):
    plan = Plan(house)
    plan.hole((4, 0.2, 0))
    plan.hole((4, 1.5, 1.0), (0.2, 0.9, 1.5))
    assert ways(imported(plan.made.write(tmp_path / "a.ifc"))) == [("opening", "101", "102", "position")]


def test_rooms_that_meet_at_a_virtual_element_are_open_to_each_other(house, tmp_path):
    made = house()
    storey = made.storey(made.building(), "1F", 0.0)
    rooms = [made.space(storey, name, (x, 0, 0)) for name, x in (("客厅", 0), ("餐厅", 4))]
    border = made.root("IfcVirtualElement", None)
    for room in rooms:
        made.root(
            "IfcRelSpaceBoundary", None, RelatingSpace=room, RelatedBuildingElement=border,
            PhysicalOrVirtualBoundary="VIRTUAL", InternalOrExternalBoundary="INTERNAL",
        )  # fmt: skip
    model = imported(made.write(tmp_path / "a.ifc"))
    assert ways(model) == [("opening", "客厅", "餐厅", "stated")]
    assert model.connections[0].attributes["width_m"] == pytest.approx(3.0, abs=0.15)


def tower(house, *names):
    """Three storeys with one room of 4 m by 3 m each."""
    made = house()
    building = made.building()
    storeys = [made.storey(building, f"{number + 1}F", 3.0 * number) for number in range(len(names))]
    for storey, name in zip(storeys, names, strict=True):
        made.space(storey, name)
    return made, storeys


def test_a_stair_connects_the_storeys_its_height_spans(house, tmp_path):
    made, storeys = tower(house, "甲", "乙", "丙")
    made.element("IfcStair", storeys[0], (1, 1, 0), (1, 2, 3.0))
    model = imported(made.write(tmp_path / "a.ifc"))
    assert ways(model) == [("stair", "乙", "甲", "position")]
    assert model.connections[0].attributes["rise_m"] == 3.0


def test_a_lift_of_which_only_the_car_is_drawn_reaches_every_storey(house, tmp_path):
    made, storeys = tower(house, "甲", "乙", "丙")
    car = made.element("IfcTransportElement", storeys[0], (1, 1, 0), (1, 1, 2.2))
    car.PredefinedType = "ELEVATOR"
    model = imported(made.write(tmp_path / "a.ifc"))
    assert ways(model) == [("lift", "丙", "乙", "position"), ("lift", "乙", "甲", "position")]
    assert len({one.key for one in model.connections}) == 2


def test_stair_rooms_over_each_other_are_connected_by_name_where_no_stair_is_drawn(house, tmp_path):
    made, _ = tower(house, "楼梯间", "楼梯间", "客厅")
    model = imported(made.write(tmp_path / "a.ifc"))
    assert ways(model) == [("stair", "楼梯间", "楼梯间", "name")]


def test_doors_that_share_a_global_id_are_identified_by_their_rooms(house, tmp_path):
    plan = Plan(house)
    one, other = plan.door(plan.hole()), plan.door(plan.hole((4, 2.05, 0)))
    other.GlobalId = one.GlobalId
    assert [one.key for one in imported(plan.made.write(tmp_path / "a.ifc")).connections] == [None, None]


# --- real models: counted by hand on drawings of the rooms, compared with the space boundaries their authors wrote


@pytest.mark.shared_data
def test_the_duplex_is_connected_as_its_plan_shows(shared_ifc):
    found = ways(imported(shared_ifc / "core/duplex_A_20110907_revit2011.ifc"))
    side = {tuple(part[:1] + part[1:3]) for part in found if "A1" in part[2] or "A2" in part[2]}
    assert side == {
        ("door", "", "A101 Foyer"), ("door", "", "A102 Living Room"), ("door", "A101 Foyer", "A104 Bathroom 1"),
        ("door", "A201 Hallway", "A202 Bedroom 1"), ("door", "A201 Hallway", "A203 Bedroom 2"),
        ("door", "A201 Hallway", "A204 Bathroom 2"), ("door", "A204 Bathroom 2", "A205 Utility"),
        ("opening", "A101 Foyer", "A102 Living Room"), ("opening", "A101 Foyer", "A103 Kitchen"),
        ("opening", "A101 Foyer", "A105 Stair"), ("opening", "A102 Living Room", "A103 Kitchen"),
        ("stair", "A105 Stair", "A201 Hallway"),
    }  # fmt: skip
    assert len(found) == 2 * len(side)


@pytest.mark.shared_data
def test_without_space_boundaries_the_duplex_has_the_same_doors(shared_ifc):
    stated = ways(imported(shared_ifc / "core/duplex_A_revit2018.ifc"))
    found = ways(imported(shared_ifc / "core/duplex_A_revit2020_ifc4.ifc"))
    doors = [[one[:3] for one in ways if one[0] == "door"] for ways in (stated, found)]
    assert doors[0] == doors[1]
    assert {one[3] for one in found} == {"position"}


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("fzk_haus_ac20_ifc4", {"door": 5, "opening": 3, "stair": 1}),
        ("fzk_haus_ac11_ifc2x3", {"door": 5, "opening": 3, "stair": 1}),
        ("institute_var2_ac11", {"door": 77, "stair": 4}),
        ("office_A_revit2011", {"door": 93, "opening": 11, "stair": 2}),
        ("kit_edc_spaceboundaries", {"door": 95}),
    ],
)
def test_real_models_have_these_ways(shared_ifc, name, counts):
    kinds = [one.kind for one in imported(shared_ifc / f"core/{name}.ifc").connections]
    assert {kind: kinds.count(kind) for kind in kinds} == counts
