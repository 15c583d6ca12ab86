"""A thin pen for IFC: shared points, axes and solids, entities with repeatable GlobalIds and a fixed clock."""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

import ifcopenshell
import ifcopenshell.guid

from sample_data.floor_plan import Box
from sample_data.site import Schema

FIXED_TIME = "2026-01-01T00:00:00"
_FIXED_SECONDS = 1_767_225_600


class Pen:
    """Writes entities into one IFC file; lengths given in metres come out in the file's unit.

    Args:
        schema: The dialect; ``IFC4X3`` is written as ``IFC4X3_ADD2``.
        prefix: SI prefix of the length unit: ``MILLI`` or ``None`` for metres.
        name: Root of all GlobalIds: the same name and order of strokes give the same identifiers.
    """

    def __init__(self, schema: Schema, prefix: str | None, name: str) -> None:
        self.file: Any = ifcopenshell.file(schema=schema)
        self.schema = schema
        self.scale = 1000.0 if prefix == "MILLI" else 1.0
        self._name = name
        self._roots = 0
        self._shared: dict[Any, Any] = {}
        self._header(name)
        self.history = self._owner_history()

    def _header(self, name: str) -> None:
        head = self.file.header
        head.file_name.name = f"{name}.ifc"
        head.file_name.time_stamp = FIXED_TIME
        head.file_name.author = ("里坊示范设计院",)
        head.file_name.organization = ("里坊示范设计院",)
        head.file_name.preprocessor_version = "ifcopenshell"
        head.file_name.originating_system = "Lifang sample data"
        head.file_name.authorization = "synthetic"

    def _owner_history(self) -> Any:
        add = self.file.create_entity
        person = add("IfcPerson", None, "示例", "设计")
        firm = add("IfcOrganization", None, "里坊示范设计院")
        both = add("IfcPersonAndOrganization", person, firm)
        tool = add("IfcApplication", firm, "1", "Lifang sample data", "lifang-sample-data")
        return add("IfcOwnerHistory", both, tool, None, "NOCHANGE", None, None, None, _FIXED_SECONDS)

    def add(self, entity: str, *values: Any) -> Any:
        """Add an entity by position of its attributes."""
        return self.file.create_entity(entity, *values)

    def root(self, entity: str, *values: Any) -> Any:
        """Add an entity with a GlobalId and the owner history; ``values`` start at Name."""
        self._roots += 1
        unique = uuid.uuid5(uuid.NAMESPACE_URL, f"lifang:sample:{self._name}:{self._roots}")
        return self.add(entity, ifcopenshell.guid.compress(unique.hex), self.history, *values)

    def length(self, metres: float) -> float:
        """Return a length in the file's unit."""
        return round(metres * self.scale, 6)

    def shared(self, entity: str, *values: Any) -> Any:
        """Return the one resource entity with these values, adding it at first use."""
        key = (entity, *(_identity(value) for value in values))
        if key not in self._shared:
            self._shared[key] = self.add(entity, *values)
        return self._shared[key]

    def point(self, *metres: float) -> Any:
        """Return the point with these coordinates."""
        return self.shared("IfcCartesianPoint", tuple(self.length(value) for value in metres))

    def axes(self, x: float, y: float, z: float) -> Any:
        """Return the placement without rotation at a point."""
        return self.shared("IfcAxis2Placement3D", self.point(x, y, z), None, None)

    def placement(self, above: Any, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Any:
        """Add a local placement relative to another."""
        return self.add("IfcLocalPlacement", above, self.axes(x, y, z))

    def block(self, width: float, depth: float, height: float) -> Any:
        """Return the solid of a rectangle, its corner at the origin, extruded upwards."""
        middle = self.shared("IfcAxis2Placement2D", self.point(width / 2, depth / 2), None)
        sides = (self.length(width), self.length(depth))
        profile = self.shared("IfcRectangleProfileDef", "AREA", None, middle, *sides)
        up = self.shared("IfcDirection", (0.0, 0.0, 1.0))
        return self.shared("IfcExtrudedAreaSolid", profile, self.axes(0, 0, 0), up, self.length(height))

    def body(self, context: Any, box: Box, height: float) -> Any:
        """Add the shape of a box whose corner is the product's placement."""
        west, south, east, north = box
        solid = self.block(east - west, north - south, height)
        shape = self.add("IfcShapeRepresentation", context, "Body", "SweptSolid", (solid,))
        return self.add("IfcProductDefinitionShape", None, None, (shape,))

    def properties(self, name: str, values: Mapping[str, Any], things: Iterable[Any]) -> None:
        """Give things one set of properties: int becomes IfcInteger, float IfcReal, the rest IfcLabel."""
        singles = tuple(
            self.shared("IfcPropertySingleValue", key, None, self._value(value), None) for key, value in values.items()
        )
        pset = self.root("IfcPropertySet", name, None, singles)
        self.root("IfcRelDefinesByProperties", None, None, tuple(things), pset)

    def _value(self, value: Any) -> Any:
        kind = {int: "IfcInteger", float: "IfcReal"}.get(type(value), "IfcLabel")
        return self.shared(kind, value)

    def aggregate(self, whole: Any, parts: Iterable[Any]) -> None:
        """Say that the whole consists of the parts."""
        self.root("IfcRelAggregates", None, None, whole, tuple(parts))


def _identity(value: Any) -> Any:
    if isinstance(value, ifcopenshell.entity_instance):
        # Values such as IfcLabel have no step id of their own.
        return value.id() or str(value)
    return value
