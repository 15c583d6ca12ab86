"""What property sets and quantities say, a value at a time, in SI units and without what a twin must not hold."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import ifcopenshell.util.element

from bim_import.entity import attribute
from bim_import.names import clean
from bim_import.units import Units, unit_size
from twin.unrelated import Screen, topic_of_group

LONGEST_TEXT = 200

_MEASURES = {
    "IfcLengthMeasure": "m", "IfcPositiveLengthMeasure": "m", "IfcNonNegativeLengthMeasure": "m",
    "IfcAreaMeasure": "m2", "IfcVolumeMeasure": "m3",
}  # fmt: skip
_NAME = 0
"""Where properties and quantities have their name; by number it is five times as fast."""

_QUANTITIES = {"IfcQuantityLength": "m", "IfcQuantityArea": "m2", "IfcQuantityVolume": "m3"}


@dataclass(frozen=True, slots=True)
class Stated:
    """One value of a property set.

    Attributes:
        group: Name of the set.
        unit: UCUM code of a length, area or volume, which is then in it; ``None`` for all else.
        measured: The set is one of quantities.
    """

    group: str
    name: str
    value: bool | float | str
    unit: str | None = None
    measured: bool = False

    @property
    def path(self) -> str:
        """Name of the set and of the property."""
        return f"{self.group}.{self.name}"


Values = tuple[tuple[str, Stated], ...]
Wanted = frozenset[str] | None
"""Names of properties in lower case; ``None`` for all there are, quantities too."""


class PropertyReader:
    """Reads the property sets of the things of one model.

    What many things share is read once, so that thousands of sets, empty or not, cost what they hold.

    Attributes:
        screen: What was left out because a twin must not hold it (A 5.1.4c).
    """

    def __init__(self, units: Units) -> None:
        self.units = units
        self.screen = Screen()
        self._sizes = {"m": units.length_m, "m2": units.area_m2, "m3": units.volume_m3}
        self._read: dict[tuple[int, Wanted], Values] = {}
        self._of_relation: dict[tuple[int, Wanted], Values] = {}

    def of(self, thing: Any) -> list[Stated]:
        """Return what a thing states, or its type where it does not itself; later sets of one name win."""
        return self._found(thing, None)

    def value(self, thing: Any, *names: str) -> bool | float | str | None:
        """Return what the first of the named properties says, whatever set it is in; ``None`` when none is there.

        Quantities are no properties.
        """
        wanted = frozenset(name.lower() for name in names)
        by_name = {stated.name.lower(): stated.value for stated in self._found(thing, wanted)}
        return next((by_name[name.lower()] for name in names if by_name.get(name.lower()) not in (None, "")), None)

    def _found(self, thing: Any, wanted: Wanted) -> list[Stated]:
        kind = ifcopenshell.util.element.get_type(thing)
        inherited = () if kind == thing else attribute(kind, "HasPropertySets") or ()
        parts = [self._values(definition, wanted) for definition in inherited]
        parts += [self._related(relation, wanted) for relation in attribute(thing, "IsDefinedBy") or ()]
        found: dict[str, Stated] = {}
        for group, stated in chain.from_iterable(parts):
            if self.screen.admits(group, stated.name.rpartition(".")[2], thing.GlobalId):
                found[stated.path] = stated
        return list(found.values())

    def _related(self, relation: Any, wanted: Wanted) -> Values:
        if (key := (relation.id(), wanted)) not in self._of_relation:
            definition = attribute(relation, "RelatingPropertyDefinition") or ()
            several = definition if isinstance(definition, tuple) else (definition,)
            self._of_relation[key] = tuple(value for one in several for value in self._values(one, wanted))
        return self._of_relation[key]

    def _values(self, definition: Any, wanted: Wanted) -> Values:
        """Return the values of a set, each with the name of the group it is judged by."""
        if (key := (definition.id(), wanted)) not in self._read:
            group = clean(attribute(definition, "Name")) or ""
            values: Iterable[tuple[str, Stated]] = ()
            if definition.is_a("IfcPropertySet"):
                values = self._properties(definition.HasProperties or (), group, group, "", wanted)
            elif wanted is None and definition.is_a("IfcElementQuantity"):
                values = self._quantities(definition.Quantities or (), group)
            self._read[key] = tuple(values)
        return self._read[key]

    def _properties(
        self, properties: Any, group: str, judged: str, prefix: str, wanted: Wanted
    ) -> Iterator[tuple[str, Stated]]:
        for one in properties:
            name = f"{prefix}{clean(one[_NAME]) or ''}"
            if one.is_a("IfcComplexProperty"):
                inner = one.Name if topic_of_group(one.Name) else judged
                yield from self._properties(one.HasProperties or (), group, inner, f"{name}.", wanted)
            elif wanted is not None and name.lower() not in wanted:
                continue
            elif one.is_a("IfcPropertySingleValue"):
                if one.NominalValue is not None and (stated := self._single(one, group, name)):
                    yield judged, stated
            elif one.is_a("IfcPropertyEnumeratedValue"):
                chosen = [text for value in one.EnumerationValues or () if (text := clean(str(value.wrappedValue)))]
                if chosen:
                    yield judged, Stated(group, name, "; ".join(chosen)[:LONGEST_TEXT])

    def _single(self, one: Any, group: str, name: str) -> Stated | None:
        unit = _MEASURES.get(one.NominalValue.is_a())
        value = _simple(one.NominalValue.wrappedValue)
        if unit is not None and isinstance(value, float):
            value = self._in_si(value, unit, one.Unit)
        return None if value is None else Stated(group, name, value, unit)

    def _quantities(self, quantities: Any, group: str) -> Iterator[tuple[str, Stated]]:
        for one in quantities:
            if one.is_a("IfcPhysicalSimpleQuantity") and (value := _simple(one[3])) is not None:
                unit = _QUANTITIES.get(one.is_a())
                si = self._in_si(value, unit, one.Unit) if unit and isinstance(value, float) else value
                yield group, Stated(group, clean(one[_NAME]) or "", si, unit, measured=True)

    def _in_si(self, value: float, unit: str, own: Any) -> float:
        size = self._sizes[unit] if own is None else unit_size(own)
        return value if size == 1 else round(value * size, 6)


def _simple(value: Any) -> bool | float | str | None:
    """Return a value as JSON can hold it; ``None`` for what it cannot, and for empty texts."""
    if isinstance(value, str):
        text = clean(value)
        return text[:LONGEST_TEXT] if text else None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, bool | int | float) else None
