"""The board: what is open now, in the order of urgency, kept current from the log: pages and counts."""

import base64
import json
import logging
import threading
from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Literal

from gis.errors import BadInput
from layers.alarm.desk import KINDS
from twin.feature import Feature
from twin.query import Query
from twin.spacecode import building_of
from twin.store import Store

_BATCH = 1000
_TOO_LITTLE = (KeyError, TypeError, ValueError, AttributeError)
_log = logging.getLogger(__name__)

State = Literal["open", "active", "shelved", "standing"]
By = Literal["community", "building", "unit", "storey", "type", "severity"]
_Key = tuple[bool, int, bool, float, str]


@dataclass(frozen=True, slots=True)
class Entry:
    """What the board knows of an alarm that stands.

    Attributes:
        due: When it may change by itself, at the earliest; ``None`` when it will not.
    """

    id: str
    community: str
    device: str
    type: str
    severity: int
    active: bool
    acknowledged: bool
    shelved: bool
    silence: bool
    place: str | None
    building: str | None
    raised_at: datetime
    due: datetime | None

    @property
    def urgency(self) -> _Key:
        """Return what sorts the list: active before cleared, worst first, unacknowledged first, newest first."""
        return (not self.active, self.severity, self.acknowledged, -self.raised_at.timestamp(), self.id)


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
            _in_state(entry, self.state)
            and (not self.severities or entry.severity in self.severities)
            and (not self.types or entry.type in self.types)
            and self.device in (None, entry.device)
            and self.acknowledged in (None, entry.acknowledged)
            and (self.within is None or _within(entry.place, self.within))
            and (self.since is None or entry.raised_at >= self.since)
            and (self.until is None or entry.raised_at < self.until)
        )


def _in_state(entry: Entry, state: State) -> bool:
    match state:
        case "open":
            return not entry.shelved and (entry.active or not entry.acknowledged)
        case "active":
            return not entry.shelved and entry.active
        case "shelved":
            return entry.shelved
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
        self._order: list[tuple[_Key, str]] = []
        self._parts: dict[str, list[tuple[_Key, str]]] = defaultdict(list)
        self._due: dict[str, datetime] = {}

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
            return sum(wanted.admits(self._entries[name]) for _, name in self._among(wanted))

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
            among = (self._entries[name] for _, name in self._among(wanted))
            entries = [entry for entry in among if wanted.admits(entry)]
        groups: dict[str | None, list[Entry]] = defaultdict(list)
        key = _GROUPS[by]
        for entry in entries:
            groups[key(entry)].append(entry)
        rows = [_row(name, members) for name, members in groups.items()]
        return sorted(rows, key=lambda row: (row["worst"] or 9, -row["count"], row["key"] or "~"))

    def _among(self, wanted: Wanted) -> list[tuple[_Key, str]]:
        """Return where to look, most urgent first: no further than one device or building when only its are wanted."""
        if wanted.device is not None:
            return self._parts.get(f"device:{wanted.device}", [])
        if wanted.within is not None and "-" in wanted.within:
            return self._parts.get(f"building:{building_of(wanted.within)}", [])
        return self._order

    def _orders(self, entry: Entry) -> Iterator[list[tuple[_Key, str]]]:
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
            self._read(f"record {record.id}", record.community, _body(record))
        self._position = position

    def _read(self, what: str, community: str, body: Mapping[str, Any]) -> None:
        """Take what is said of an alarm; what another program wrote without the facts of one holds up no other."""
        try:
            entry = _entry(community, body)
        except _TOO_LITTLE as error:
            self.unread += 1
            _log.warning("alarm %s is left off the board: %s: %s", what, type(error).__name__, error)
        else:
            self._take(entry)

    def _take(self, entry: Entry) -> None:
        known = self._entries.pop(entry.id, None)
        self._due.pop(entry.id, None)
        if known is not None:
            for order in self._orders(known):
                del order[bisect_left(order, (known.urgency, known.id))]
        if entry.active or not entry.acknowledged or entry.shelved:
            self._entries[entry.id] = entry
            for order in self._orders(entry):
                insort(order, (entry.urgency, entry.id))
            if entry.due is not None:
                self._due[entry.id] = entry.due


def entry_of(record: Feature) -> Entry | None:
    """Return what the board knows of a record of the ``alarm`` layer; ``None`` when it says too little."""
    try:
        return _entry(record.community, _body(record))
    except _TOO_LITTLE:
        return None


def _body(record: Feature) -> dict[str, Any]:
    return {**record.attributes, "id": record.id, "place": record.place}


def _entry(community: str, body: Mapping[str, Any]) -> Entry:
    return Entry(
        id=body["id"],
        community=community,
        device=body["device"],
        type=body["type"],
        severity=int(body["severity"]),
        active=bool(body["active"]),
        acknowledged=bool(body["acknowledged"]),
        shelved=body.get("shelved_until") is not None,
        silence=body.get("cause") == "silence",
        place=body["place"],
        building=None if body["place"] is None else building_of(body["place"]),
        raised_at=_time(body["raised_at"]),
        due=min(_dues(body), default=None),
    )


def _dues(body: Mapping[str, Any]) -> Iterator[datetime]:
    if body.get("shelved_until") is not None:
        yield _time(body["shelved_until"])
    if body["active"] and body.get("timeout_s") is not None:
        yield _time(body["last_seen"]) + timedelta(seconds=body["timeout_s"])
    if body.get("flapping"):
        yield _time(body["changed_at"])


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _level(entry: Entry, levels: int) -> str | None:
    """Return the place of that many levels (building, unit, storey) an alarm stands in, ``None`` when it is in none."""
    parts = (entry.place or "").split("-")
    return "-".join(parts[:levels]) if len(parts) >= levels else None


_GROUPS: Mapping[str, Callable[[Entry], str | None]] = {
    "community": lambda entry: entry.community,
    "building": lambda entry: entry.building,
    "unit": lambda entry: _level(entry, 3),
    "storey": lambda entry: _level(entry, 4),
    "type": lambda entry: entry.type,
    "severity": lambda entry: str(entry.severity),
}


def _row(key: str | None, members: Sequence[Entry]) -> dict[str, Any]:
    return {
        "key": key,
        "count": len(members),
        "active": sum(entry.active for entry in members),
        "unacknowledged": sum(not entry.acknowledged for entry in members),
        "shelved": sum(entry.shelved for entry in members),
        "worst": min((entry.severity for entry in members if entry.active), default=None),
        "severities": {str(level): n for level, n in sorted(Counter(entry.severity for entry in members).items())},
    }


def _cursor(entry: Entry) -> str:
    return base64.urlsafe_b64encode(json.dumps(entry.urgency).encode()).decode()


def _key(cursor: str) -> _Key:
    try:
        cleared, severity, acknowledged, newest, name = json.loads(base64.urlsafe_b64decode(cursor))
        return (bool(cleared), int(severity), bool(acknowledged), float(newest), str(name))
    except (ValueError, TypeError) as error:
        raise BadInput(
            "alarm.cursor", "The cursor is not one of ours.", "Use the next of the page before.", parameter="cursor"
        ) from error
