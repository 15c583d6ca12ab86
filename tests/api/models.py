"""Small building models, written the way authoring tools do."""

import ifcopenshell
import ifcopenshell.guid


def model(path, *, schema="IFC4", storeys=1):
    """Write a house of 10 x 8 m with its corner at the model's origin and no position on the earth."""
    file = ifcopenshell.file(schema=schema)

    def add(kind, *values, **named):
        return file.create_entity(kind, *values, **named)

    def root(kind, **named):
        return add(kind, GlobalId=ifcopenshell.guid.new(), **named)

    axes = add("IfcAxis2Placement3D", add("IfcCartesianPoint", (0.0, 0.0, 0.0)))
    context = add("IfcGeometricRepresentationContext", None, "Model", 3, 1e-5, axes, None)
    units = add("IfcUnitAssignment", (add("IfcSIUnit", None, "LENGTHUNIT", None, "METRE"),))
    place = add("IfcLocalPlacement", None, axes)
    flat = add("IfcAxis2Placement2D", add("IfcCartesianPoint", (5.0, 4.0)))
    profile = add("IfcRectangleProfileDef", "AREA", None, flat, 10.0, 8.0)
    solid = add("IfcExtrudedAreaSolid", profile, axes, add("IfcDirection", (0.0, 0.0, 1.0)), 3.0)
    shape = add(
        "IfcProductDefinitionShape", None, None, (add("IfcShapeRepresentation", context, "Body", "SweptSolid", (solid,)),)
    )  # fmt: skip
    project = root("IfcProject", Name="小区", UnitsInContext=units, RepresentationContexts=(context,))
    site = root("IfcSite", ObjectPlacement=place)
    building = root("IfcBuilding", Name="一号楼", ObjectPlacement=place)
    floors = [
        root("IfcBuildingStorey", Name=f"F{number}", Elevation=3.0 * (number - 1), ObjectPlacement=place)
        for number in range(1, storeys + 1)
    ]
    rooms = [root("IfcSpace", Name="101", ObjectPlacement=place, Representation=shape) for _ in floors]
    for whole, parts in (
        (project, [site]),
        (site, [building]),
        (building, floors),
        *zip(floors, ([room] for room in rooms), strict=True),
    ):
        root("IfcRelAggregates", RelatingObject=whole, RelatedObjects=list(parts))
    file.write(str(path))
    return path
