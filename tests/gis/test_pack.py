"""The binary block is what it was packed from, and a graphics card can use it as it is."""

import json
import struct

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from gis.errors import BadInput
from gis.pack import pack_features, unpack

METRE = 1e-5  # about one metre in degrees; the tests need shapes, not geodesy


def _yard(x: float, y: float, size: float, hole: float) -> shapely.Polygon:
    """A square with a square hole of `hole` times its size in the middle."""
    shell = shapely.box(x, y, x + size, y + size)
    margin = size * (1 - hole) / 2
    return shell.difference(shapely.box(x + margin, y + margin, x + size - margin, y + size - margin))


def _triangle_area(pack, feature: int) -> float:
    arrays = pack.arrays
    row = arrays["polygon.feature"].tolist().index(feature)
    first, last = arrays["polygon.start"][row : row + 2]
    corners = arrays["polygon.triangles"].reshape(-1, 3)
    mine = corners[(corners[:, 0] >= first) & (corners[:, 0] < last)]
    a, b, c = (arrays["polygon.positions"][mine[:, i], :2].astype(float) for i in range(3))
    cross = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    return float(np.abs(cross).sum() / 2)


polygons = st.builds(
    _yard,
    st.floats(116.30, 116.34),
    st.floats(39.90, 39.93),
    st.floats(10 * METRE, 80 * METRE),
    st.floats(0.2, 0.8),
)
blobs = st.builds(
    lambda x, y, r: shapely.Point(x, y).buffer(r, quad_segs=5),
    st.floats(116.30, 116.34),
    st.floats(39.90, 39.93),
    st.floats(10 * METRE, 80 * METRE),
)


@given(st.lists(st.one_of(polygons, blobs), min_size=1, max_size=8))
def test_triangles_cover_exactly_the_area_of_each_polygon(shapes):
    pack = unpack(pack_features([str(i) for i in range(len(shapes))], shapes))
    for index, shape in enumerate(shapes):
        assert _triangle_area(pack, index) == pytest.approx(shape.area, rel=2e-4)


@given(st.lists(polygons, min_size=2, max_size=4))
def test_a_multipolygon_is_one_feature_with_the_area_of_all_its_parts(parts):
    shape = shapely.union_all(parts)
    pack = unpack(pack_features(["site"], [shape]))
    assert pack.arrays["polygon.feature"].tolist() == [0]
    assert _triangle_area(pack, 0) == pytest.approx(shape.area, rel=2e-4)


def test_no_triangle_lies_in_the_hole():
    pack = unpack(pack_features(["yard"], [_yard(116.3, 39.9, 50 * METRE, 0.5)]))
    corners = pack.arrays["polygon.positions"][pack.arrays["polygon.triangles"], :2].reshape(-1, 3, 2)
    middle = corners.mean(axis=1) + np.array(pack.origin[:2])
    hole = shapely.box(*(np.array([116.3, 39.9] * 2) + np.array([13, 13, 37, 37]) * METRE))
    assert not shapely.contains_xy(hole, middle[:, 0], middle[:, 1]).any()


def test_rings_are_closed_outer_rings_clockwise_and_a_wall_ends_with_its_ring():
    pack = unpack(pack_features(["yard"], [_yard(116.3, 39.9, 50 * METRE, 0.5)]))
    ends = np.flatnonzero(pack.arrays["polygon.wall"] == 0)
    positions = pack.arrays["polygon.positions"]
    rings = [positions[: ends[0] + 1, :2], positions[ends[0] + 1 : ends[1] + 1, :2]]
    assert [ring[0].tolist() == ring[-1].tolist() for ring in rings] == [True, True]
    assert [shapely.LinearRing(ring).is_ccw for ring in rings] == [False, True]


@given(st.floats(-0.045, 0.045), st.floats(-0.045, 0.045))
def test_five_kilometres_from_the_origin_a_position_is_true_to_a_millimetre(east, north):
    corners = [shapely.Point(116.3, 39.9), shapely.Point(116.3 + east, 39.9 + north)]
    pack = unpack(pack_features(["a", "b"], corners))
    back = pack.arrays["point.positions"][:, :2].astype(float) + np.array(pack.origin[:2])
    metres = np.abs(back - shapely.get_coordinates(corners)) * np.array([85_000, 111_000])
    assert metres.max() < 0.001


