"""The tables of the open community: map layers, public spaces, facilities, key places, as rows and site geometries."""

import math
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import count
from typing import TypeAlias

import shapely
from shapely.geometry.base import BaseGeometry

from sample_data.floor_plan import rooms
from sample_data.frame import Point
from sample_data.network import edges, quarter_paths
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
    grids,
    parking_bays,
    site,
    table,
    water_bodies,
)

Shape: TypeAlias = tuple[Row, BaseGeometry]


def community_rows() -> list[Shape]:
    """Return the one row of the community."""
    facts = site()["community"]
    row = {
        "社区编码": facts["code"],
        "社区名称": facts["name"],
        "区划代码": facts["code"][:6],
        "所属区县": facts["district"],
        "所属街镇": facts["street"],
        "小区名称": facts["compound"],
    }
    return [(row, community())]


def grid_rows() -> list[Shape]:
    """Return the governance grids, numbered with 15 digits."""
    code = site()["community"]["code"]
    return [
        (
            {
                "网格编码": f"{code}{grid['number']}",
                "网格名称": grid["name"],
                "社区编码": code,
                "责任人编号": grid["worker"],
                "面积": round(area.area, 1),
            },
            area,
        )
        for grid, area in grids()
    ]


def building_rows() -> list[Shape]:
    """Return the buildings that are footprints; those with a model come from it."""
    return [(_building_row(house), house.footprint) for house in buildings() if house.model is None]


def _building_row(house: Building) -> Row:
    return {
        "建筑编号": house.no,
        "建筑名称": house.name,
        "门牌号": f"里坊路{house.no[3:].lstrip('0')}号",
        "主要用途": house.use,
        "结构类型": house.structure,
        "建造年代": house.year,
        "建筑状态": "使用中",
        "建筑层数": house.storeys,
        "地下层数": house.basements,
        "建筑高度": house.height_m,
        "建筑面积": round(house.footprint.area * (house.storeys + house.basements), 1),
        "单元数": house.units,
        "地面标高": house.ground_floor_m,
        "所属小区": site()["community"]["compound"],
        "使用年限": 70 if house.units else 50,
    }


def street_rows() -> list[Shape]:
    """Return the streets' centre lines, the roads of the quarters and the fire lanes."""
    return [
        (
            {"道路编号": f"DL{number:03d}", "道路名称": name, "道路等级": kind, "宽度": width, "路面材质": "沥青"},
            line,
        )
        for number, (name, kind, width, line) in enumerate(_streets(), start=1)
    ]


def _streets() -> Iterator[tuple[str, str, int, BaseGeometry]]:
    for road in site()["streets"]:
        yield road["name"], road["class"], road["width_m"], shapely.LineString(road["line"])
    for quarter in site()["quarters"]:
        paths = shapely.get_parts(shapely.line_merge(shapely.union_all(list(quarter_paths(quarter)))))
        for path in paths:
            yield f"{quarter['name']}路", "小区路", 5, path
    for house in buildings():
        if house.storeys >= 11:
            yield f"{house.name}消防通道", "消防通道", 4, _fire_lane(house)


def _fire_lane(house: Building) -> BaseGeometry:
    side = house.depth_m + 5 if house.entrance == "north" else -5
    return house.place(shapely.LineString([(-3, side), (house.width_m + 3, side)]))


@cache
def node_numbers() -> Mapping[Point, str]:
    """Return the number of every node of the walking network."""
    nodes = sorted({end for _, start, stop in edges() for end in (start, stop)})
    return {node: f"ND{number:04d}" for number, node in enumerate(nodes, start=1)}


def walkway_rows() -> list[Shape]:
    """Return the edges of the walking network."""
    numbers = node_numbers()
    return [
        (
            {
                "步道编号": f"BD{number:04d}",
                "起点": numbers[start],
                "终点": numbers[stop],
                "长度": round(math.dist(start, stop), 2),
                "无障碍": "否" if kind == "入户路" and number % 3 == 0 else "是",
                "类别": kind,
            },
            shapely.LineString([start, stop]),
        )
        for number, (kind, start, stop) in enumerate(edges(), start=1)
    ]


