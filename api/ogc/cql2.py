"""CQL2 (OGC 21-065r2), text and JSON, as conditions: what is read here the store executes; all else is refused."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import cql2
import shapely
from shapely.geometry.base import BaseGeometry

from api.ogc.cql2_time import RELATIONS, temporal
from gis.crs import CRS84, box_in_crs84, to_crs84
from gis.errors import BadInput
from twin.filter import Compare, Condition, Every, Intersects, IsNull, Like, Not, Operator, Property, Scalar, Some

MAX_CHARACTERS = 8_000
MAX_DEPTH = 64
LANGUAGES = ("cql2-text", "cql2-json")
GEOMETRY = "geometry"

_MIRRORED: Mapping[str, Operator] = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "number": (int, float),
    "boolean": bool,
    "time": datetime,
}
_EXAMPLES = {"string": "'text'", "number": "5", "boolean": "TRUE", "time": "TIMESTAMP('2026-11-21T08:00:00Z')"}


@dataclass(frozen=True, slots=True)
class Scope:
    """What names in an expression mean.

    Attributes:
        known: The queryables; ``geometry`` is known besides.
        crs: Name of the CRS of geometries.
    """

    known: Mapping[str, Property]
    crs: str = CRS84


def parse(text: str, language: str, scope: Scope) -> Condition:
    """Return the condition that a CQL2 expression states.

    Args:
        text: The expression.
        language: One of :data:`LANGUAGES`.
        scope: What its names mean.

    Raises:
        BadInput: ``filter.syntax``, ``filter.unsupported``, ``filter.type``, ``filter.geometry``, ``filter.too_long``,
            ``query.unknown_field``; the parameter is ``filter``.

    >>> scope = Scope({"storey": Property("storey", "number", column=True)})
    >>> parse("2 < storey", "cql2-text", scope)
    Compare(property=Property(name='storey', type='number', column=True), operator='>', value=2.0)
    >>> parse("storey <", "cql2-text", scope)
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: filter.syntax: The filter cannot be read: ...
    """
    return _condition(_document(text, language), scope, MAX_DEPTH)


def _document(text: str, language: str) -> Any:
    """Return the expression in its JSON encoding."""
    if language not in LANGUAGES:
        raise BadInput(
            "request.parameter",
            f"filter-lang={language!r:.60} is not known.",
            f"Use one of: {', '.join(LANGUAGES)}.",
            parameter="filter-lang",
        )
    if len(text) > MAX_CHARACTERS:
        raise BadInput("filter.too_long", "The filter is too long.", "Ask in several requests.", parameter="filter")
    _check_depth(text)
    try:
        return (cql2.parse_text(text) if language == "cql2-text" else cql2.parse_json(text)).to_json()
    except (cql2.ParseError, cql2.ValidationError) as error:
        reason = " ".join(str(error).split())
        raise BadInput(
            "filter.syntax", f"The filter cannot be read: {reason:.300}.", "Write it in CQL2.", parameter="filter"
        ) from error


def _check_depth(text: str) -> None:
    """Refuse nesting before the parser recurses into it."""
    depth = 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if depth > MAX_DEPTH:
            raise BadInput(
                "filter.too_deep", "The filter is nested too deeply.", "Ask in several requests.", parameter="filter"
            )


def _condition(node: Any, scope: Scope, depth: int) -> Condition:
    if depth == 0:
        raise BadInput(
            "filter.too_deep", "The filter is nested too deeply.", "Ask in several requests.", parameter="filter"
        )
    if isinstance(node, bool):
        return Every(()) if node else Some(())
    if not isinstance(node, dict) or "op" not in node:
        raise _unsupported(node)
    arguments = node["args"]
    match node["op"], len(arguments):
        case "and", _:
            return Every(tuple(_condition(part, scope, depth - 1) for part in arguments))
        case "or", _:
            return Some(tuple(_condition(part, scope, depth - 1) for part in arguments))
        case "not", 1:
            return Not(_condition(arguments[0], scope, depth - 1))
        case _:
            return _predicate(node, arguments, scope)


def _predicate(node: Any, arguments: list[Any], scope: Scope) -> Condition:
    match node["op"], len(arguments):
        case "s_intersects", 2:
            return _intersects(arguments, scope)
        case str(operator), 2 if operator in RELATIONS:
            return temporal(operator, arguments, lambda name: _property(scope, name))
        case _:
            return _relation(node, arguments, scope)


def _relation(node: Any, arguments: list[Any], scope: Scope) -> Condition:
    match node["op"], arguments:
        case ("=" | "<>" | "<" | "<=" | ">" | ">=") as operator, [{"property": name}, value]:
            return _comparison(scope, name, cast("Operator", operator), value)
        case ("=" | "<>" | "<" | "<=" | ">" | ">=") as operator, [value, {"property": name}]:
            return _comparison(scope, name, _MIRRORED[operator], value)
        case "between", [{"property": name}, low, high]:
            return Every((_comparison(scope, name, ">=", low), _comparison(scope, name, "<=", high)))
        case "in", [{"property": name}, [*values]] if values:
            return Some(tuple(_comparison(scope, name, "=", value) for value in values))
        case "like", [{"property": name}, str(pattern)]:
            return Like(_text_property(scope, name), _checked(pattern))
        case "isNull", [{"property": name}]:
            return IsNull(_property(scope, name))
        case _:
            raise _unsupported(node)


def _comparison(scope: Scope, name: str, operator: Operator, literal: Any) -> Compare:
    named = _property(scope, name)
    value = _moment(literal["timestamp"]) if isinstance(literal, dict) and "timestamp" in literal else literal
    right = isinstance(value, _TYPES[named.type]) and (named.type == "boolean" or not isinstance(value, bool))
    if not right:
        raise BadInput(
            "filter.type",
            f"{name} is a {named.type}, {json.dumps(literal, ensure_ascii=False):.60} is not.",
            f"Compare it with a value such as {_EXAMPLES[named.type]}.",
            parameter="filter",
        )
    return Compare(named, operator, cast("Scalar", value))


def _property(scope: Scope, name: str) -> Property:
    if name not in scope.known:
        raise BadInput(
            "query.unknown_field",
            f"There is no property {name!r:.60} to filter by.",
            f"Use one of: {', '.join(scope.known)}.",
            parameter="filter",
        )
    return scope.known[name]


def _text_property(scope: Scope, name: str) -> Property:
    named = _property(scope, name)
    if named.type != "string":
        raise BadInput(
            "filter.type", f"{name} is a {named.type}, no text.", "Use LIKE with text only.", parameter="filter"
        )
    return named


def _checked(pattern: str) -> str:
    if (len(pattern) - len(pattern.rstrip("\\"))) % 2:
        raise BadInput(
            "filter.syntax", "A pattern ends in a single backslash.", "Write two for one.", parameter="filter"
        )
    return pattern


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except (ValueError, TypeError):
        raise BadInput(
            "filter.type", f"{text!r:.60} is no timestamp.", "Write 2026-11-21T08:00:00Z.", parameter="filter"
        ) from None
    # CQL2 knows UTC only, so the parser has given it to a text without zone.
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _intersects(arguments: list[Any], scope: Scope) -> Intersects:
    match arguments:
        case [{"property": str(name)}, literal] | [literal, {"property": str(name)}] if name == GEOMETRY:
            return Intersects(_geometry(literal, scope.crs))
        case _:
            raise _unsupported({"op": "s_intersects", "args": arguments})


def _geometry(literal: Any, crs: str) -> BaseGeometry:
    try:
        return _placed(literal, crs)
    except BadInput as error:
        raise BadInput(error.code, error.message, error.cure, parameter="filter") from error


def _placed(literal: Any, crs: str) -> BaseGeometry:
    match literal:
        case {
            "bbox": [
                float() | int() as west,
                float() | int() as south,
                float() | int() as east,
                float() | int() as north,
            ]
        }:
            box = box_in_crs84((west, south, east, north), crs)
            return shapely.box(*box) if isinstance(box, tuple) else box
    try:
        geometry = shapely.from_geojson(json.dumps(literal))
    except shapely.errors.GEOSException as error:
        raise BadInput(
            "filter.geometry",
            "A geometry cannot be read.",
            "Write WKT or GeoJSON in two dimensions.",
            parameter="filter",
        ) from error
    if geometry.is_empty or not geometry.is_valid:
        raise BadInput(
            "filter.geometry",
            f"A geometry is not valid: {shapely.is_valid_reason(geometry)}.",
            "Mend it.",
            parameter="filter",
        )
    return to_crs84(geometry, crs)


def _unsupported(node: Any) -> BadInput:
    return BadInput(
        "filter.unsupported",
        f"The filter asks for what is not offered: {json.dumps(node, ensure_ascii=False):.120}.",
        "Compare properties with values by =, <>, <, >, BETWEEN, IN, LIKE, IS NULL; use S_INTERSECTS(geometry, ...)"
        " and T_INTERSECTS and its like.",
        parameter="filter",
    )
