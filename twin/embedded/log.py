"""Writing the log of the embedded store: whole batches, each in a handful of statements."""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime

from twin.embedded.rows import event_of, to_moment, to_text
from twin.event import UNCHANGED, Event, NewEvent, Observed, Reading
from twin.log import Key, Standing, body_of, first_of_each, json_of, key_of, newest_of, observed
from twin.store import Swept
from twin.versions import dump, to_milliseconds

_INSERT = "INSERT INTO event VALUES (?,?,?,?,?,?,?,?,?)"
# What a batch has in common is bound: asking for it in every pair takes as long as writing the reading.
_KNOWN = (
    "SELECT number FROM (SELECT key AS number, value AS asked FROM json_each(?)) CROSS JOIN event"
    " ON source = ? AND source_seq = asked AND community = ?"
)
_STANDING = (
    "SELECT device, occurred_at, latest.value FROM (SELECT value AS asked FROM json_each(?)) CROSS JOIN latest"
    " ON device = asked AND name = ?"
)
_LATEST = (
    "INSERT INTO latest VALUES (?,?,?,?,?,?) ON CONFLICT (device, name) DO UPDATE SET community = excluded.community,"
    " value = excluded.value, occurred_at = excluded.occurred_at, recorded_at = excluded.recorded_at"
)
_HEARD = "UPDATE latest SET recorded_at = ? WHERE device = ? AND name = ?"
_FOLD = (
    "INSERT INTO rollup {buckets} ON CONFLICT (device, name, start) DO UPDATE SET count = count + excluded.count,"
    " low = coalesce(min(low, excluded.low), low, excluded.low),"
    " high = coalesce(max(high, excluded.high), high, excluded.high),"
    " total = coalesce(total + excluded.total, total, excluded.total),"
    " last = CASE WHEN {later} THEN excluded.last ELSE last END,"
    " last_seq = CASE WHEN {later} THEN excluded.last_seq ELSE last_seq END,"
    " last_at = max(last_at, excluded.last_at)"
)
_LATER = "(excluded.last_at, excluded.last_seq) > (last_at, last_seq)"
# The value of the latest moment is the end of the greatest text that begins with moment and number.
_NEWEST = "max(occurred_at || printf('%019d', seq) || (body -> '$.result'))"


def buckets(start: str, condition: str) -> str:
    """Return SQL that sums the readings which meet a condition, in the columns of ``rollup``.

    Args:
        start: Expression of when the bucket of a reading begins.
        condition: On ``event``.
    """
    # An event that only calls itself an observation has nothing to sum.
    whole = "kind = 'observation' AND json_type(body, '$.property') = 'text' AND json_type(body, '$.result') NOT NULL"
    number = "CASE WHEN json_type(body, '$.result') IN ('integer', 'real') THEN body ->> '$.result' END"
    return (
        "SELECT community, device, name, start, n, low, high, total, substr(newest, 44), substr(newest, 1, 24),"  # noqa: S608
        " CAST(substr(newest, 25, 19) AS INTEGER) FROM (SELECT max(community) AS community, subject AS device,"
        f" body ->> '$.property' AS name, {start} AS start, count(*) AS n, min({number}) AS low,"
        f" max({number}) AS high, sum(CAST({number} AS REAL)) AS total, {_NEWEST} AS newest"
        f" FROM event WHERE {whole} AND {condition} GROUP BY 2, 3, 4) WHERE true"
    )


def append(connection: sqlite3.Connection, events: Sequence[NewEvent], now: datetime) -> list[Event | None]:
    """Append to the log; ``None`` for each that is there already."""
    fresh = _fresh(connection, [key_of(event) for event in events])
    seq, written = last_seq(connection), to_milliseconds(now)
    added: list[Event | None] = []
    for event, is_new in zip(events, fresh, strict=True):
        seq += is_new
        added.append(_numbered(event, seq, written) if is_new else None)
    rows = [
        (
            one.seq,
            one.kind,
            one.community,
            one.subject,
            one.source,
            one.source_seq,
            to_text(one.occurred_at),
            to_text(now),
            dump(dict(one.body)),
        )
        for one in added
        if one is not None
    ]
    connection.executemany(_INSERT, rows)
    return added


