"""Where the devices of the synthetic community hang: in rooms, at doors and gates, along streets and fences."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from sample_data.floor_plan import Room, rooms
from sample_data.frame import Point, chance, ground_m, lon_lat, xy
from sample_data.places import hydrant_rows, street_rows
from sample_data.site import (
    Building,
    Row,
    along,
    building,
    buildings,
    community,
    fences,
    gates,
    greens,
    parking_bays,
    site,
    table,
    water_bodies,
)

_FROM_WALL_M = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A place where a device can hang.

    Attributes:
        at: Site point.
        floor_m: What mounting heights are measured from, metres, 1985 datum.
        ceiling_m: What negative mounting heights are measured from; ``None`` outdoors.
        facing_deg: Azimuth of the open side, clockwise from grid north; ``None`` when every side is alike.
    """

    at: Point
    floor_m: float
    text: str
    ceiling_m: float | None = None
    building_no: str | None = None
    unit: int | None = None
    storey: int | None = None
    room: str | None = None
    facing_deg: float | None = None


def devices(seed: int) -> list[tuple[Row, Spot]]:
    """Return every device's row and the spot it hangs at, numbered in the order of the plan."""
    dice = chance(seed, "devices")
    hung = [(plan, spot) for plan in table("device_plan.csv") for spot in _SPOTS[plan["where"]](plan, dice)]
    return [(_row(number, plan, spot, dice), spot) for number, (plan, spot) in enumerate(hung, start=1)]


def _row(number: int, plan: Mapping[str, str], spot: Spot, dice: Random) -> Row:
    lon, lat = lon_lat(spot.at)
    camera = bool(plan["view_angle_deg"])
    facing = spot.facing_deg if spot.facing_deg is not None else 5.0 * dice.randrange(72)
    return {
        "设备编号": f"D-{number:05d}",
        "设备类型": plan["type"],
        "设备名称": f"{spot.text}{plan['name']}",
        "经度": lon,
        "纬度": lat,
        "高程": height_m(spot, float(plan["mount_m"])),
        "安装位置": spot.text,
        "楼栋编号": spot.building_no,
        "单元": spot.unit,
        "楼层": spot.storey,
        "房号": spot.room,
        "方位角": round(facing % 360, 1) if camera else None,
        "视场角": float(plan["view_angle_deg"]) if camera else None,
        "可视距离": float(plan["range_m"]) if camera else None,
        "网络方式": plan["comm"],
        "协议": plan["protocol"],
        "安装时间": f"{dice.randint(2021, 2025)}-{dice.randint(1, 12):02d}-{dice.randint(1, 28):02d}",
        "设施厂家": dice.choice(["示范感知", "示范物联", "示范智造"]),
        "资产状态": "在用",
    }


def height_m(spot: Spot, mount_m: float) -> float:
    """Return a device's height, metres, 1985 datum: above the floor, or below the ceiling when negative.

    >>> height_m(Spot(at=(0, 0), floor_m=7.0, ceiling_m=9.78, text=""), -0.1)
    9.68
    >>> height_m(Spot(at=(0, 0), floor_m=7.0, text=""), 3.0)
    10.0
    """
    base = spot.ceiling_m if mount_m < 0 and spot.ceiling_m is not None else spot.floor_m
    return round(base + mount_m, 2)


def _every(spots: Iterator[Any], step: int) -> Iterator[Any]:
    return (spot for index, spot in enumerate(spots) if index % step == 0)


def _rooms(plan: Mapping[str, str], dice: Random) -> Iterator[Spot]:
    found = (room for house in buildings() for room in rooms(house) if room.cell.kind == plan["of"])
    return (_in_room(room, dice) for room in _every(found, int(plan["every"])))


def _ground_floor_rooms(plan: Mapping[str, str], dice: Random) -> Iterator[Spot]:
    return (spot for spot in _rooms(plan, dice) if spot.storey == 1)


def _in_room(room: Room, dice: Random) -> Spot:
    west, south, east, north = room.cell.clear
    x = dice.uniform(west + _FROM_WALL_M, east - _FROM_WALL_M)
    y = dice.uniform(south + _FROM_WALL_M, north - _FROM_WALL_M)
    floor = f"{room.storey}层" if room.storey > 0 else f"地下{-room.storey}层"
    unit = f"{room.cell.unit}单元" if room.cell.unit else ""
    return Spot(
        at=xy(room.building.place(shapely.Point(x, y))),
        floor_m=room.floor_m,
        ceiling_m=room.ceiling_m,
        text=f"{room.building.name}{unit}{floor}{room.cell.door}{room.cell.kind}",
        building_no=room.building.no,
        unit=room.cell.unit,
        storey=room.storey,
        room=room.cell.door,
    )


