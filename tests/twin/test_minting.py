"""New codes: unique, and the same whatever the order of the input."""

import math

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely import Point, affinity, box

from gis import beidou
from gis.errors import BadInput, Conflict
from twin.feature import PlaceDraft
from twin.minting import building_codes, derive_grid, mint_spaces, offset_key, room_key, storey_key, unit_key
from twin.spacecode import SpaceCode

LON, LAT = 120.1536, 30.2874
METRE = 1e-5
STOREY = "N51H0429733232-0-U01-F05"
CENTRE = Point(LON, LAT)

# Footprints so near to one another that many share a grid cell.
footprints = st.builds(
    lambda x, y, width, depth: box(
        LON + x * METRE, LAT + y * METRE, LON + (x + width) * METRE, LAT + (y + depth) * METRE
    ),
    st.integers(0, 20),
    st.integers(0, 20),
    st.integers(1, 8),
    st.integers(1, 8),
)
doors = st.sampled_from([None, "501", "0501", "501室", "502", "10001", "大厅"])
rooms = st.lists(st.tuples(doors, st.none() | footprints), max_size=12).map(
    lambda items: [
        PlaceDraft(kind="space", key=f"room-{at}", room=door, geometry=shape) for at, (door, shape) in enumerate(items)
    ]
)


def test_the_anchor_of_a_courtyard_building_may_lie_in_the_court():
    court = box(LON, LAT, LON + 4e-4, LAT + 4e-4).difference(box(LON + 1e-4, LAT + 1e-4, LON + 3e-4, LAT + 3e-4))
    assert derive_grid(court) == beidou.encode(LON + 2e-4, LAT + 2e-4, 7)


@pytest.mark.parametrize("shape", [Point(LON, LAT), shapely.Polygon(), shapely.LineString([(120, 30), (121, 31)])])
def test_a_footprint_without_area_gets_no_code(shape):
    with pytest.raises(BadInput, match=r"code\.no_area") as caught:
        building_codes([box(120, 30, 120.001, 30.001), shape], [])
    assert caught.value.facts["index"] == 1


@given(st.lists(footprints, max_size=30, unique_by=lambda shape: shape.wkb), st.randoms())
def test_buildings_get_the_same_codes_in_any_order(shapes, random):
    codes = dict(zip((shape.wkb for shape in shapes), building_codes(shapes, []), strict=True))
    random.shuffle(shapes)
    assert dict(zip((shape.wkb for shape in shapes), building_codes(shapes, []), strict=True)) == codes
    assert len(set(codes.values())) == len(codes)


@given(st.lists(footprints, max_size=10), st.lists(footprints, max_size=10))
def test_a_code_once_minted_is_never_given_again(first, second):
    minted = building_codes(first, [])
    below = [f"{key}-U01" for key in minted]
    assert not set(minted) & set(building_codes(second, below))


def test_the_largest_building_of_a_cell_gets_the_first_discriminator():
    small, large = Point(LON - 4 * METRE, LAT).buffer(1 * METRE), CENTRE.buffer(3 * METRE)
    assert building_codes([small, large], []) == ["N51H0429733232-1", "N51H0429733232-0"]


def test_a_cell_with_36_buildings_is_full():
    grid = derive_grid(CENTRE.buffer(METRE))
    codes = building_codes([CENTRE.buffer(METRE)] * 36, [])
    assert sorted(codes) == sorted(f"{grid}-{letter}" for letter in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    with pytest.raises(Conflict, match=r"code\.exhausted"):
        building_codes([CENTRE.buffer(METRE)], codes)


def test_units_and_storeys_have_keys_that_are_codes():
    assert SpaceCode(unit_key("N51H0429733232-0", 99)).unit == 99
    assert SpaceCode(storey_key("N51H0429733232-0", None, -99)).storey == -99


@pytest.mark.parametrize("storey", [0, 100, -100])
def test_a_storey_that_cannot_be_is_refused(storey):
    with pytest.raises(BadInput, match=r"code\.bad_storey"):
        storey_key("N51H0429733232-0", 1, storey)


@pytest.mark.parametrize("unit", [-1, 100])
def test_a_unit_that_cannot_be_is_refused(unit):
    with pytest.raises(BadInput, match=r"code\.bad_unit"):
        unit_key("N51H0429733232-0", unit)


def test_a_space_as_large_as_its_building_has_no_offset():
    shape = affinity.rotate(box(LON, LAT, LON + 3e-4, LAT + 1e-4), 17)
    assert offset_key(STOREY, shape.centroid, shape.reverse().centroid) == f"{STOREY}-G0000"


def test_the_last_bit_of_a_centroid_does_not_move_a_space_to_the_next_cell():
    west = Point(math.nextafter(LON, 0), math.nextafter(LAT, 0))
    assert offset_key(STOREY, west, CENTRE) == f"{STOREY}-G0000"


@given(footprints, st.integers(-100, 100), st.integers(-100, 100))
def test_the_offset_survives_a_common_shift(room, east, north):
    # A shift by whole cells: any other can bring a centroid that lies on a cell edge to either side of it.
    building = box(LON, LAT, LON + 3e-4, LAT + 3e-4)
    shifted = [affinity.translate(shape, east / 115200, north / 115200).centroid for shape in (room, building)]
    assert offset_key(STOREY, *shifted) == offset_key(STOREY, room.centroid, building.centroid)


@given(rooms, st.randoms())
def test_spaces_get_the_same_unique_codes_in_any_order(drafts, random):
    keys = mint_spaces(STOREY, drafts, CENTRE)
    random.shuffle(drafts)
    assert mint_spaces(STOREY, drafts, CENTRE) == keys
    assert len(set(keys.values())) == len(drafts)
    assert all(SpaceCode(key).kind == "space" and key.startswith(STOREY) for key in keys.values())


@given(rooms, rooms)
def test_spaces_never_get_a_code_that_was_minted_before(first, second):
    taken = mint_spaces(STOREY, first, CENTRE).values()
    assert not set(taken) & set(mint_spaces(STOREY, second, CENTRE, taken).values())


def test_of_two_rooms_with_one_door_number_the_larger_bears_it():
    small, large = (
        PlaceDraft(kind="space", key=name, room="501", geometry=CENTRE.buffer(size * METRE))
        for name, size in (("small", 1), ("large", 2))
    )
    assert mint_spaces(STOREY, [small, large], CENTRE) == {
        "large": room_key(STOREY, "501"),
        "small": offset_key(STOREY, CENTRE, CENTRE),
    }


def test_a_room_too_far_for_an_offset_gets_the_nearest_that_can_be_written():
    far = PlaceDraft(kind="space", key="far", geometry=Point(LON + 0.01, LAT).buffer(METRE))
    assert mint_spaces(STOREY, [far], CENTRE) == {"far": f"{STOREY}-G7070"}


def test_rooms_at_one_spot_spread_to_free_offsets_around_it():
    drafts = [PlaceDraft(kind="space", key=f"{at:03d}") for at in range(200)]
    offsets = {SpaceCode(key).offset for key in mint_spaces(STOREY, drafts, CENTRE).values()}
    assert len(offsets) == 200
    assert all(max(abs(east), abs(north)) <= 7 for east, north in offsets)
