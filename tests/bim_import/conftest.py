"""Writes small models the way authoring tools do, in any schema and unit."""

import math
from pathlib import Path

import ifcopenshell
import ifcopenshell.guid
import pytest

MAP = {"eastings": 514777.411, "northings": 3351983.077, "height": 5.2, "turn_deg": 33.0}


class House:
    """A model under construction; lengths are given in metres and written in the model's unit."""

    def __init__(self, schema="IFC4", *, millimetres=False):
        self.file = ifcopenshell.file(schema=schema)
        self.old = schema == "IFC2X3"
        self.unit = 0.001 if millimetres else 1.0
        length = self.add("IfcSIUnit", None, "LENGTHUNIT", "MILLI" if millimetres else None, "METRE")
        area = self.add("IfcSIUnit", None, "AREAUNIT", "MILLI" if millimetres else None, "SQUARE_METRE")
        self.context = self.add("IfcGeometricRepresentationContext", None, "Model", 3, 1e-5, self.axes(), None)
        units = self.add("IfcUnitAssignment", (length, area))
        self.project = self.root("IfcProject", "小区", UnitsInContext=units, RepresentationContexts=(self.context,))
        self.site = self.root("IfcSite", None, CompositionType="ELEMENT", ObjectPlacement=self.placement())
        self.aggregate(self.project, self.site)

    def add(self, kind, *values, **named):
        return self.file.create_entity(kind, *values, **named)

    def root(self, kind, name, **named):
        history = self._history() if self.old else None
        return self.add(kind, GlobalId=ifcopenshell.guid.new(), OwnerHistory=history, Name=name, **named)

    def _history(self):
        if found := self.file.by_type("IfcOwnerHistory"):
            return found[0]
        person = self.add("IfcPerson", FamilyName="p")
        firm = self.add("IfcOrganization", Name="o")
        both = self.add("IfcPersonAndOrganization", person, firm)
        tool = self.add("IfcApplication", firm, "1.0", "Test Tool", "tt")
        return self.add("IfcOwnerHistory", both, tool, None, "ADDED", None, None, None, 0)

    def point(self, *metres):
        return self.add("IfcCartesianPoint", [float(value / self.unit) for value in metres])

    def axes(self, *metres):
        return self.add("IfcAxis2Placement3D", self.point(*(metres or (0, 0, 0))))

    def placement(self, above=None, *metres):
        return self.add("IfcLocalPlacement", above, self.axes(*metres))

    def box(self, width, depth, height):
        flat = self.add("IfcAxis2Placement2D", self.point(width / 2, depth / 2))
        profile = self.add("IfcRectangleProfileDef", "AREA", None, flat, width / self.unit, depth / self.unit)
        up = self.add("IfcDirection", (0.0, 0.0, 1.0))
        solid = self.add("IfcExtrudedAreaSolid", profile, self.axes(), up, height / self.unit)
        shape = self.add("IfcShapeRepresentation", self.context, "Body", "SweptSolid", (solid,))
        return self.add("IfcProductDefinitionShape", None, None, (shape,))

    def aggregate(self, whole, *parts):
        self.root("IfcRelAggregates", None, RelatingObject=whole, RelatedObjects=parts)

    def contain(self, whole, *parts):
        self.root("IfcRelContainedInSpatialStructure", None, RelatedElements=parts, RelatingStructure=whole)

    def map_conversion(self, crs="EPSG:4549", **change):
        stated = {**MAP, **change}
        turn = math.radians(stated["turn_deg"])
        metre = self.add("IfcSIUnit", None, "LENGTHUNIT", None, "METRE")
        target = self.add("IfcProjectedCRS", Name=crs, VerticalDatum="1985国家高程基准", MapUnit=metre)
        self.add(
            "IfcMapConversion", self.context, target, stated["eastings"], stated["northings"], stated["height"],
            math.cos(turn), math.sin(turn), self.unit,
        )  # fmt: skip
        return self

    def angles(self, lat, lon, *, elevation=None, true_north=None):
        self.site.RefLatitude, self.site.RefLongitude = lat, lon
        self.site.RefElevation = None if elevation is None else elevation / self.unit
        if true_north:
            self.context.TrueNorth = self.add("IfcDirection", true_north)
        return self

    def building(self, name="3号楼", **named):
        building = self.root("IfcBuilding", name, CompositionType="ELEMENT", **named)
        building.ObjectPlacement = self.placement(self.site.ObjectPlacement)
        self.aggregate(self.site, building)
        return building

    def storey(self, building, name, z):
        storey = self.root("IfcBuildingStorey", name, CompositionType="ELEMENT", Elevation=z / self.unit)
        storey.ObjectPlacement = self.placement(building.ObjectPlacement, 0, 0, z)
        self.aggregate(building, storey)
        return storey

    def product(self, kind, storey, name, at, size, **named):
        shape = None if size is None else self.box(*size)
        place = self.placement(storey.ObjectPlacement, *at)
        return self.root(kind, name, ObjectPlacement=place, Representation=shape, **named)

    def space(self, storey, name, at=(0, 0, 0), size=(4, 3, 2.7), long_name=None):
        space = self.product("IfcSpace", storey, name, at, size, LongName=long_name, CompositionType="ELEMENT")
        self.aggregate(storey, space)
        return space

    def element(self, kind, storey, at, size):
        element = self.product(kind, storey, None, at, size)
        self.contain(storey, element)
        return element

    def zone(self, name, *spaces):
        zone = self.root("IfcZone", name)
        self.root("IfcRelAssignsToGroup", None, RelatedObjects=spaces, RelatingGroup=zone)
        return zone

    def properties(self, thing, name, **values):
        singles = [
            self.add("IfcPropertySingleValue", key, None, self.add(kind, value), None)
            for key, (kind, value) in values.items()
        ]
        pset = self.root("IfcPropertySet", name, HasProperties=singles)
        self.root("IfcRelDefinesByProperties", None, RelatedObjects=(thing,), RelatingPropertyDefinition=pset)

    def write(self, path):
        self.file.write(str(path))
        return Path(path)


@pytest.fixture
def shared_ifc():
    """The folder of real models beside the checkout."""
    folder = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "ifc"
    if not folder.is_dir():
        pytest.skip("../shared/data is not there")
    return folder


@pytest.fixture
def house():
    """The class that writes small models."""
    return House
