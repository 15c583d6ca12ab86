"""Reading vector files: frames, alphabets, broken shapes, missing parts."""

import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pyogrio
import pyproj
import pytest
import shapely

from gis.errors import BadInput, NotFound
from gis.read import read_features

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "gis"
COUNTIES = DATA / "derived" / "counties_gbk_epsg4490.shp"
BARE = DATA / "derived" / "counties_gbk_noldid_nocpg_noprj.shp"

real_data = pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not here")


def never(warning):
    raise AssertionError(warning)


def geojson(path, *geometries, crs=None):
    features = [
        {"type": "Feature", "geometry": geometry, "properties": {"n": n}} for n, geometry in enumerate(geometries, 1)
    ]
    document = {"type": "FeatureCollection", "features": features}
    if crs:
        document["crs"] = {"type": "name", "properties": {"name": crs}}
    path.write_text(json.dumps(document), "utf-8")
    return path


def point(x, y, *z):
    return {"type": "Point", "coordinates": [x, y, *z]}


@real_data
@pytest.mark.shared_data
@pytest.mark.parametrize("epsg", [4528, 4549])
def test_projected_chinese_shapefiles_land_where_pyproj_puts_them(epsg):
    path = DATA / "derived" / f"counties_gbk_epsg{epsg}.shp"
    rows = read_features(path, on_warning=never)
    _, _, wkb, _ = pyogrio.raw.read(str(path), encoding="gb18030")
    east_north = shapely.get_coordinates(shapely.from_wkb(wkb))
    there = pyproj.Transformer.from_crs(epsg, 4490, always_xy=True).transform(*east_north.T)
    lon, lat = shapely.get_coordinates([row.geometry for row in rows]).T
    _, _, metres = pyproj.Geod(ellps="GRS80").inv(lon, lat, *there)
    assert len(lon) > 30_000
    assert np.max(metres) < 0.05


@real_data
@pytest.mark.shared_data
@pytest.mark.parametrize("epsg", [4490, 4528, 4549])
def test_the_same_counties_in_three_frames_are_in_one_place(epsg):
    geographic = read_features(COUNTIES, on_warning=never)
    rows = read_features(DATA / "derived" / f"counties_gbk_epsg{epsg}.shp", on_warning=never)
    here = shapely.get_coordinates([row.geometry for row in rows])
    there = shapely.get_coordinates([row.geometry for row in geographic])
    _, _, metres = pyproj.Geod(ellps="GRS80").inv(*here.T, *there.T)
    assert np.max(metres) < 0.05
    assert [row.properties["县名"] for row in rows] == [row.properties["县名"] for row in geographic]


@real_data
@pytest.mark.shared_data
def test_a_gbk_table_that_does_not_say_so_is_read_as_chinese():
    rows = read_features(BARE, crs="EPSG:4490", on_warning=never)
    assert (rows[0].properties["省名"], rows[0].properties["县名"]) == ("安徽", "天长市")


@real_data
@pytest.mark.shared_data
def test_a_language_driver_id_says_the_encoding():
    rows = read_features(DATA / "shp_gbk" / "chinese_encoding.shp", crs="EPSG:4490", on_warning=never)
    assert rows[0].properties["NAME99"] == "天长市"


@real_data
@pytest.mark.shared_data
def test_a_cpg_that_lies_is_reported_and_not_believed(tmp_path):
    for suffix in (".shp", ".shx", ".dbf", ".prj"):
        shutil.copy(COUNTIES.with_suffix(suffix), tmp_path / f"x{suffix}")
    (tmp_path / "x.cpg").write_text("UTF-8")
    warnings = []
    rows = read_features(tmp_path / "x.shp", on_warning=warnings.append)
    assert rows[0].properties["县名"] == "天长市"
    assert [warning.code for warning in warnings] == ["gis.encoding"]


@real_data
@pytest.mark.shared_data
def test_a_shapefile_without_prj_is_refused_until_its_frame_is_named():
    with pytest.raises(BadInput, match=r"--crs") as refused:
        read_features(BARE, on_warning=never)
    assert refused.value.code == "gis.no_crs"


@real_data
@pytest.mark.shared_data
def test_a_shapefile_without_shx_is_refused_by_name():
    with pytest.raises(BadInput, match=r"ldid_chinese\.shx"):
        read_features(DATA / "shp_gbk" / "ldid_chinese.shp", on_warning=never)


@real_data
@pytest.mark.shared_data
def test_an_easting_with_zone_number_names_the_frame_it_needs():
    with pytest.raises(BadInput, match=r"zone number 40.*EPSG:4528"):
        read_features(DATA / "derived" / "counties_gbk_epsg4528.shp", crs="EPSG:4549", on_warning=lambda _: None)


