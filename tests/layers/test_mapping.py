"""What an importer would make of a file's columns, shown before anything is imported."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis.errors import BadInput
from gis.read import Row
from layers.catalogue import load_catalogue
from layers.columns import CONFIDENCE, as_map, guess_columns, map_columns, place_words
from layers.mapping import preview, preview_lines
from layers.names import dictionary_names, folded, is_personal
from layers.records import record_drafts
from layers.units import factor_between, quantity

CATALOGUE = load_catalogue()
RECORDS = [layer for layer in CATALOGUE.values() if layer.kind == "record" and layer.id_field]
CUT = 10


def rows(**columns):
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


def understood(layer, sample):
    return {
        one.column: (one.target, one.how)
        for one in guess_columns(CATALOGUE[layer], list(sample[0]), None, sample).matches
    }


# --- names ----------------------------------------------------------------------------------------------------------


def test_each_way_of_understanding_is_told_with_its_confidence():
    guess = guess_columns(CATALOGUE["building"], ["建筑编号", "楼高", "公安机关", "建筑名", "结构类型号"])
    assert [(one.target, one.how) for one in guess.matches] == [
        ("building_no", "title"),
        ("height_m", "alias"),
        ("police_org", "dictionary"),
        ("name", "cut"),
    ]
    assert [one.confidence for one in guess.matches] == [CONFIDENCE[one.how] for one in guess.matches]
    (proposal,) = guess.proposals
    assert (proposal.column, proposal.target, proposal.how) == ("结构类型号", "structure_type", "similar")


def test_a_column_that_is_only_like_a_field_is_proposed_and_not_imported():
    columns = map_columns(CATALOGUE["building"], ["建筑编号", "结构类型号"])
    assert columns.others == ("结构类型号",)


@pytest.mark.parametrize("layer", CATALOGUE.values(), ids=list(CATALOGUE))
def test_every_name_of_every_field_leads_to_that_field(layer):
    for field in layer.fields:
        for name in (field.name, field.title.zh, f"{field.title.zh} {field.title.en}", f"{field.title.zh}*"):
            assert [one.target for one in guess_columns(layer, [name]).matches] == [field.name], name


@pytest.mark.parametrize("layer", CATALOGUE.values(), ids=list(CATALOGUE))
def test_a_name_of_the_dictionary_belongs_to_one_field_and_to_no_declared_name(layer):
    names = [name for found in dictionary_names(layer).values() for name in found]
    declared = {folded(name) for field in layer.fields for name in (field.name, field.title.zh, *field.aliases)}
    assert len(set(names)) == len(names)
    assert declared.isdisjoint(names)


@given(
    headers=st.lists(
        st.text(string.ascii_letters + "编号名称类型面积高度_(（m）) *", max_size=8), unique=True, max_size=6
    ),
    layer=st.sampled_from(RECORDS),
)
def test_any_headings_give_a_guess_in_which_each_column_stands_once(headers, layer):
    guess = guess_columns(layer, headers)
    claimed = [column for columns in guess.claims.values() for column in columns]
    placed = [*(one.column for one in guess.matches), *guess.others, *claimed]
    assert sorted(placed) == sorted(headers)
    assert len({one.target for one in guess.matches}) == len(guess.matches)


# --- names cut at ten bytes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "column", "cells", "field"),
    [
        ("building", "地面标", ["5.2", "6.1"], "ground_elevation_m"),
        ("building", "地面标", ["实测或填报", "图形高程"], "ground_source"),
        ("facility", "设施类", ["幼儿园", "便利店（菜店、日杂等）"], "facility_type"),
        ("facility", "设施类", ["养老", "抚幼"], "category"),
        ("device", "设备类", ["smoke_detector", "smoke_detector"], "device_type"),
        ("hydrant", "消火栓", ["室外消火栓", "室内消火栓"], "hydrant_class"),
        ("hydrant", "消火栓", ["XHS-01", "XHS-02"], "hydrant_no"),
        ("hydrant", "消火栓", ["东门消火栓", "东门消火栓"], "name"),
        ("shelter", "避难场", ["紧急避难场所", None], "shelter_class"),
        ("shelter", "避难场", ["BN001", "BN002"], "shelter_no"),
    ],
)
def test_the_values_decide_which_field_a_cut_name_is(layer, column, cells, field):
    assert understood(layer, rows(**{column: cells})) == {column: (field, "values")}


def test_several_columns_of_one_cut_name_find_their_own_fields():
    sample = rows(消火栓=["X1", "X2"], 消火栓_2=["东门", "西门"], 消火栓_1=["室外消火栓", "室外消火栓"])
    found = {column: target for column, (target, _) in understood("hydrant", sample).items()}
    assert found == {"消火栓": "hydrant_no", "消火栓_2": "name", "消火栓_1": "hydrant_class"}


@pytest.mark.parametrize("cells", [[None, None], ["一", "二"]])
def test_where_values_do_not_decide_both_candidates_are_reported(cells):
    guess = guess_columns(CATALOGUE["facility"], ["设施类"], None, rows(设施类=cells))
    assert guess.matches == ()
    assert guess.doubts == {"设施类": ("facility_type", "category")}
    with pytest.raises(BadInput, match="设施类 may be facility_type or category"):
        as_map(guess)


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
@pytest.mark.parametrize(
    ("name", "role", "cells"),
    [
        ("建筑标准地址", "address", ["里坊路1号", "里坊路2号"]),
        ("居住单元号", None, ["1", "2"]),
        ("所在楼栋", "building_no", ["3幢", "甲栋"]),
        ("所在楼层", "storey", ["3层", "B1"]),
        ("所在单元", "unit", ["1单元", "2单元"]),
        ("楼栋编号", "building_no", ["AH-001", "AH-002"]),
    ],
)
def test_cut_columns_that_say_where_a_record_stands_are_understood(encoding, name, role, cells):
    column = name.encode(encoding)[:CUT].decode(encoding, "ignore")
    sample = rows(消火栓编号=["X1", "X2"], **{column: cells})
    assert map_columns(CATALOGUE["hydrant"], list(sample[0]), None, sample).places == ({column: role} if role else {})


def test_a_bare_number_is_neither_surely_a_building_nor_a_storey():
    sample = rows(消火栓编号=["X1", "X2"], 所在楼=["3", "4"])
    guess = guess_columns(CATALOGUE["hydrant"], list(sample[0]), None, sample)
    assert guess.doubts == {"所在楼": ("building_no", "storey")}
    assert as_map(guess).others == ("所在楼",)


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_no_word_about_the_place_is_lost_to_the_ten_bytes(encoding):
    for role, names in place_words().items():
        for name in names:
            cut = name.encode(encoding)[:CUT].decode(encoding, "ignore")
            guess = guess_columns(CATALOGUE["hydrant"], [cut])
            assert role in [*(one.target for one in guess.matches), *guess.doubts.get(cut, ())], name


# --- values ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("heading", "cell", "value"),
    [
        ("面积（公顷）", 0.5, 5000.0),
        ("面积", "1,200㎡", 1200.0),
        ("面积", "3 亩", 2000.0),
        ("面积(m2)", "0.2公顷", 2000.0),
        ("面积（绿化部分）", "12", 12.0),
    ],
)
def test_a_number_is_read_in_the_unit_its_cell_or_its_heading_names(heading, cell, value):
    layer = CATALOGUE["green"]
    columns = map_columns(layer, ["绿地编号", heading])
    (draft,) = record_drafts(layer, [Row(2, None, None, {"绿地编号": "G", heading: cell})], columns, pytest.fail)
    assert draft.attributes["area_m2"] == pytest.approx(value)


def test_a_heading_in_a_unit_of_another_kind_is_refused_by_name():
    with pytest.raises(BadInput, match=r"layer\.wrong_unit.*面积\(公里\)"):
        map_columns(CATALOGUE["green"], ["绿地编号", "面积(公里)"])


@given(st.floats(0, 1e6), st.sampled_from(["mm", "cm", "m", "km", "厘米", "公里"]))
def test_a_length_is_the_same_in_whatever_unit_it_is_written(metres, unit):
    factor = factor_between(unit, "m")
    assert factor is not None
    assert quantity(f"{metres / factor!r} {unit}", "m") == pytest.approx(metres, rel=1e-9, abs=1e-12)


# --- what is shown --------------------------------------------------------------------------------------------------


def test_the_preview_shows_what_each_kind_of_value_becomes():
    sample = rows(
        设备编号=["D1", "D2"],
        设备类型=["smoke_detector", "?"],
        安装时间=["2024年5月1日", "2024/6/2"],
        方位角=["90°", "x"],
    )
    shown = {
        one["column"]: one
        for one in preview(guess_columns(CATALOGUE["device"], list(sample[0]), None, sample), sample)["columns"]
    }
    assert [one.get("read") for one in shown["安装时间"]["values"]] == ["2024-05-01", "2024-06-02"]
    assert [one.get("read") for one in shown["方位角"]["values"]] == [90.0, None]
    assert (shown["方位角"]["unreadable"], shown["设备类型"]["unreadable"]) == (1, 1)
    assert "not in the list" in shown["设备类型"]["values"][1]["error"]


def test_a_value_that_cannot_be_read_is_always_among_those_shown():
    sample = rows(绿地编号=[f"G{n}" for n in range(9)], 面积=[*range(8), "unknown"])
    shown = preview(guess_columns(CATALOGUE["green"], list(sample[0]), None, sample), sample)
    assert [one["written"] for one in shown["columns"][1]["values"]] == [0, 1, "unknown"]


def test_personal_values_are_not_shown():
    sample = rows(人员编号=["P1"], 姓名=["张三"], 身份证号码=["330106199001011234"])
    shown = preview(guess_columns(CATALOGUE["staff"], list(sample[0]), None, sample), sample)
    assert "张三" not in str(shown)
    assert "3301061990" not in str(shown)


def test_the_preview_as_lines_names_what_is_in_doubt_and_what_is_missing():
    sample = rows(设施类=["一", "二"], 备注=["x", "y"])
    lines = preview_lines(preview(guess_columns(CATALOGUE["facility"], list(sample[0]), None, sample), sample))
    assert lines[0].startswith("设施类 → ? facility_type | category")
    assert lines[1].startswith("备注 → — kept under its own name")
    assert "! missing: 设施编号 (facility_no)" in lines


# --- persons --------------------------------------------------------------------------------------------------------


def test_personal_columns_that_the_layer_does_not_declare_stay_out():
    layer = CATALOGUE["green"]
    columns = map_columns(layer, ["绿地编号", "业主姓名", "联系电话", "养护单位"])
    row = Row(2, None, None, {"绿地编号": "G", "业主姓名": "张三", "联系电话": "13900000000", "养护单位": "园林所"})
    (draft,) = record_drafts(layer, [row], columns, pytest.fail)
    assert dict(draft.attributes) == {"green_no": "G", "养护单位": "园林所"}


@pytest.mark.parametrize(
    "column", ["名称", "编号", "位置", "状态", "类型", "面积", "备注", "单元", "楼层", "age", "photo"]
)
def test_everyday_columns_are_not_taken_for_personal(column):
    assert not is_personal(column)
