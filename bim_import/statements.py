"""Finds the numbers of every statement of position in a model; what they mean is decided in ``georef``."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import ifcopenshell.util.placement

from bim_import.entity import attribute
from bim_import.frame import crs_of
from bim_import.georef import MapConversion, SitePosition
from bim_import.units import unit_size

_DMS_DIVISORS = (1.0, 60.0, 3600.0, 3.6e9)


def map_conversions(model: Any, length_m: float) -> list[MapConversion]:
    """Return what IfcMapConversion says, then what the property sets of older exporters say."""
    found = [*_coordinate_operations(model, length_m), *_property_sets(model, length_m)]
    offset = _world_offset_m(model, length_m)
    return [replace(stated, origin_m=offset) for stated in found]


def site_positions(model: Any, length_m: float) -> list[SitePosition]:
    """Return the sites that state a longitude and latitude, those with buildings first."""
    north = true_north(model)
    found = []
    for site in model.by_type("IfcSite"):
        lat_deg, lon_deg = degrees_of(site.RefLatitude), degrees_of(site.RefLongitude)
        if lat_deg is None or lon_deg is None:
            continue
        position = SitePosition(
            source=f"IfcSite #{site.id()} RefLatitude, RefLongitude",
            lon_deg=lon_deg,
            lat_deg=lat_deg,
            elevation_m=None if site.RefElevation is None else site.RefElevation * length_m,
            origin_m=placement_origin_m(site, length_m) or (0.0, 0.0, 0.0),
            true_north=north,
        )
        found.append((_has_building(site), position))
    return [*_rigid_angles(model), *(position for _, position in sorted(found, key=lambda pair: not pair[0]))]


def degrees_of(compound: Sequence[int] | None) -> float | None:
    """Return an IfcCompoundPlaneAngleMeasure in degrees; ``None`` when it is absent or no angle.

    >>> degrees_of((30, 16, 30)), degrees_of((-71, -3, -34, -459599)), degrees_of(None), degrees_of(())
    (30.275, -71.059572..., None, None)
    """
    if not compound or len(compound) > len(_DMS_DIVISORS):
        return None
    # Some tools write the sign on the degrees alone.
    sign = -1.0 if compound[0] < 0 else 1.0
    mixed = any(part * sign < 0 for part in compound) and compound[0] != 0
    parts = [abs(part) for part in compound] if mixed or compound[0] < 0 else compound
    return sign * sum(part / divisor for part, divisor in zip(parts, _DMS_DIVISORS, strict=False))


def placement_origin_m(product: Any, length_m: float) -> tuple[float, float, float] | None:
    """Return where a product's own origin is in the model, metres; ``None`` when it has no readable placement."""
    if product.ObjectPlacement is None:
        return None
    try:
        matrix = ifcopenshell.util.placement.get_local_placement(product.ObjectPlacement)
    except (AttributeError, RuntimeError, TypeError, ValueError, ZeroDivisionError):
        return None
    x, y, z = (float(value) * length_m for value in matrix[:3, 3])
    return x, y, z


def _world_offset_m(model: Any, length_m: float) -> tuple[float, float, float]:
    """Return the origin of the model context's WorldCoordinateSystem, metres."""
    for context in _model_contexts(model):
        if system := context.WorldCoordinateSystem:
            coordinates = [*system.Location.Coordinates, 0.0][:3]
            return coordinates[0] * length_m, coordinates[1] * length_m, coordinates[2] * length_m
    return 0.0, 0.0, 0.0


def _coordinate_operations(model: Any, length_m: float) -> Iterator[MapConversion]:
    if model.schema == "IFC2X3":
        return
    for stated in model.by_type("IfcCoordinateOperation"):
        target, source = stated.TargetCRS, f"{stated.is_a()} #{stated.id()}"
        crs: dict[str, Any] = {"crs_name": _crs_name(target), "vertical_datum": attribute(target, "VerticalDatum")}
        unit = attribute(target, "MapUnit")
        map_unit_m = unit_size(unit) if unit else None
        if stated.is_a("IfcMapConversion"):
            yield MapConversion(
                source=source,
                eastings=stated.Eastings,
                northings=stated.Northings,
                height=stated.OrthogonalHeight,
                abscissa=1.0 if stated.XAxisAbscissa is None else stated.XAxisAbscissa,
                ordinate=0.0 if stated.XAxisOrdinate is None else stated.XAxisOrdinate,
                scale=_scale(stated),
                mirrored=(attribute(stated, "FactorX") or 1.0) * (attribute(stated, "FactorY") or 1.0) < 0,
                map_unit_m=map_unit_m,
                project_unit_m=length_m,
                **crs,
            )
        elif stated.is_a("IfcRigidOperation") and stated.FirstCoordinate.is_a("IfcLengthMeasure"):
            yield MapConversion(
                source=source,
                eastings=stated.FirstCoordinate.wrappedValue,
                northings=stated.SecondCoordinate.wrappedValue,
                height=stated.Height,
                map_unit_m=map_unit_m,
                project_unit_m=length_m,
                method="rigid_operation",
                **crs,
            )