@real_data
@pytest.mark.shared_data
def test_an_easting_without_zone_number_names_the_frame_it_needs():
    with pytest.raises(BadInput, match=r"lacks.*EPSG:4549"):
        read_features(DATA / "derived" / "counties_gbk_epsg4549.shp", crs="EPSG:4528", on_warning=lambda _: None)


@real_data
@pytest.mark.shared_data
def test_dutch_addresses_are_the_same_in_both_frames():
    national = read_features(DATA / "addresses" / "dutch_addresses_28992.gpkg", on_warning=never)
    geographic = read_features(DATA / "addresses" / "dutch_addresses_4326.gpkg", on_warning=never)
    there = {row.properties["id"]: row.geometry for row in geographic}
    metres = [
        pyproj.Geod(ellps="GRS80").inv(row.geometry.x, row.geometry.y, place.x, place.y)[2]
        for row in national
        if (place := there.get(row.properties["id"]))
    ]
    assert len(metres) > 2000
    # Two authors, two datum shifts: a metre apart, not a hundred.
    assert max(metres) < 2


@real_data
@pytest.mark.shared_data
def test_every_shape_of_a_street_map_is_valid_or_reported():
    warnings = []
    rows = read_features(DATA / "osm" / "test_kallio.osm.pbf", layer="multipolygons", on_warning=warnings.append)
    told = {warning.facts["row"] for warning in warnings}
    assert all(row.geometry is not None or row.number in told for row in rows)
    assert all(row.geometry is None or row.geometry.is_valid for row in rows)
    assert any(warning.code == "gis.bad_geometry" for warning in warnings)


@real_data
@pytest.mark.shared_data
def test_monaco_buildings_are_read_and_the_broken_one_is_mended():
    warnings = []
    rows = read_features(DATA / "derived" / "monaco_buildings.geojson", on_warning=warnings.append)
    assert len(rows) == 1207
    assert [(warning.code, warning.facts["row"]) for warning in warnings] == [("gis.repaired", 17)]


@real_data
@pytest.mark.shared_data
def test_a_package_of_several_layers_asks_which():
    with pytest.raises(BadInput, match="buildings, roads, pois"):
        read_features(DATA / "derived" / "monaco_neighbourhood.gpkg", on_warning=never)


@real_data
@pytest.mark.shared_data
def test_a_cut_off_package_is_refused(tmp_path):
    whole = (DATA / "derived" / "monaco_neighbourhood.gpkg").read_bytes()
    (tmp_path / "half.gpkg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput) as refused:
        read_features(tmp_path / "half.gpkg", layer="buildings", on_warning=never)
    assert refused.value.code == "gis.unreadable"


def test_json_that_is_no_map_is_refused(tmp_path):
    (tmp_path / "x.json").write_text('[{"code": "110101001"}]')
    with pytest.raises(BadInput) as refused:
        read_features(tmp_path / "x.json", on_warning=never)
    assert refused.value.code == "gis.unreadable"


def test_one_feature_a_line_is_read(tmp_path):
    lines = [{"type": "Feature", "geometry": point(120, 30), "properties": {"名称": name}} for name in ("甲", "乙")]
    (tmp_path / "x.geojsonl").write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines), "utf-8")
    rows = read_features(tmp_path / "x.geojsonl", on_warning=never)
    assert [(row.number, row.properties) for row in rows] == [(1, {"名称": "甲"}), (2, {"名称": "乙"})]


