"""Sizes of the units a model declares."""

from dataclasses import dataclass
from typing import Any

from bim_import.entity import attribute

PREFIXES = {
    "EXA": 1e18, "PETA": 1e15, "TERA": 1e12, "GIGA": 1e9, "MEGA": 1e6, "KILO": 1e3, "HECTO": 1e2, "DECA": 1e1,
    "DECI": 1e-1, "CENTI": 1e-2, "MILLI": 1e-3, "MICRO": 1e-6, "NANO": 1e-9, "PICO": 1e-12,
}  # fmt: skip
_POWERS = {"SQUARE_METRE": 2, "CUBIC_METRE": 3}


@dataclass(frozen=True, slots=True)
class Units:
    """Sizes of the project's units in metres, square metres and cubic metres.

    Attributes:
        length_name: Name of the length unit; ``METRE (assumed)`` when the model declares none.
    """

    length_name: str
    length_m: float
    area_m2: float
    volume_m3: float


def read_units(model: Any) -> Units:
    """Return the units of the first IfcUnitAssignment; undeclared areas and volumes are powers of the length unit."""
    declared = {}
    for assignment in model.by_type("IfcUnitAssignment")[:1]:
        # The first of a kind is the project's; odd exporters add derived ones under the same kind.
        declared = {attribute(unit, "UnitType"): unit for unit in reversed(assignment.Units)}
    length = declared.get("LENGTHUNIT")
    length_m = 1.0 if length is None else unit_size(length)
    area, volume = declared.get("AREAUNIT"), declared.get("VOLUMEUNIT")
    name = "METRE (assumed)" if length is None else _name(length)
    return Units(
        name,
        length_m,
        length_m**2 if area is None else unit_size(area),
        length_m**3 if volume is None else unit_size(volume),
    )


def unit_size(unit: Any) -> float:
    """Return the size of an IfcNamedUnit in SI base units.

    The power of square and cubic units applies to the prefix too: a square millimetre is 1e-6 m². A conversion factor
    is read whether its value is wrapped in a measure type or, against the schema, bare.
    """
    if unit.is_a("IfcSIUnit"):
        return float(PREFIXES.get(unit.Prefix, 1.0)) ** _POWERS.get(unit.Name, 1)
    if unit.is_a("IfcConversionBasedUnit"):
        factor = unit.ConversionFactor
        value = getattr(factor.ValueComponent, "wrappedValue", factor.ValueComponent)
        return float(value) * unit_size(factor.UnitComponent)
    return 1.0


def _name(unit: Any) -> str:
    if unit.is_a("IfcSIUnit"):
        return f"{unit.Prefix or ''}{unit.Name}"
    return str(attribute(unit, "Name") or unit.is_a())
