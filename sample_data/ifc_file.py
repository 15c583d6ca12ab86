"""Write one building of the synthetic community as an IFC file, in the dialect its model asks for."""

import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import shapely

from sample_data.floor_plan import SLAB_M, Box, Cell, Storey, outer_walls, partitions, room_use, storeys
from sample_data.frame import MAP_CRS, Point, convergence_deg, ground_m, lon_lat, to_map, xy
from sample_data.ifc_step import Pen
from sample_data.site import Building, Model, site

_DOOR_M = (1.2, 2.1)


def write_ifc(building: Building, path: Path, seed: int) -> None:
    """Write the building's model: storeys, spaces, slabs, walls, entrance doors, properties, position.

    The origin of the file is the building's south-west corner at ±0.00; its x axis runs along the building.
    """
    if building.model is None:
        raise ValueError(f"{building.no} has no model")
    _Draughtsman(building, building.model, seed).draw().write(str(path))


class _Draughtsman:
    def __init__(self, building: Building, model: Model, seed: int) -> None:
        self.building = building
        self.model = model
        self.pen = Pen(model.schema, model.unit, f"{building.no}-{seed}")
        self.old = model.schema == "IFC2X3"
        self.context, self.body = self._contexts()

    def draw(self) -> Any:
        project = self._project()
        place = self._site()
        house = self._house(place)
        self.pen.aggregate(project, [place])
        self.pen.aggregate(place, [house])
        floors = [(storey, self._floor(house, storey)) for storey in storeys(self.building)]
        self.pen.aggregate(house, [floor for _, floor in floors])
        spaces = [pair for storey, floor in floors for pair in self._storey(storey, floor)]
        self._roof(*floors[-1])
        self._units(spaces)
        return self.pen.file

    def _contexts(self) -> tuple[Any, Any]:
        pen = self.pen
        world = pen.axes(0, 0, 0)
        north = pen.add("IfcDirection", self._true_north())
        context = pen.add("IfcGeometricRepresentationContext", None, "Model", 3, 1e-5, world, north)
        body = pen.add("IfcGeometricRepresentationSubContext", "Body", "Model", None, None, None, None, context)
        body.TargetView = "MODEL_VIEW"
        if self.model.georeference == "map_conversion":
            self._map_conversion(context)
        return context, body

    @property
    def _corner(self) -> Point:
        return xy(self.building.place(shapely.Point(0, 0)))

    def _true_north(self) -> tuple[float, float]:
        # From the file's x axis, anticlockwise; grid north lies east of true north by the convergence.
        turned = self.building.rotation_deg - convergence_deg(self._corner)
        return (math.sin(math.radians(turned)), math.cos(math.radians(turned)))

    def _map_conversion(self, context: Any) -> None:
        pen, (east, north) = self.pen, xy(to_map(shapely.Point(self._corner)))
        metre = pen.add("IfcSIUnit", None, "LENGTHUNIT", None, "METRE")
        crs = pen.add("IfcProjectedCRS", MAP_CRS, "CGCS2000 / 3-degree Gauss-Kruger CM 120E", "CGCS2000")
        crs.VerticalDatum, crs.MapProjection, crs.MapUnit = "1985国家高程基准", "Gauss-Kruger CM 120E", metre
        turn = math.radians(self.building.rotation_deg)
        axis = (math.cos(turn), math.sin(turn))
        height = self.building.ground_floor_m
        pen.add("IfcMapConversion", context, crs, east, north, height, *axis, 1 / pen.scale)

    def _project(self) -> Any:
        pen = self.pen
        length = pen.add("IfcSIUnit", None, "LENGTHUNIT", self.model.unit, "METRE")
        area = pen.add("IfcSIUnit", None, "AREAUNIT", None, "SQUARE_METRE")
        volume = pen.add("IfcSIUnit", None, "VOLUMEUNIT", None, "CUBIC_METRE")
        angle = pen.add("IfcSIUnit", None, "PLANEANGLEUNIT", None, "RADIAN")
        units = pen.add("IfcUnitAssignment", (length, area, volume, angle))
        name = f"{site()['community']['compound']}住区"
        return pen.root("IfcProject", name, "里坊示范社区合成数据", None, None, None, (self.context,), units)

    def _site(self) -> Any:
        place = self.pen.root("IfcSite", site()["community"]["compound"], None, None)
        place.ObjectPlacement = self.pen.placement(None)
        place.CompositionType = "ELEMENT"
        if self.model.georeference == "latitude_longitude":
            lon, lat = lon_lat(self._corner)
            place.RefLatitude, place.RefLongitude = _compound_angle(lat), _compound_angle(lon)
            place.RefElevation = self.pen.length(self.building.ground_floor_m)
        return place

    def _house(self, place: Any) -> Any:
        pen, building = self.pen, self.building
        house = pen.root("IfcBuilding", building.name, None, None)
        house.ObjectPlacement = pen.placement(place.ObjectPlacement)
        house.CompositionType = "ELEMENT"
        house.ElevationOfRefHeight = pen.length(building.ground_floor_m)
        house.ElevationOfTerrain = pen.length(round(ground_m(*building.centre), 2))
        where = site()["community"]
        lines = (f"{where['compound']}{building.name.removeprefix(where['compound'])}",)
        address = pen.add("IfcPostalAddress", None, None, None, None, lines, None, where["street"])
        address.Region, address.Country = where["district"], "中国"
        house.BuildingAddress = address
        pen.properties("里坊_建筑", _facts(building), [house])
        return house

    def _floor(self, house: Any, storey: Storey) -> Any:
        pen = self.pen
        floor = pen.root("IfcBuildingStorey", storey.name, None, None)
        floor.ObjectPlacement = pen.placement(house.ObjectPlacement, z=storey.floor_m)
        floor.CompositionType, floor.Elevation = "ELEMENT", pen.length(storey.floor_m)
        units = self.building.units if storey.number > 0 else 0
        pen.properties("里坊_楼层", {"楼层": storey.number, "单元数": units}, [floor])
        return floor

    def _storey(self, storey: Storey, floor: Any) -> list[tuple[Cell, Any]]:
        pen = self.pen
        spaces = [(cell, self._space(cell, storey, floor)) for cell in storey.cells]
        pen.aggregate(floor, [space for _, space in spaces])
        walls = [self._product("IfcWall", "外墙", box, floor, storey.clear_m) for box in outer_walls(self.building)]
        inner = [
            self._product("IfcWall", "内隔墙", box, floor, storey.clear_m) for box in partitions(storey, self.building)
        ]
        pen.properties("Pset_WallCommon", {"Reference": "外墙200"}, walls)
        pen.properties("Pset_WallCommon", {"Reference": "内墙200"}, inner)
        slab = self._slab(floor, -SLAB_M, "楼板", "BASESLAB" if storey is storeys(self.building)[0] else "FLOOR")
        doors = self._doors(floor, walls) if storey.number == 1 else []
        pen.root("IfcRelContainedInSpatialStructure", None, None, (*walls, *inner, slab, *doors), floor)
        return spaces

    def _space(self, cell: Cell, storey: Storey, floor: Any) -> Any:
        space = self._product("IfcSpace", cell.door, cell.clear, floor, storey.clear_m)
        space.LongName, space.CompositionType = cell.kind, "ELEMENT"
        if self.old:
            space.InteriorOrExteriorSpace = "INTERNAL"
        else:
            space.PredefinedType = "INTERNAL"
        return space

    def _product(self, entity: str, name: str, box: Box, floor: Any, high: float, z: float = 0.0) -> Any:
        product = self.pen.root(entity, name, None, None)
        product.ObjectPlacement = self.pen.placement(floor.ObjectPlacement, box[0], box[1], z)
        product.Representation = self.pen.body(self.body, box, high)
        return product

    def _slab(self, floor: Any, z: float, name: str, kind: str) -> Any:
        half = 0.1
        box = (-half, -half, self.building.width_m + half, self.building.depth_m + half)
        slab = self._product("IfcSlab", name, box, floor, SLAB_M, z)
        slab.PredefinedType = kind
        return slab

    def _roof(self, storey: Storey, floor: Any) -> None:
        roof = self._slab(floor, storey.clear_m, "屋面板", "ROOF")
        self.pen.root("IfcRelContainedInSpatialStructure", None, None, (roof,), floor)

    def _doors(self, floor: Any, walls: list[Any]) -> list[Any]:
        south = self.building.entrance == "south"
        wall, y = (walls[0], -0.1) if south else (walls[1], self.building.depth_m - 0.1)
        return [self._door(floor, wall, x, y) for x in self.building.door_axes_m()]

    def _door(self, floor: Any, wall: Any, x: float, y: float) -> Any:
        pen, (width, height) = self.pen, _DOOR_M
        box = (x - width / 2, y, x + width / 2, y + 0.2)
        hole = self._product("IfcOpeningElement", "门洞", box, floor, height)
        door = self._product("IfcDoor", "单元门" if self.building.units else "大门", box, floor, height)
        door.OverallWidth, door.OverallHeight = pen.length(width), pen.length(height)
        pen.root("IfcRelVoidsElement", None, None, wall, hole)
        pen.root("IfcRelFillsElement", None, None, hole, door)
        return door

    def _units(self, spaces: list[tuple[Cell, Any]]) -> None:
        groups: dict[tuple[int | None, str], list[Any]] = defaultdict(list)
        for cell, space in spaces:
            groups[cell.unit, room_use(cell.kind)].append(space)
        by_property = self.model.units_by == "property"
        for (unit, use), members in groups.items():
            facts = {"房屋类型": use} | ({"单元号": unit} if unit is not None and by_property else {})
            self.pen.properties("里坊_房屋", facts, members)
        if not by_property:
            self._zones(spaces)

    def _zones(self, spaces: list[tuple[Cell, Any]]) -> None:
        for unit in range(1, self.building.units + 1):
            zone = self.pen.root("IfcZone", f"{unit}单元")
            members = tuple(space for cell, space in spaces if cell.unit == unit)
            self.pen.root("IfcRelAssignsToGroup", None, None, members, None, zone)


def _facts(building: Building) -> dict[str, Any]:
    return {
        "建筑编号": building.no,
        "单元数": building.units,
        "地上层数": building.storeys,
        "地下层数": building.basements,
        "主要用途": building.use,
        "结构类型": building.structure,
        "建造年代": building.year,
        "建筑高度": float(building.height_m),
    }


def _compound_angle(degrees: float) -> tuple[int, int, int, int]:
    """Return degrees, minutes, seconds and millionths of a second.

    >>> _compound_angle(30.5), _compound_angle(0.0)
    ((30, 30, 0, 0), (0, 0, 0, 0))
    """
    micro = round(degrees * 3_600_000_000)
    seconds, rest = divmod(micro, 1_000_000)
    return (seconds // 3600, seconds % 3600 // 60, seconds % 60, rest)