def _doors(plan: Mapping[str, str], _dice: Random) -> Iterator[Spot]:
    found = (_at_door(house, unit, at) for house in buildings() for unit, at in house.doors())
    return _every(found, int(plan["every"]))


def _at_door(house: Building, unit: int | None, door: Point) -> Spot:
    facing = (180.0 if house.entrance == "south" else 0.0) - house.rotation_deg
    turn = math.radians(facing)
    return Spot(
        at=(door[0] + 0.2 * math.sin(turn), door[1] + 0.2 * math.cos(turn)),
        floor_m=house.ground_floor_m,
        text=f"{house.name}{unit}单元门口" if unit else f"{house.name}门口",
        building_no=house.no,
        unit=unit,
        storey=1,
        facing_deg=facing,
    )


def _outdoors(at: Point, text: str, facing_deg: float | None = None) -> Spot:
    return Spot(at=at, floor_m=round(ground_m(*at), 2), text=text, facing_deg=facing_deg)


def _gates(_plan: Mapping[str, str], dice: Random) -> Iterator[Spot]:
    for name, (x, y) in gates():
        yield _outdoors((x + dice.uniform(-2, 2), y + dice.uniform(-2, 2)), name)


def _streets(plan: Mapping[str, str], _dice: Random) -> Iterator[Spot]:
    for road in site()["streets"]:
        aside = road["width_m"] / 2 if plan["mount_m"] != "0.0" else 1.5
        start, end = road["line"]
        facing = math.degrees(math.atan2(end[0] - start[0], end[1] - start[1]))
        for at in along(road["line"], float(plan["every"]), aside):
            if community().contains(shapely.Point(at)):
                yield _outdoors(at, road["name"], facing)


def _fire_lanes(_plan: Mapping[str, str], dice: Random) -> Iterator[Spot]:
    for row, line in street_rows():
        if row["道路等级"] == "消防通道":
            at = _on_line(line, dice.uniform(0.2, 0.8))
            yield _outdoors(at, row["道路名称"])


def _on_line(line: BaseGeometry, share: float) -> Point:
    start, end = line.coords
    return (start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share)


def _bays(plan: Mapping[str, str], _dice: Random) -> Iterator[Spot]:
    found = (_outdoors((bay.centroid.x, bay.centroid.y), name) for name, bay in parking_bays())
    return _every(found, int(plan["every"]))


def _chargers(_plan: Mapping[str, str], _dice: Random) -> Iterator[Spot]:
    numbers: dict[str, int] = {}
    for name, bay in parking_bays():
        numbers[name] = numbers.get(name, 0) + 1
        if numbers[name] % 5 == 0:
            yield _outdoors((bay.centroid.x, bay.bounds[3] - 0.3), name)


def _greens(plan: Mapping[str, str], _dice: Random) -> Iterator[Spot]:
    for name, kind, area in greens():
        if kind == plan["of"]:
            inside = area.representative_point()
            shift = 1.5 * (float(plan["mount_m"]) - 1)
            yield from (
                _outdoors((at.x, at.y), name) for at in [shapely.Point(inside.x + shift, inside.y)] if area.contains(at)
            )


def _fences(plan: Mapping[str, str], _dice: Random) -> Iterator[Spot]:
    for name, kind, line in fences():
        if kind != "小区大门":
            corners = [(x, y) for x, y in line.coords]
            yield from (_outdoors(at, name) for at in along(corners, float(plan["every"]), 0.0))


def _hydrants(_plan: Mapping[str, str], _dice: Random) -> Iterator[Spot]:
    return (_outdoors(xy(at), row["名称"]) for row, at in hydrant_rows())


def _waters(_plan: Mapping[str, str], _dice: Random) -> Iterator[Spot]:
    for name, _, level, area in water_bodies():
        at = area.representative_point()
        yield replace(_outdoors((at.x, at.y), name), floor_m=level)


def _at_building(plan: Mapping[str, str], dice: Random) -> Iterator[Spot]:
    house = building(plan["of"])
    x, y = house.centre
    at = (x + dice.uniform(-2, 2), y + dice.uniform(-2, 2))
    yield Spot(at=at, floor_m=house.ground_floor_m, text=house.name, building_no=house.no, storey=1)


_SPOTS: Mapping[str, Callable[[Mapping[str, str], Random], Iterator[Spot]]] = {
    "room": _rooms,
    "room_storey_1": _ground_floor_rooms,
    "door": _doors,
    "gate": _gates,
    "street": _streets,
    "fire_lane": _fire_lanes,
    "bay": _bays,
    "charger": _chargers,
    "green": _greens,
    "fence": _fences,
    "hydrant": _hydrants,
    "water": _waters,
    "building": _at_building,
}
