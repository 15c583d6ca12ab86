"""Matching the columns of a planner's file that a shapefile cut at ten bytes."""

import warnings

import numpy as np
import pyogrio
import pytest
import shapely

from gis.errors import BadInput
from gis.read import read_features
from layers.catalogue import load_catalogue
from layers.columns import map_columns

CATALOGUE = load_catalogue()
BUILDING = {"建筑编号": "building_no", "建筑名称": "name", "建筑层数": "storey_count", "建筑高度": "height_m"}


def never(warning):
    raise AssertionError(warning)


def matched(layer, *headers):
    return {column: field.name for column, field in map_columns(CATALOGUE[layer], headers).fields.items()}


@pytest.mark.parametrize("encoding", ["UTF-8", "GBK"])
def test_the_columns_of_an_exported_shapefile_find_their_fields(tmp_path, encoding):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # GDAL says that it cut the names
        pyogrio.raw.write(
            str(tmp_path / "x.shp"),
            shapely.to_wkb([shapely.box(120, 30, 120.001, 30.001)]),
            [np.array(["1"], object), np.array(["一号楼"], object), np.array([18]), np.array([54.5])],
            list(BUILDING),
            geometry_type="Polygon",
            crs="EPSG:4490",
            driver="ESRI Shapefile",
            encoding=encoding,
        )
    (row,) = read_features(tmp_path / "x.shp", on_warning=never)
    columns = map_columns(CATALOGUE["building"], list(row.properties))
    assert [field.name for field in columns.fields.values()] == list(BUILDING.values())
    assert [row.properties[column] for column in columns.fields] == ["1", "一号楼", 18, 54.5]
    assert columns.others == ()


def test_a_cut_that_two_fields_share_is_left_alone():
    columns = map_columns(CATALOGUE["building"], ["建筑编", "地面标"])
    assert [field.name for field in columns.fields.values()] == ["building_no"]
    assert columns.others == ("地面标",)


def test_two_cuts_of_one_field_are_left_alone():
    assert map_columns(CATALOGUE["building"], ["建筑编", "楼栋编"]).others == ("建筑编", "楼栋编")


def test_a_whole_name_wins_over_a_cut():
    columns = map_columns(CATALOGUE["building"], ["建筑编", "建筑编号", "建筑面"])
    assert {column: field.name for column, field in columns.fields.items()} == {
        "建筑编号": "building_no",
        "建筑面": "gross_floor_area_m2",
    }
    assert columns.others == ("建筑编",)


def test_an_id_named_by_hand_wins_over_a_cut():
    assert map_columns(CATALOGUE["building"], ["fid", "建筑编"], "fid").others == ("建筑编",)


def test_a_required_column_may_be_cut():
    assert matched("green", "绿地编") == {"绿地编": "green_no"}
    with pytest.raises(BadInput, match="消火栓编号"):
        map_columns(CATALOGUE["hydrant"], ["消火栓"])  # three fields begin so


@pytest.mark.parametrize("column", ["建筑", "建", "建筑编号码", "建筑高度来", "总建", ""])
def test_a_beginning_that_is_no_cut_at_ten_bytes_is_left_alone(column):
    assert map_columns(CATALOGUE["building"], [column]).others == (column,)


def test_english_names_are_cut_too():
    assert matched("building", "gross_floo", "STOREY_COU") == {
        "gross_floo": "gross_floor_area_m2",
        "STOREY_COU": "storey_count",
    }
