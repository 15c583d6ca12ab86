"""Observations out of the log: what a filter says about time is asked of the store, the rest is read through."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from api.sta.odata import Call, Expression, Options, Path, Value
from gis.errors import BadInput
from twin.event import Event
from twin.series import Series
from twin.store import Store

KIND = "observation"
MOST_READ = 100_000
"""So many readings are looked through for one answer; a filter on phenomenonTime narrows them."""

_PAGE = 2_000
_INSTANT = timedelta(microseconds=1)
_TIMES = ("phenomenonTime",)


def utc(moment: datetime) -> str:
    """Return a moment as SensorThings writes it: UTC, with Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def tell(event: Event) -> dict[str, Any]:
    """Return the properties of an Observation; when the twin learned of it stands in its parameters."""
    return {
        "phenomenonTime": utc(event.occurred_at),
        "resultTime": event.body.get("resultTime"),
        "result": event.body["result"],
        "parameters": {"recordedTime": utc(event.recorded_at), "source": event.source, "source_seq": event.source_seq},
    }


@dataclass(frozen=True, slots=True)
class Found:
    """A page of observations.

    Attributes:
        more: There are some behind it.
        count: How many match in all; ``None`` when nobody asked.
    """

    events: Sequence[Event]
    more: bool
    count: int | None


def observations(
    store: Store, devices: Sequence[str], names: Sequence[str], options: Options, holds: Callable[[Event], bool]
) -> Found:
    """Return the observations of these devices and properties that an option asks for.

    Args:
        store: The log.
        devices: Numbers; at least one.
        names: Properties; all when empty.
        options: Filter, order, page.
        holds: Tells whether what is left of the filter is true of an event.

    Raises:
        BadInput: ``sta.too_much``.
    """
    start, end, rest = bounds(options.filter)
    descends = _descends(options)
    asked = Series(devices=tuple(devices), names=tuple(names), start=start, end=end, newest_first=bool(descends))
    if rest is None and descends is not None:
        events = store.observations(replace(asked, limit=options.top + 1, skip=options.skip))
        count = store.observation_count(asked) if options.count else None
        return Found(events[: options.top], len(events) > options.top, count)
    kept = [event for event in _all(store, asked) if rest is None or holds(event)]
    if descends is None:
        for path, way in reversed(options.orderby):
            kept.sort(key=lambda event: _sortable(tell(event).get(path.steps[0])), reverse=way)
    page = kept[options.skip : options.skip + options.top]
    return Found(page, len(kept) > options.skip + options.top, len(kept) if options.count else None)


def bounds(node: Expression | None) -> tuple[datetime | None, datetime | None, Expression | None]:
    """Return since when, until before when, and what else a filter asks.

    >>> from api.sta.odata import parse
    >>> start, end, rest = bounds(parse("phenomenonTime ge 2026-11-21T08:00:00Z and result gt 5"))
    >>> start.hour, end, rest
    (8, None, Call(name='gt', of=(Path(steps=('result',)), Value(value=5.0))))
    """
    if isinstance(node, Call) and node.name == "and":
        parts = [bounds(part) for part in node.of]
        starts = [start for start, _, _ in parts if start is not None]
        ends = [end for _, end, _ in parts if end is not None]
        rest = [left for _, _, left in parts if left is not None]
        joined = Call("and", (rest[0], rest[1])) if len(rest) > 1 else (rest[0] if rest else None)
        return max(starts, default=None), min(ends, default=None), joined
    found = _bound(node)
    return (None, None, node) if found is None else (*found, None)


def _bound(node: Expression | None) -> tuple[datetime | None, datetime | None] | None:
    if not isinstance(node, Call) or len(node.of) != 2:
        return None
    path, value = node.of
    if not (isinstance(path, Path) and path.steps == _TIMES and isinstance(value, Value)):
        return None
    if not isinstance(value.value, datetime):
        return None
    moment = value.value
    after = moment + _INSTANT
    return {
        "ge": (moment, None), "gt": (after, None), "lt": (None, moment), "le": (None, after), "eq": (moment, after),
    }.get(node.name)  # fmt: skip


def _descends(options: Options) -> bool | None:
    """Tell whether the order is newest first; ``None`` when it is by something else than time."""
    if not options.orderby:
        return False
    path, way = options.orderby[0]
    return way if path.steps == _TIMES else None


def _all(store: Store, asked: Series) -> Iterator[Event]:
    """Yield every reading, in pages."""
    read, after = 0, None
    while events := store.observations(replace(asked, limit=_PAGE, after=after)):
        yield from events
        read += len(events)
        after = (events[-1].occurred_at, events[-1].seq)
        if len(events) < _PAGE:
            return
        if read >= MOST_READ:
            raise BadInput(
                "sta.too_much",
                f"More than {MOST_READ} observations would have to be read.",
                "Narrow phenomenonTime in $filter.",
                parameter="$filter",
            )


def _sortable(value: Any) -> tuple[int, Any]:
    if isinstance(value, bool | int | float):
        return (1, float(value))
    return (2, value) if isinstance(value, str) else (0, 0)
