"""Small models of every schema and unit become the places they draw."""

import json

import pyproj
import pytest
import shapely

from bim_import import Placement
from bim_import.georef import MapConversion, solve_map_conversion
from bim_import.model import ImportedModel
from bim_import.worker import read
from gis.errors import BadInput

AT = Placement(120.1536, 30.2874)
GLOBE = pyproj.Geod(ellps="GRS80")
DIALECTS = [(schema, mm) for schema in ("IFC2X3", "IFC4", "IFC4X3_ADD2") for mm in (False, True)]


def read_model(house, tmp_path, at=AT):
    return read(house.write(tmp_path / "model.ifc"), at, lambda stage, share: None)


def of(model, kind):
    return [place for place in model.places if place.kind == kind]


def codes(model):
    return [notice.code for notice in model.receipt.warnings]


def area_m2(geometry):
    return abs(GLOBE.geometry_area_perimeter(geometry)[0])


def test_importing_the_package_does_not_load_the_kernel():
    import subprocess
    import sys

    code = "import sys, bim_import; sys.exit(any(name in sys.modules for name in ('ifcopenshell', 'pandas', 'panel')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(("schema", "millimetres"), DIALECTS)
def test_every_schema_and_unit_gives_the_same_house(house, tmp_path, schema, millimetres):
    drawn = house(schema, millimetres=millimetres).angles((30, 17, 14, 640000), (120, 9, 12, 960000), elevation=5.2)
    building = drawn.building()
    for name, z in (("地下一层", -3.6), ("1层", 0.0), ("2层", 3.0)):
        storey = drawn.storey(building, name, z)
        drawn.space(storey, f"0{abs(int(z)) + 1}01", (0.2, 0.2, 0), (8.0, 5.0, 2.8), "住宅")
        drawn.element("IfcSlab", storey, (0, 0, -0.1), (10.0, 6.0, 0.1))
    model = read_model(drawn, tmp_path, None)
    assert [storey.storey for storey in of(model, "storey")] == [-1, 1, 2]
    assert [(space.z_min_m, space.z_max_m) for space in of(model, "space")] == [(1.6, 4.4), (5.2, 8.0), (8.2, 11.0)]
    assert [area_m2(space.geometry) for space in of(model, "space")] == pytest.approx([40.0] * 3, rel=1e-4)
    assert area_m2(of(model, "building")[0].geometry) == pytest.approx(60.0, rel=1e-3)
    assert of(model, "building")[0].attributes["basement_count"] == 1
    assert model.receipt.length_unit_m == (0.001 if millimetres else 1.0)
    assert model.receipt.georeference.method == "site"


@pytest.mark.parametrize(("schema", "millimetres"), DIALECTS[2:])
def test_a_turned_map_conversion_puts_corners_within_a_millimetre(house, tmp_path, schema, millimetres):
    drawn = house(schema, millimetres=millimetres).map_conversion()
    storey = drawn.storey(drawn.building(), "1层", 0.0)
    drawn.space(storey, "0101", (2, 1, 0), (8.0, 5.0, 2.8))
    model = read_model(drawn, tmp_path, None)
    helmert = pyproj.Transformer.from_pipeline(
        f"+proj=pipeline +step +proj=helmert +x=514777.411 +y=3351983.077 +theta={-33 * 3600} +s=1"
        " +step +inv +proj=tmerc +lon_0=120 +x_0=500000 +ellps=GRS80 +step +proj=unitconvert +xy_in=rad +xy_out=deg"
    )
    expected = shapely.Polygon([helmert.transform(x, y) for x, y in [(2, 1), (10, 1), (10, 6), (2, 6)]])
    drawn_shape = of(model, "space")[0].geometry
    for corner in drawn_shape.exterior.coords:
        assert min(GLOBE.inv(*corner, *other)[2] for other in expected.exterior.coords) < 0.002
    assert of(model, "space")[0].z_min_m == 5.2
    assert model.receipt.georeference.height_datum == "1985国家高程基准"
    assert model.receipt.georeference.crs == "EPSG:4549"