def _rigid_angles(model: Any) -> list[SitePosition]:
    """Return the rigid operations that state angles; the CRS's area of use tells longitude from latitude."""
    if model.schema != "IFC4X3":
        return []
    return [
        _rigid_position(stated)
        for stated in model.by_type("IfcRigidOperation")
        if stated.FirstCoordinate.is_a("IfcPlaneAngleMeasure")
    ]


def _rigid_position(stated: Any) -> SitePosition:
    first, second = stated.FirstCoordinate.wrappedValue, stated.SecondCoordinate.wrappedValue
    crs = crs_of(_crs_name(stated.TargetCRS))
    area = crs.area_of_use if crs else None
    as_defined = area is None or (area.south <= first <= area.north and area.west <= second <= area.east)
    lat, lon = (first, second) if as_defined else (second, first)
    source = f"IfcRigidOperation #{stated.id()}"
    return SitePosition(source=source, lon_deg=lon, lat_deg=lat, elevation_m=stated.Height)


def _scale(stated: Any) -> float | None:
    factor = attribute(stated, "FactorX")
    if factor is None:
        return None if stated.Scale is None else float(stated.Scale)
    return float(1.0 if stated.Scale is None else stated.Scale) * float(factor)


def _crs_name(crs: Any) -> str:
    well_known = attribute(crs, "HasCoordinateOperation") and attribute(crs, "WellKnownText")
    if well_known:
        return str(well_known[0].WellKnownText)
    return str(attribute(crs, "Name") or "")


def _property_sets(model: Any, length_m: float) -> Iterator[MapConversion]:
    for kind in ("IfcProject", "IfcSite", "IfcBuilding"):
        for thing in model.by_type(kind):
            sets = {
                name: _single_values(definition)
                for relation in attribute(thing, "IsDefinedBy") or ()
                if (definition := attribute(relation, "RelatingPropertyDefinition")) is not None
                and (name := (attribute(definition, "Name") or "").lower())
                in ("epset_mapconversion", "epset_projectedcrs")
            }
            if stated := sets.get("epset_mapconversion"):
                crs = sets.get("epset_projectedcrs", {})
                yield _from_properties(stated, crs, f"ePSet_MapConversion of {kind} #{thing.id()}", length_m)


def _single_values(definition: Any) -> dict[str, Any]:
    """Return the values of a property set, by their names in lower case."""
    singles = (one for one in attribute(definition, "HasProperties") or () if one.is_a("IfcPropertySingleValue"))
    return {one.Name.lower(): one.NominalValue.wrappedValue for one in singles if one.NominalValue is not None}


def _from_properties(stated: Mapping[str, Any], crs: Mapping[str, Any], source: str, length_m: float) -> MapConversion:
    return MapConversion(
        source=source,
        crs_name=str(crs.get("name") or stated.get("targetcrs") or ""),
        eastings=_number(stated.get("eastings")) or 0.0,
        northings=_number(stated.get("northings")) or 0.0,
        height=_number(stated.get("orthogonalheight")),
        abscissa=_number(stated.get("xaxisabscissa"), 1.0) or 0.0,
        ordinate=_number(stated.get("xaxisordinate"), 0.0) or 0.0,
        scale=_number(stated.get("scale")),
        map_unit_m=_METRES.get(str(crs.get("mapunit", "")).upper()),
        project_unit_m=length_m,
        vertical_datum=crs.get("verticaldatum"),
        method="property_set",
    )


_METRES = {"METRE": 1.0, "METER": 1.0, "M": 1.0, "MILLIMETRE": 0.001, "MM": 0.001, "FOOT": 0.3048}


def _number(value: Any, default: float | None = None) -> float | None:
    try:
        return default if value in (None, "") else float(value)
    except (TypeError, ValueError):
        return default


def true_north(model: Any) -> Sequence[float] | None:
    """Return the direction ratios of the model's TrueNorth; ``None`` when it states none."""
    for context in _model_contexts(model):
        if context.TrueNorth is not None:
            return tuple(context.TrueNorth.DirectionRatios)
    return None


def _model_contexts(model: Any) -> list[Any]:
    contexts = model.by_type("IfcGeometricRepresentationContext", include_subtypes=False)
    return sorted(contexts, key=lambda context: (context.ContextType != "Model", context.id()))


def _has_building(site: Any) -> bool:
    return any(part.is_a("IfcBuilding") for relation in site.IsDecomposedBy for part in relation.RelatedObjects)
