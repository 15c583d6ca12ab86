"""Ways from a room through doors and stairs to the street, of a small house whose lengths are known."""

import pytest
import shapely

from gis.errors import NotFound
from gis.local import LocalFrame
from twin.feature import Feature
from twin.walking import walking

FRAME = LocalFrame(120.15, 30.28)
HOUSE = "N51H0429733232-0"
FLAT, HALL_UP, HALL_DOWN, CELLAR = (f"{HOUSE}-U00-{part}" for part in ("F02-R0201", "F02-R0200", "F01-R0100", "B01-R1"))


def at(x, y):
    lon, lat = FRAME.to_degrees(x, y)
    return float(lon), float(lat)


def feature(layer, name, geometry, place=None, **attributes):
    return Feature(layer=layer, id=name, community="c", geometry=geometry, place=place, attributes=attributes)


def connection(name, kind, start, end, where, **more):
    ends = {"kind": kind, "from_space": start, "to_space": end, "evacuation": kind not in ("lift", "escalator")}
    return feature("connection", name, shapely.Point(at(*where)), start, **ends, **more)


DOORS = [
    connection("flat-door", "door", FLAT, HALL_UP, (10, 10)),
    connection("stair", "stair", HALL_DOWN, HALL_UP, (14, 10), rise_m=3.0),
    connection("lift", "lift", HALL_DOWN, HALL_UP, (11, 10), rise_m=3.0),
    connection("front-door", "door", HALL_DOWN, "outside", (14, 0)),
    connection("hatch", "door", CELLAR, f"{CELLAR}B", (50, 50)),
]
SPACES = [feature("space", FLAT, shapely.Point(at(6, 10)), FLAT)]
STREET = [feature("walkway", "street", shapely.LineString([at(-100, -5), at(100, -5)]))]
SHOP_DOOR = feature("entrance", "shop", shapely.Point(at(60, -3)), "N51H0000000000-0-U02")


@pytest.fixture(scope="module")
def town():
    return walking(STREET, [SHOP_DOOR], DOORS, SPACES)


def start(town, key, layer="space"):
    geometry = shapely.Point(at(200, -5))
    return town.starts(Feature(layer=layer, id=key, community="c", geometry=geometry))


def test_the_way_out_leads_through_the_flats_door_down_the_stair_and_never_by_lift(town):
    (begin,) = start(town, FLAT)
    assert begin.indoors
    route = town.network.route(begin.at, at(100, -5))
    assert [leg.id for leg in route.legs] == [FLAT, "flat-door", HALL_UP, "stair", HALL_DOWN, "front-door", "street"]
    assert route.length_m == pytest.approx(4 + 4 + 3 * 3 + 10 + 5 + 86, abs=0.2)


def test_a_closed_stair_leaves_no_way_although_the_lift_stands_open(town):
    assert town.network.route(FLAT, at(100, -5), closed={"stair"}) is None


def test_a_closed_room_is_not_walked_through(town):
    assert town.network.route(FLAT, at(100, -5), closed={HALL_DOWN}) is None


def test_a_room_whose_doors_do_not_lead_outside_begins_at_the_buildings_exit(town):
    (begin,) = start(town, CELLAR)
    assert not begin.indoors
    assert begin.at == "front-door>"


def test_a_place_without_doors_in_the_twin_begins_at_its_entrance(town):
    (begin,) = start(town, "N51H0000000000-0-U02-F03-R0301")
    assert (begin.indoors, begin.at) == (False, pytest.approx(at(60, -3)))


def test_a_place_outdoors_begins_where_it_lies(town):
    (begin,) = start(town, "N51H0000000001", "grid")
    assert begin.at == pytest.approx(at(200, -5))


def test_a_place_that_nobody_knows_the_way_into_is_named(town):
    with pytest.raises(NotFound) as caught:
        town.starts(Feature(layer="space", id="N51H0000000009-0-U00-F01-R1", community="c"))
    assert caught.value.code == "network.no_entrance"