@pytest.mark.parametrize("prefix", ["ePSet", "ePset"])
def test_property_sets_of_older_schemas_say_the_same(house, tmp_path, prefix):
    drawn = house("IFC2X3", millimetres=True)
    storey = drawn.storey(drawn.building(), "1层", 0.0)
    drawn.space(storey, "0101")
    numbers = {"Eastings": 514777.411, "Northings": 3351983.077, "OrthogonalHeight": 5.2}
    drawn.properties(
        drawn.site, f"{prefix}_MapConversion", **{key: ("IfcReal", value) for key, value in numbers.items()}
    )
    drawn.properties(drawn.site, f"{prefix}_ProjectedCRS", Name=("IfcLabel", "EPSG:4549"))
    model = read_model(drawn, tmp_path, None)
    stated = MapConversion(source="", crs_name="EPSG:4549", eastings=514777.411, northings=3351983.077, map_unit_m=1.0)
    lon, lat = solve_map_conversion(stated).frame.lonlat([0, 0])[0]
    assert model.receipt.georeference.method == "property_set"
    assert (model.receipt.georeference.origin_lon_deg, model.receipt.georeference.origin_lat_deg) == (lon, lat)


def test_a_model_that_does_not_say_where_it_stands_is_refused(house, tmp_path):
    drawn = house()
    drawn.building()
    with pytest.raises(BadInput) as fault:
        read_model(drawn, tmp_path, None)
    assert fault.value.code == "ifc.no_position"
    assert "--at lon,lat" in fault.value.cure


def test_a_given_position_is_followed(house, tmp_path):
    drawn = house()
    drawn.space(drawn.storey(drawn.building(), "1层", 0.0), "0101", (0, 0, 0), (4, 4, 3))
    model = read_model(drawn, tmp_path, Placement(121.5, 29.9, 90.0, 7.0))
    place = of(model, "space")[0]
    centre = place.geometry.centroid
    assert GLOBE.inv(121.5, 29.9, centre.x, centre.y)[0] == pytest.approx(135, abs=0.01)
    assert place.z_min_m == 7.0


def test_heights_without_a_datum_are_said_to_have_none(house, tmp_path):
    drawn = house()
    drawn.space(drawn.storey(drawn.building(), "1层", 0.0), "0101")
    model = read_model(drawn, tmp_path)
    assert model.receipt.georeference.height_datum is None
    assert "ifc.no_height" in codes(model)


def test_units_are_read_from_zones_and_rooms_keep_their_door_numbers(house, tmp_path):
    drawn = house()
    storey = drawn.storey(drawn.building(), "5层", 0.0)
    rooms = [drawn.space(storey, f"050{n}", (n * 5, 0, 0), long_name="住宅") for n in (1, 2)]
    drawn.zone("1单元", rooms[0])
    drawn.zone("二单元", rooms[1])
    drawn.space(storey, "走道", (0, 4, 0), (10, 2, 2.7), "走廊")
    model = read_model(drawn, tmp_path)
    assert [(unit.unit, unit.name) for unit in of(model, "unit")] == [(1, "1单元"), (2, "2单元")]
    spaces = of(model, "space")
    assert [(space.unit, space.room) for space in spaces] == [(1, "0501"), (2, "0502"), (None, None)]
    assert [space.attributes["use"] for space in spaces] == ["dwelling", "dwelling", "circulation"]
    assert area_m2(of(model, "unit")[0].geometry) == pytest.approx(12.0, rel=1e-3)
    assert [space.name for space in spaces] == ["0501 住宅", "0502 住宅", "走道 走廊"]


def test_units_are_read_from_names_and_properties_too(house, tmp_path):
    drawn = house()
    storey = drawn.storey(drawn.building(), "1层", 0.0)
    drawn.space(storey, "2单元-0101")
    other = drawn.space(storey, "0102", (5, 0, 0))
    drawn.properties(other, "里坊", 单元号=("IfcInteger", 3))
    model = read_model(drawn, tmp_path)
    assert [(space.unit, space.room) for space in of(model, "space")] == [(2, "0101"), (3, "0102")]


def test_a_door_number_used_twice_on_a_storey_stays_with_the_first(house, tmp_path):
    drawn = house()
    storey = drawn.storey(drawn.building(), "1层", 0.0)
    for n in range(2):
        drawn.space(storey, "0101", (n * 5, 0, 0))
    model = read_model(drawn, tmp_path)
    assert [space.room for space in of(model, "space")] == ["0101", None]
    assert "ifc.door_number_twice" in codes(model)


