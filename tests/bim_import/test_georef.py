"""Positions agree with PROJ, and what cannot be meant is refused with a reason."""

import math
from dataclasses import replace

import numpy as np
import pyproj
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bim_import.georef import MapConversion, SitePosition, default_place, solve, solve_map_conversion, solve_site
from bim_import.model import Placement
from gis.errors import BadInput

HANGZHOU = MapConversion(
    source="IfcMapConversion #1",
    crs_name="EPSG:4549",
    eastings=514777.411,
    northings=3351983.077,
    height=5.2,
    abscissa=math.cos(math.radians(33)),
    ordinate=math.sin(math.radians(33)),
    map_unit_m=1.0,
    vertical_datum="1985",
)
GLOBE = pyproj.Geod(ellps="GRS80")


def apart_m(one, other):
    return GLOBE.inv(*one, *other)[2]


def by_proj_pipeline(stated, point, scale=1.0):
    """The same conversion by PROJ's own operators: a Helmert in the plane, then the inverse projection."""
    turn = math.degrees(math.atan2(stated.ordinate, stated.abscissa)) * 3600
    pipeline = pyproj.Transformer.from_pipeline(
        f"+proj=pipeline +step +proj=helmert +x={stated.eastings} +y={stated.northings} +theta={-turn} +s={scale} "
        "+step +inv +proj=tmerc +lat_0=0 +lon_0=120 +k=1 +x_0=500000 +y_0=0 +ellps=GRS80 "
        "+step +proj=unitconvert +xy_in=rad +xy_out=deg"
    )
    return pipeline.transform(*point)


@given(
    x=st.floats(-500, 500),
    y=st.floats(-500, 500),
    turn=st.floats(-180, 180),
    scale=st.sampled_from([1.0, 0.9996, 1.0002]),
)
def test_a_turned_conversion_lands_where_an_independent_pipeline_puts_it(x, y, turn, scale):
    stated = replace(
        HANGZHOU, abscissa=math.cos(math.radians(turn)), ordinate=math.sin(math.radians(turn)), scale=scale
    )
    frame = solve_map_conversion(stated).frame
    assert apart_m(frame.lonlat([x, y])[0], by_proj_pipeline(stated, (x, y), scale)) < 0.001


def test_the_published_check_value_of_the_projection_comes_back():
    lon, lat = solve_map_conversion(HANGZHOU).frame.lonlat([0, 0])[0]
    assert (lon, lat) == pytest.approx((120.1536, 30.2874), abs=2e-8)


@pytest.mark.parametrize(("scale", "doubts"), [(0.001, []), (1000.0, ["ifc.scale"]), (None, []), (1.0, [])])
def test_millimetre_models_land_on_one_place_whichever_way_scale_is_meant(scale, doubts):
    solution = solve_map_conversion(replace(HANGZHOU, project_unit_m=0.001, scale=scale))
    assert apart_m(solution.frame.lonlat([30, 40])[0], by_proj_pipeline(HANGZHOU, (30, 40))) < 0.001
    assert [notice.code for notice in solution.notices] == doubts


def test_the_scale_factor_of_the_projection_survives_the_change_of_units():
    stated = replace(HANGZHOU, project_unit_m=0.001, scale=0.0009996)
    assert solve_map_conversion(stated).georeference.scale == pytest.approx(0.9996)


def test_eastings_in_millimetres_are_seen_though_metres_are_declared():
    stated = replace(HANGZHOU, eastings=HANGZHOU.eastings * 1000, northings=HANGZHOU.northings * 1000, height=5200)
    solution = solve_map_conversion(stated)
    assert solution.notices[0].code == "ifc.map_unit"
    assert solution.frame.height_offset_m == pytest.approx(5.2)
    assert apart_m(solution.frame.lonlat([0, 0])[0], (120.1536, 30.2874)) < 0.01


def test_a_crs_in_feet_is_fed_feet():
    stated = MapConversion(
        source="#1", crs_name="EPSG:2240", eastings=1920390.0, northings=1813871.0, project_unit_m=1200 / 3937
    )
    expected = pyproj.Transformer.from_crs(2240, 4326, always_xy=True).transform(1920390.0, 1813871.0)
    assert apart_m(solve_map_conversion(stated).frame.lonlat([0, 0])[0], expected) < 0.01


