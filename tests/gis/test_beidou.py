"""The BeiDou grid code against the printed values of GB/T 39409-2020, and the properties it must keep."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis import beidou, height_code
from gis.errors import BadInput

VECTORS = json.loads((Path(__file__).parents[1] / "golden" / "spacecode_vectors.json").read_text("utf-8"))

longitudes = st.floats(-180, 180)
latitudes = st.floats(-87.9999, 87.9999)
levels = st.sampled_from(beidou.LEVELS)


def degrees(dms):
    whole, minutes, seconds = dms
    return math.copysign(abs(whole) + minutes / 60 + seconds / 3600, whole)


@pytest.mark.parametrize("vector", VECTORS["plane"], ids=lambda vector: vector["published"])
def test_the_plane_code_reproduces_every_published_value(vector):
    lon, lat = degrees(vector["lon"]), degrees(vector["lat"])
    for code in vector["codes"]:
        assert beidou.encode(lon, lat, beidou.level_of(code)) == code


def test_the_3d_code_reproduces_table_1():
    solid = VECTORS["solid"]
    lon, lat = beidou.decode(solid["plane"]).centre
    assert beidou.encode_3d(lon, lat, solid["height_m"], 10) == solid["code"]
    assert beidou.decode_3d(solid["code"]).cell.code == solid["plane"]
    assert beidou.decode_3d(solid["code"]).bottom_m == 0


def test_the_layers_reproduce_annex_c():
    printed = VECTORS["layers_km"]

    def height_km(n):
        return height_code.layer_bottom_m(n * beidou.PER_DEGREE) / 1000

    for n, km in printed["H"].items():
        assert height_km(int(n)) == pytest.approx(km, rel=1e-13)
    for n, km in printed["r"].items():
        assert height_km(int(n)) + height_code.EARTH_RADIUS_M / 1000 == pytest.approx(km, rel=1e-9)
    for n, km in printed["h"].items():
        assert height_km(int(n)) - height_km(int(n) - 1) == pytest.approx(km, rel=1e-9)
    for n, km in printed["L"].items():
        assert height_km(int(n) + 1) - height_km(int(n)) == pytest.approx(km, rel=1e-9)


@pytest.mark.parametrize(("height_m", "code"), VECTORS["heights"]["codes"].items())
def test_heights_are_coded_as_other_programs_do(height_m, code):
    assert height_code.encode_height(float(height_m), 10) == code


@given(longitudes, latitudes, levels)
def test_a_cell_holds_the_position_it_was_coded_from(lon, lat, level):
    west, south, east, north = beidou.decode(beidou.encode(lon, lat, level)).bounds
    slack = 2e-13
    assert west - slack <= lon <= east + slack
    assert south - slack <= lat <= north + slack


@given(longitudes, latitudes, levels)
def test_the_middle_of_a_cell_codes_to_the_cell(lon, lat, level):
    cell = beidou.decode(beidou.encode(lon, lat, level))
    assert beidou.encode(*cell.centre, level) == cell.code
    assert beidou.decode(cell.code) == cell


@given(longitudes, latitudes, levels)
def test_a_prefix_is_the_containing_cell(lon, lat, level):
    fine, coarse = beidou.encode(lon, lat, 10), beidou.encode(lon, lat, level)
    assert fine.startswith(coarse)
    assert beidou.decode(coarse).polygon.buffer(1e-12).covers(beidou.decode(fine).polygon)


def test_a_cell_corner_in_decimal_degrees_codes_to_its_own_cell():
    rng = np.random.default_rng(7)
    east = rng.integers(0, 180 * beidou.PER_DEGREE, 100_000)
    north = rng.integers(0, 88 * beidou.PER_DEGREE, 100_000)
    codes = beidou.encode_many(east / beidou.PER_DEGREE, north / beidou.PER_DEGREE, 10)
    for index in range(0, 100_000, 97):
        cell = beidou.decode(str(codes[index]))
        assert (cell.west, cell.south) == (east[index], north[index])


@pytest.mark.parametrize(
    ("lon", "lat", "code"),
    [
        (0.0, 0.0, "N31A"),
        (-0.0, -0.0, "N31A"),
        (-1e-9, -1e-9, "S30A"),
        (180.0, 0.0, "N60A"),
        (-180.0, 0.0, "N01A"),
        (119.99999, 30.0, "N50H"),
        (120.00001, 30.0, "N51H"),
        (5.999, 87.999, "N31V"),
    ],
)
def test_the_lines_between_hemispheres_and_zones_belong_to_one_side(lon, lat, code):
    assert beidou.encode(lon, lat, 1) == code
    assert beidou.encode(lon, lat, 10).startswith(code)


def test_the_easternmost_and_the_westernmost_cell_touch_the_180th_meridian():
    assert beidou.decode(beidou.encode(180, 10, 10)).bounds[2] == 180
    assert beidou.decode(beidou.encode(-180, 10, 10)).bounds[0] == -180


@pytest.mark.parametrize(("lon", "lat"), [(120, 88), (120, -88), (180.1, 0), (math.nan, 0), (0, math.inf)])
def test_a_position_outside_the_grid_is_refused(lon, lat):
    with pytest.raises(BadInput, match=r"beidou\.outside") as caught:
        beidou.encode_many([120, lon], [30, lat], 7)
    assert caught.value.facts == {"index": 1}


@pytest.mark.parametrize("level", [0, 11, 7.5])
def test_an_unknown_level_is_refused(level):
    with pytest.raises(BadInput, match=r"beidou\.level"):
        beidou.encode(120, 30, level)


@pytest.mark.parametrize(
    ("code", "position"),
    [
        ("X51H", 0),
        ("N5OH", 2),
        ("N00H", 2),
        ("N61H", 2),
        ("N51W", 3),
        ("N51h", 3),
        ("N51HC4", 4),
        ("N51H08", 5),
        ("N51H046", 6),
        ("N51H0429A", 8),
        ("N51H0429F3", None),
        ("N51H0429733282", 13 - 1),
        ("N51H042973323８", 13),
    ],
)
def test_a_damaged_code_is_refused_naming_the_position(code, position):
    with pytest.raises(BadInput, match=r"beidou\.bad_") as caught:
        beidou.decode(code)
    assert caught.value.facts.get("position") == position


@given(longitudes, latitudes, levels)
def test_neighbours_know_each_other(lon, lat, level):
    code = beidou.encode(lon, lat, level)
    around = beidou.ring(code)
    assert len(set(around)) == len(around)
    assert len(around) in (5, 8)
    assert code not in around
    assert all(code in beidou.ring(neighbour) for neighbour in around)


def test_neighbours_cross_the_equator_greenwich_and_the_180th_meridian():
    assert set(beidou.ring("N31A")) == {"S30A", "S31A", "S32A", "N30A", "N32A", "N30B", "N31B", "N32B"}
    assert {"N01A", "N01B", "S01A"} < set(beidou.ring("N60A"))


@given(longitudes, latitudes, levels)
def test_a_ring_touches_its_cell_on_the_map(lon, lat, level):
    cell = beidou.decode(beidou.encode(lon, lat, level))
    for neighbour in map(beidou.decode, beidou.ring(cell.code)):
        away = abs(neighbour.centre[0] - cell.centre[0])
        across = cell.bounds[2] - cell.bounds[0]
        assert min(away, 360 - away) <= across * (1 + 1e-6)


@given(longitudes, latitudes, st.floats(-11_000, 2_000_000), levels)
def test_the_3d_cell_holds_the_height_it_was_coded_from(lon, lat, height_m, level):
    code = beidou.encode_3d(lon, lat, height_m, level)
    solid = beidou.decode_3d(code)
    assert solid.bottom_m - 1e-6 <= height_m <= solid.top_m + 1e-6
    assert solid.cell.code == beidou.encode(lon, lat, level)
    assert len(code) == (7, 10, 12, 15, 18, 20, 23, 26, 29, 32)[level - 1]


def test_layer_thickness_near_the_ground_is_that_of_the_formula():
    bottom_m, top_m = height_code.decode_height(height_code.encode_height(1.0, 7))
    assert top_m - bottom_m == pytest.approx(7.664, abs=0.001)


def test_the_hexadecimal_digit_f_occurs_and_is_read():
    code = height_code.encode_height(1900.0, 10)
    assert "F" in code
    bottom_m, top_m = height_code.decode_height(code)
    assert bottom_m <= 1900 <= top_m


def test_basements_are_written_as_sign_and_magnitude_and_come_back():
    assert height_code.encode_height(-10.0, 10) == "100000001235"
    bottom_m, top_m = height_code.decode_height("100000001235")
    assert bottom_m <= -10.0 < top_m


def test_the_first_cell_below_the_ellipsoid_ends_at_it():
    assert height_code.decode_height("100")[1] == 0
    assert height_code.decode_height("100000000001")[1] == 0


@pytest.mark.parametrize("code", ["N251H00", "N051H64", "N051H0004029", "N051H00048"])
def test_a_damaged_3d_code_is_refused(code):
    with pytest.raises(BadInput, match=r"beidou\.bad_"):
        beidou.decode_3d(code)


@pytest.mark.parametrize("height_m", [math.nan, math.inf, -math.inf, -6_378_137.0, 1e12])
def test_a_height_outside_the_grid_is_refused(height_m):
    with pytest.raises(BadInput, match=r"beidou\.height"):
        beidou.encode_3d(120, 30, height_m, 7)
