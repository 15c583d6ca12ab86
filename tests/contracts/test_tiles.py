"""What a tile holds of a layer, whichever store draws it: read back and held against shapely."""

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gis.tilegrid import Tile
from gis.write import mvt
from tests.contracts.test_store import HOUR, NOON, building, put
from tests.gis.vector_tile import layers, shape

LON, LAT = 120.155, 30.28
ZOOMS = (0, 6, 11, 13, 14, 16, 20)
UNIT = 1.0


def drawn(store, tile, shown=None):
    """Features by id: properties, and the geometry in units of the tile."""
    found = store.tile("building", shown, tile)
    features = layers(found.content).get("building", [])
    assert len(features) == found.count
    return {values["id"]: (values, shape(kind, parts)) for _, values, kind, parts in features}


def there(geometry, tile):
    return shapely.transform(geometry, lambda points: tile.units(points, mvt.EXTENT))


def sized(tile, x, y, width, height):
    """A rectangle by parts of a tile's side, from its south-west corner."""
    west, south, east, north = tile.bounds()
    side, rise = east - west, north - south
    west, south = west + x * side, south + y * rise
    return shapely.box(west, south, west + width * side, south + height * rise)


@pytest.mark.parametrize("zoom", ZOOMS)
def test_what_lies_in_a_tile_comes_back_where_it_was(store, zoom):
    tile = Tile.holding(LON, LAT, zoom)
    west, south, east, north = tile.bounds()
    house = sized(tile, 0.2, 0.1, 0.3, 0.7).difference(sized(tile, 0.3, 0.3, 0.1, 0.1))
    road = shapely.LineString([(west, south), ((west + east) / 2, (south * 2 + north) / 3), (east, north)])
    hydrants = shapely.MultiPoint(
        [(west + (east - west) * part, north - (north - south) * part) for part in (0.2, 0.7)]
    )
    put(store, *(building(f"B-{n}", geometry=one) for n, one in enumerate((house, road, hydrants, None))))
    found = drawn(store, tile)
    assert set(found) == {"B-0", "B-1", "B-2"}
    for number, given_shape in enumerate((house, road, hydrants)):
        assert found[f"B-{number}"][1].hausdorff_distance(there(given_shape, tile)) <= UNIT


def test_what_reaches_beyond_a_tile_is_cut_at_its_margin_and_what_lies_outside_is_not_there(store):
    tile = Tile.holding(LON, LAT, 15)
    put(
        store,
        building("in", geometry=sized(tile, 0.4, 0.4, 0.1, 0.1)),
        building("margin", geometry=sized(tile, 1.005, 0.4, 0.2, 0.1)),
        building("out", geometry=sized(tile, 1.1, 0.4, 0.2, 0.1)),
        building("wide", geometry=sized(tile, -3, -3, 7, 7)),
        building("earth", geometry=shapely.box(-180, -90, 180, 90)),
    )
    found = drawn(store, tile)
    assert set(found) == {"in", "margin", "wide", "earth"}
    for name in ("wide", "earth"):
        assert found[name][1].bounds == (-64, -64, 4160, 4160)
    assert found["margin"][1].bounds[2] == 4160
    assert drawn(store, Tile(0, 0, 0))["earth"][1].area == pytest.approx(4096**2, rel=0.05)


def test_a_tile_shows_what_stands_now(store, clock):
    tile = Tile.holding(LON, LAT, 15)
    old, new = sized(tile, 0.1, 0.1, 0.1, 0.1), sized(tile, 0.5, 0.5, 0.1, 0.1)
    put(store, building("moved", geometry=old), building("ended", geometry=old))
    put(store, building("coming", geometry=old, valid_from=NOON + 5 * HOUR))
    clock.now += HOUR
    put(store, building("moved", geometry=new))
    store.write(lambda tx: tx.end("building", "ended", clock.now)).result()
    clock.now += HOUR
    found = drawn(store, tile)
    assert set(found) == {"moved"}
    assert found["moved"][1].hausdorff_distance(there(new, tile)) <= UNIT
    assert store.tile("device", None, tile) == mvt.Drawn(b"", 0, 0)


SAID = {"文": "甲", "n": 3, "x": 2.5, "low": -(2**62), "huge": 2**70, "yes": True, "no": False, "empty": ""}
UNSAID = {"none": None, "list": [1, "乙"], "object": {"a": 1}, "name": "another", "id": "X"}


def test_attributes_keep_their_values_and_never_hide_a_member(store):
    tile = Tile.holding(LON, LAT, 17)
    spot = shapely.Point(LON, LAT)
    member = {"name": "安和里1幢", "place": "P-1", "storey": -1, "z_min_m": 4.5, "z_max_m": 22.25}
    put(store, building("B-0", geometry=spot, attributes={**SAID, **UNSAID}, **member))
    put(store, building("B-1", geometry=spot, attributes={"n": "text here"}), building("B-2", geometry=spot))
    found = {key: values for key, (values, _) in drawn(store, tile).items()}
    assert found["B-0"] == {**SAID, **member, "id": "B-0"}
    assert found["B-1"] == {"id": "B-1", "place": "B-1", "n": "text here"}
    assert found["B-2"] == {"id": "B-2", "place": "B-2"}
    assert isinstance(found["B-0"]["yes"], bool)


