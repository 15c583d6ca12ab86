"""What a filter means: a tree of conditions on a feature's properties and geometry, free of any language or store."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal

from shapely.geometry.base import BaseGeometry

from twin.declaration import Layer

ValueType = Literal["string", "number", "boolean", "time"]
Operator = Literal["=", "<>", "<", "<=", ">", ">="]
Scalar = str | float | bool | datetime

COLUMNS: Mapping[str, ValueType] = MappingProxyType(
    {
        "name": "string",
        "place": "string",
        "parent": "string",
        "storey": "number",
        "z_min_m": "number",
        "z_max_m": "number",
        "stage": "string",
        "source": "string",
        "valid_from": "time",
        "valid_to": "time",
    }
)
"""Properties every feature has; a declared field never hides one of them."""

_TYPES: Mapping[str, ValueType] = MappingProxyType(
    # A field's moment is text: many sources give a day, or no zone.
    {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "datetime": "string"}
)


@dataclass(frozen=True, slots=True)
class Property:
    """A property that can be asked about.

    Attributes:
        column: It is one of :data:`COLUMNS`; else a declared field.
        indexed: The field is declared so.
    """

    name: str
    type: ValueType
    column: bool
    indexed: bool = dataclass_field(default=False, compare=False, repr=False)


RECORDED = Property("recorded_at", "time", column=True)
"""When the twin learned of a version. For questions inside the house: a filter of a request names it not."""


@dataclass(frozen=True, slots=True)
class Compare:
    """The property stands in this relation to a value of its type; text is compared by code point."""

    property: Property
    operator: Operator
    value: Scalar


@dataclass(frozen=True, slots=True)
class Like:
    r"""The text has this shape: ``%`` any characters, ``_`` one, ``\`` takes the next literally; case matters."""

    property: Property
    pattern: str


@dataclass(frozen=True, slots=True)
class IsNull:
    """The property has no value."""

    property: Property


@dataclass(frozen=True, slots=True, eq=False)
class Intersects:
    """The geometry has a point in common with this one, CRS84."""

    area: BaseGeometry


@dataclass(frozen=True, slots=True)
class Not:
    """The condition is false."""

    of: "Condition"


@dataclass(frozen=True, slots=True)
class Every:
    """All conditions are true; of none, true."""

    of: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Some:
    """At least one condition is true; of none, false."""

    of: tuple["Condition", ...]


Leaf = Compare | Like | IsNull | Intersects
Condition = Leaf | Not | Every | Some
"""Three-valued, as in SQL: a condition on a property without value is neither true nor false; only true matches."""


@lru_cache(maxsize=512)
def queryables(layer: Layer) -> Mapping[str, Property]:
    """Return the properties of an open layer that a filter may name: never those that are masked."""
    fields = {
        field.name: Property(field.name, _TYPES[field.type], column=False, indexed=field.indexed)
        for field in layer.fields
        if field.grade in ("P0", "P1") and field.type in _TYPES
    }
    return MappingProxyType(fields | {name: Property(name, type_, column=True) for name, type_ in COLUMNS.items()})


def indexed(layers: Iterable[Layer]) -> Iterator[tuple[Layer, Property]]:
    """Yield the fields declared as indexed, each as the property that a filter names."""
    for layer in layers:
        for field in layer.fields:
            if field.indexed and (named := queryables(layer).get(field.name)):
                yield layer, named


def properties(condition: Condition) -> Iterator[Property]:
    """Yield every property a condition names."""
    match condition:
        case Not(of):
            yield from properties(of)
        case Every(of) | Some(of):
            for part in of:
                yield from properties(part)
        case Compare(named) | Like(named) | IsNull(named):
            yield named


def sql_of(condition: Condition, leaf: Callable[[Leaf], tuple[str, list[Any]]]) -> tuple[str, list[Any]]:
    """Return a condition as SQL text and the values bound in it.

    Args:
        condition: The tree.
        leaf: Writes what is no *and*, *or* or *not*, in the store's dialect.

    >>> storey = IsNull(Property("storey", "number", column=True))
    >>> sql_of(Some((storey, Not(Every((storey, storey))))), lambda _leaf: ("s IS NULL", []))
    ('(s IS NULL OR (NOT (s IS NULL AND s IS NULL)))', [])
    >>> sql_of(Every(()), lambda _leaf: ("", []))
    ('(1 = 1)', [])
    """
    match condition:
        case Not(of):
            text, values = sql_of(of, leaf)
            return f"(NOT {text})", values
        case Every(of) | Some(of):
            parts = [sql_of(part, leaf) for part in of]
            joint, empty = (" AND ", "1 = 1") if isinstance(condition, Every) else (" OR ", "1 = 0")
            return f"({joint.join(text for text, _ in parts) or empty})", [
                value for _, values in parts for value in values
            ]
        case _:
            return leaf(condition)