def observe(connection: sqlite3.Connection, readings: Sequence[Reading], now: datetime) -> list[Observed | None]:
    """Append readings and keep the latest values; ``None`` for each that is there already."""
    fresh = _fresh(connection, [key_of(reading) for reading in readings])
    seen = [Standing(to_text(reading.occurred_at), json_of(reading.value)) for reading in readings]
    newest = newest_of(readings, fresh, seen, _standing(connection, readings), to_moment)
    found = observed(fresh, newest, last_seq(connection))
    written = to_text(now)
    connection.executemany(
        _INSERT,
        (
            (
                one.seq,
                "observation",
                reading.community,
                reading.device,
                reading.source,
                reading.source_seq,
                moment,
                written,
                body_of(reading, value),
            )
            for one, reading, (moment, value) in zip(found, readings, seen, strict=True)
            if one is not None and one is not UNCHANGED
        ),
    )
    connection.executemany(
        _LATEST,
        (
            (readings[at].community, device, name, seen[at].value, seen[at].moment, written)
            for (device, name), at in newest.last.items()
        ),
    )
    heard = {(readings[at].device, readings[at].name) for at in newest.unchanged}
    connection.executemany(_HEARD, ((written, *key) for key in heard))
    return found


def fold(connection: sqlite3.Connection, limit: int) -> bool:
    """Bring at most ``limit`` numbers of the log into the rollups; tell whether there is more."""
    until = last_seq(connection)
    done = until - unfolded(connection)
    more = until > done + limit
    until = min(until, done + limit)
    start = "substr(occurred_at, 1, 13) || ':00:00.000Z'"
    statement = _FOLD.format(buckets=buckets(start, "seq > ? AND seq <= ?"), later=_LATER)
    connection.execute(statement, (done, until))
    connection.execute("UPDATE projection SET seq = ? WHERE name = 'rollup'", (until,))
    return more


def _fold_all(connection: sqlite3.Connection) -> None:
    while fold(connection, 100_000):
        pass


def unfolded(connection: sqlite3.Connection) -> int:
    """Return how many numbers of the log are not in the rollups yet."""
    done = connection.execute("SELECT seq FROM projection WHERE name = 'rollup'").fetchone()
    return last_seq(connection) - int(done[0])


def sweep(
    connection: sqlite3.Connection, after: int, before: datetime, limit: int, doomed: Callable[[Event], bool]
) -> Swept:
    """Remove from the log what ``doomed`` says, of at most ``limit`` events above ``after``."""
    _fold_all(connection)
    old = to_text(before)
    sql = "SELECT * FROM event WHERE seq > ? AND seq < ? AND recorded_at < ? ORDER BY seq LIMIT ?"
    seen = [event_of(row) for row in connection.execute(sql, (after, last_seq(connection), old, limit))]
    gone = [event for event in seen if event.occurred_at < before and doomed(event)]
    connection.executemany("DELETE FROM event WHERE seq = ?", ((event.seq,) for event in gone))
    connection.executemany(
        "INSERT INTO expired VALUES (?, ?) ON CONFLICT (kind) DO UPDATE SET seq = max(seq, excluded.seq)",
        {event.kind: event.seq for event in gone}.items(),
    )
    return Swept(len(gone), seen[-1].seq if len(seen) == limit else None)


def sweep_rollups(
    connection: sqlite3.Connection, before: datetime, limit: int, names: Sequence[str], *, others: bool
) -> int:
    """Remove at most ``limit`` hours that began earlier, of these properties or of all others."""
    _fold_all(connection)
    sql = (
        "DELETE FROM rollup WHERE (device, name, start) IN (SELECT device, name, start FROM rollup WHERE start < ?"
        " AND (name IN (SELECT value FROM json_each(?))) IS NOT ? LIMIT ?)"
    )
    return connection.execute(sql, (to_text(before), dump(list(names)), int(others), limit)).rowcount


def last_seq(connection: sqlite3.Connection) -> int:
    """Return the number last given, were it removed since."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'event'").fetchone()
    return 0 if row is None else int(row[0])


def _numbered(event: NewEvent, seq: int, recorded_at: datetime) -> Event:
    return Event(
        kind=event.kind,
        community=event.community,
        subject=event.subject,
        source=event.source,
        source_seq=event.source_seq,
        occurred_at=to_milliseconds(event.occurred_at),
        body=event.body,
        seq=seq,
        recorded_at=recorded_at,
    )


def _fresh(connection: sqlite3.Connection, keys: Sequence[Key]) -> list[bool]:
    """Tell of each key whether it is neither in the log nor earlier in the list."""
    alike: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, (source, _, community) in enumerate(keys):
        alike[source, community].append(number)
    known = set[int]()
    for (source, community), numbers in alike.items():
        asked = dump([keys[number][1] for number in numbers])
        known.update(numbers[row[0]] for row in connection.execute(_KNOWN, (asked, source, community)))
    return first_of_each(keys, known)


def _standing(connection: sqlite3.Connection, readings: Sequence[Reading]) -> dict[tuple[str, str], Standing]:
    """Return the latest value of each property that is read."""
    devices: dict[str, set[str]] = defaultdict(set)
    for reading in readings:
        devices[reading.name].add(reading.device)
    return {
        (row[0], name): Standing(row[1], row[2])
        for name, asked in devices.items()
        for row in connection.execute(_STANDING, (dump([*asked]), name))
    }
