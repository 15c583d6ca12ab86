"""The board: what is open now, in the order of urgency, kept current from the log: pages and counts."""

import base64
import json
import logging
import threading
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Literal

from gis.errors import BadInput
from layers.alarm.desk import KINDS
from layers.alarm.entry import TOO_LITTLE, Entry, Key, Kind, body_of, entry_from
from layers.alarm.tally import By, Counts, Tally, grouped, rows
from twin.query import Query
from twin.spacecode import building_of
from twin.store import Store

_BATCH = 1000
_log = logging.getLogger(__name__)

State = Literal["open", "active", "shelved", "standing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which alarms; an empty condition does not narrow.

    Attributes:
        state: ``open`` (active or unacknowledged, not shelved), ``active``, ``shelved``, or ``standing`` for all.
        within: Place key: the place and everything in it.
        since: Raised at or after this moment.
        until: Raised before it.
    """

    state: State = "open"
    severities: frozenset[int] = frozenset()
    types: frozenset[str] = frozenset()
    device: str | None = None
    within: str | None = None
    acknowledged: bool | None = None
    since: datetime | None = None
    until: datetime | None = None

    def admits(self, entry: Entry) -> bool:
        """Tell whether an alarm is wanted."""
        return (
            self.admits_kind(entry)
            and self.device in (None, entry.device)
            and (self.within is None or _within(entry.place, self.within))
            and (self.since is None or entry.raised_at >= self.since)
            and (self.until is None or entry.raised_at < self.until)
        )

    def admits_kind(self, kind: Kind | Entry) -> bool:
        """Tell whether alarms of a kind are wanted, wherever and since whenever they stand."""
        return (
            _in_state(kind, self.state)
            and (not self.severities or kind.severity in self.severities)
            and (not self.types or kind.type in self.types)
            and self.acknowledged in (None, kind.acknowledged)
        )

    @property
    def everywhere(self) -> bool:
        """Tell whether only kinds are asked about, which are counted already."""
        return (self.device, self.within, self.since, self.until) == (None, None, None, None)


def _in_state(kind: Kind | Entry, state: State) -> bool:
    match state:
        case "open":
            return not kind.shelved and (kind.active or not kind.acknowledged)
        case "active":
            return not kind.shelved and kind.active
        case "shelved":
            return kind.shelved
        case _:
            return True


def _within(place: str | None, key: str) -> bool:
    return place is not None and (place == key or place.startswith(f"{key}-"))


class Board:
    """Follows the log of a store; several threads may ask.

    Args:
        store: Where alarms live. What is on the board is also there; the board only saves the asking.

    Attributes:
        unread: How many events and records of alarms were left off because they say too little; each is in the log.
    """

    def __init__(self, store: Store) -> None:
        self.unread = 0
        self._store = store
        self._lock = threading.Lock()
        self._position = -1
        self._entries: dict[str, Entry] = {}
        self._order: list[tuple[Key, str]] = []
        self._parts: dict[str, list[tuple[Key, str]]] = defaultdict(list)
        self._due: dict[str, datetime] = {}
        self._tally = Tally()

    def page(self, wanted: Wanted, limit: int, cursor: str | None = None) -> tuple[list[str], str | None]:
        """Return the ids of the most urgent alarms, and the cursor of the next page.

        Raises:
            BadInput: ``alarm.cursor``.
        """
        with self._lock:
            self._follow()
            order = self._among(wanted)
            start = 0 if cursor is None else bisect_left(order, (_key(cursor), "\U0010ffff"))
            rest = (self._entries[name] for _, name in islice(order, start, None))
            found = list(islice((entry for entry in rest if wanted.admits(entry)), limit + 1))
        ids = [entry.id for entry in found[:limit]]
        return ids, _cursor(found[limit - 1]) if len(found) > limit else None

    def count(self, wanted: Wanted) -> int:
        """Return how many alarms are wanted."""
        with self._lock:
            self._follow()
            return sum(number for counts in self._counted("community", wanted).values() for number in counts.values())

    def alarmed(self) -> set[str]:
        """Return the devices that have an active alarm of their own making; silence is not one."""
        with self._lock:
            self._follow()
            return {entry.device for entry in self._entries.values() if entry.active and not entry.silence}

    def silent(self, kind: str) -> set[str]:
        """Return what has an active alarm of this type because it is silent: devices, gateways or buildings."""
        with self._lock:
            self._follow()
            told = (self._entries[name] for _, name in self._parts.get(f"silence:{kind}", ()))
            return {entry.device for entry in told if _in_state(entry, "active")}

    def due(self, now: datetime) -> list[str]:
        """Return the alarms that may have changed by themselves by now."""
        with self._lock:
            self._follow()
            return [name for name, moment in self._due.items() if moment <= now]

    def postpone(self, alarm: str, until: datetime) -> None:
        """Note that an alarm was looked at and is not due before a moment: reports that only count are not told."""
        with self._lock:
            if alarm in self._due:
                self._due[alarm] = until

    def summary(self, by: By, wanted: Wanted) -> list[dict[str, Any]]:
        """Return the roll-up by place, type or severity, worst first.

        Each group has ``key``, ``count``, ``active``, ``unacknowledged``, ``shelved``, ``worst`` (of what is active;
        ``None`` when nothing is) and ``severities``: severity → number of alarms.
        """
        with self._lock:
            self._follow()
            return rows(self._counted(by, wanted))

    def _counted(self, by: By, wanted: Wanted) -> Mapping[str | None, Counts]:
        """Return group → kind → number of the alarms that are wanted."""
        if not wanted.everywhere:
            among = (self._entries[name] for _, name in self._among(wanted))
            return grouped(by, (entry for entry in among if wanted.admits(entry)))
        return {
            name: {kind: number for kind, number in counts.items() if wanted.admits_kind(kind)}
            for name, counts in self._tally.groups(by).items()
        }

    def _among(self, wanted: Wanted) -> list[tuple[Key, str]]:
        """Return where to look, most urgent first: no further than one device or building when only its are wanted."""
        if wanted.device is not None:
            return self._parts.get(f"device:{wanted.device}", [])
        if wanted.within is not None and "-" in wanted.within:
            return self._parts.get(f"building:{building_of(wanted.within)}", [])
        return self._order

    def _orders(self, entry: Entry) -> Iterator[list[tuple[Key, str]]]:
        """Yield the lists that an alarm stands in."""
        yield self._order
        yield self._parts[f"device:{entry.device}"]
        if entry.building is not None:
            yield self._parts[f"building:{entry.building}"]
        if entry.silence:
            yield self._parts[f"silence:{entry.type}"]

    def _follow(self) -> None:
        if self._position < 0:
            self._load()
        last = self._store.last_seq()
        while self._position < last:
            events = self._store.events(self._position, _BATCH, KINDS)
            for event in events:
                self._read(f"event {event.seq}", event.community, event.body)
            newest = events[-1].seq if events else 0
            self._position = newest if len(events) == _BATCH else max(last, newest)

    def _load(self) -> None:
        position = self._store.last_seq()
        for record in self._store.find(Query(layers=("alarm",))).features:
            self._read(f"record {record.id}", record.community, body_of(record))
        self._position = position

    def _read(self, what: str, community: str, body: Mapping[str, Any]) -> None:
        """Take what is said of an alarm; what another program wrote without the facts of one holds up no other."""
        try:
            entry = entry_from(community, body)
        except TOO_LITTLE as error:
            self.unread += 1
            _log.warning("alarm %s is left off the board: %s: %s", what, type(error).__name__, error)
        else:
            self._take(entry)

    def _take(self, entry: Entry) -> None:
        known = self._entries.pop(entry.id, None)
        self._due.pop(entry.id, None)
        if known is not None:
            self._tally.count(known, -1)
            for order in self._orders(known):
                del order[bisect_left(order, (known.urgency, known.id))]
        if entry.active or not entry.acknowledged or entry.shelved:
            self._entries[entry.id] = entry
            self._tally.count(entry, 1)
            for order in self._orders(entry):
                insort(order, (entry.urgency, entry.id))
            if entry.due is not None:
                self._due[entry.id] = entry.due


def _cursor(entry: Entry) -> str:
    return base64.urlsafe_b64encode(json.dumps(entry.urgency).encode()).decode()


def _key(cursor: str) -> Key:
    try:
        cleared, severity, acknowledged, newest, name = json.loads(base64.urlsafe_b64decode(cursor))
        return (bool(cleared), int(severity), bool(acknowledged), float(newest), str(name))
    except (ValueError, TypeError) as error:
        raise BadInput(
            "alarm.cursor", "The cursor is not one of ours.", "Use the next of the page before.", parameter="cursor"
        ) from error
