"""A model without a position is put in place by points, or by its outline on a footprint; what is in doubt is refused."""

import math
import shutil
import subprocess

import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bim_import.fitting import fit_outline, poses
from bim_import.frame import frame_at
from bim_import.georef import MapConversion, solve_map_conversion
from bim_import.model import Placement
from bim_import.pairs import PointPair, placement_from_pairs, read_pair
from gis.errors import BadInput, Conflict
from gis.local import LocalFrame

HERE = Placement(120.1536, 30.2874, 33.0)
ELL = shapely.Polygon([(0, 0), (20, 0), (20, 8), (8, 8), (8, 30), (0, 30)])


def apart_m(one, other):
    frame = LocalFrame(*map(float, one))
    return math.hypot(*(float(value) for value in frame.to_metres(*other)))


def pairs_at(placement, *points):
    return [PointPair(x, y, *place) for (x, y), place in zip(points, frame_at(placement).lonlat(points), strict=True)]


def refusal(work, kind=BadInput):
    with pytest.raises(kind) as fault:
        work()
    return fault.value


# --- points ---------------------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(
    points=st.lists(st.tuples(st.floats(-300, 300), st.floats(-300, 300)), min_size=2, max_size=6),
    bearing=st.floats(-180, 180),
    far=st.sampled_from([0.0, 5e5, 3.4e6]),
)
def test_pairs_recover_any_turn_and_shift_however_far_the_models_origin_is(points, bearing, far):
    spread = np.ptp(np.array(points), axis=0).max()
    assume(spread > 3)
    origin = (far, far / 2)
    there = Placement(120.1536, 30.2874, bearing, origin_m=origin)
    moved = [(x + origin[0], y + origin[1]) for x, y in points]
    found = placement_from_pairs(pairs_at(there, *moved))
    assert max(found.evidence["residuals_m"]) < 0.001
    for point in moved:
        assert apart_m(frame_at(found).lonlat([point])[0], frame_at(there).lonlat([point])[0]) < 0.001


def test_points_clicked_a_little_off_share_their_error_and_the_receipt_tells_each():
    good = pairs_at(HERE, (0, 0), (40, 0), (40, 20), (0, 20))
    off = PointPair(good[0].x_m, good[0].y_m + 0.8, good[0].lon_deg, good[0].lat_deg)
    found = placement_from_pairs([off, *good[1:]])
    assert 0.3 < max(found.evidence["residuals_m"]) < 0.8
    assert found.bearing_deg == pytest.approx(33, abs=1)
    assert found.statement == "4 pairs of points"


@pytest.mark.parametrize(
    ("factor", "word"), [(1000, "millimetres"), (1 / 0.3048, "feet"), (1.4, "0.7143 times as large")]
)
def test_points_in_another_unit_are_refused_by_its_name(factor, word):
    wrong = [PointPair(p.x_m * factor, p.y_m * factor, p.lon_deg, p.lat_deg) for p in pairs_at(HERE, (0, 0), (40, 25))]
    fault = refusal(lambda: placement_from_pairs(wrong))
    assert fault.code == "ifc.pairs_disagree"
    assert word in fault.message


def test_three_pairs_with_the_axes_swapped_are_refused_by_that_name():
    swapped = [
        PointPair(p.y_m, p.x_m, p.lon_deg, p.lat_deg) for p in pairs_at(HERE, (0, 0), (40, 0), (40, 25), (0, 25))
    ]
    fault = refusal(lambda: placement_from_pairs(swapped))
    assert fault.code == "ifc.pairs_mirrored"
    assert "swapped" in fault.message


@pytest.mark.parametrize(
    ("points", "code"),
    [([(0, 0)], "ifc.too_few_pairs"), ([(0, 0), (0.2, 0)], "ifc.pairs_coincide"), ([], "ifc.too_few_pairs")],
)
def test_too_few_and_too_near_points_decide_nothing(points, code):
    assert refusal(lambda: placement_from_pairs(pairs_at(HERE, *points) if points else [])).code == code


