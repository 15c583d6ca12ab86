"""Levels become storeys with one number each."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bim_import.storeys import Level, number_storeys

FLOORS = st.lists(st.floats(-30, 100), min_size=1, max_size=12)


def levels(*floors_m, rooms=1):
    return [Level(key=str(n), floor_m=floor_m, rooms=rooms, clear_m=2.6) for n, floor_m in enumerate(floors_m)]


@given(floors=FLOORS, ground=st.none() | st.floats(-30, 100))
def test_numbers_rise_with_height_and_never_repeat_or_name_zero(floors, ground):
    storeys = number_storeys(levels(*floors), ground)
    numbers = [storey.number for storey in storeys]
    assert numbers == sorted(set(numbers))
    assert 0 not in numbers
    assert sorted(level.key for storey in storeys for level in storey.levels) == sorted(map(str, range(len(floors))))
    assert all(later == earlier + 1 or (earlier, later) == (-1, 1) for earlier, later in pairwise(numbers))


@given(floors=FLOORS)
def test_the_order_of_the_file_does_not_matter(floors):
    forward, backward = levels(*floors), levels(*floors)[::-1]
    assert [(s.number, s.floor_m) for s in number_storeys(forward, 0.0)] == [
        (s.number, s.floor_m) for s in number_storeys(backward, 0.0)
    ]


def test_a_floor_half_a_clear_height_below_ground_is_still_the_first():
    assert [storey.number for storey in number_storeys(levels(-1.3, 1.7), 0.0)] == [1, 2]
    assert [storey.number for storey in number_storeys(levels(-1.31, 1.7), 0.0)] == [-1, 1]


def test_a_garage_below_ground_has_no_first_floor():
    assert [storey.number for storey in number_storeys(levels(-7.2, -3.6), 0.0)] == [-2, -1]


def test_split_levels_with_rooms_stay_apart():
    assert len(number_storeys(levels(0.0, 1.4), 0.0)) == 2


def test_a_foundation_without_rooms_is_no_basement():
    found = number_storeys([*levels(-1.2, rooms=0), Level(key="1", floor_m=0.0, rooms=4)], None)
    assert [(storey.number, storey.main.key) for storey in found] == [(1, "1")]
