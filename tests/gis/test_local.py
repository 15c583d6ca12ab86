"""Metres around a place, against the geodesic."""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from gis.errors import BadInput
from gis.local import LocalFrame, area_m2, bbox_around, buffer_m, distance_m, metres_from

longitudes = st.floats(73, 136)
latitudes = st.floats(3, 54)
reaches = st.floats(-5000, 5000)


@given(longitudes, latitudes, reaches, reaches)
def test_metres_come_back_to_the_same_millimetre(lon, lat, x_m, y_m):
    frame = LocalFrame(lon, lat)
    back = frame.to_metres(*frame.to_degrees(x_m, y_m))
    assert back == pytest.approx((x_m, y_m), abs=1e-4)


@given(longitudes, latitudes, reaches, reaches)
def test_plane_and_geodesic_lengths_agree_within_millimetres(lon, lat, x_m, y_m):
    away = LocalFrame(lon, lat).to_degrees(x_m, y_m)
    assert distance_m(lon, lat, *away) == pytest.approx(np.hypot(x_m, y_m), abs=0.003)


def test_area_agrees_with_the_ellipsoid_whichever_way_the_ring_runs():
    court = shapely.box(120, 30, 120.02, 30.02).difference(shapely.box(120.005, 30.005, 120.01, 30.01))
    true_m2 = abs(Geod(ellps="GRS80").geometry_area_perimeter(shapely.orient_polygons(court))[0])
    assert area_m2(court) == pytest.approx(true_m2, rel=1e-6)
    assert area_m2(court.reverse()) == pytest.approx(true_m2, rel=1e-6)


def test_a_frame_moves_arrays_with_gaps_and_drops_z():
    frame = LocalFrame(120, 30)
    moved = frame.forward(np.array([shapely.Point(120, 30, 7), None]))
    assert moved[1] is None
    assert not moved[0].has_z
    assert frame.inverse(moved)[0].equals_exact(shapely.Point(120, 30), 1e-12)


def test_a_frame_around_nothing_is_refused():
    with pytest.raises(BadInput, match=r"local\.origin"):
        LocalFrame.around(None, shapely.Point())


@given(longitudes, st.floats(-89, 89), st.floats(0, 359), st.floats(1, 50_000))
def test_the_box_holds_the_circle(lon, lat, bearing, radius_m):
    west, south, east, north = bbox_around(lon, lat, radius_m)
    there_lon, there_lat, _ = Geod(ellps="GRS80").fwd(lon, lat, bearing, radius_m)
    assert west - 1e-9 <= there_lon <= east + 1e-9
    assert south - 1e-9 <= there_lat <= north + 1e-9


def test_the_box_is_at_most_one_percent_too_large():
    _, _, east, north = bbox_around(120, 30, 1000)
    assert distance_m(120, 30, 120, north) < 1010
    assert distance_m(120, 30, east, 30) < 1010


def test_the_box_never_leaves_the_earth():
    assert bbox_around(0, 89.999, 5000) == (-180.0, pytest.approx(89.954, abs=0.001), 180.0, 90.0)
    assert bbox_around(0, 0, 30_000_000) == (-180.0, -90.0, 180.0, 90.0)


def test_a_buffer_holds_what_is_within_the_radius_and_no_more():
    ring = buffer_m(shapely.Point(120, 30), 100)
    frame = LocalFrame(120, 30)
    assert ring.contains(shapely.Point(*frame.to_degrees(99.9, 0)))
    assert not ring.contains(shapely.Point(*frame.to_degrees(0, 100.1)))


def test_one_frame_serves_many_threads():
    frame = LocalFrame(120.5, 30.5)
    with ThreadPoolExecutor(8) as pool:
        xs = list(pool.map(lambda step: float(frame.to_metres(120.5 + step * 1e-4, 30.5)[0]), range(400)))
    assert xs == sorted(xs)
    assert xs[0] == pytest.approx(0, abs=1e-6)


@given(lon=st.floats(73, 135), lat=st.floats(3, 54), bearing=st.floats(0, 360), distance=st.floats(0, 10_000))
def test_metres_from_a_position_agree_with_the_geodesic(lon, lat, bearing, distance):
    there_lon, there_lat, _ = Geod(ellps="GRS80").fwd(lon, lat, bearing, distance)
    east, north = metres_from(lon, lat, there_lon, there_lat)
    assert math.hypot(east, north) == pytest.approx(distance, abs=0.005)