def entrance_rows() -> list[Shape]:
    """Return the gates, the doors of units and buildings, and the garage ramps."""
    return [
        ({"出入口编号": f"CR{number:03d}", **row}, shapely.Point(at))
        for number, (row, at) in enumerate(_entrances(), start=1)
    ]


def _entrances() -> Iterator[tuple[Row, Point]]:
    for name, at in gates():
        yield _entrance(name, "小区出入口", None, None, at), at
    for house in buildings():
        for unit, at in house.doors():
            name = f"{house.name}{unit}单元门" if unit else f"{house.name}大门"
            yield _entrance(name, "单元门" if unit else "楼栋出入口", house.no, unit, at), at
        if house.kind == "garage":
            yield _entrance(house.name, "车库出入口", house.no, None, house.centre), house.centre


def _entrance(name: str, kind: str, house: str | None, unit: int | None, at: Point) -> Row:
    return {
        "出入口名称": name,
        "类别": kind,
        "楼栋编号": house,
        "单元": unit,
        "步道节点": node_numbers().get(at),
        "无障碍": "是" if kind != "车库出入口" else "否",
        "开放时间": "00:00-24:00" if kind != "楼栋出入口" else "08:00-20:00",
    }


def green_rows() -> list[Shape]:
    """Return the green spaces."""
    return [
        (
            {"绿地编号": f"LD{number:03d}", "绿地名称": name, "绿地类型": kind, "面积": round(area.area, 1)},
            area,
        )
        for number, (name, kind, area) in enumerate(greens(), start=1)
    ]


def water_rows() -> list[Shape]:
    """Return the waters."""
    return [
        (
            {
                "水体编号": f"ST{number:03d}",
                "水体名称": name,
                "水体类型": kind,
                "面积": round(area.area, 1),
                "水面标高": level,
            },
            area,
        )
        for number, (name, kind, level, area) in enumerate(water_bodies(), start=1)
    ]


def parking_rows() -> list[Shape]:
    """Return the parking areas, then their bays."""
    bays = list(parking_bays())
    areas = {area["name"]: f"TC{number:02d}" for number, area in enumerate(site()["parkings"], start=1)}
    grounds = [
        _parking_area(number, name, [bay for area, bay in bays if area == name]) for name, number in areas.items()
    ]
    order = {name: count(1) for name in areas}
    return grounds + [_bay(f"{areas[name]}-{next(order[name]):03d}", areas[name], bay) for name, bay in bays]


def _parking_area(number: str, name: str, bays: list[BaseGeometry]) -> Shape:
    return _parking(number, name, "停车场", None, len(bays), None, shapely.union_all(bays).envelope)


def _bay(number: str, area: str, bay: BaseGeometry) -> Shape:
    charger = "是" if int(number[-3:]) % 5 == 0 else "否"
    return _parking(number, f"{number}车位", "车位", area, 1, charger, bay)


def _parking(
    number: str, name: str, kind: str, area: str | None, spaces: int, charger: str | None, shape: BaseGeometry
) -> Shape:
    row = {"车位编号": number, "名称": name, "类别": kind, "所属停车场": area, "车位数": spaces, "充电桩": charger}
    return row | {"面积": round(shape.area, 1)}, shape


def fence_rows() -> list[Shape]:
    """Return the fences and their gates."""
    return [
        (
            {
                "围栏编号": f"WL{number:02d}",
                "名称": name,
                "围栏类型": kind,
                "高度": 2.2,
                "长度": round(line.length, 1),
            },
            line,
        )
        for number, (name, kind, line) in enumerate(fences(), start=1)
    ]


def public_space_rows() -> list[Shape]:
    """Return the public spaces: rooms of the centre, whole buildings, or open ground."""
    return [_public_space(number, row) for number, row in enumerate(table("public_spaces.csv"), start=1)]


