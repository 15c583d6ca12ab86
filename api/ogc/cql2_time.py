"""The temporal functions of CQL2 (21-065r2, 7.9): relations between moments and intervals, as plain comparisons.

An interval is two ends; a moment is an interval whose ends are one. ``valid_to`` without value means *still so*: such
an end lies after every moment.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, cast

from gis.errors import BadInput
from twin.filter import Compare, Condition, Every, IsNull, Not, Operator, Property, Some

_OPEN = ".."
_EARLIEST = datetime.min.replace(tzinfo=UTC)
_LATEST = datetime.max.replace(tzinfo=UTC)
_TICK = timedelta(milliseconds=1)

End = datetime | Property
Interval = tuple[End, End]
Lookup = Callable[[str], Property]


class _Fault(Exception):
    """Why something is no moment; it never leaves this module."""


def temporal(operator: str, arguments: list[Any], lookup: Lookup) -> Condition:
    """Return the condition that a temporal function states.

    Args:
        operator: ``t_after``, ``t_during`` …, one of :data:`RELATIONS`.
        arguments: Two moments, intervals or properties, in CQL2's JSON encoding.
        lookup: Returns the property of a name, or raises.

    Raises:
        BadInput: ``filter.time``.

    >>> since = Property("valid_from", "time", column=True)
    >>> temporal("t_after", [{"property": "valid_from"}, {"date": "2026-01-01"}], lambda _name: since).operator
    '>'
    >>> temporal("t_after", [{"timestamp": "noon"}, {"date": "2026-01-01"}], lambda _name: since)
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: filter.time: 'noon' is no moment. Write TIMESTAMP('2026-11-21T08:00:00Z'), ...
    """
    try:
        first, second = (_interval(argument, lookup) for argument in arguments)
        return RELATIONS[operator](first, second)
    except _Fault as fault:
        raise BadInput(
            "filter.time",
            str(fault),
            "Write TIMESTAMP('2026-11-21T08:00:00Z'), DATE('2026-11-21') or INTERVAL(valid_from, valid_to).",
            parameter="filter",
        ) from None


def _interval(argument: Any, lookup: Lookup) -> Interval:
    match argument:
        case {"property": str(name)}:
            end = _property(name, lookup)
            return end, end
        case {"timestamp": str(text)}:
            moment = _moment(text)
            return moment, moment
        case {"date": str(text)}:
            return _day(text)
        case {"interval": [begin, finish]}:
            return _interval_of(begin, finish, lookup)
    raise _Fault(f"{argument!r:.60} is neither a moment nor an interval.")


def _interval_of(begin: Any, finish: Any, lookup: Lookup) -> Interval:
    first, last = _end(begin, lookup, "first"), _end(finish, lookup, "last")
    if isinstance(first, datetime) and isinstance(last, datetime) and first > last:
        raise _Fault("An interval ends before it begins.")
    return first, last


def _end(value: Any, lookup: Lookup, side: Literal["first", "last"]) -> End:
    if isinstance(value, dict) and "property" in value:
        return _property(value["property"], lookup)
    text = next(iter(value.values())) if isinstance(value, dict) else value
    if text == _OPEN:
        return _EARLIEST if side == "first" else _LATEST
    if isinstance(text, str) and "T" not in text.upper():
        return _day(text)[0 if side == "first" else 1]
    return _moment(text)


def _property(name: str, lookup: Lookup) -> Property:
    found = lookup(name)
    if found.type != "time":
        raise _Fault(f"{name} is a {found.type}, no time.")
    return found


def _day(text: str) -> Interval:
    start = _moment(text)
    return start, start + timedelta(days=1) - _TICK


def _moment(text: Any) -> datetime:
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        raise _Fault(f"{text!r:.60} is no moment.") from None


# --- one end beside another -----------------------------------------------------------------------------------------

_TURNED: Mapping[str, Operator] = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "="}


def _compare(left: End, operator: str, right: End) -> Condition:
    if isinstance(left, Property) and isinstance(right, Property):
        return _of_two(left, operator, right)
    if isinstance(left, Property):
        return _open_ended(Compare(left, cast("Operator", operator), cast("datetime", right)))
    if isinstance(right, Property):
        return _open_ended(Compare(right, _TURNED[operator], left))
    holds = {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right, "=": left == right}
    return Every(()) if holds[operator] else Some(())


def _of_two(left: Property, operator: str, right: Property) -> Condition:
    """Return how two properties of one feature stand: equal to itself; an end is never before its beginning."""
    if left == right:
        return Every(()) if "=" in operator else Some(())
    raise _Fault(f"{left.name} and {right.name} of one feature cannot be compared.")


def _open_ended(compare: Compare) -> Condition:
    if compare.property.name != "valid_to":
        return compare
    none = IsNull(compare.property)
    later = compare.operator in (">", ">=") or (compare.operator == "=" and compare.value == _LATEST)
    # NOT of a comparison with nothing would be neither true nor false: the end is spelled out.
    return Some((none, compare)) if later else Every((Not(none), compare))


# --- relations of intervals (Allen) ---------------------------------------------------------------------------------


def _all(*parts: Condition) -> Condition:
    return parts[0] if len(parts) == 1 else Every(parts)


RELATIONS: Mapping[str, Callable[[Interval, Interval], Condition]] = {
    "t_after": lambda a, b: _compare(a[0], ">", b[1]),
    "t_before": lambda a, b: _compare(a[1], "<", b[0]),
    "t_contains": lambda a, b: _all(_compare(a[0], "<", b[0]), _compare(a[1], ">", b[1])),
    "t_disjoint": lambda a, b: Some((_compare(a[1], "<", b[0]), _compare(a[0], ">", b[1]))),
    "t_during": lambda a, b: _all(_compare(a[0], ">", b[0]), _compare(a[1], "<", b[1])),
    "t_equals": lambda a, b: _all(_compare(a[0], "=", b[0]), _compare(a[1], "=", b[1])),
    "t_finishedBy": lambda a, b: _all(_compare(a[0], "<", b[0]), _compare(a[1], "=", b[1])),
    "t_finishes": lambda a, b: _all(_compare(a[0], ">", b[0]), _compare(a[1], "=", b[1])),
    "t_intersects": lambda a, b: _all(_compare(a[0], "<=", b[1]), _compare(a[1], ">=", b[0])),
    "t_meets": lambda a, b: _compare(a[1], "=", b[0]),
    "t_metBy": lambda a, b: _compare(a[0], "=", b[1]),
    "t_overlappedBy": lambda a, b: _all(
        _compare(a[0], ">", b[0]), _compare(a[0], "<", b[1]), _compare(a[1], ">", b[1])
    ),
    "t_overlaps": lambda a, b: _all(_compare(a[0], "<", b[0]), _compare(a[1], ">", b[0]), _compare(a[1], "<", b[1])),
    "t_startedBy": lambda a, b: _all(_compare(a[0], "=", b[0]), _compare(a[1], ">", b[1])),
    "t_starts": lambda a, b: _all(_compare(a[0], "=", b[0]), _compare(a[1], "<", b[1])),
}
"""How each function compares the ends of its two intervals."""
