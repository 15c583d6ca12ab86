"""Conditions in SQLite's dialect; every value is bound."""

import re
import sqlite3
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from twin.embedded.gpkg import decode_geometry
from twin.embedded.rows import degree_box, to_text
from twin.filter import Compare, Condition, Every, Intersects, IsNull, Leaf, Like, Property, Scalar, sql_of

# json_extract would compare a number written as text; what is not of the declared type has no value here.
_JSON_TYPES = {"string": "('text')", "number": "('integer', 'real')", "boolean": "('true', 'false')"}
_GLOB = {"%": "*", "_": "?"}


def install(connection: sqlite3.Connection) -> None:
    """Teach a connection the exact test of geometries that :func:`leaf` asks for."""
    connection.create_function("lifang_intersects", 2, _intersects, deterministic=True)


def leaf(condition: Leaf) -> tuple[str, list[Any]]:
    """Return one condition as SQL text and the values bound in it."""
    match condition:
        case Compare(named, operator, value):
            return f"({value_of(named)} {operator} ?)", [_bound(value)]
        case Like(named, pattern):
            return f"({value_of(named)} GLOB ?)", [_glob(pattern)]
        case IsNull(named):
            return f"({value_of(named)} IS NULL)", []
        case Intersects(area):
            near, values = _near(area)
            # Without geometry it is neither true nor false.
            sql = f"(CASE WHEN geom IS NOT NULL THEN {near} AND lifang_intersects(?, geom) END)"
            return sql, [*values, shapely.to_wkb(area)]


def demands(condition: Condition) -> Iterator[tuple[str, list[Any]]]:
    """Yield what must hold, to be joined by *and*; what the geometry must meet is first looked up in the index."""
    for part in condition.of if isinstance(condition, Every) else (condition,):
        if isinstance(part, Intersects):
            yield _near(part.area)
        yield sql_of(part, leaf)


def _near(area: BaseGeometry) -> tuple[str, list[Any]]:
    x0, x1, y0, y1 = degree_box(*area.bounds)
    near = "fid IN (SELECT fid FROM feature_box WHERE x0 <= ? AND x1 >= ? AND y0 <= ? AND y1 >= ?)"
    return near, [x1, x0, y1, y0]


def value_of(named: Property) -> str:
    """Return the SQL of a property's value; an index serves the very same text, so nothing is bound in it."""
    if named.column:
        return named.name
    path = literal(f'$."{named.name}"')
    kind = f"json_type(attributes, {path}) IN {_JSON_TYPES[named.type]}"
    return f"CASE WHEN {kind} THEN json_extract(attributes, {path}) END"


def literal(text: str) -> str:
    """Return a text as SQL writes it.

    >>> literal("a'b")
    "'a''b'"
    """
    return "'" + text.replace("'", "''") + "'"


def _bound(value: Scalar) -> Any:
    return value if isinstance(value, str | float | int) else to_text(value)


def _glob(pattern: str) -> str:
    r"""Return the pattern as GLOB, which minds case.

    >>> _glob(r"5*_\%%")
    '5[*]?%*'
    """
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    return "".join(_GLOB.get(part) or re.sub(r"([*?\[])", r"[\1]", part[-1]) for part in parts)


def _intersects(area: bytes, blob: bytes) -> bool:
    geometry = decode_geometry(blob)
    return geometry is not None and bool(_prepared(area).intersects(geometry))


@lru_cache(maxsize=64)
def _prepared(area: bytes) -> BaseGeometry:
    geometry = shapely.from_wkb(area)
    shapely.prepare(geometry)
    return geometry
