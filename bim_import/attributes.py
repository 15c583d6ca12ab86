"""Property sets as JSON attributes: a few lifted under our own names, the rest kept as they are, small."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any

import ifcopenshell.util.element
import yaml

from bim_import.names import clean, is_placeholder
from bim_import.units import Units

CODE_SET, CODE_PROPERTY = "里坊_空间编码", "空间编码"
"""The property set in which a place bears its space code."""

MOST_PROPERTIES = 60
LONGEST_TEXT = 200


def attributes_of(thing: Any, kind: str, units: Units) -> dict[str, Any]:
    """Return the attributes of a building, storey or space.

    Lifted names are those of ``data/property_names.yaml``, areas in m² whatever the project's unit;
    ``classification`` lists codes, ``properties`` keeps up to 60 other simple values as ``set.property``.
    """
    properties = dict(_properties(thing))
    found = _lift(properties, kind, units)
    if codes := _classification(thing):
        found["classification"] = codes
    if rest := dict(list(properties.items())[:MOST_PROPERTIES]):
        found["properties"] = rest
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


def _lift(properties: Mapping[str, Any], kind: str, units: Units) -> dict[str, Any]:
    by_name: dict[str, Any] = {}
    for path, value in properties.items():
        by_name.setdefault(path.partition(".")[2].lower(), value)
    lifted = {}
    for attribute, rule in _rules()[kind].items():
        stated = [by_name[name.lower()] for name in rule["names"] if by_name.get(name.lower()) not in (None, "")]
        lifted[attribute] = _typed(stated[0], kind, attribute, units) if stated else None
    return {name: value for name, value in lifted.items() if value is not None}


def _typed(value: Any, kind: str, attribute: str, units: Units) -> Any:
    rule = _rules()[kind][attribute]
    if "values" in rule:
        return code_of(kind, attribute, str(value))
    if "measure" in rule:
        sizes = {"area": units.area_m2, "metre": 1.0}
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        # Quantities nobody computed are exported as zero.
        return round(value * sizes[rule["measure"]], 3) if is_number and value > 0 else None
    if rule.get("type") == "integer":
        return int(float(value)) if re.fullmatch(r"\d+(\.0*)?", str(value)) else None
    return str(value)


def _properties(thing: Any) -> Iterator[tuple[str, Any]]:
    for name, values in ifcopenshell.util.element.get_psets(thing).items():
        for key, value in values.items():
            simple = clean(value) if isinstance(value, str) else value
            if key != "id" and isinstance(simple, bool | int | float | str):
                yield f"{clean(name)}.{clean(key)}", simple[:LONGEST_TEXT] if isinstance(simple, str) else simple


def _classification(thing: Any) -> list[dict[str, str]]:
    """Return codes and titles; the code is ``Identification`` in IFC4, ``ItemReference`` in IFC2X3."""
    codes = []
    for relation in getattr(thing, "HasAssociations", ()):
        if relation.is_a("IfcRelAssociatesClassification"):
            reference = relation.RelatingClassification
            code = getattr(reference, "Identification", None) or getattr(reference, "ItemReference", None)
            if code or getattr(reference, "Name", None):
                codes.append({"code": clean(code) or "", "title": clean(getattr(reference, "Name", None)) or ""})
    return codes


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
    rules: dict[str, Any] = yaml.safe_load(text)
    return rules
