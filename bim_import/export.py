"""Places as a plain IFC4 model: building, storeys and spaces with their space codes, raised from their footprints."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import ifcopenshell
import ifcopenshell.guid
import shapely
from shapely.geometry.base import BaseGeometry

from bim_import.attributes import CODE_PROPERTY, CODE_SET
from gis.datum import to_zone
from gis.write.solid import Volume, map_corner, plans
from twin.spacecode import SpaceCode

_ENTITIES: Mapping[str, str] = {"building": "IfcBuilding", "storey": "IfcBuildingStorey", "space": "IfcSpace"}
_HEIGHT_DATUM = "1985国家高程基准"


def write_ifc(volumes: Sequence[Volume], title: str, now: datetime) -> bytes:
    """Return an IFC4 file of the buildings, storeys and spaces among the volumes; units become zones of their spaces.

    Local coordinates are metres; an IfcMapConversion puts them into the CGCS2000 zone of the place, heights above the
    national datum. Each place bears its code in the property set ``里坊_空间编码``, and its GlobalId follows from the
    code, so that the next export has the same. A place without known heights has no shape. The storeys of a unit are
    not written beside those of the building: they are the same floors.

    Args:
        volumes: Ids are space codes; ``above`` holds all codes above.
        title: Name of the project.
        now: Stamped into the header.

    Raises:
        BadInput: ``datum.no_zone`` outside the CGCS2000 zones.
    """
    draughtsman = _Draughtsman(volumes, title)
    draughtsman.draw()
    _stamp(draughtsman.file, title, now)
    return str(draughtsman.file.to_string()).encode()


class _Draughtsman:
    def __init__(self, volumes: Sequence[Volume], title: str) -> None:
        self.file: Any = ifcopenshell.file(schema="IFC4")
        self._title = title
        self._volumes = {volume.id: volume for volume in volumes}
        self._zone, self._corner = map_corner(volumes)
        self._up = self._add("IfcDirection", (0.0, 0.0, 1.0))
        self._axes = self._at(0.0)
        self._context, self._body = self._contexts()
        self._things: dict[str, Any] = {}

    def draw(self) -> None:
        project = self._project()
        site = self._root("IfcSite", self._title, self._title)
        site.ObjectPlacement, site.CompositionType = self._add("IfcLocalPlacement", None, self._axes), "ELEMENT"
        self._aggregate(project, [site])
        for kind in _ENTITIES:
            for volume in self._of(kind):
                self._things[volume.id] = self._thing(volume)
        above = {name: self._above(self._volumes[name]) for name in self._things}
        parts: dict[str, list[Any]] = defaultdict(list)
        for name, thing in self._things.items():
            parts[above[name] or ""].append(thing)
            thing.ObjectPlacement = self._placement(self._volumes[name], self._things.get(above[name] or "", site))
        for name, members in parts.items():
            self._aggregate(self._things.get(name, site), members)
        self._zones()

    def _of(self, kind: str) -> list[Volume]:
        chosen = [volume for volume in self._volumes.values() if volume.kind == kind]
        return [volume for volume in sorted(chosen, key=lambda one: one.id) if kind != "storey" or _is_whole(volume)]

    def _above(self, volume: Volume) -> str | None:
        """Return the code of the storey of the building that holds a space, of the building that holds a storey."""
        above = list(volume.above)
        if volume.kind == "space":
            above.insert(0, f"{above[-1]}-U00-{above[0].rpartition('-')[2]}")
        return next((code for code in above if code in self._things), None)

    def _thing(self, volume: Volume) -> Any:
        thing = self._root(_ENTITIES[volume.kind], volume.id, volume.name)
        thing.CompositionType = "ELEMENT"
        thing.Representation = self._shape(volume)
        {"building": self._describe_building, "storey": self._describe_storey, "space": self._describe_space}[
            volume.kind
        ](volume, thing)
        self._code(volume.id, thing)
        return thing

    def _describe_building(self, volume: Volume, thing: Any) -> None:
        first = self._volumes.get(f"{volume.id}-U00-F01")
        ground_m = volume.attributes.get("ground_elevation_m")
        if ground_m is None and first is not None:
            ground_m = first.z_min_m
        thing.ElevationOfRefHeight, thing.ElevationOfTerrain = self._corner[2], ground_m

    def _describe_storey(self, volume: Volume, thing: Any) -> None:
        thing.Elevation = None if volume.z_min_m is None else self._local_m(volume.z_min_m)

    def _describe_space(self, volume: Volume, thing: Any) -> None:
        """Name is the door number, LongName the rest, as the importer expects it."""
        door = volume.attributes.get("room_no")
        rest = (volume.name or "").removeprefix(str(door or "")).strip()
        thing.Name, thing.LongName = None if door is None else str(door), rest or None
        thing.PredefinedType = "INTERNAL"

    def _placement(self, volume: Volume, above: Any) -> Any:
        if volume.kind != "storey":
            return self._add("IfcLocalPlacement", above.ObjectPlacement, self._axes)
        if volume.z_min_m is None:
            return None  # a placement would put its floor at zero
        return self._add("IfcLocalPlacement", above.ObjectPlacement, self._at(self._local_m(volume.z_min_m)))

    def _base_m(self, volume: Volume) -> float:
        """Return the local height that a place's own zero stands at: its storey's floor."""
        above = self._volumes.get(self._above(volume) or "") if volume.kind == "space" else volume
        is_floor = above is not None and above.kind == "storey" and above.z_min_m is not None
        return self._local_m(above.z_min_m) if is_floor and above and above.z_min_m is not None else 0.0

    def _shape(self, volume: Volume) -> Any:
        if volume.heights_m is None:
            return None
        low_m, high_m = volume.heights_m
        start = self._at(round(self._local_m(low_m) - self._base_m(volume), 6))
        depth_m = round(high_m - low_m, 6)
        solids = [
            self._add("IfcExtrudedAreaSolid", self._profile(plan), start, self._up, depth_m)
            for plan in plans(volume.footprint, self._on_map)
        ]
        if not solids:
            return None
        shape = self._add("IfcShapeRepresentation", self._body, "Body", "SweptSolid", solids)
        return self._add("IfcProductDefinitionShape", None, None, (shape,))

    def _profile(self, plan: shapely.Polygon) -> Any:
        outer, *holes = (self._line(ring) for ring in (plan.exterior, *plan.interiors))
        if not holes:
            return self._add("IfcArbitraryClosedProfileDef", "AREA", None, outer)
        return self._add("IfcArbitraryProfileDefWithVoids", "AREA", None, outer, holes)

    def _line(self, ring: Any) -> Any:
        points = [self._point(round(x, 3), round(y, 3)) for x, y in ring.coords[:-1]]
        return self._add("IfcPolyline", [*points, points[0]])

    def _on_map(self, shape: BaseGeometry) -> BaseGeometry:
        east_m, north_m, _ = self._corner
        return shapely.transform(to_zone(shape, self._zone), lambda points: points - [east_m, north_m])

    def _local_m(self, height_m: float) -> float:
        return round(height_m - self._corner[2], 6)

    def _contexts(self) -> tuple[Any, Any]:
        context = self._add("IfcGeometricRepresentationContext", None, "Model", 3, 1e-5, self._axes, None)
        body = self._add("IfcGeometricRepresentationSubContext", "Body", "Model", None, None, None, None, context)
        body.TargetView = "MODEL_VIEW"
        metre = self._add("IfcSIUnit", None, "LENGTHUNIT", None, "METRE")
        crs = self._add("IfcProjectedCRS", f"EPSG:{self._zone}", None, "CGCS2000", _HEIGHT_DATUM)
        crs.MapUnit = metre
        self._add("IfcMapConversion", context, crs, *self._corner, 1.0, 0.0, 1.0)
        return context, body

    def _project(self) -> Any:
        kinds = {
            "LENGTHUNIT": "METRE",
            "AREAUNIT": "SQUARE_METRE",
            "VOLUMEUNIT": "CUBIC_METRE",
            "PLANEANGLEUNIT": "RADIAN",
        }
        units = [self._add("IfcSIUnit", None, kind, None, unit) for kind, unit in kinds.items()]
        project = self._root("IfcProject", self._title, self._title)
        project.RepresentationContexts = (self._context,)
        project.UnitsInContext = self._add("IfcUnitAssignment", units)
        return project

    def _code(self, code: str, thing: Any) -> None:
        value = self._add("IfcPropertySingleValue", CODE_PROPERTY, None, self._add("IfcLabel", code), None)
        codes = self._root("IfcPropertySet", code, CODE_SET, None, (value,))
        self._root("IfcRelDefinesByProperties", code, None, None, (thing,), codes)

    def _zones(self) -> None:
        members: dict[str, list[Any]] = defaultdict(list)
        for volume in self._of("space"):
            if SpaceCode(volume.id).unit:
                members["-".join(volume.id.split("-")[:3])].append(self._things[volume.id])
        for unit, spaces in members.items():
            zone = self._root("IfcZone", unit, f"{SpaceCode(unit).unit}单元")
            self._root("IfcRelAssignsToGroup", unit, None, None, spaces, None, zone)
            self._code(unit, zone)

    def _aggregate(self, whole: Any, parts: Iterable[Any]) -> None:
        self._root("IfcRelAggregates", whole.GlobalId, None, None, whole, tuple(parts))

    def _root(self, entity: str, identity: str, *values: Any) -> Any:
        """Add an entity with a GlobalId that follows from what it is; ``values`` start at Name."""
        unique = uuid.uuid5(uuid.NAMESPACE_URL, f"lifang:{entity}:{identity}")
        return self._add(entity, ifcopenshell.guid.compress(unique.hex), None, *values)

    def _at(self, z_m: float) -> Any:
        return self._add("IfcAxis2Placement3D", self._point(0.0, 0.0, z_m))

    def _point(self, *metres: float) -> Any:
        return self._add("IfcCartesianPoint", metres)

    def _add(self, entity: str, *values: Any) -> Any:
        return self.file.create_entity(entity, *values)


def _is_whole(storey: Volume) -> bool:
    return SpaceCode(storey.id).unit == 0


def _stamp(file: Any, title: str, now: datetime) -> None:
    head = file.header
    head.file_description.description = ("ViewDefinition [notYetAssigned]",)
    head.file_name.name = f"{title}.ifc"
    head.file_name.time_stamp = now.replace(tzinfo=None, microsecond=0).isoformat()
    head.file_name.author, head.file_name.organization = ("",), ("",)
    head.file_name.preprocessor_version = f"ifcopenshell {ifcopenshell.version}"
    head.file_name.originating_system, head.file_name.authorization = "Lifang", ""
