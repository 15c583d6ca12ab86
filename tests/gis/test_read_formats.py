"""The same ten buildings in every format are the same rows, wherever the format's axes, alphabet and units."""

import shutil

import numpy as np
import pyproj
import pytest
import shapely

from gis.datum import Datum, convert
from gis.errors import BadInput
from gis.read import check_near, read_features
from tests.gis import corpus

METRES = pyproj.Transformer.from_crs("OGC:CRS84", corpus.ZONE, always_xy=True).transform


def never(warning):
    raise AssertionError(warning)


def read(write, folder, on_warning=never, **options):
    return read_features(write(folder), **{**corpus.options_of(write), **options}, on_warning=on_warning)


def on_ground(geometry):
    return shapely.transform(geometry, lambda points: np.column_stack(METRES(*points.T)))


@pytest.mark.parametrize("write", corpus.AREAS)
def test_ten_buildings_come_back_where_they_stand_within_a_centimetre(write, tmp_path):
    rows = read(write, tmp_path)
    drawn = corpus.buildings()[0]
    shapes = [shapely.Polygon(shape.exterior) for shape in drawn] if write is corpus.dxf else drawn
    found = [on_ground(row.geometry) for row in rows]
    apart = [min(shapely.hausdorff_distance(shape, other) for other in found) for shape in shapes]
    assert len(found) == 10
    assert max(apart) < 0.01
    assert shapely.area(found).sum() == pytest.approx(shapely.area(shapes).sum(), rel=1e-4)


@pytest.mark.parametrize("write", [write for write in (*corpus.AREAS, *corpus.POINTS) if write is not corpus.dxf])
def test_chinese_names_and_values_come_back_in_every_format(write, tmp_path):
    rows = read(write, tmp_path)
    told = sorted(
        ([str(row.properties[name]).removesuffix(".0") for name in corpus.COLUMNS] for row in rows),
        key=lambda cells: int(cells[2]),
    )
    assert told == [[str(value).removesuffix(".0") for value in row.values()] for row in corpus.buildings()[1]]


@pytest.mark.parametrize("write", corpus.POINTS)
def test_tables_give_points_inside_the_buildings(write, tmp_path):
    points = [on_ground(row.geometry) for row in read(write, tmp_path)]
    assert all(shape.contains(point) for shape, point in zip(corpus.buildings()[0], points, strict=True))


@pytest.mark.parametrize("write", corpus.AREAS)
def test_what_a_file_is_its_bytes_say_and_not_its_name(write, tmp_path):
    path = write(tmp_path)
    if write is corpus.shp:
        return  # its parts find one another by name
    (tmp_path / "other").mkdir()
    other = shutil.move(path, tmp_path / "other" / "data.dat")
    assert len(read_features(other, **corpus.options_of(write), on_warning=never)) == 10


@pytest.mark.parametrize("write", [corpus.gpkg, corpus.fgb, corpus.shp, corpus.parquet, corpus.dxf, corpus.citygml, corpus.cityjson])  # fmt: skip
def test_a_frame_with_zone_number_named_for_coordinates_without_is_refused_in_every_format(write, tmp_path):
    with pytest.raises(BadInput, match="zone number") as refused:
        read(write, tmp_path, crs="EPSG:4528", on_warning=lambda _: None)
    assert "EPSG:4549" in refused.value.cure


@pytest.mark.parametrize("write", [corpus.gpkg, corpus.fgb, corpus.parquet, corpus.citygml, corpus.cityjsonseq])
def test_degrees_shifted_as_web_maps_do_are_told_by_their_displacement(write, tmp_path):
    west, south, east, north = shapely.total_bounds(corpus.in_degrees())
    lon, lat = convert(np.array([west, east]), np.array([south, north]), Datum.GCJ02, Datum.WGS84)
    rows = read(write, tmp_path)
    check_near(rows, (west, south, east, north), 0.05, file="a")
    with pytest.raises(BadInput, match="GCJ02"):
        check_near(rows, (lon[0], lat[0], lon[1], lat[1]), 0.05, file="a")


@pytest.mark.parametrize("order", [(1, 0), (0, 1)])
@pytest.mark.parametrize("name", [f"urn:ogc:def:crs:EPSG::{corpus.ZONE}", f"http://www.opengis.net/def/crs/EPSG/0/{corpus.ZONE}", f"EPSG:{corpus.ZONE}"])  # fmt: skip
def test_axes_are_read_in_the_order_in_which_they_make_sense(name, order, tmp_path):
    told = []
    rows = read_features(corpus.citygml(tmp_path, name, order), on_warning=told.append)
    assert shapely.hausdorff_distance(on_ground(rows[0].geometry), corpus.buildings()[0][0]) < 0.01
    as_stated = (1, 0) if "def" in name else (0, 1)
    assert [warning.code for warning in told] == ([] if order == as_stated else ["gis.axis_order"])


def test_a_drawing_says_no_frame_and_tells_its_layers(tmp_path):
    path = corpus.dxf(tmp_path)
    with pytest.raises(BadInput, match=r"gis\.no_crs"):
        read_features(path, on_warning=never)
    with pytest.raises(BadInput, match=r"gis\.which_layer.*建筑, 注记"):
        read_features(path, crs="EPSG:4549", layer="道路", on_warning=never)
    rows = read_features(path, crs="EPSG:4549", on_warning=never)
    assert [row.properties["layer"] for row in rows] == ["建筑"] * 10 + ["注记"]
    assert (rows[-1].properties["text"], rows[-1].geometry.geom_type) == ("一号楼", "Point")


@pytest.mark.parametrize("version", ["1.0", "1.1", "2.0"])
def test_every_version_of_cityjson_is_read(version, tmp_path):
    assert len(read_features(corpus.cityjson(tmp_path, version), on_warning=never)) == 10


@pytest.mark.parametrize("write", [corpus.citygml, corpus.cityjson, corpus.cityjsonseq])
def test_a_city_model_gives_ground_and_height(write, tmp_path):
    rows = read(write, tmp_path)
    assert [row.z for row in rows] == [12.0] * 10
    assert [row.properties["height"] for row in rows] == [row["楼高"] for row in corpus.buildings()[1]]