@pytest.mark.parametrize(
    ("text", "crs", "words"),
    [
        ("0,0=30.28,120.15", None, "swapped"),
        ("0,0", None, "is not X,Y=LON,LAT"),
        ("0=0,120.15,30.28", None, "is not X,Y=LON,LAT"),
        ("0,nan=120.15,30.28", None, "is not X,Y=LON,LAT"),
        ("0,0=514777.4,3351983.1", None, "is no longitude"),
        ("0,0=3351983.1,514777.4", "EPSG:4549", "swapped"),
    ],
)
def test_a_pair_that_cannot_be_meant_says_why(text, crs, words):
    fault = refusal(lambda: read_pair(text, crs))
    assert fault.code == "ifc.bad_pair"
    assert words in fault.message


def test_the_ground_may_be_given_in_a_zone_with_its_number():
    plain = read_pair("1,2=514777.411,3351983.077", "EPSG:4549")
    zoned = read_pair("1,2=40514777.411,3351983.077", "EPSG:4528")
    assert (zoned.lon_deg, zoned.lat_deg) == pytest.approx((plain.lon_deg, plain.lat_deg), abs=1e-10)
    assert refusal(lambda: read_pair("0,0=1,2", "site grid")).code == "crs.unknown"


# --- outlines -------------------------------------------------------------------------------------------------------


@st.composite
def rectilinear(draw):
    """A building of two to five rectangular wings that touch."""
    shape = shapely.box(0, 0, draw(st.floats(10, 40)), draw(st.floats(8, 15)))
    for _ in range(draw(st.integers(1, 4))):
        x, y = draw(st.floats(0, 30)), draw(st.floats(0, 12))
        shape = shape.union(shapely.box(x, y, x + draw(st.floats(5, 15)), y + draw(st.floats(5, 30))))
    assume(shape.geom_type == "Polygon")
    return shape


@settings(max_examples=12, deadline=None)
@given(shape=rectilinear(), bearing=st.floats(0, 359), east=st.floats(-50, 50), north=st.floats(-50, 50))
def test_a_fit_recovers_any_turn_and_shift_of_an_outline(shape, bearing, east, north):
    target = shapely.affinity.translate(shapely.affinity.rotate(shape, -bearing, origin=(0, 0)), east, north)
    found = poses(shape, target)
    assert found[0].iou > 0.999
    alike = [pose for pose in found if pose.iou > 0.99]
    turned = min(alike, key=lambda pose: abs((pose.bearing_deg - bearing + 180) % 360 - 180))
    assert (turned.bearing_deg - bearing + 180) % 360 - 180 == pytest.approx(0, abs=0.05)
    middle = shapely.get_coordinates(target.centroid)[0]
    assert math.hypot(turned.x_m - middle[0], turned.y_m - middle[1]) < 0.02


def test_a_rectangle_is_not_guessed_but_told_with_both_bearings():
    slab = shapely.box(0, 0, 60, 12)
    fault = refusal(lambda: fit_outline(slab, shapely.affinity.rotate(slab, -20)), Conflict)
    assert fault.code == "ifc.fit_ambiguous"
    assert [
        round(one["bearing_deg"]) for one in sorted(fault.facts["candidates"], key=lambda one: one["bearing_deg"])
    ] == [20, 200]


@pytest.mark.parametrize(
    ("known", "decided_by"), [({"bearing_deg": 190.0}, "bearing"), ({"true_north_deg": -165.0}, "true_north")]
)
def test_a_bearing_decides_between_the_two_ends_of_a_rectangle(known, decided_by):
    slab = shapely.box(0, 0, 60, 12)
    pose, evidence = fit_outline(slab, shapely.affinity.rotate(slab, -20), **known)
    assert pose.bearing_deg == pytest.approx(200, abs=0.01)
    assert evidence["decided_by"] == decided_by
    assert evidence["runner_up"]["bearing_deg"] == pytest.approx(20, abs=0.01)


