"""Points with a height find their room."""

import numpy as np
import shapely
from hypothesis import given
from hypothesis import strategies as st

from twin.feature import Feature
from twin.rooms import RoomIndex


def room(key, west, south, floor, size=1.0, top=3.0, **more):
    shape = shapely.box(west, south, west + size, south + size)
    return Feature(
        **{
            "layer": "space",
            "id": key,
            "community": "c",
            "geometry": shape,
            "z_min_m": floor,
            "z_max_m": floor + top,
            **more,
        }
    )


def found(index, *point):
    return [place.id for place in index.at(*point)]


def test_a_floor_belongs_to_the_room_above_it():
    index = RoomIndex([room("b-0-U00-F01-R1", 0, 0, 0.0), room("b-0-U00-F02-R1", 0, 0, 3.0)])
    assert found(index, 0.5, 0.5, 2.999) == ["b-0-U00-F01-R1"]
    assert found(index, 0.5, 0.5, 3.0) == ["b-0-U00-F02-R1"]
    assert found(index, 0.5, 0.5, 6.0) == []


def test_the_room_comes_before_its_storey():
    storey = room("b-0-U00-F01", 0, 0, 0.0, size=5.0, layer="storey")
    index = RoomIndex([storey, room("b-0-U00-F01-R1", 0, 0, 0.0)])
    assert found(index, 0.5, 0.5, 1.0) == ["b-0-U00-F01-R1", "b-0-U00-F01"]
    assert found(index, 4.0, 4.0, 1.0) == ["b-0-U00-F01"]


def test_a_room_of_unknown_height_holds_nothing():
    assert found(RoomIndex([room("a", 0, 0, 0.0, z_max_m=None)]), 0.5, 0.5, 1.0) == []


@given(st.integers(0, 2**32 - 1))
def test_the_index_agrees_with_looking_at_every_room(seed):
    random = np.random.default_rng(seed)
    rooms = [room(f"r{n}", *random.uniform(0, 4, 2), random.uniform(0, 9), size=2.0) for n in range(30)]
    index = RoomIndex(rooms)
    for x, y, z in random.uniform(0, 8, (20, 3)):
        truth = {r.id for r in rooms if r.geometry.intersects(shapely.Point(x, y)) and r.z_min_m <= z < r.z_max_m}
        assert set(found(index, x, y, z)) == truth
