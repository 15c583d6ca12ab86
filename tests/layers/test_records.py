"""From rows to drafts: matching columns, typing cells, finding places, raising buildings."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from hypothesis import given
from hypothesis import strategies as st
from rasterio import Affine

from gis.dem import Dem
from gis.errors import BadInput
from gis.read import Row, read_features
from layers.catalogue import load_catalogue
from layers.names import folded
from layers.records import building_drafts, map_columns, record_drafts
from layers.values import storey_number, typed, unit_number

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "gis"
CATALOGUE = load_catalogue()
SQUARE = shapely.box(120.15, 30.28, 120.151, 30.281)


def never(problem):
    raise AssertionError(problem)


def drafts(name, *rows, on_problem=never):
    layer = CATALOGUE[name]
    headers = list(dict.fromkeys(column for row in rows for column in row.properties))
    return record_drafts(layer, rows, map_columns(layer, headers), on_problem)


def buildings(*rows, dem=None, on_problem=never):
    layer = CATALOGUE["building"]
    headers = list(dict.fromkeys(column for row in rows for column in row.properties))
    return building_drafts(layer, rows, map_columns(layer, headers), on_problem, dem)


def test_planners_headings_find_their_fields():
    headers = ["楼栋编号", "建筑名称", "building:levels", "建筑高度（米）", "ＧＦＡ", "容积率"]
    columns = map_columns(CATALOGUE["building"], headers)
    names = ["building_no", "name", "storey_count", "height_m", "gross_floor_area_m2"]
    assert [columns.fields[header].name for header in headers[:5]] == names
    assert columns.others == ("容积率",)


@given(st.sampled_from(["设备编号", "Device number", "DEVICE_NO", "编号"]), st.sampled_from(["", " ", "　", "（号）"]))
def test_spelling_of_a_heading_does_not_matter(heading, tail):
    columns = map_columns(CATALOGUE["device"], [heading + tail, "设备类型"])
    assert columns.fields[heading + tail].name == "device_no"


def test_two_columns_for_one_field_are_refused_by_name():
    with pytest.raises(BadInput, match="建筑面积 and 面积"):
        map_columns(CATALOGUE["building"], ["建筑编号", "建筑面积", "面积"])


def test_a_title_beats_an_alias():
    columns = map_columns(CATALOGUE["facility"], ["设施编号", "设施类型", "类型"])
    assert columns.fields["设施类型"].name == "facility_type"
    assert columns.others == ("类型",)


def test_a_missing_id_column_is_refused_with_the_names_that_would_do():
    with pytest.raises(BadInput, match="消火栓编号") as refused:
        map_columns(CATALOGUE["hydrant"], ["名称"])
    assert refused.value.code == "layer.missing_column"


def test_any_column_can_be_named_as_the_id():
    columns = map_columns(CATALOGUE["hydrant"], ["osm_id", "名称"], "osm_id")
    assert columns.fields["osm_id"].name == "hydrant_no"
    with pytest.raises(BadInput, match="--id"):
        map_columns(CATALOGUE["hydrant"], ["osm_id"], "fid")


def test_a_life_cycle_stage_is_read_in_either_language():
    layer, house = CATALOGUE["building"], shapely.box(120, 30, 120.001, 30.001)
    columns = map_columns(layer, ["建筑编号", "建设阶段"])
    rows = [
        Row(n, house, None, {"建筑编号": str(n), "建设阶段": stage}) for n, stage in enumerate(("运营", "construction"))
    ]
    assert [draft.stage for draft in building_drafts(layer, rows, columns, print)] == ["operation", "construction"]


def test_what_cannot_be_read_is_reported_and_kept_as_written_unless_it_is_personal():
    layer, told = CATALOGUE["street"], []
    columns = map_columns(layer, ["道路编号", "道路等级"])
    (street,) = record_drafts(
        layer, [Row(2, None, None, {"道路编号": "R1", "道路等级": "residential"})], columns, told.append
    )
    assert street.attributes == {"street_no": "R1", "道路等级（原值）": "residential"}
    assert [problem.code for problem in told] == ["layer.bad_value"]
    staff = CATALOGUE["resident"]
    columns = map_columns(staff, ["人员编号", "年龄"])
    (person,) = record_drafts(staff, [Row(2, None, None, {"人员编号": "P1", "年龄": "不详"})], columns, told.append)
    assert "不详" not in person.attributes.values()


def test_a_building_needs_no_number_because_its_footprint_names_it():
    layer, house = CATALOGUE["building"], shapely.box(120, 30, 120.001, 30.001)
    (draft,) = building_drafts(layer, [Row(7, house, None, {"name": "Stade"})], map_columns(layer, ["name"]), print)
    assert (draft.name, draft.key, draft.identifiers) == ("Stade", "row 7", {})


def test_a_row_says_where_it_stands():
    properties = {"户编号": "H1", "楼栋编号": "AH-001", "单元": 2, "楼层": "B1", "房号": "0101", "常住人数": "3"}
    (draft,) = drafts("household", Row(2, None, None, properties))
    assert draft.where == {"building_no": "AH-001", "unit": 2, "storey": -1, "room": "0101"}
    assert draft.attributes == {"household_no": "H1", "persons": 3}
    assert (draft.id, draft.row) == ("H1", 2)


def test_an_address_says_where_a_record_stands_and_is_kept_as_written():
    (draft,) = drafts("hydrant", Row(2, None, None, {"消火栓编号": "X1", "详细地址": "安和里21幢"}))
    assert draft.where == {"address": "安和里21幢"}
    assert draft.attributes["详细地址"] == "安和里21幢"


def test_the_address_column_of_a_building_is_its_door_plate():
    columns = map_columns(CATALOGUE["building"], ["建筑编号", "地址", "标准地址"])
    assert {column: field.name for column, field in columns.fields.items()} == {
        "建筑编号": "building_no",
        "地址": "door_plate_no",
        "标准地址": "address",
    }
    assert columns.places == {}


def test_a_room_number_that_excel_made_a_number_is_text_again():
    (draft,) = drafts("household", Row(2, None, None, {"户编号": 17.0, "房号": 101.0}))
    assert (draft.id, draft.where) == ("17", {"room": "101"})


def test_height_of_a_point_is_its_z():
    row = Row(2, shapely.Point(120.15, 30.28), 12.5, {"设备编号": "D-1", "设备类型": "smoke_detector"})
    assert drafts("device", row)[0].height_m == 12.5


def test_a_device_type_is_known_by_its_chinese_title():
    row = Row(2, None, None, {"设备编号": "D-1", "设备类型": "感烟火灾探测报警器"})
    (draft,) = drafts("device", row)
    assert (draft.attributes["device_type"], draft.attributes["family"]) == ("smoke_detector", "fire")


def test_a_name_that_is_personal_stays_where_it_is_masked():
    (worker,) = drafts("staff", Row(2, None, None, {"人员编号": "WG001", "姓名": "张示例"}))
    assert worker.name is None
    assert worker.attributes["name"] == "张示例"
    (green,) = drafts("green", Row(2, SQUARE, None, {"绿地编号": "G1", "绿地名称": "中心花园"}))
    assert green.name == "中心花园"
    assert "name" not in green.attributes


def test_a_bad_cell_is_reported_and_the_row_stays_without_it():
    problems = []
    rows = Row(5, SQUARE, None, {"绿地编号": "G1", "面积": "很大"})
    (draft,) = drafts("green", rows, on_problem=problems.append)
    assert "area_m2" not in draft.attributes
    (problem,) = problems
    assert (problem.code, problem.facts["row"], problem.facts["field"]) == ("layer.bad_value", 5, "area_m2")


def test_a_row_without_a_required_value_is_left_out():
    problems = []
    rows = [
        Row(2, None, None, {"设备编号": "D-1", "设备类型": "茶壶"}),
        Row(3, None, None, {"设备编号": None, "设备类型": "display"}),
    ]
    assert drafts("device", *rows, on_problem=problems.append) == []
    assert [(problem.code, problem.facts["row"]) for problem in problems] == [
        ("layer.bad_value", 2),
        ("layer.no_value", 2),
        ("layer.no_value", 3),
    ]


def test_an_id_seen_before_is_reported_and_left_out():
    problems = []
    rows = [Row(2, SQUARE, None, {"绿地编号": "G1"}), Row(3, SQUARE, None, {"绿地编号": "G1"})]
    assert [draft.row for draft in drafts("green", *rows, on_problem=problems.append)] == [2]
    assert [(problem.code, problem.facts["row"]) for problem in problems] == [("layer.duplicate_id", 3)]


def test_a_shape_the_layer_does_not_hold_is_left_out():
    problems = []
    row = Row(1, shapely.Point(120, 30), None, {"绿地编号": "G1"})
    assert drafts("green", row, on_problem=problems.append) == []
    assert problems[0].code == "layer.wrong_shape"


def test_unknown_columns_are_kept_under_their_own_names():
    (draft,) = drafts("green", Row(1, SQUARE, None, {"绿地编号": "G1", "养护单位": "园林所", "空列": None}))
    assert draft.attributes == {"green_no": "G1", "养护单位": "园林所"}


def test_a_layer_without_id_field_cannot_take_rows():
    with pytest.raises(BadInput, match=r"layer\.no_id_field"):
        drafts("storey", Row(1, SQUARE, None, {"楼层名称": "1层"}))


@pytest.mark.parametrize(
    ("kind", "cell", "value"),
    [
        ("boolean", "是", True),
        ("boolean", 0, False),
        ("integer", "12.0", 12),
        ("number", "３.５", 3.5),
        ("datetime", "2024/5/1", "2024-05-01"),
        ("datetime", "2024年5月1日", "2024-05-01"),
        ("datetime", "2024-05-01T00:00:00", "2024-05-01"),
        ("datetime", "2024-05-01T08:30:00+08:00", "2024-05-01T08:30:00+08:00"),
        ("json", '{"a": [1]}', {"a": [1]}),
        ("string", 5.0, "5"),
        ("string", "  ", None),
    ],
)
def test_cells_become_values(kind, cell, value):
    field = CATALOGUE["green"].field("name").model_copy(update={"type": kind})
    assert typed(field, cell) == value


@pytest.mark.parametrize(
    ("kind", "cell"),
    [("boolean", "也许"), ("integer", "1.5"), ("number", "12 m"), ("datetime", "2024-02-30"), ("json", "{")],
)
def test_cells_that_mean_nothing_are_refused(kind, cell):
    field = CATALOGUE["green"].field("name").model_copy(update={"type": kind})
    with pytest.raises(ValueError, match="is n"):
        typed(field, cell)


@given(st.integers(1, 120))
def test_a_storey_is_read_however_it_is_written(number):
    for text in (f"{number}", f"{number}层", f"F{number:02d}", f" {number}F ", number, float(number)):
        assert storey_number(text) == number
    for text in (f"-{number}", f"B{number}", f"地下{number}层", -number, float(-number)):
        assert storey_number(text) == -number


@pytest.mark.parametrize("cell", ["0", "", "屋顶", "1.5", "B0"])
def test_what_is_no_storey_is_refused(cell):
    with pytest.raises(ValueError, match="no storey"):
        storey_number(cell)


def test_what_is_no_unit_is_refused():
    with pytest.raises(ValueError, match="no unit"):
        unit_number("0单元")


@given(st.text(max_size=20))
def test_folding_a_heading_twice_changes_nothing(text):
    assert folded(folded(text)) == folded(text)


def test_a_building_stands_on_its_ground_and_is_as_high_as_stated():
    properties = {"建筑编号": "AH-1", "建筑名称": "1幢", "建筑高度": 54.3, "建筑层数": 18, "地面标高": 6.2}
    (draft,) = buildings(Row(1, SQUARE, None, properties))
    assert (draft.kind, draft.key, draft.name, draft.parent_key) == ("building", "AH-1", "1幢", None)
    assert (draft.z_min_m, draft.z_max_m) == (6.2, pytest.approx(60.5))
    assert draft.identifiers == {"building_no": "AH-1"}
    assert (draft.attributes["height_source"], draft.attributes["ground_source"]) == ("stated", "stated")


def test_a_height_from_storeys_says_that_it_is_an_estimate():
    (draft,) = buildings(Row(1, SQUARE, 5.0, {"建筑编号": "AH-1", "建筑层数": 6}))
    assert (draft.z_min_m, draft.z_max_m) == (5.0, 23.0)
    assert (draft.attributes["height_source"], draft.attributes["ground_source"]) == ("storeys", "shape")


def test_a_building_of_unknown_height_and_ground_has_none():
    (draft,) = buildings(Row(1, SQUARE, None, {"建筑编号": "AH-1"}))
    assert (draft.z_min_m, draft.z_max_m) == (None, None)
    assert "height_source" not in draft.attributes


def test_a_building_without_footprint_is_refused():
    problems = []
    assert buildings(Row(4, None, None, {"建筑编号": "AH-1"}), on_problem=problems.append) == []
    assert [(problem.code, problem.facts["row"]) for problem in problems] == [("layer.no_position", 4)]


def test_a_building_on_a_slope_stands_on_its_lowest_corner(tmp_path):
    columns = np.arange(50.0) + np.zeros((50, 1))
    with rasterio.open(
        tmp_path / "dem.tif",
        "w",
        driver="GTiff",
        width=50,
        height=50,
        count=1,
        dtype="float32",
        crs="EPSG:4490",
        transform=Affine(0.001, 0, 120.13, 0, -0.001, 30.3),
    ) as file:
        file.write((columns * 2.0).astype("float32"), 1)
    with Dem.open(tmp_path / "dem.tif") as dem:
        (draft,) = buildings(Row(1, SQUARE, None, {"建筑编号": "AH-1", "建筑高度": 10}), dem=dem)
    # West edge 120.15 is column 20 - 0.5 in cell centres; 2 m a column.
    assert draft.z_min_m == pytest.approx(39.0, abs=0.01)
    assert draft.z_max_m == pytest.approx(49.0, abs=0.01)
    assert draft.attributes["ground_source"] == "dem"


@pytest.mark.shared_data
@pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not here")
def test_the_buildings_of_monaco_become_places():
    path = DATA / "derived" / "monaco_neighbourhood.gpkg"
    rows = read_features(path, layer="buildings", on_warning=lambda _: None)
    layer = CATALOGUE["building"].model_copy(update={"id_field": "building_no"})
    renamed = [
        Row(row.number, row.geometry, row.z, {"building_no": f"M-{row.number}", **row.properties}) for row in rows
    ]
    found = building_drafts(layer, renamed, map_columns(layer, list(renamed[0].properties)), never)
    assert len(found) == len(rows)
    assert all(draft.geometry.is_valid for draft in found)


def test_a_row_with_a_character_that_cannot_be_stored_is_left_out_by_name():
    told = []
    rows = [
        Row(2, None, None, {"消火栓编号": "X\0", "压力": 0.3}),
        Row(3, None, None, {"消火栓编号": "X2", "备注": "\ud800"}),
    ]
    assert [
        one.id for one in drafts("hydrant", *rows, Row(4, None, None, {"消火栓编号": "X3"}), on_problem=told.append)
    ] == ["X3"]
    assert [(problem.code, problem.facts["row"]) for problem in told] == [
        ("layer.bad_value", 2),
        ("layer.bad_value", 3),
    ]
