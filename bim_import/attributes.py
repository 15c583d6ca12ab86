"""What a place says about itself as JSON attributes: a few lifted under our own names, the rest kept, small."""

import re
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files
from typing import Any

import ifcopenshell.util.element
import yaml

from bim_import.entity import attribute
from bim_import.names import clean, is_placeholder
from bim_import.properties import PropertyReader, Stated
from bim_import.units import Units

CODE_SET, CODE_PROPERTY = "里坊_空间编码", "空间编码"
"""The property set in which a place bears its space code."""

MOST_PROPERTIES = 60


def attributes_of(thing: Any, kind: str, reader: PropertyReader) -> dict[str, Any]:
    """Return the attributes of a building, storey or space.

    - lifted fields under the names of ``data/property_names.yaml``, areas in m² whatever the project's unit;
    - ``classification``: ``[{"system", "code", "title"}]``;
    - ``properties``: up to 60 values as ``{"set.property": value}``, lengths, areas and volumes in m, m² and m³;
    - ``quantities``: up to 60 as ``{"set.quantity": {"value", "unit"}}``, the unit a UCUM code or null.

    What a twin must not hold is in none of them; ``reader.screen`` knows it.
    """
    stated = reader.of(thing)
    found = _lift(stated, kind, reader.units)
    codes = [one for one in _classification(thing) if reader.screen.admits(one["system"], one["title"], thing.GlobalId)]
    if codes:
        found["classification"] = codes
    properties = {one.path: one.value for one in stated if not one.measured}
    quantities = {one.path: {"value": one.value, "unit": one.unit} for one in stated if one.measured}
    for name, values in (("properties", properties), ("quantities", quantities)):
        if values:
            found[name] = dict(list(values.items())[:MOST_PROPERTIES])
    return found


def space_code_of(thing: Any) -> dict[str, str]:
    """Return the space code that a place bears as an identifier, nothing when it bears none.

    Another twin may have minted another code for the same place; the one in the model then stays known as a name.
    """
    code = ifcopenshell.util.element.get_pset(thing, CODE_SET, CODE_PROPERTY)
    return {"lifang:code": code} if isinstance(code, str) and code else {}


def code_of(kind: str, attribute: str, text: str | None) -> str | None:
    """Return the code-list value a text means for an attribute; ``None`` when it means none.

    >>> code_of("space", "use", "楼梯间"), code_of("space", "use", "Schlafzimmer"), code_of("space", "use", "Ü")
    ('circulation', 'dwelling', None)
    """
    rule = _rules()[kind][attribute]
    lowered = (text or "").lower()
    for entry in rule["values"]:
        if lowered == entry["code"] or any(part in lowered for part in entry["in"]):
            return str(entry["code"])
    return None


def _lift(stated: Iterable[Stated], kind: str, units: Units) -> dict[str, Any]:
    by_name: dict[str, Stated] = {}
    for one in stated:
        by_name.setdefault(one.name.lower(), one)
    lifted = {}
    for field_name, rule in _rules()[kind].items():
        said = next((by_name[name.lower()] for name in rule["names"] if name.lower() in by_name), None)
        lifted[field_name] = None if said is None else _typed(said, kind, field_name, units)
    return {name: value for name, value in lifted.items() if value is not None}


def _typed(stated: Stated, kind: str, attribute: str, units: Units) -> Any:
    rule, value = _rules()[kind][attribute], stated.value
    if "values" in rule:
        return code_of(kind, attribute, str(value))
    if "measure" in rule:
        # A bare number is an area in the project's unit, but a height in metres: that is how people write them.
        size = 1.0 if stated.unit or rule["measure"] == "metre" else units.area_m2
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        # Quantities nobody computed are exported as zero.
        return round(float(value) * size, 3) if is_number and float(value) > 0 else None
    if rule.get("type") == "integer":
        return int(float(value)) if re.fullmatch(r"\d+(\.0*)?", str(value)) else None
    return str(value)


def _classification(thing: Any) -> list[dict[str, str]]:
    """Return systems, codes and titles; the code is ``Identification`` in IFC4, ``ItemReference`` in IFC2X3."""
    codes = []
    for relation in attribute(thing, "HasAssociations") or ():
        if relation.is_a("IfcRelAssociatesClassification"):
            reference = relation.RelatingClassification
            code = attribute(reference, "Identification") or attribute(reference, "ItemReference")
            if code or attribute(reference, "Name"):
                texts = {"system": _system(reference), "code": code, "title": attribute(reference, "Name")}
                codes.append({name: clean(text) or "" for name, text in texts.items()})
    return codes


def _system(reference: Any) -> str | None:
    """Return the name of the classification at the root of nested references."""
    source, seen = attribute(reference, "ReferencedSource"), {reference.id()}
    while source is not None and source.is_a("IfcClassificationReference") and source.id() not in seen:
        seen.add(source.id())
        source = source.ReferencedSource
    return clean(attribute(source, "Name"))


def address_of(building: Any) -> dict[str, str | None]:
    """Return the postal address a building carries as ``door_plate_no``, ``street`` and ``district``."""
    address = building.BuildingAddress
    if address is None:
        return {}
    lines = " ".join(line for line in address.AddressLines or () if not is_placeholder(clean(line)))
    stated = {"door_plate_no": lines, "street": address.Town, "district": address.Region}
    return {name: None if is_placeholder(clean(text)) else clean(text) for name, text in stated.items()}


@lru_cache
def _rules() -> dict[str, Any]:
    text = files("bim_import").joinpath("data/property_names.yaml").read_text(encoding="utf-8")
    rules: dict[str, Any] = yaml.load(text, yaml.CSafeLoader)
    return rules
