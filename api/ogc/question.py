"""Query parameters of OGC API Features as the twin's one question; every fault names its parameter."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from starlette.requests import Request

from api.ogc import cql2
from api.parameters import moment, numbers
from gis.crs import CRS84, Box, box_in_crs84, offered
from gis.errors import BadInput
from twin.declaration import Layer
from twin.filter import Compare, Condition, Every, Property, Scalar, ValueType, queryables
from twin.query import Query

DEFAULT_LIMIT = 100
MAX_LIMIT = 10_000
ITEMS = (
    "f",
    "resultType",
    "limit",
    "cursor",
    "sortby",
    "bbox",
    "bbox-crs",
    "crs",
    "datetime",
    "filter",
    "filter-lang",
    "filter-crs",
)
"""Parameters of a collection's items; a property of one of these names can only be asked about in a filter."""


def given(request: Request, allowed: Sequence[str]) -> dict[str, str]:
    """Return the query parameters of a request; unknown and repeated ones are refused (core, requirements 8 and 9)."""
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in allowed:
            raise BadInput(
                "request.unknown_parameter",
                f"There is no parameter {name!r} here.",
                f"Use one of: {', '.join(allowed)}.",
                parameter=name,
            )
        if name in found:
            raise BadInput("request.repeated", f"{name} is given twice.", "Give it once.", parameter=name)
        found[name] = value
    return found


def items_query(layer: Layer, texts: Mapping[str, str], names: Sequence[str]) -> Query:
    """Return the question that the parameters of a collection's items ask.

    Args:
        layer: The collection.
        texts: Parameters by name, as :func:`given` returns them.
        names: Names of the CRS the collection is offered in.
    """
    at, during = _time(texts.get("datetime"))
    where = _where(layer, texts, names)
    question = Query(
        layers=(layer.name,),
        at=at,
        during=during,
        where=where,
        limit=_limit(texts.get("limit")),
        cursor=texts.get("cursor"),
        counted=hits(texts),
    )
    return question if "bbox" not in texts else _narrowed(question, texts, names)


def hits(texts: Mapping[str, str]) -> bool:
    """Tell whether only the number of features is asked for.

    >>> hits({"resultType": "hits"}), hits({})
    (True, False)
    """
    kind = texts.get("resultType", "results")
    if kind not in ("results", "hits"):
        raise BadInput(
            "request.parameter",
            f"resultType={kind!r:.60} is not known.",
            "Use results, or hits for their number alone.",
            parameter="resultType",
        )
    return kind == "hits"


_CRS_PARAMETERS = ("crs", "bbox-crs", "filter-crs")


def offered_to(texts: Mapping[str, str], bounds: Callable[[], Box | None]) -> tuple[str, ...]:
    """Return the CRS that may be named; where the collection lies is only asked when a request names one beyond CRS84.

    Args:
        texts: Parameters by name.
        bounds: Returns the extent of the collection.

    >>> len(offered_to({}, lambda: None))
    3
    """
    named = any(texts.get(parameter, CRS84) != CRS84 for parameter in _CRS_PARAMETERS)
    return offered(bounds() if named else None)


def crs(texts: Mapping[str, str], parameter: str, names: Sequence[str]) -> str:
    """Return the CRS that a parameter names, CRS84 when it is not given."""
    name = texts.get(parameter, CRS84)
    if name not in names:
        raise BadInput(
            "crs.not_offered",
            f"{parameter}={name!r:.100} is not offered for this collection.",
            f"Use one of: {', '.join(names)}.",
            parameter=parameter,
        )
    return name


def _narrowed(question: Query, texts: Mapping[str, str], names: Sequence[str]) -> Query:
    box, z_min_m, z_max_m = _bbox(texts["bbox"])
    where = box_in_crs84(box, crs(texts, "bbox-crs", names))
    if isinstance(where, tuple):
        return replace(question, bbox=where, z_min_m=z_min_m, z_max_m=z_max_m)
    return replace(question, area=where, z_min_m=z_min_m, z_max_m=z_max_m)


def _bbox(text: str) -> tuple[Box, float | None, float | None]:
    """Return the four sides and, when six numbers are given, the two heights.

    >>> _bbox("120,30,5.5,121,31,8")
    ((120.0, 30.0, 121.0, 31.0), 5.5, 8.0)
    """
    if text.count(",") != 5:
        first, second, third, fourth = numbers(text, ("min1", "min2", "max1", "max2"), "bbox")
        return (first, second, third, fourth), None, None
    first, second, low, third, fourth, high = numbers(text, ("min1", "min2", "z_min", "max1", "max2", "z_max"), "bbox")
    if low > high:
        raise BadInput("request.parameter", "The bbox ends below where it begins.", "Swap z.", parameter="bbox")
    return (first, second, third, fourth), low, high


Interval = tuple[datetime | None, datetime | None]


def _time(text: str | None) -> tuple[datetime | None, Interval | None]:
    """Return a moment or an interval.

    >>> _time("../2026-11-21T08:00:00Z")
    (None, (None, datetime.datetime(2026, 11, 21, 8, 0, tzinfo=datetime.timezone.utc)))
    """
    if text is None or "/" not in text:
        return _moment(text), None
    first, last = (None if part in ("", "..") else _moment(part) for part in text.split("/", maxsplit=1))
    if first is not None and last is not None and first > last:
        raise BadInput("request.parameter", "datetime ends before it begins.", "Swap its ends.", parameter="datetime")
    return None, (first, last)


def _moment(text: str | None) -> datetime | None:
    found = moment(text, "datetime")
    if found is not None and found.tzinfo is None:
        raise BadInput("query.time", "datetime has no time zone.", "Add Z or +08:00.", parameter="datetime")
    return found


def _limit(text: str | None) -> int:
    """Return the page size; more than the maximum is the maximum (core, requirement 21)."""
    if text is None:
        return DEFAULT_LIMIT
    if not text.isdecimal() or int(text) == 0:
        raise BadInput("request.parameter", f"limit={text!r:.60} is no page size.", "Use 1 or more.", parameter="limit")
    return min(int(text), MAX_LIMIT)


def _where(layer: Layer, texts: Mapping[str, str], names: Sequence[str]) -> Condition | None:
    known = queryables(layer)
    parts: list[Condition] = [
        Compare(known[name], "=", _value(known[name], text)) for name, text in texts.items() if name not in ITEMS
    ]
    if "filter" in texts:
        language = texts.get("filter-lang", "cql2-text")
        parts.append(cql2.parse(texts["filter"], language, cql2.Scope(known, crs(texts, "filter-crs", names))))
    return None if not parts else parts[0] if len(parts) == 1 else Every(tuple(parts))


def _value(named: Property, text: str) -> Scalar:
    try:
        return _READERS[named.type](text)
    except (ValueError, KeyError):
        raise BadInput(
            "request.parameter",
            f"{named.name}={text!r:.60} is no {named.type}.",
            "See queryables.",
            parameter=named.name,
        ) from None


def _instant(text: str) -> datetime:
    found = _moment(text)
    if found is None:
        raise ValueError(text)
    return found


_READERS: Mapping[ValueType, Callable[[str], Scalar]] = {
    "string": str,
    "number": float,
    "boolean": lambda text: {"true": True, "false": False}[text],
    "time": _instant,
}
