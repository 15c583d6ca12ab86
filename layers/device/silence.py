"""Who has fallen silent: each device by its own heartbeat, a building when most of its devices have. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

Presence = Literal["online", "offline", "silent"]
"""``offline``: it or its gateway said so. ``silent``: nothing was heard for longer than its heartbeat."""

FEWEST = 3
"""So many silent devices make a silent building; fewer are told one by one."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A device's presence, and since when."""

    presence: Presence
    since: datetime


def changes(
    now: datetime,
    started: datetime,
    heartbeats: Mapping[str, int],
    heard: Mapping[str, datetime],
    standing: Mapping[str, Standing],
) -> Iterator[tuple[str, Presence]]:
    """Yield the devices whose presence is different now.

    A device that was never heard is not missed: it has not begun. Time in which the service did not run counts for
    nobody, because nobody could be heard.

    Args:
        now: The moment, UTC.
        started: Since when the service listens.
        heartbeats: Device → seconds after which its silence tells; who never reports by itself is left out.
        heard: Device → when it was last heard, by our clock.
        standing: What was known before.

    >>> from datetime import UTC
    >>> noon, hour = datetime(2026, 11, 21, 12, tzinfo=UTC), timedelta(hours=1)
    >>> before = {"D-1": Standing("online", noon - hour), "D-2": Standing("silent", noon - hour)}
    >>> heard = {"D-1": noon - hour, "D-2": noon}
    >>> list(changes(noon, noon - 2 * hour, {"D-1": 60, "D-2": 60, "D-3": 60}, heard, before))
    [('D-1', 'silent'), ('D-2', 'online')]
    >>> list(changes(noon, noon, {"D-1": 60}, {"D-1": noon - hour}, before))   # just started
    []
    """
    for device, last in heard.items():
        known = standing.get(device)
        if known is None or known.presence != "online":
            if known is None or last > known.since:
                yield device, "online"
        elif device in heartbeats and now - max(last, started) > timedelta(seconds=heartbeats[device]):
            yield device, "silent"


def silent_groups(
    members: Mapping[str, Iterable[str]], standing: Mapping[str, Standing], before: Iterable[str]
) -> set[str]:
    """Return the groups most of whose devices are silent.

    Once silent, a group is heard again when no more than a third still is: between, it stays what it was.

    Args:
        members: Group → its devices.
        standing: Presence of the devices that have begun.
        before: Groups that were silent.

    >>> from datetime import UTC
    >>> at = datetime(2026, 11, 21, 12, tzinfo=UTC)
    >>> known = {f"D-{n}": Standing("silent" if n < 3 else "online", at) for n in range(6)}
    >>> silent_groups({"B-1": list(known)}, known, ()), silent_groups({"B-1": list(known)}, known, ["B-1"])
    (set(), {'B-1'})
    """
    was = set(before)
    found = set()
    for group, devices in members.items():
        known = [standing[device].presence for device in devices if device in standing]
        silent = sum(presence == "silent" for presence in known)
        share = silent / len(known) if known else 0.0
        if silent >= FEWEST and (share > 1 / 2 or (group in was and share > 1 / 3)):
            found.add(group)
    return found


def grouped(pairs: Iterable[tuple[str, str | None]]) -> dict[str, list[str]]:
    """Return group → devices of pairs of device and group; devices without group are left out.

    >>> grouped([("D-1", "B-1"), ("D-2", None), ("D-3", "B-1")])
    {'B-1': ['D-1', 'D-3']}
    """
    found: dict[str, list[str]] = defaultdict(list)
    for device, group in pairs:
        if group is not None:
            found[group].append(device)
    return dict(found)