def test_ground_is_where_the_terrain_is_said_to_be(house, tmp_path):
    drawn = house(millimetres=True).map_conversion(height=5.0)
    building = drawn.building(ElevationOfRefHeight=5000.0, ElevationOfTerrain=7800.0)
    for z in (0.0, 3.0, 6.0):
        drawn.space(drawn.storey(building, f"{z}", z), "1")
    model = read_model(drawn, tmp_path, None)
    assert [storey.storey for storey in of(model, "storey")] == [-1, 1, 2]
    assert of(model, "building")[0].attributes["ground_elevation_m"] == 7.8


def test_levels_at_almost_one_height_are_one_storey(house, tmp_path):
    drawn = house()
    building = drawn.building()
    for name, z in (("基础", -1.2), ("1层", 0.0), ("1层错层", 0.3), ("2层", 3.0)):
        storey = drawn.storey(building, name, z)
        if name != "基础":
            drawn.space(storey, name, (z, 0, 0))
    model = read_model(drawn, tmp_path)
    storeys = of(model, "storey")
    assert [(storey.storey, storey.name) for storey in storeys] == [(1, "1层"), (2, "2层")]
    assert storeys[0].attributes["levels"] == ["基础", "1层", "1层错层"]
    assert {space.parent_key for space in of(model, "space")[:2]} == {storeys[0].key}


def test_storeys_reach_to_the_next_floor(house, tmp_path):
    drawn = house()
    building = drawn.building()
    for z in (0.0, 3.1):
        drawn.space(drawn.storey(building, f"{z}", z), "1")
    model = read_model(drawn, tmp_path)
    assert [(storey.z_min_m, storey.z_max_m) for storey in of(model, "storey")] == [(0.0, 3.1), (3.1, 5.8)]


def test_a_building_without_rooms_is_drawn_from_walls_and_slabs(house, tmp_path):
    drawn = house()
    storey = drawn.storey(drawn.building(), "1层", 0.0)
    drawn.element("IfcSlab", storey, (0, 0, -0.2), (10, 8, 0.2))
    drawn.element("IfcWall", storey, (0, 0, 0), (10, 0.3, 3))
    drawn.element("IfcFurnishingElement", storey, (400, 400, 0), (1, 1, 1))
    model = read_model(drawn, tmp_path)
    assert area_m2(of(model, "storey")[0].geometry) == pytest.approx(80, rel=1e-3)
    assert area_m2(of(model, "building")[0].geometry) == pytest.approx(80, rel=1e-3)
    assert (of(model, "building")[0].z_min_m, of(model, "building")[0].z_max_m) == (-0.2, 3.0)


def test_rooms_without_shape_are_kept_and_remarked(house, tmp_path):
    drawn = house()
    storey = drawn.storey(drawn.building(), "1层", 0.0)
    drawn.space(storey, "0101", size=None)
    drawn.space(storey, "0102", size=(400.0, 400.0, 3.0))
    model = read_model(drawn, tmp_path)
    assert [(space.geometry, space.z_min_m, space.storey) for space in of(model, "space")] == [(None, None, 1)] * 2
    assert {"ifc.space_without_shape", "ifc.space_too_large", "ifc.building_without_shape"} <= set(codes(model))


def test_rooms_outside_any_storey_are_placed_by_height(house, tmp_path):
    drawn = house()
    building = drawn.building()
    for z in (0.0, 3.0):
        drawn.space(drawn.storey(building, f"{z}", z), "1")
    loose = drawn.product("IfcSpace", building, "9", (9, 0, 3.0), (2, 2, 2.5), CompositionType="ELEMENT")
    drawn.aggregate(building, loose)
    model = read_model(drawn, tmp_path)
    place = next(space for space in of(model, "space") if space.room == "9")
    assert (place.storey, place.parent_key) == (2, of(model, "storey")[1].key)


def test_two_buildings_of_one_file_are_kept_apart(house, tmp_path):
    drawn = house()
    for n, name in enumerate(("1号楼", "2号楼")):
        drawn.space(drawn.storey(drawn.building(name), "1层", 0.0), "0101", (n * 50, 0, 0))
    model = read_model(drawn, tmp_path)
    buildings = of(model, "building")
    assert [building.identifiers["building_no"] for building in buildings] == ["1", "2"]
    assert [space.room for space in of(model, "space")] == ["0101", "0101"]
    assert buildings[0].geometry.disjoint(buildings[1].geometry)


