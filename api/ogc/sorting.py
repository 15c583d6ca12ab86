"""The order of items by properties (OGC API Features, sortby), with pages that stay in place while things change."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cmp_to_key
from typing import Any

from gis.errors import BadInput
from twin.access import Access
from twin.feature import Feature
from twin.filter import Property
from twin.query import Page, Query

MOST = 20_000
"""More features than this are not sorted for one page: narrow the question."""

_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "number": (int, float),
    "boolean": bool,
    "time": datetime,
}


@dataclass(frozen=True, slots=True)
class Order:
    """One property to sort by."""

    property: Property
    descending: bool


def orders(text: str, known: Mapping[str, Property]) -> tuple[Order, ...]:
    """Return what ``sortby`` asks for: names, each with ``+`` (also as a space, or left out) or ``-`` before it.

    Raises:
        BadInput: ``query.unknown_field``, ``request.parameter``.

    >>> [(one.property.name, one.descending) for one in orders("-name", {"name": Property("name", "string", True)})]
    [('name', True)]
    """
    found = tuple(_order(word, known) for word in text.split(","))
    if len({one.property.name for one in found}) < len(found):
        raise BadInput("request.parameter", "sortby names a property twice.", "Name it once.", parameter="sortby")
    return found


def _order(word: str, known: Mapping[str, Property]) -> Order:
    name = word[1:] if word[:1] in ("+", "-", " ") else word
    if name not in known:
        raise BadInput(
            "query.unknown_field",
            f"There is no property {name!r:.60} to sort by.",
            f"Use one of: {', '.join(known)}.",
            parameter="sortby",
        )
    return Order(known[name], word.startswith("-"))


def find_sorted(access: Access, query: Query, by: Sequence[Order]) -> Page:
    """Answer a query in this order; what has no value comes last, equal ones stand by id.

    A page begins behind the values and the id with which the page before ended, whatever has changed since.

    Raises:
        BadInput: ``query.sort_too_many``, ``query.cursor``.
    """
    limit = query.limit or MOST
    matched = access.find(replace(query, limit=1, cursor=None, counted=True)).matched
    if matched > MOST:
        raise BadInput(
            "query.sort_too_many",
            f"{matched} features are too many to sort.",
            f"Narrow the question to {MOST}, or leave sortby out.",
            parameter="sortby",
        )
    found = access.find(replace(query, limit=None, cursor=None)).features
    before = cmp_to_key(_comparison(by))
    rows = sorted(((_row(feature, by), feature) for feature in found), key=lambda pair: before(pair[0]))
    if query.cursor is not None:
        last = before(_position(query.cursor, by))
        rows = [pair for pair in rows if last < before(pair[0])]
    page = rows[:limit]
    return Page(
        tuple(feature for _, feature in page), len(found), _cursor(page[-1][0]) if len(rows) > len(page) else None
    )


_Row = tuple[Any, ...]


def _row(feature: Feature, by: Sequence[Order]) -> _Row:
    return (*(_value(feature, one.property) for one in by), feature.id)


def _value(feature: Feature, named: Property) -> Any:
    """Return a feature's value; what is not of the declared type is none, as it is to a filter."""
    value = getattr(feature, named.name) if named.column else feature.attributes.get(named.name)
    if not isinstance(value, _TYPES[named.type]) or (isinstance(value, bool) and named.type == "number"):
        return None
    return value.isoformat() if isinstance(value, datetime) else value


def _comparison(by: Sequence[Order]) -> Callable[[_Row, _Row], int]:
    signs = [*(-1 if one.descending else 1 for one in by), 1]

    def compare(left: _Row, right: _Row) -> int:
        for mine, other, sign in zip(left, right, signs, strict=True):
            if mine == other:
                continue
            if mine is None or other is None:
                return 1 if mine is None else -1
            return sign if mine > other else -sign
        return 0

    return compare


def _cursor(row: _Row) -> str:
    return base64.urlsafe_b64encode(json.dumps(row).encode()).decode().rstrip("=")


def _position(cursor: str, by: Sequence[Order]) -> _Row:
    try:
        row = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        fitting = len(row) == len(by) + 1 and isinstance(row[-1], str)
        fitting = fitting and all(_fits(value, one.property) for value, one in zip(row[:-1], by, strict=True))
    except (ValueError, TypeError):
        fitting = False
    if not fitting:
        raise BadInput(
            "query.cursor", "The cursor is not one of ours.", "Use the next link as it came.", parameter="cursor"
        )
    return tuple(row)


def _fits(value: Any, named: Property) -> bool:
    kind = str if named.type == "time" else _TYPES[named.type]
    return value is None or isinstance(value, kind)