def test_heights_start_at_the_lowest_known_and_unknown_ones_stay_unknown():
    here = shapely.Point(116.3, 39.9)
    pack = unpack(pack_features(["a", "b", "c"], [here] * 3, z_min_m=[45.5, None, 51.0], z_max_m=[48.5, None, None]))
    assert pack.origin[2] == 45.0
    assert pack.arrays["point.positions"][:, 2].tolist() == [0.5, 0.0, 6.0]
    np.testing.assert_array_equal(pack.arrays["z_min"], np.array([45.5, np.nan, 51.0], dtype="f4"))
    np.testing.assert_array_equal(pack.arrays["z_max"], np.array([48.5, np.nan, np.nan], dtype="f4"))


def test_storeys_below_ground_are_negative_and_none_is_zero():
    pack = unpack(pack_features(["a", "b", "c"], [None] * 3, storeys=[-2, None, 33]))
    assert pack.arrays["storey"].tolist() == [-2, 0, 33]
    assert pack.origin == (None, None, None)


def test_points_lines_and_polygons_of_one_layer_keep_who_they_belong_to():
    shapes = [
        shapely.GeometryCollection(
            [shapely.Point(1, 1), shapely.MultiLineString([[(0, 0), (1, 1)], [(2, 2), (3, 3)]])]
        ),
        None,
        shapely.box(0, 0, 1, 1),
        shapely.Polygon(),
        shapely.MultiPoint([(4, 4), (5, 5)]),
    ]
    arrays = unpack(pack_features(list("abcde"), shapes)).arrays
    assert arrays["point.feature"].tolist() == [0, 4, 4]
    assert arrays["line.feature"].tolist() == [0, 0]
    assert arrays["line.start"].tolist() == [0, 2, 4]
    assert arrays["polygon.feature"].tolist() == [2]


columns = st.lists(
    st.one_of(st.none(), st.booleans(), st.text(max_size=5), st.integers(-(2**40), 2**40)), min_size=1, max_size=12
)


@given(columns)
def test_columns_come_back_as_they_went_in(values):
    pack = unpack(pack_features([str(i) for i in range(len(values))], [None] * len(values), columns={"usage": values}))
    assert pack.columns["usage"] == values


def test_names_and_places_are_columns_too():
    pack = unpack(pack_features(["a", "b"], [None, None], names=["甲", None], places=["N51-0", "N51-0"]))
    assert pack.columns == {"name": ["甲", None], "place": ["N51-0", "N51-0"]}


def test_a_word_used_often_is_written_once():
    block = pack_features([str(i) for i in range(500)], [None] * 500, columns={"usage": ["卧室"] * 500})
    assert block.count("卧室".encode()) == 1


def test_the_same_features_give_the_same_bytes():
    def build():
        return pack_features(["a"], [_yard(116.3, 39.9, 50 * METRE, 0.5)], columns={"name": ["甲"]})

    assert build() == build()


def test_every_array_can_be_viewed_in_place():
    block = pack_features(["甲乙", "b"], [shapely.box(0, 0, 1, 1), shapely.Point(1, 1)], storeys=[1, 2])
    (length,) = struct.unpack_from("<I", block, 4)
    header = json.loads(block[8 : 8 + length])
    assert block[:4] == b"LFP1"
    assert [(8 + length + spec["offset"]) % 8 for spec in header["arrays"].values()] == [0] * len(header["arrays"])


@pytest.mark.parametrize("given_column", [{"columns": {"use": ["x"]}}, {"storeys": [1]}, {"z_min_m": [1.0]}])
def test_a_column_of_another_length_is_refused(given_column):
    with pytest.raises(BadInput) as fault:
        pack_features(["a", "b"], [None, None], **given_column)
    assert fault.value.code == "pack.ragged"


@pytest.mark.parametrize("cut", [0, 3, 12, -8])
def test_bytes_cut_off_are_not_mistaken_for_a_block(cut):
    block = pack_features(["a"], [shapely.box(0, 0, 1, 1)])[:cut]
    with pytest.raises(BadInput) as fault:
        unpack(block)
    assert fault.value.code == "pack.not_lfp1"