def test_the_world_coordinate_system_is_the_point_that_is_placed():
    stated = replace(HANGZHOU, origin_m=(1000.0, 2000.0, 10.0))
    frame = solve_map_conversion(stated).frame
    assert apart_m(frame.lonlat([1000, 2000])[0], (120.1536, 30.2874)) < 0.01
    assert frame.height_m(10.0) == pytest.approx(5.2)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"eastings": 0.0, "northings": 0.0}, "ifc.zero_conversion"),
        ({"crs_name": ""}, "ifc.unknown_crs"),
        ({"crs_name": "EPSG:4490"}, "ifc.not_projected"),
        ({"eastings": 3351983.077, "northings": 514777.411}, "ifc.outside_crs"),
    ],
)
def test_a_conversion_that_cannot_be_meant_is_refused(change, code):
    solution = solve_map_conversion(replace(HANGZHOU, **change))
    assert solution.frame is None
    assert [notice.code for notice in solution.notices] == [code]


def test_swapped_eastings_are_called_by_name():
    notice = solve_map_conversion(replace(HANGZHOU, eastings=3351983.077, northings=514777.411)).notices[0]
    assert "swapped" in notice.message


def test_zone_numbers_in_the_eastings_fit_a_crs_that_has_them():
    stated = replace(HANGZHOU, crs_name="EPSG:4528", eastings=40514777.411)
    assert apart_m(solve_map_conversion(stated).frame.lonlat([0, 0])[0], (120.1536, 30.2874)) < 0.01


def test_the_receipt_counts_the_bearing_from_true_north():
    georeference = solve_map_conversion(HANGZHOU).georeference
    ahead = by_proj_pipeline(HANGZHOU, (0, 100))
    assert georeference.rotation_deg == pytest.approx(GLOBE.inv(120.1536, 30.2874, *ahead)[0] % 360, abs=1e-3)
    assert georeference.height_datum == "1985"


@given(east=st.floats(-200, 200), north=st.floats(-200, 200), bearing=st.floats(-179, 179), lat=st.floats(-80, 80))
def test_a_site_turns_about_its_own_origin_by_true_north(east, north, bearing, lat):
    origin = (17.0, -4.0, 2.0)
    true_north = (-math.sin(math.radians(bearing)), math.cos(math.radians(bearing)))
    site = SitePosition(
        source="#1", lon_deg=120.0, lat_deg=lat, elevation_m=9.0, origin_m=origin, true_north=true_north
    )
    frame = solve_site(site).frame
    distance = math.hypot(east, north)
    expected = GLOBE.fwd(120.0, lat, math.degrees(math.atan2(east, north)), distance)[:2]
    local = (
        origin[0] + east * true_north[1] + north * true_north[0],
        origin[1] - east * true_north[0] + north * true_north[1],
    )
    assert apart_m(frame.lonlat(local)[0], expected) < 0.01
    assert frame.height_m(2.0) == 9.0


def test_a_malformed_true_north_is_said_and_not_followed():
    site = SitePosition(source="#1", lon_deg=120.0, lat_deg=30.0, true_north=(2.0, 6.1e-17, 1.0))
    solution = solve_site(site)
    assert [notice.code for notice in solution.notices] == ["ifc.true_north"]
    assert solution.georeference.rotation_deg == pytest.approx(0)


@pytest.mark.parametrize(
    ("lon", "lat"),
    [(0, 0), (-71.0597763, 42.358429), (-71.033, 42.213), (-0.1262362, 51.5001526), (13.4, 52.5166667),
     (54.4166667, 24.4666667), (5.3833333, 52.15)],
)  # fmt: skip
def test_where_tools_put_every_model_is_no_position(lon, lat):
    assert default_place(lon, lat)
    assert solve_site(SitePosition(source="#1", lon_deg=lon, lat_deg=lat)).frame is None


def test_two_statements_far_apart_are_remarked_and_the_first_is_used():
    site = SitePosition(source="IfcSite #2", lon_deg=116.0, lat_deg=40.0)
    solution = solve([HANGZHOU], [site])
    assert solution.georeference.method == "map_conversion"
    assert [notice.code for notice in solution.notices] == ["ifc.positions_differ"]


