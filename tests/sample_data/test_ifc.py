"""The models: valid IFC, in their dialects, with every room where the plan has it."""

import math

import ifcopenshell
import ifcopenshell.geom
import ifcopenshell.util.element
import ifcopenshell.validate
import numpy as np
import pyproj
import pytest
import shapely

from sample_data.floor_plan import rooms
from sample_data.frame import to_map
from sample_data.ifc_file import write_ifc
from sample_data.site import building, buildings

MODELS = [house.no for house in buildings() if house.model]


@pytest.fixture(scope="module", params=MODELS)
def house(request):
    return building(request.param)


@pytest.fixture(scope="module")
def model(directory, house):
    return ifcopenshell.open(str(directory / "ifc" / f"{house.no}.ifc"))


def test_the_model_is_valid(model):
    log = ifcopenshell.validate.json_logger()
    ifcopenshell.validate.validate(model, log, express_rules=False)
    assert log.statements == []


# The validator forgets to close the file of rules it reads.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("no", ["AH-001", "AH-055"])
def test_the_model_keeps_the_rules_of_its_schema(directory, no):
    log = ifcopenshell.validate.json_logger()
    file = ifcopenshell.open(str(directory / "ifc" / f"{no}.ifc"))
    ifcopenshell.validate.validate(file, log, express_rules=True)
    assert log.statements == []


def corners_in_map(model, points):
    conversions = [] if model.schema == "IFC2X3" else model.by_type("IfcMapConversion")
    if conversions:
        (place,) = conversions
        a, b = place.XAxisAbscissa, place.XAxisOrdinate
        east = place.Eastings + a * points[:, 0] - b * points[:, 1]
        north = place.Northings + b * points[:, 0] + a * points[:, 1]
        return np.column_stack([east, north, points[:, 2] + place.OrthogonalHeight])
    (site,) = model.by_type("IfcSite")
    lat, lon = (
        sum(part / 60**i for i, part in enumerate(angle[:3])) + angle[3] / 3.6e9
        for angle in (site.RefLatitude, site.RefLongitude)
    )
    north_x, north_y = model.by_type("IfcGeometricRepresentationContext", include_subtypes=False)[
        0
    ].TrueNorth.DirectionRatios
    turn = math.atan2(north_x, north_y)
    east = math.cos(turn) * points[:, 0] - math.sin(turn) * points[:, 1]
    north = math.sin(turn) * points[:, 0] + math.cos(turn) * points[:, 1]
    plane = pyproj.CRS.from_proj4(f"+proj=tmerc +lat_0={lat} +lon_0={lon} +k=1 +ellps=GRS80 +units=m")
    xy = pyproj.Transformer.from_crs(plane, "EPSG:4549", always_xy=True).transform(east, north)
    return np.column_stack([*xy, points[:, 2] + site.RefElevation])


def solids(model, products):
    work = ifcopenshell.geom.iterator(ifcopenshell.geom.settings(), model, 1, include=products)
    assert work.initialize()
    while True:
        shape = work.get()
        points = np.array(shape.geometry.verts).reshape(-1, 3)
        matrix = np.array(shape.transformation.matrix).reshape(4, 4).T
        yield shape.guid, (np.column_stack([points, np.ones(len(points))]) @ matrix.T)[:, :3]
        if not work.next():
            return


def test_every_room_stands_where_the_plan_has_it(house, model):
    planned = list(rooms(house))
    spaces = model.by_type("IfcSpace")
    assert [(space.Name, space.LongName) for space in spaces] == [(room.cell.door, room.cell.kind) for room in planned]
    shapes = dict(solids(model, spaces))
    for room, space in zip(planned, spaces, strict=True):
        points = corners_in_map(model, shapes[space.GlobalId])
        drawn = shapely.MultiPoint(points[:, :2]).convex_hull
        assert drawn.hausdorff_distance(to_map(room.footprint)) < 0.005
        assert points[:, 2].min() == pytest.approx(room.floor_m, abs=0.001)
        assert points[:, 2].max() == pytest.approx(room.ceiling_m, abs=0.001)


def test_the_building_says_who_it_is(house, model):
    (described,) = model.by_type("IfcBuilding")
    facts = ifcopenshell.util.element.get_psets(described)["里坊_建筑"]
    assert described.Name == house.name
    assert facts["建筑编号"] == house.no
    assert (facts["单元数"], facts["地上层数"], facts["地下层数"]) == (house.units, house.storeys, house.basements)
    assert described.ElevationOfTerrain is not None
    assert described.BuildingAddress.Town == "里坊街道"


def test_every_storey_has_a_slab_and_walls_and_the_roof_closes_the_house(house, model):
    storeys = model.by_type("IfcBuildingStorey")
    assert len(storeys) == house.storeys + house.basements
    for storey in storeys:
        kinds = {product.is_a() for rel in storey.ContainsElements for product in rel.RelatedElements}
        assert {"IfcSlab", "IfcWall"} <= kinds
    assert sum(slab.PredefinedType == "ROOF" for slab in model.by_type("IfcSlab")) == 1


def test_every_entrance_door_fills_an_opening_of_an_outer_wall(house, model):
    doors = model.by_type("IfcDoor")
    assert len(doors) == max(house.units, 1)
    for door in doors:
        (fills,) = door.FillsVoids
        (voids,) = fills.RelatingOpeningElement.VoidsElements
        assert voids.RelatingBuildingElement.Name == "外墙"


def test_the_five_models_speak_three_schemas_two_units_and_two_georeferences(directory):
    models = [ifcopenshell.open(str(directory / "ifc" / f"{no}.ifc")) for no in MODELS]
    assert {model.schema_identifier for model in models} == {"IFC2X3", "IFC4", "IFC4X3_ADD2"}
    assert {model.by_type("IfcUnitAssignment")[0].Units[0].Prefix for model in models} == {"MILLI", None}
    assert sum(model.by_type("IfcSite")[0].RefLatitude is not None for model in models) == 1
    assert 1400 <= sum(len(model.by_type("IfcSpace")) for model in models) <= 2500


def test_one_house_is_turned_twelve_degrees(directory):
    (place,) = ifcopenshell.open(str(directory / "ifc/AH-037.ifc")).by_type("IfcMapConversion")
    assert math.degrees(math.atan2(place.XAxisOrdinate, place.XAxisAbscissa)) == pytest.approx(12)


def test_one_house_tells_its_units_by_zones_that_hold_every_room_above_ground(directory):
    model = ifcopenshell.open(str(directory / "ifc/AH-044.ifc"))
    zones = {
        zone.Name: [space for rel in zone.IsGroupedBy for space in rel.RelatedObjects]
        for zone in model.by_type("IfcZone")
    }
    assert sorted(zones) == ["1单元", "2单元"]
    above = [room for room in rooms(building("AH-044")) if room.storey > 0]
    assert sum(map(len, zones.values())) == len(above)
    assert len({space.GlobalId for members in zones.values() for space in members}) == len(above)
    assert min(room.storey for room in rooms(building("AH-044"))) == -2


def test_global_ids_are_unique_over_all_models(directory):
    ids = [
        root.GlobalId
        for no in MODELS
        for root in ifcopenshell.open(str(directory / "ifc" / f"{no}.ifc")).by_type("IfcRoot")
    ]
    assert len(set(ids)) == len(ids)


def test_a_building_without_a_model_is_not_drawn(tmp_path):
    with pytest.raises(ValueError, match="has no model"):
        write_ifc(building("安和集市"), tmp_path / "market.ifc", 2026)
