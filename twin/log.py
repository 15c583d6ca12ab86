"""What every store decides alike when a batch comes into the log: what is new, and what is now the latest value."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from twin.characters import kept, kept_json
from twin.event import UNCHANGED, NewEvent, Observed, Reading

Key = tuple[str, str, str]
"""Source, the source's own number, community: what makes two messages the same."""


def key_of(sent: NewEvent | Reading) -> Key:
    """Return what makes a message the same as another; raises ``store.bad_text``."""
    kept(sent.source + sent.source_seq + sent.community, "The message")
    return sent.source, sent.source_seq, sent.community


def first_of_each(keys: Sequence[Key], known: Collection[int]) -> list[bool]:
    """Tell of each message whether it is new: not at a known place in the list, not a repetition.

    >>> first_of_each([("gw", "1", "c"), ("gw", "2", "c"), ("gw", "2", "c")], known={0})
    [False, True, False]
    """
    if not known and len(set(keys)) == len(keys):
        return [True] * len(keys)
    seen: set[Key] = set()
    fresh = []
    for place, key in enumerate(keys):
        fresh.append(place not in known and key not in seen)
        seen.add(key)
    return fresh


class Standing(NamedTuple):
    """The latest value of a property as a store keeps it: when it was so, and its JSON."""

    moment: Any
    value: str


@dataclass(frozen=True, slots=True)
class Newest:
    """What a batch does to the latest values.

    Attributes:
        wins: Of each reading, whether it became the latest value when it came.
        last: The reading that each property is left with.
        unchanged: Readings that say nothing new.
    """

    wins: Sequence[bool]
    last: Mapping[tuple[str, str], int]
    unchanged: Collection[int]


def newest_of(
    readings: Sequence[Reading],
    fresh: Sequence[bool],
    seen: Sequence[Standing],
    standing: Mapping[tuple[str, str], Standing],
    since: Callable[[Any], datetime],
) -> Newest:
    """Return what the readings change, one after another, in the latest values that stand.

    Args:
        readings: In the order they came.
        fresh: Which are not in the log yet.
        seen: Moment and value of each as the store keeps them; of two moments the later one is the greater.
        standing: What is the latest value of each property so far.
        since: Returns a moment of the store's as a time.
    """
    latest = dict(standing)
    wins, last, unchanged = [], {}, set()
    for place, (reading, is_new, now) in enumerate(zip(readings, fresh, seen, strict=True)):
        key = reading.device, reading.name
        before = latest.get(key)
        won = is_new and (before is None or now.moment >= before.moment)
        if won and reading.band is not None and before is not None and _says_nothing(reading, before, since):
            unchanged.add(place)
            won = False
        wins.append(won)
        if won:
            latest[key] = now
            last[key] = place
    return Newest(wins, last, unchanged)


def _says_nothing(reading: Reading, before: Standing, since: Callable[[Any], datetime]) -> bool:
    band, value, kept = reading.band, reading.value, json.loads(before.value)
    if band is None or reading.occurred_at - since(before.moment) >= band.every:
        return False
    numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in (value, kept))
    return abs(value - kept) <= band.within if numbers else value == kept and type(value) is type(kept)


def observed(fresh: Sequence[bool], newest: Newest, seq: int) -> list[Observed | None]:
    """Number the readings of a batch that are kept, from the last number given on."""
    found: list[Observed | None] = []
    for place, (is_new, won) in enumerate(zip(fresh, newest.wins, strict=True)):
        if place in newest.unchanged:
            found.append(UNCHANGED)
            continue
        seq += is_new
        found.append(Observed(seq, won) if is_new else None)
    return found


def json_of(value: Any) -> str:
    """Return a reading's value as JSON; numbers, which most of them are, without the encoder's preparations.

    >>> [json_of(value) for value in (21.5, 10**16, 1e16, True, "关", None)]
    ['21.5', '10000000000000000', '1e+16', 'true', '"关"', 'null']
    """
    if type(value) in (float, int):
        return repr(value)
    return kept_json(json.dumps(value, ensure_ascii=False, allow_nan=False))


def body_of(reading: Reading, value: str) -> str:
    r"""Return the body of a reading's event; its value is JSON already.

    >>> noon = datetime(2026, 11, 21, 12, tzinfo=UTC)
    >>> body_of(Reading("c1", "D-1", 'a "b"', 21.5, noon, "gw", "1"), "21.5")
    '{"property":"a \\"b\\"","result":21.5}'
    >>> made = datetime.fromisoformat("2026-11-22T20:00:00+08:00")
    >>> body_of(Reading("c1", "D-1", "ph", 7, noon, "lab", "1", made), "7")
    '{"property":"ph","result":7,"resultTime":"2026-11-22T12:00:00Z"}'
    """
    if reading.result_time is None:
        return f'{{"property":{_quoted(reading.name)},"result":{value}}}'
    made = reading.result_time.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return f'{{"property":{_quoted(reading.name)},"result":{value},"resultTime":"{made}"}}'


@lru_cache(maxsize=4096)
def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)