def test_a_refused_conversion_leaves_the_word_to_the_site():
    solution = solve([replace(HANGZHOU, crs_name="")], [SitePosition(source="s", lon_deg=120.0, lat_deg=30.0)])
    assert solution.georeference.method == "site"
    assert solution.notices[0].code == "ifc.unknown_crs"


def test_a_given_placement_overrides_the_position_and_keeps_the_stated_height():
    solution = solve([HANGZHOU], [], Placement(121.0, 31.0, 90.0))
    assert solution.georeference.method == "given"
    assert solution.frame.height_offset_m == pytest.approx(5.2)
    ahead = solution.frame.lonlat([0, 100])[0]
    assert GLOBE.inv(121.0, 31.0, *ahead)[0] == pytest.approx(90, abs=1e-6)


def test_a_given_height_overrides_the_stated_one():
    assert solve([HANGZHOU], [], Placement(121.0, 31.0, 0.0, 42.0)).frame.height_m(1.0) == 43.0


@pytest.mark.parametrize("values", [(181, 0), (0, 95), (30, 120), (0, 0, 400), (math.nan, 0)])
def test_a_placement_off_the_globe_is_refused(values):
    with pytest.raises(BadInput) as fault:
        Placement(*values)
    assert fault.value.code == "ifc.bad_placement"


def test_shapes_keep_their_size():
    square = np.array([[0, 0], [50, 0], [50, 50], [0, 50]])
    lons, lats = solve_map_conversion(HANGZHOU).frame.lonlat(square).T
    assert abs(GLOBE.polygon_area_perimeter(lons, lats)[0]) == pytest.approx(2500, rel=1e-4)


def test_a_site_with_its_angles_swapped_is_called_by_name():
    swapped = solve([HANGZHOU], [SitePosition(source="IfcSite #2", lon_deg=30.2874, lat_deg=89.0)])
    assert [notice.code for notice in swapped.notices] == ["ifc.positions_differ"]
    karlsruhe = replace(HANGZHOU, crs_name="EPSG:32632", eastings=459000.0, northings=5439000.0)
    lon, lat = solve_map_conversion(karlsruhe).frame.lonlat([0, 0])[0]
    notices = solve([karlsruhe], [SitePosition(source="IfcSite #2", lon_deg=lat, lat_deg=lon)]).notices
    assert [notice.code for notice in notices] == ["ifc.site_swapped"]
    alone = solve([], [SitePosition(source="IfcSite #2", lon_deg=30.2874, lat_deg=120.1536)])
    assert alone.frame is None
    assert "swapped" in alone.notices[0].message


@pytest.mark.parametrize(
    ("bearing", "codes"),
    [(-33.0, []), (33.0, ["ifc.north_mirrored"]), (80.0, ["ifc.norths_differ"]), (0.0, [])],
)
def test_two_directions_of_north_are_compared_unless_one_is_what_every_tool_writes(bearing, codes):
    site = SitePosition(
        source="IfcSite #2",
        lon_deg=120.1536,
        lat_deg=30.2874,
        true_north=(-math.sin(math.radians(bearing)), math.cos(math.radians(bearing))),
    )
    assert [notice.code for notice in solve([HANGZHOU], [site]).notices] == codes


def test_factors_that_mirror_the_model_are_refused():
    assert [notice.code for notice in solve_map_conversion(replace(HANGZHOU, mirrored=True)).notices] == [
        "ifc.mirrored"
    ]


@given(x=st.floats(-1e6, 1e6), y=st.floats(-1e6, 1e6), turn=st.floats(-180, 180))
def test_local_to_degrees_and_back_is_where_it_was(x, y, turn):
    stated = replace(HANGZHOU, abscissa=math.cos(math.radians(turn)), ordinate=math.sin(math.radians(turn)))
    for frame in (solve_map_conversion(stated).frame, solve([], [], Placement(120.15, 30.28, turn)).frame):
        assert frame.local_m(frame.lonlat([x, y]))[0] == pytest.approx((x, y), abs=1e-5)