def _public_space(number: int, row: Mapping[str, str]) -> Shape:
    house, storey, shape = _public_area(row)
    return {
        "空间编号": f"KJ{number:03d}",
        "空间名称": row["name"],
        "用途类型": row["use"],
        "面积": round(shape.area, 1),
        "产权": "公共产权",
        "使用状态": "开放" if row["booking"] != "不可预约" else "限制开放",
        "预约方式": row["booking"],
        "活动信息": row["activities"],
        "楼栋编号": house.no if house else None,
        "楼层": storey,
    }, shape


def _public_area(row: Mapping[str, str]) -> tuple[Building | None, int | None, BaseGeometry]:
    if not row["building"]:
        west, south, east, north = (float(row[side]) for side in ("x0", "y0", "x1", "y1"))
        return None, None, shapely.box(west, south, east, north)
    house = building(row["building"])
    if not row["room"]:
        return house, None, house.footprint
    room = next(room for room in rooms(house) if room.cell.kind == row["room"])
    return house, room.storey, room.footprint


def facility_rows() -> list[Shape]:
    """Return the facilities; two types of table A.0.1 are missing, some are too small or too few."""
    kinds = {kind["type"]: kind for kind in table("facility_types.csv")}
    return [
        (_facility(number, row, kinds[row["type"]]), _facility_at(row))
        for number, row in enumerate(table("facilities.csv"), start=1)
    ]


def _facility_at(row: Mapping[str, str]) -> BaseGeometry:
    return shapely.Point(building(row["building"]).centre if row["building"] else (float(row["x"]), float(row["y"])))


def _facility(number: int, row: Mapping[str, str], kind: Mapping[str, str]) -> Row:
    return {
        "设施编号": f"SS{number:03d}",
        "设施名称": row["name"],
        "设施类型": row["type"],
        "类型名称": kind["name"],
        "设施类别": kind["category"],
        "建筑面积": float(row["floor_area_m2"]) if row["floor_area_m2"] else None,
        "用地面积": float(row["site_area_m2"]) if row["site_area_m2"] else None,
        "楼栋编号": building(row["building"]).no if row["building"] else None,
        "楼层": int(row["storey"]) if row["storey"] else None,
        "服务内容": row["services"],
        "安装时间": "2021-06-01",
        "所属单位": "里坊示范社区居民委员会",
        "状态": "正常",
    }


def key_place_rows() -> list[Shape]:
    """Return the places that need attention."""
    return [
        (
            {
                "场所编号": f"ZD{number:02d}",
                "场所名称": row["name"],
                "重点单位类型": row["type"],
                "楼栋编号": building(row["building"]).no,
                "风险隐患": row["risk"],
                "联系人编号": row["contact"],
                "检查日期": "2026-03-15",
            },
            shapely.Point(building(row["building"]).centre),
        )
        for number, row in enumerate(table("key_places.csv"), start=1)
    ]


def hydrant_points() -> list[Point]:
    """Return where the hydrants stand: every 80 m beside the streets, 9 m from the centre line, outside the fences."""
    return [at for road in site()["streets"] for at in along(road["line"], 80.0, 9.0 if road["width_m"] < 18 else 11.0)]


def hydrant_rows() -> list[Shape]:
    """Return the hydrants inside the community."""
    inside = [at for at in hydrant_points() if community().contains(shapely.Point(at))]
    return [
        (
            {
                "消火栓编号": f"XF{number:03d}",
                "名称": f"{number}号室外消火栓",
                "类别": "消防水鹤" if number % 20 == 0 else "室外消火栓",
                "管径": 150 if number % 20 == 0 else 100,
                "压力": 0.25,
                "状态": "待修" if number % 23 == 0 else "正常",
                "最近检查": "2026-02-20",
            },
            shapely.Point(at),
        )
        for number, at in enumerate(inside, start=1)
    ]


def shelter_rows() -> list[Shape]:
    """Return the emergency shelters."""
    return [
        (
            {
                "场所编号": f"BN{number:02d}",
                "场所名称": place["name"],
                "类别": place["class"],
                "容纳人数": place["capacity"],
                "面积": round(shapely.box(*place["box"]).area, 1),
                "负责人编号": place["manager"],
            },
            shapely.box(*place["box"]),
        )
        for number, place in enumerate(site()["shelters"], start=1)
    ]
