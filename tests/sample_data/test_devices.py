"""The devices: each hangs where its row says."""

import math

import pytest
import shapely

from layers.device.types import load_device_types
from sample_data.devices import devices
from sample_data.floor_plan import rooms
from sample_data.site import building, buildings, community


@pytest.fixture(scope="module")
def hung():
    return devices(2026)


def test_a_device_in_a_room_hangs_between_its_walls_floor_and_ceiling(hung):
    there = {
        (room.building.no, room.cell.unit, room.storey, room.cell.door): room
        for house in buildings()
        for room in rooms(house)
    }
    indoors = [(row, spot) for row, spot in hung if row["房号"]]
    assert len(indoors) > 1000
    for row, spot in indoors:
        room = there[row["楼栋编号"], row["单元"], row["楼层"], row["房号"]]
        assert room.footprint.contains(shapely.Point(spot.at)), row
        assert room.floor_m <= row["高程"] <= room.ceiling_m, row


def test_a_device_at_a_door_hangs_just_outside_its_building(hung):
    for row, spot in hung:
        if row["设备类型"] == "access_controller_smart":
            assert 0 < building(row["楼栋编号"]).footprint.distance(shapely.Point(spot.at)) < 0.25


def test_devices_are_spread_over_rooms_corridors_basements_and_outdoors(hung):
    rows = [row for row, _ in hung]
    assert {row["楼层"] for row in rows} >= {None, -2, -1, 1, 2, 18, 33}
    assert sum("走廊" in row["安装位置"] for row in rows) > 100
    assert sum(row["楼栋编号"] is None for row in rows) > 300


def test_no_device_hangs_outside_the_community_or_at_a_used_number(hung):
    assert all(community().covers(shapely.Point(spot.at)) for _, spot in hung)
    assert len({row["设备编号"] for row, _ in hung}) == len(hung)


def test_every_type_is_in_the_catalogue(hung):
    assert {row["设备类型"] for row, _ in hung} <= set(load_device_types())


def test_cameras_and_only_cameras_say_where_they_look(hung):
    for row, _ in hung:
        camera = row["设备类型"].startswith("camera_")
        assert (row["方位角"] is not None) == camera
        if camera:
            assert 0 <= row["方位角"] < 360
            assert 0 < row["视场角"] <= 180
            assert row["可视距离"] > 0


def test_a_camera_at_a_door_looks_away_from_its_building(hung):
    for row, spot in hung:
        if row["设备类型"] == "camera_face":
            house = building(row["楼栋编号"]).footprint
            turn = math.radians(row["方位角"])
            ahead = shapely.Point(spot.at[0] + math.sin(turn), spot.at[1] + math.cos(turn))
            assert house.distance(ahead) > house.distance(shapely.Point(spot.at))