def test_of_attributes_only_those_that_may_be_told_are_in_a_tile(store):
    tile = Tile.holding(LON, LAT, 17)
    put(store, building("B-0", geometry=shapely.Point(LON, LAT), attributes={**SAID, **UNSAID}))
    assert drawn(store, tile, {"n", "list", "id", "gone"})["B-0"][0] == {"id": "B-0", "place": "B-0", "n": 3}
    assert drawn(store, tile, ())["B-0"][0] == {"id": "B-0", "place": "B-0"}


def test_a_feature_has_the_same_number_in_every_tile_and_no_other_has_it(store):
    tile = Tile.holding(LON, LAT, 16)
    put(store, *(building(f"B-{n}", geometry=sized(tile, n / 50, -0.5, 0.01, 2)) for n in range(40)))

    def numbers(at):
        found = layers(store.tile("building", None, at).content)["building"]
        return {values["id"]: number for number, values, _, _ in found}

    here = numbers(tile)
    assert numbers(Tile(16, tile.row + 1, tile.column)) == here
    assert len(set(here.values())) == 40
    assert all(0 <= number < 2**53 for number in here.values())


@pytest.mark.parametrize(("limit", "most"), [("MAX_FEATURES", 3), ("MAX_POINTS", 19)])
def test_of_what_does_not_fit_the_largest_are_drawn_and_the_rest_is_counted(store, monkeypatch, limit, most):
    tile = Tile.holding(LON, LAT, 16)
    put(store, *(building(f"B-{n}", geometry=sized(tile, 0.1, 0.1, 0.05 * n, 0.1)) for n in (1, 5, 2, 4, 3)))
    monkeypatch.setattr(mvt, limit, most)
    found = store.tile("building", None, tile)
    held = {values["id"] for _, values, _, _ in layers(found.content)["building"]}
    assert (found.count, found.dropped, held) == (3, 2, {"B-3", "B-4", "B-5"})


def test_broken_geometry_is_mended_or_left_out_and_spoils_no_tile(store):
    tile = Tile.holding(LON, LAT, 16)
    whole = sized(tile, 0.5, 0.5, 0.2, 0.2)
    west, south, east, north = sized(tile, 0.1, 0.1, 0.2, 0.2).bounds
    tie = shapely.Polygon([(west, south), (east, north), (east, south), (west, north)])
    speck = sized(tile, 0.5, 0.5, 0.00001, 0.00001)
    put(store, *(building(f"B-{n}", geometry=one) for n, one in enumerate((whole, tie, speck, shapely.Polygon()))))
    found = drawn(store, tile)
    assert {"B-0", "B-1"} == set(found)
    assert found["B-1"][1].is_valid
    assert found["B-1"][1].area == pytest.approx(0.02 * 4096**2, rel=0.02)


def test_long_outlines_are_told_with_fewer_points_and_lie_where_they_did(store):
    tile = Tile.holding(LON, LAT, 14)
    lake = sized(tile, 0.3, 0.3, 0.3, 0.3).centroid.buffer(0.004, quad_segs=2000)
    put(store, building("B-0", geometry=lake))
    (_, seen) = drawn(store, tile)["B-0"]
    assert shapely.get_num_coordinates(seen) < 400
    assert seen.hausdorff_distance(there(lake, tile)) <= mvt.TOLERANCE + 2 * UNIT


SIDES = st.tuples(*[st.floats(-0.4, 1.2)] * 2, *[st.floats(0.01, 1.0)] * 2)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(zoom=st.integers(5, 22), sides=st.lists(SIDES, min_size=1, max_size=30))
def test_a_tile_is_the_same_as_by_brute_force(store, zoom, sides):
    tile = Tile.holding(LON, LAT, zoom)
    houses = {f"B-{n}": sized(tile, *one) for n, one in enumerate(sides)}
    put(store, *(building(key, geometry=one) for key, one in houses.items()))
    for key in {f"B-{n}" for n in range(30)} - set(houses):
        store.write(lambda tx, key=key: tx.end("building", key, NOON)).result()
    margin = shapely.box(-mvt.BUFFER, -mvt.BUFFER, mvt.EXTENT + mvt.BUFFER, mvt.EXTENT + mvt.BUFFER)
    wanted = {key: there(one, tile).intersection(margin) for key, one in houses.items()}
    found = {key: seen for key, (_, seen) in drawn(store, tile).items()}
    for key, one in wanted.items():
        if one.area > 0 and min(np.diff(np.reshape(one.bounds, (2, 2)), axis=0)[0]) > 2 * UNIT:
            assert found[key].hausdorff_distance(one) <= UNIT
        elif key in found:
            assert one.distance(found[key]) <= 2 * UNIT