def shapefile(path, encoding, columns):
    """Write one point; GDAL cuts the names and says so in bytes that Python cannot read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        pyogrio.raw.write(
            str(path),
            shapely.to_wkb([shapely.Point(120, 30)]),
            [np.array([value], object if isinstance(value, str) else None) for value in columns.values()],
            list(columns),
            geometry_type="Point",
            crs="EPSG:4490",
            driver="ESRI Shapefile",
            encoding=encoding,
        )
    return path


def patch_table(path, old, new):
    table = path.with_suffix(".dbf")
    content = table.read_bytes()
    assert content.count(old) == 1
    assert len(old) == len(new)
    table.write_bytes(content.replace(old, new))


BUILDING = {"建筑编号": "幢1", "建筑名称": "一号楼", "建筑层数": 18, "建筑高度": 54.5}


@pytest.mark.parametrize("said", [True, False])
@pytest.mark.parametrize(
    ("encoding", "names"),
    [("UTF-8", ["建筑编", "建筑名", "建筑层", "建筑高"]), ("GBK", list(BUILDING))],
)
def test_column_names_cut_within_a_character_lose_only_that_one(tmp_path, encoding, names, said):
    path = shapefile(tmp_path / "x.shp", encoding, BUILDING)
    if not said:
        path.with_suffix(".cpg").unlink()
    (row,) = read_features(path, on_warning=never)
    assert row.properties == dict(zip(names, BUILDING.values(), strict=True))


@pytest.mark.parametrize("name", ["AB建筑编号", "A建筑编号", "楼abcdefgh号"])
def test_a_name_cut_anywhere_within_a_character_is_read(tmp_path, name):
    (row,) = read_features(shapefile(tmp_path / "x.shp", "UTF-8", {name: "甲"}), on_warning=never)
    ((read, value),) = row.properties.items()
    assert name.startswith(read)
    assert len(read.encode()) in (8, 9, 10)
    assert value == "甲"


def test_a_gbk_name_cut_within_a_character_is_read_as_gbk(tmp_path):
    path = shapefile(tmp_path / "x.shp", "GBK", {"A234567890": "甲"})
    patch_table(path, b"A234567890", "A建筑面积值".encode("gbk")[:10])
    (row,) = read_features(path, on_warning=never)
    assert row.properties == {"A建筑面积": "甲"}


def test_names_that_gdal_numbered_after_cutting_keep_their_number(tmp_path):
    columns = {"建筑面积甲": 1, "建筑面积乙": 2, "建筑面积丙": 3}
    (row,) = read_features(shapefile(tmp_path / "x.shp", "UTF-8", columns), on_warning=never)
    assert row.properties == {"建筑面": 1, "建筑_1": 2, "建筑_2": 3}


def test_names_that_are_one_after_cutting_are_numbered_and_reported(tmp_path):
    path = shapefile(tmp_path / "x.shp", "UTF-8", {"AB建筑编号": 1, "A234567890": 2, "AB建筑_2": 3})
    patch_table(path, b"A234567890", "AB建筑名称".encode()[:10])
    warned = []
    (row,) = read_features(path, on_warning=warned.append)
    assert row.properties == {"AB建筑": 1, "AB建筑_3": 2, "AB建筑_2": 3}
    assert [(warning.code, warning.facts["field"]) for warning in warned] == [("gis.column_twice", "AB建筑")]


def test_a_cell_cut_within_a_character_at_the_column_width_loses_only_that_one(tmp_path):
    path = shapefile(tmp_path / "x.shp", "UTF-8", {"name": "幢" * 83 + "abcde"})
    path.with_suffix(".cpg").unlink()
    patch_table(path, ("幢" * 83 + "abcde").encode(), ("幢" * 85).encode()[:254])
    (row,) = read_features(path, on_warning=never)
    assert row.properties == {"name": "幢" * 84}


def test_half_a_character_before_the_end_of_a_cell_is_another_encoding(tmp_path):
    # In GBK this is one character; it would also be the beginning of one in UTF-8.
    path = shapefile(tmp_path / "x.shp", "GBK", {"name": "浒"})
    path.with_suffix(".cpg").unlink()
    (row,) = read_features(path, on_warning=never)
    assert row.properties == {"name": "浒"}


def test_a_wrong_encoding_named_by_hand_is_refused(tmp_path):
    path = shapefile(tmp_path / "x.shp", "GBK", BUILDING)
    with pytest.raises(BadInput, match="is not utf-8") as refused:
        read_features(path, encoding="utf-8", on_warning=never)
    assert refused.value.code == "gis.encoding"


def test_latitude_before_longitude_is_refused_by_name(tmp_path):
    path = geojson(tmp_path / "x.geojson", point(30.28, 120.15), point(30.29, 120.16))
    with pytest.raises(BadInput, match="latitude stands before longitude") as refused:
        read_features(path, on_warning=never)
    assert (refused.value.code, refused.value.facts["row"]) == ("gis.bad_position", 1)


def test_northing_before_easting_is_refused_although_it_lands_on_earth(tmp_path):
    path = geojson(tmp_path / "x.geojson", point(3351983.1, 514777.4), crs="EPSG:4549")
    with pytest.raises(BadInput, match="northing stands before easting"):
        read_features(path, on_warning=never)


def test_one_bad_position_costs_one_row(tmp_path):
    path = geojson(tmp_path / "x.geojson", point(120.15, 30.28), point(30.28, 120.15), point(120.16, 30.28))
    warnings = []
    rows = read_features(path, on_warning=warnings.append)
    assert [row.number for row in rows] == [1, 3]
    assert [(warning.code, warning.facts["row"]) for warning in warnings] == [("gis.bad_position", 2)]


def test_metres_in_a_geographic_file_are_refused_by_name(tmp_path):
    path = geojson(tmp_path / "x.geojson", point(514777.4, 3351983.1))
    with pytest.raises(BadInput, match="metres, not degrees"):
        read_features(path, on_warning=never)


def test_a_bow_tie_keeps_both_its_areas(tmp_path):
    ring = [[120.0, 30.0], [120.002, 30.002], [120.002, 30.0], [120.0, 30.002], [120.0, 30.0]]
    warnings = []
    path = geojson(tmp_path / "x.geojson", {"type": "Polygon", "coordinates": [ring]})
    (row,) = read_features(path, on_warning=warnings.append)
    assert row.geometry.geom_type == "MultiPolygon"
    assert row.geometry.area == pytest.approx(2e-6)
    assert [warning.code for warning in warnings] == ["gis.repaired"]


def test_a_ring_of_two_points_is_reported_and_the_row_stays(tmp_path):
    ring = [[120.0, 30.0], [120.002, 30.002]]
    warnings = []
    path = geojson(tmp_path / "x.geojson", {"type": "Polygon", "coordinates": [ring]}, point(120, 30))
    rows = read_features(path, on_warning=warnings.append)
    assert [row.geometry is None for row in rows] == [True, False]
    told = [(warning.code, warning.facts.get("row")) for warning in warnings]
    assert told == [("gis.remark", None), ("gis.bad_geometry", 1)]


def test_a_feature_without_shape_is_kept_and_reported(tmp_path):
    warnings = []
    rows = read_features(geojson(tmp_path / "x.geojson", None, point(120, 30)), on_warning=warnings.append)
    assert rows[0].geometry is None
    assert rows[0].properties == {"n": 1}
    assert [warning.code for warning in warnings] == ["gis.no_geometry"]


def test_height_moves_out_of_the_shape(tmp_path):
    line = {"type": "LineString", "coordinates": [[120, 30, 8.5], [120.1, 30, 7.25]]}
    rows = read_features(geojson(tmp_path / "x.geojson", point(120, 30, 12.5), line), on_warning=never)
    assert [row.z for row in rows] == [12.5, 7.25]
    assert not any(row.geometry.has_z for row in rows)


def test_heights_that_are_all_zero_are_not_known(tmp_path):
    warnings = []
    path = geojson(tmp_path / "x.geojson", point(120, 30, 0), point(120, 30.1, 0))
    assert [row.z for row in read_features(path, on_warning=warnings.append)] == [None, None]
    assert [warning.code for warning in warnings] == ["gis.flat_z"]


def test_a_frame_named_by_hand_wins_and_says_so(tmp_path):
    warnings = []
    path = geojson(tmp_path / "x.geojson", point(514777.411, 3351983.077), crs="EPSG:4548")
    (row,) = read_features(path, crs="EPSG:4549", on_warning=warnings.append)
    assert (row.geometry.x, row.geometry.y) == pytest.approx((120.1536, 30.2874), abs=1e-7)
    assert [warning.code for warning in warnings] == ["gis.crs_overridden"]


def test_web_map_degrees_are_brought_back_when_named(tmp_path):
    path = geojson(tmp_path / "x.geojson", point(121.531541859215, 31.17530398364597))
    (row,) = read_features(path, crs="GCJ-02", on_warning=never)
    assert (row.geometry.x, row.geometry.y) == pytest.approx((121.5272106, 31.1774276), abs=1e-7)


def test_an_integer_column_with_gaps_stays_integer(tmp_path):
    features = [{"type": "Feature", "geometry": point(120, 30), "properties": {"层数": n}} for n in (18, None)]
    (tmp_path / "x.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}), "utf-8")
    values = [row.properties["层数"] for row in read_features(tmp_path / "x.geojson", on_warning=never)]
    assert values == [18, None]
    assert isinstance(values[0], int)


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [("x.zip", b"PK", "gis.unreadable"), ("x.geojson", b"", "gis.empty"), ("x.shp", b"\0" * 100, "gis.unreadable")],
)
def test_what_cannot_be_a_map_is_refused_by_name(tmp_path, name, content, code):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput) as refused:
        read_features(tmp_path / name, on_warning=never)
    assert refused.value.code == code
    assert refused.value.cure


def test_a_file_that_is_not_there_is_not_found(tmp_path):
    with pytest.raises(NotFound, match=r"gis\.no_file"):
        read_features(tmp_path / "x.gpkg", on_warning=never)


def test_an_unknown_frame_is_refused(tmp_path):
    with pytest.raises(BadInput) as refused:
        read_features(geojson(tmp_path / "x.geojson", point(120, 30)), crs="EPSG:999999", on_warning=never)
    assert refused.value.code == "gis.unknown_crs"
