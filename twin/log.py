"""What every store decides alike when a batch comes into the log: what is new, and what is now the latest value."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from twin.characters import kept, kept_json
from twin.store import NewEvent, Observed, Reading

Key = tuple[str, str, str]
"""Source, the source's own number, community: what makes two messages the same."""


class Moment(Protocol):
    """What a store keeps a moment as; the later one is the greater."""

    def __ge__(self, other: Any, /) -> bool:
        """Tell whether this is not earlier."""


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


@dataclass(frozen=True, slots=True)
class Newest:
    """Which readings of a batch became the latest value when they came, and which one each property is left with."""

    wins: Sequence[bool]
    last: Mapping[tuple[str, str], int]


def newest_of(
    readings: Sequence[Reading],
    fresh: Sequence[bool],
    moments: Sequence[Moment],
    standing: Mapping[tuple[str, str], Moment],
) -> Newest:
    """Return what the readings change, one after another, in the latest values that stand."""
    latest = dict(standing)
    wins, last = [], {}
    for place, (reading, is_new, moment) in enumerate(zip(readings, fresh, moments, strict=True)):
        key = reading.device, reading.name
        before = latest.get(key)
        won = is_new and (before is None or moment >= before)
        wins.append(won)
        if won:
            latest[key] = moment
            last[key] = place
    return Newest(wins, last)


def observed(fresh: Sequence[bool], wins: Sequence[bool], seq: int) -> list[Observed | None]:
    """Number the new readings of a batch from the last number given on."""
    found: list[Observed | None] = []
    for is_new, won in zip(fresh, wins, strict=True):
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


def body_of(name: str, value: str) -> str:
    r"""Return the body of a reading's event.

    >>> body_of('a "b"', "21.5")
    '{"property":"a \\"b\\"","result":21.5}'
    """
    return f'{{"property":{_quoted(name)},"result":{value}}}'


@lru_cache(maxsize=4096)
def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)
