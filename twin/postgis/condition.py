"""Conditions in PostgreSQL's dialect; every value is bound."""

from datetime import datetime
from typing import Any

import shapely

from twin.filter import Compare, Intersects, IsNull, Leaf, Like, Property
from twin.versions import to_milliseconds

# What is not of the declared type has no value here, as in every store.
_CASTS = {"string": "text", "number": "float8", "boolean": "boolean"}


def leaf(condition: Leaf) -> tuple[str, list[Any]]:
    """Return one condition as SQL text and the values bound in it."""
    match condition:
        case Compare(named, operator, value):
            text, values = _value(named)
            bound = to_milliseconds(value) if isinstance(value, datetime) else value
            return f"({text} {operator} %s)", [*values, bound]
        case Like(named, pattern):
            text, values = _value(named)
            return f"({text} LIKE %s)", [*values, pattern]
        case IsNull(named):
            text, values = _value(named)
            return f"({text} IS NULL)", values
        case Intersects(area):
            return "ST_Intersects(geom, ST_GeomFromWKB(%s, 4326))", [shapely.to_wkb(area)]


def value_of(named: Property, written: str) -> str:
    """Return the SQL of a property's value; an index serves the very same text.

    Args:
        named: The property.
        written: The name as SQL, bound or quoted; of a column not needed.
    """
    # "C" compares text by code point.
    order = ' COLLATE "C"' if named.type == "string" else ""
    if named.column:
        return named.name + order
    kind = f"json_typeof(attributes -> {written}::text) = '{named.type}'"
    return f"(CASE WHEN {kind} THEN (attributes ->> {written}::text)::{_CASTS[named.type]} END){order}"


def _value(named: Property) -> tuple[str, list[Any]]:
    return value_of(named, "%s"), [] if named.column else [named.name, named.name]
