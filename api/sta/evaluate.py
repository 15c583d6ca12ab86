"""What a filter says of one entity: true, false or, where a property is missing, neither."""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import pairwise
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from api.sta.odata import Call, Expression, Path, Value
from gis.errors import BadInput
from gis.local import distance_m

Resolve = Callable[[tuple[str, ...]], Sequence[Any]]
"""Path → the values behind it: one for each entity that a collection on the way holds."""


def holds(condition: Expression, resolve: Resolve) -> bool:
    """Tell whether a condition is true of the entity whose properties ``resolve`` tells.

    Over collections it is true when it is true of one of their entities, as ``any`` says in OData.

    Raises:
        BadInput: ``sta.function``.

    >>> from api.sta.odata import parse
    >>> holds(parse("length(name) gt 2 and not (tag eq null)"), lambda path: {"name": ["abc"], "tag": ["x"]}[path[0]])
    True
    """
    return any(value is True for value in values(condition, resolve))


def values(node: Expression, resolve: Resolve) -> list[Any]:
    """Return the values of an expression."""
    if isinstance(node, Value):
        return [node.value]
    if isinstance(node, Path):
        return [_plain(value) for value in resolve(node.steps)] or [None]
    if node.name in ("and", "or", "not"):
        return [_logic(node, resolve)]
    function = _FUNCTIONS.get((node.name, len(node.of)))
    if function is None:
        raise BadInput(
            "sta.function",
            f"There is no function {node.name!r} of {len(node.of)} values.",
            f"Use one of: {', '.join(sorted({name for name, _ in _FUNCTIONS}))}.",
            parameter="$filter",
        )
    return _applied(function, [values(part, resolve) for part in node.of])


def _logic(node: Call, resolve: Resolve) -> bool | None:
    parts = (_truth(values(part, resolve)) for part in node.of)
    if node.name == "not":
        (value,) = parts
        return None if value is None else not value
    decides = node.name == "or"
    unknown = False
    for value in parts:
        if value is decides:
            return decides
        unknown |= value is None
    return None if unknown else not decides


def _truth(found: Sequence[Any]) -> bool | None:
    if any(value is True for value in found):
        return True
    return False if any(value is False for value in found) else None


def _applied(function: Callable[..., Any], columns: Sequence[Sequence[Any]]) -> list[Any]:
    """Return the function of every combination; two collections are not compared with one another."""
    wide = max(columns, key=len, default=[None])
    rows = [[column[min(index, len(column) - 1)] for column in columns] for index in range(len(wide))]
    return [_safely(function, row) for row in rows]


def _safely(function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
    try:
        return function(*arguments)
    except (TypeError, ValueError, ArithmeticError, AttributeError):
        return None  # values of kinds that cannot be compared: neither true nor false


def _plain(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return float(value)
    if isinstance(value, Mapping) and "coordinates" in value:
        return shapely.geometry.shape(dict(value))
    return value


def _equal(left: Any, right: Any) -> bool | None:
    if left is None or right is None:
        return left is right
    left, right = _alike(left, right)
    return bool(left == right)


def _alike(left: Any, right: Any) -> tuple[Any, Any]:
    """Return both as moments when one is."""
    if isinstance(left, datetime) and isinstance(right, str):
        return left, datetime.fromisoformat(right)
    if isinstance(right, datetime) and isinstance(left, str):
        return datetime.fromisoformat(left), right
    return left, right


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool | None]:
    def apply(left: Any, right: Any) -> bool | None:
        if left is None or right is None:
            return None
        return compare(*_alike(left, right))

    return apply


def _distance(left: BaseGeometry, right: BaseGeometry) -> float:
    """Return metres between two positions; of other shapes, of the points in them."""
    first, second = (shapely.point_on_surface(shape) for shape in (left, right))
    return distance_m(first.x, first.y, second.x, second.y)


def distance_along(shape: BaseGeometry) -> float:
    """Return the length of a CRS84 line in metres.

    >>> round(distance_along(shapely.LineString([(120, 30), (120, 30.001)])), 2)
    110.85
    """
    points = shapely.get_coordinates(shape)
    return sum(distance_m(*first, *second) for first, second in pairwise(points))


def _part_of(name: str, moment: str) -> float:
    return float(getattr(datetime.fromisoformat(moment), name))


_FUNCTIONS: Mapping[tuple[str, int], Callable[..., Any]] = {
    ("eq", 2): _equal,
    ("ne", 2): lambda left, right: None if (same := _equal(left, right)) is None else not same,
    ("gt", 2): _ordered(operator.gt),
    ("ge", 2): _ordered(operator.ge),
    ("lt", 2): _ordered(operator.lt),
    ("le", 2): _ordered(operator.le),
    ("add", 2): operator.add,
    ("sub", 2): operator.sub,
    ("mul", 2): operator.mul,
    ("div", 2): operator.truediv,
    ("mod", 2): math.fmod,
    ("substringof", 2): lambda part, text: part in text,
    ("endswith", 2): lambda text, part: text.endswith(part),
    ("startswith", 2): lambda text, part: text.startswith(part),
    ("length", 1): lambda text: float(len(text)),
    ("indexof", 2): lambda text, part: float(text.find(part)),
    ("substring", 2): lambda text, start: text[int(start) :],
    ("substring", 3): lambda text, start, count: text[int(start) : int(start) + int(count)],
    ("tolower", 1): lambda text: text.lower(),
    ("toupper", 1): lambda text: text.upper(),
    ("trim", 1): lambda text: text.strip(),
    ("concat", 2): lambda left, right: left + right,
    ("round", 1): lambda number: float(math.floor(number + 0.5)),
    ("floor", 1): lambda number: float(math.floor(number)),
    ("ceiling", 1): lambda number: float(math.ceil(number)),
    **{(name, 1): partial(_part_of, name) for name in ("year", "month", "day", "hour", "minute", "second")},
    ("geo.distance", 2): _distance,
    ("geo.length", 1): distance_along,
    ("geo.intersects", 2): lambda left, right: bool(shapely.intersects(left, right)),
    ("st_equals", 2): lambda left, right: bool(shapely.equals(left, right)),
    ("st_disjoint", 2): lambda left, right: bool(shapely.disjoint(left, right)),
    ("st_touches", 2): lambda left, right: bool(shapely.touches(left, right)),
    ("st_within", 2): lambda left, right: bool(shapely.within(left, right)),
    ("st_overlaps", 2): lambda left, right: bool(shapely.overlaps(left, right)),
    ("st_crosses", 2): lambda left, right: bool(shapely.crosses(left, right)),
    ("st_intersects", 2): lambda left, right: bool(shapely.intersects(left, right)),
    ("st_contains", 2): lambda left, right: bool(shapely.contains(left, right)),
}
