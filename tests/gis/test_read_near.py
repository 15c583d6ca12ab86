"""A layer in the wrong place is refused, with the likely mistake named."""

import pytest
import shapely

from gis.errors import BadInput
from gis.read import Row, check_near

COMMUNITY = (120.14, 30.28, 120.16, 30.30)


def rows(*points):
    return [Row(number, shapely.Point(point)) for number, point in enumerate(points, 1)]


def refusal(*points, max_km=5.0, crs=None):
    with pytest.raises(BadInput) as refused:
        check_near(rows(*points), COMMUNITY, max_km, file="pois.csv", crs=crs)
    assert refused.value.code == "gis.wrong_place"
    assert refused.value.cure
    return refused.value


def test_a_layer_inside_or_close_by_passes():
    check_near(rows((120.15, 30.29)), COMMUNITY, 1, file="pois.csv")
    check_near(rows((120.17, 30.29)), COMMUNITY, 1, file="pois.csv")


def test_a_layer_larger_than_the_community_passes():
    check_near(rows((100.0, 20.0), (120.15, 30.29)), COMMUNITY, 1, file="pois.csv")


def test_a_layer_of_another_city_is_refused_with_the_distance():
    error = refusal((121.47, 31.23))
    assert error.facts["distance_km"] == pytest.approx(163, abs=3)


def test_a_layer_one_zone_off_names_the_right_zone():
    error = refusal((117.15, 30.29), crs="EPSG:4548")
    assert "--crs EPSG:4549" in error.cure


def test_a_layer_shifted_like_a_web_map_is_recognised():
    from gis.datum import convert

    lon, lat = convert(120.1402, 30.2801, "wgs84", "gcj02")
    error = refusal((float(lon) - 0.025, float(lat)), max_km=0.3)
    assert "gcj02" not in error.cure
    lon, lat = convert(120.1599, 30.2801, "wgs84", "gcj02")
    assert "--crs gcj02" in refusal((float(lon), float(lat)), max_km=0.2).cure


def test_swapped_axes_are_recognised_where_they_stay_on_earth():
    with pytest.raises(BadInput, match="latitude stands before longitude"):
        check_near(rows((43.73, 7.42)), (7.41, 43.72, 7.44, 43.75), 5, file="monaco.csv")