def test_a_true_north_that_contradicts_the_outline_does_not_move_it():
    pose, evidence = fit_outline(ELL, shapely.affinity.rotate(ELL, -20), true_north_deg=110.0)
    assert pose.bearing_deg == pytest.approx(20, abs=0.01)
    assert evidence["decided_by"] == "outline"


def test_a_terrace_that_only_the_model_has_does_not_pull_it_aside():
    pose, evidence = fit_outline(ELL.union(shapely.box(20, 0, 24, 6)), ELL)
    assert pose.bearing_deg % 360 == pytest.approx(0, abs=0.5) or pose.bearing_deg == pytest.approx(360, abs=0.5)
    with_terrace = shapely.get_coordinates(ELL.union(shapely.box(20, 0, 24, 6)).centroid)[0]
    assert (pose.x_m, pose.y_m) == pytest.approx(with_terrace, abs=0.2)
    assert 0.9 < evidence["iou"] < 0.97


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_an_outline_of_another_size_is_refused_with_both_areas(factor):
    fault = refusal(lambda: fit_outline(shapely.affinity.scale(ELL, factor, factor), ELL))
    assert fault.code == "ifc.fit_poor"
    assert fault.facts["footprint_m2"] == pytest.approx(ELL.area, abs=0.1)


def test_a_bearing_no_pose_agrees_with_is_refused():
    assert refusal(lambda: fit_outline(ELL, ELL, bearing_deg=45.0)).code == "ifc.fit_poor"


# --- proof ----------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("gdaltransform") is None, reason="gdaltransform of GDAL's own tools is not installed")
@pytest.mark.parametrize(
    ("crs", "east", "north", "turn_deg", "scale", "unit_m"),
    [
        ("EPSG:4549", 514777.411, 3351983.077, 0.0, None, 1.0),
        ("EPSG:4549", 514777.411, 3351983.077, 33.0, 0.001, 0.001),
        ("EPSG:4528", 40514777.411, 3351983.077, -118.5, 1.0, 1.0),
        ("EPSG:4548", 447130.0, 4417900.0, 12.25, 1.00014, 1.0),
        ("EPSG:4527", 39447130.0, 4417900.0, 12.25, 0.00100014, 0.001),
        ("EPSG:32650", 448251.9, 4417900.0, 200.0, 0.9996, 1.0),
        ("EPSG:32760", 400000.0, 5400000.0, 60.0, 0.9996, 1.0),
    ],
)
def test_control_points_agree_with_the_transformation_program_of_another_project(
    crs, east, north, turn_deg, scale, unit_m
):
    stated = MapConversion(
        source="#1", crs_name=crs, eastings=east, northings=north, scale=scale, map_unit_m=1.0, project_unit_m=unit_m,
        abscissa=math.cos(math.radians(turn_deg)), ordinate=math.sin(math.radians(turn_deg)),
    )  # fmt: skip
    local = np.array([(0, 0), (120, 0), (120, 80), (-40, 300), (2000, -1500)], dtype=float)
    factor = 1.0 if scale is None else scale / unit_m if scale < 0.1 else scale
    turned = local @ [1, 1j] * factor * np.exp(1j * math.radians(turn_deg)) + complex(east, north)
    lines = "\n".join(f"{point.real:.6f} {point.imag:.6f}" for point in turned)
    command = ["gdaltransform", "-s_srs", crs, "-t_srs", "OGC:CRS84", "-output_xy"]
    said = subprocess.run(command, input=lines, capture_output=True, text=True, check=True).stdout
    expected = np.array([line.split() for line in said.splitlines()], dtype=float)
    found = solve_map_conversion(stated).frame.lonlat(local)
    assert max(apart_m(one, other) for one, other in zip(found, expected, strict=True)) < 0.005
