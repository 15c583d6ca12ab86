"""Datums and projections, against published points, an independent implementation and the EPSG check value."""

import itertools
import json
import math
from pathlib import Path

import numpy as np
import prcoords
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS, Transformer

from gis.datum import Datum, cgcs2000_zone, convert, convert_geometry, to_crs84
from gis.errors import BadInput
from gis.local import distance_m

VECTORS = json.loads((Path(__file__).parents[1] / "golden" / "spacecode_vectors.json").read_text("utf-8"))

longitudes = st.floats(73, 135)
latitudes = st.floats(4, 53)
pairs = st.sampled_from(list(itertools.permutations(Datum, 2)))


@pytest.mark.parametrize("point", VECTORS["gcj02"]["points"])
def test_gcj02_reproduces_the_published_points(point):
    assert convert(*point["wgs84"], "wgs84", "gcj02") == pytest.approx(point["gcj02"], abs=1e-13)
    assert convert(*point["gcj02"], "gcj02", "wgs84") == pytest.approx(point["wgs84"], abs=1e-10)


@given(longitudes, latitudes)
def test_forward_shifts_agree_with_an_independent_implementation(lon, lat):
    for target, oracle in ((Datum.GCJ02, prcoords.wgs_gcj), (Datum.BD09, prcoords.wgs_bd)):
        theirs = oracle((lat, lon))
        assert convert(lon, lat, Datum.WGS84, target) == pytest.approx((theirs.lon, theirs.lat), abs=1e-12)


@given(longitudes, latitudes, pairs)
def test_a_position_comes_back_from_every_datum_within_a_centimetre(lon, lat, pair):
    source, target = pair
    assert convert(*convert(lon, lat, source, target), target, source) == pytest.approx((lon, lat), abs=1e-9)


def test_ten_thousand_positions_are_converted_at_once():
    rng = np.random.default_rng(1)
    lon, lat = rng.uniform(118, 123, 10_000), rng.uniform(27, 31, 10_000)
    back = convert(*convert(lon, lat, "wgs84", "bd09"), "bd09", "wgs84")
    assert np.abs(np.array(back) - np.array([lon, lat])).max() < 1e-9


def test_the_shift_at_hangzhou_is_half_a_kilometre_south_east():
    lon, lat = convert(120.1536, 30.2874, "wgs84", "gcj02")
    assert distance_m(120.1536, 30.2874, lon, 30.2874) == pytest.approx(452, abs=1)
    assert distance_m(120.1536, 30.2874, 120.1536, lat) == pytest.approx(258, abs=1)
    assert lon > 120.1536
    assert lat < 30.2874


@pytest.mark.parametrize(("lon", "lat"), [(2.35, 48.86), (30.2874, 120.1536), (math.nan, 30), (120, math.inf)])
def test_a_position_outside_china_is_refused(lon, lat):
    with pytest.raises(BadInput, match=r"datum\.outside_china") as caught:
        convert([120, lon], [30, lat], "gcj02", "wgs84")
    assert caught.value.facts == {"index": 1}


def test_geometries_and_arrays_of_them_change_datum_and_lose_z():
    footprint = shapely.box(120, 30, 120.001, 30.001)
    moved = convert_geometry(np.array([shapely.force_3d(footprint, 5.0), None]), "wgs84", "gcj02")
    assert moved[1] is None
    assert not moved[0].has_z
    assert convert_geometry(moved[0], "gcj02", "wgs84").equals_exact(footprint, 1e-9)


def test_the_zhejiang_zone_reproduces_its_check_value():
    point = to_crs84(shapely.Point(514777.411, 3351983.077), 4549)
    assert (point.x, point.y) == pytest.approx((120.1536, 30.2874), abs=1e-8)


def test_latitude_first_registers_are_read_longitude_first():
    for crs in ("EPSG:4326", "EPSG:4490", CRS.from_epsg(4490), "OGC:CRS84"):
        assert to_crs84(shapely.Point(120.1536, 30.2874, 9), crs).equals_exact(shapely.Point(120.1536, 30.2874), 1e-12)


@pytest.mark.parametrize("prefix", [False, True])
@pytest.mark.parametrize("zone", [25, 31, 40, 41, 45])
def test_a_3_degree_zone_is_named_by_its_longitudes_and_leads_back(zone, prefix):
    lon = zone * 3 + 1.2
    epsg = cgcs2000_zone(lon, prefix=prefix)
    crs = CRS.from_epsg(epsg)
    assert ("zone" in crs.name) == prefix
    assert crs.name.endswith(f"zone {zone}" if prefix else f"CM {zone * 3}E")
    lat = (crs.area_of_use.south + crs.area_of_use.north) / 2
    east, north = Transformer.from_crs("OGC:CRS84", crs, always_xy=True).transform(lon, lat)
    assert to_crs84(shapely.Point(east, north), epsg).distance(shapely.Point(lon, lat)) < 1e-8


def test_zones_meet_half_way_between_central_meridians():
    assert [cgcs2000_zone(lon) for lon in (73.5, 118.4999, 118.5, 121.4999, 121.5, 136.4999)] == [
        4534,
        4548,
        4549,
        4549,
        4550,
        4554,
    ]


@pytest.mark.parametrize("lon", [73.49, 136.5, -120, math.nan])
def test_a_longitude_without_zone_is_refused(lon):
    with pytest.raises(BadInput, match=r"datum\.no_zone"):
        cgcs2000_zone(lon)


@pytest.mark.parametrize(
    ("point", "crs"),
    [
        ((3351983.077, 514777.411), 4549),
        ((514777.411, 3351983.077), 4528),
        ((30.2874, 120.1536), "EPSG:4326"),
        ((514777.411, 3351983.077), 4490),
        ((math.inf, 0), 4549),
    ],
    ids=["axes swapped", "another zone", "latitude first", "metres taken for degrees", "infinite"],
)
def test_a_position_far_outside_its_crs_is_refused(point, crs):
    with pytest.raises(BadInput, match=r"datum\.outside_crs"):
        to_crs84(shapely.Point(point), crs)


@pytest.mark.parametrize("crs", ["EPSG:999999", "", "Hangzhou 2000", 0])
def test_an_unknown_crs_is_refused_by_name(crs):
    with pytest.raises(BadInput, match=r"datum\.unknown_crs") as caught:
        to_crs84(shapely.Point(0, 0), crs)
    assert caught.value.facts["crs"] == str(crs)