def test_global_ids_used_twice_identify_nothing(house, tmp_path):
    drawn = house()
    storey = drawn.storey(drawn.building(), "1层", 0.0)
    rooms = [drawn.space(storey, f"010{n}", (n * 5, 0, 0)) for n in (1, 2)]
    rooms[1].GlobalId = rooms[0].GlobalId
    storey.GlobalId = "None"
    model = read_model(drawn, tmp_path)
    assert len({place.key for place in model.places}) == len(model.places)
    assert [place.identifiers.get("ifc:GlobalId") for place in of(model, "space")] == [None, None]
    assert "ifc.bad_global_id" in codes(model)


def test_quantities_are_converted_from_the_models_own_units(house, tmp_path):
    drawn = house(millimetres=True)
    space = drawn.space(drawn.storey(drawn.building(), "1层", 0.0), "0101")
    drawn.properties(space, "Pset", 净面积=("IfcAreaMeasure", 11.5e6), 用途=("IfcLabel", "配电房"))
    attributes = of(read_model(drawn, tmp_path), "space")[0].attributes
    assert (attributes["area_m2"], attributes["use"]) == (11.5, "technical")


@pytest.mark.parametrize(
    ("name", "codec"), [("三号楼", "gb18030"), ("三号楼", "utf-8"), ("日本語用", "shift_jis"), ("Küche Süd", "latin-1")]
)
def test_names_in_raw_bytes_are_read(house, tmp_path, name, codec):
    drawn = house()
    building = drawn.building("BUILDING-NAME")
    drawn.space(drawn.storey(building, "1层", 0.0), "0101")
    path = drawn.write(tmp_path / "raw.ifc")
    path.write_bytes(path.read_bytes().replace(b"BUILDING-NAME", name.encode(codec)))
    model = read(path, AT, lambda stage, share: None)
    assert of(model, "building")[0].name == name
    assert "ifc.raw_text" in codes(model)


def test_a_building_nobody_named_takes_the_next_best_name(house, tmp_path):
    drawn = house()
    drawn.building("Default Building")
    assert of(read_model(drawn, tmp_path), "building")[0].name == "小区"


def test_a_model_without_a_building_is_refused(house, tmp_path):
    with pytest.raises(BadInput) as fault:
        read_model(house(), tmp_path)
    assert fault.value.code == "ifc.no_building"


def test_a_room_inside_itself_is_refused(house, tmp_path):
    drawn = house()
    storey = drawn.storey(drawn.building(), "1层", 0.0)
    one, two = (drawn.product("IfcSpace", storey, n, (0, 0, 0), (2, 2, 2), CompositionType="ELEMENT") for n in "12")
    drawn.aggregate(one, two)
    drawn.aggregate(two, one)
    with pytest.raises(BadInput) as fault:
        read_model(drawn, tmp_path)
    assert fault.value.code == "ifc.cycle"
    assert fault.value.facts["global_id"] in (one.GlobalId, two.GlobalId)


def test_everything_survives_json(house, tmp_path):
    drawn = house()
    drawn.space(drawn.storey(drawn.building(), "1层", 0.0), "0101")
    model = read_model(drawn, tmp_path)
    assert ImportedModel.from_json(json.loads(json.dumps(model.as_json()))) == model


def test_a_room_far_from_its_building_is_listed_and_kept_out_of_the_outline(house, tmp_path):
    drawn = house().map_conversion()
    storey = drawn.storey(drawn.building(), "1F", 0)
    drawn.element("IfcWall", storey, (0, 0, 0), (12, 0.3, 3))
    for number in range(3):
        drawn.space(storey, f"10{number}", (4 * number, 0, 0))
    lost = drawn.space(storey, "109", (300, 40, 0))
    model = read_model(drawn, tmp_path, None)
    (notice,) = [one for one in model.receipt.warnings if one.code == "ifc.space_displaced"]
    assert list(notice.global_ids) == [lost.GlobalId]
    building = next(place for place in model.places if place.kind == "building")
    assert building.geometry.distance(building.geometry.centroid) < 1e-3
    west, _, east, _ = building.geometry.bounds
    assert (east - west) * 96000 < 20
    assert next(place for place in model.places if place.key == lost.GlobalId).geometry is None
