"""Writing the log of the PostGIS store: whole batches, each in a handful of statements."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import cast

from twin.event import UNCHANGED, Event, NewEvent, Observed, Reading
from twin.log import Key, Standing, body_of, first_of_each, json_of, key_of, newest_of, observed
from twin.postgis.connection import Connection
from twin.postgis.rows import event_of
from twin.postgis.select import rows, tuples
from twin.store import Swept
from twin.versions import dump, to_milliseconds

Row = tuple[int, str, str, str, str, str, datetime, str]
"""Number, kind, community, subject, source, the source's number, when it happened, body."""

_INSERT = (
    "INSERT INTO event SELECT seq, kind, community, subject, source, source_seq, occurred_at, %s, body::json"
    " FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[],"
    " %s::text[]) AS sent (seq, kind, community, subject, source, source_seq, occurred_at, body)"
)
_KNOWN = (
    "SELECT place FROM unnest(%s::text[], %s::text[], %s::text[]) WITH ORDINALITY"
    " AS sent (source, source_seq, community, place) JOIN event USING (source, source_seq, community)"
)
_STANDING = (
    "SELECT device, name, occurred_at, latest.value::text FROM unnest(%s::text[], %s::text[]) AS asked (device, name)"
    " JOIN latest USING (device, name)"
)
_LATEST = (
    "INSERT INTO latest SELECT community, device, name, value::json, occurred_at, %s FROM"
    " unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[])"
    " AS seen (community, device, name, value, occurred_at) ON CONFLICT (device, name) DO UPDATE"
    " SET community = excluded.community, value = excluded.value, occurred_at = excluded.occurred_at,"
    " recorded_at = excluded.recorded_at"
)
_HEARD = (
    "UPDATE latest SET recorded_at = %s FROM unnest(%s::text[], %s::text[]) AS heard (device, name)"
    " WHERE (latest.device, latest.name) = (heard.device, heard.name)"
)
_FOLD = (
    "INSERT INTO rollup {buckets} ON CONFLICT (device, name, start) DO UPDATE SET"
    " count = rollup.count + excluded.count, low = least(rollup.low, excluded.low),"
    " high = greatest(rollup.high, excluded.high),"
    " total = coalesce(rollup.total + excluded.total, rollup.total, excluded.total),"
    " last = CASE WHEN {later} THEN excluded.last ELSE rollup.last END,"
    " last_seq = CASE WHEN {later} THEN excluded.last_seq ELSE rollup.last_seq END,"
    " last_at = greatest(rollup.last_at, excluded.last_at)"
)
_LATER = "(excluded.last_at, excluded.last_seq) > (rollup.last_at, rollup.last_seq)"
_DONE = "(SELECT seq FROM projection WHERE name = 'rollup')"


def buckets(step: str, condition: str) -> str:
    """Return SQL that sums the readings which meet a condition, in the columns of ``rollup``.

    Args:
        step: ``minute`` or ``hour``.
        condition: On ``event``.
    """
    # An event that only calls itself an observation has nothing to sum.
    whole = "kind = 'observation' AND json_typeof(body -> 'property') = 'string' AND body -> 'result' IS NOT NULL"
    number = "CASE WHEN json_typeof(body -> 'result') = 'number' THEN (body ->> 'result')::float8 END"
    value, number_of_it = (
        f"(array_agg({column} ORDER BY occurred_at DESC, seq DESC))[1]" for column in ("body -> 'result'", "seq")
    )
    return (
        "SELECT max(community) AS community, subject AS device, body ->> 'property' COLLATE \"C\" AS name,"  # noqa: S608
        f" date_trunc('{step}', occurred_at) AS start, count(*) AS count, min({number}) AS low, max({number}) AS high,"
        f" sum({number}) AS total, {value} AS last, max(occurred_at) AS last_at,"
        f" {number_of_it} AS last_seq FROM event WHERE {whole} AND {condition} GROUP BY 2, 3, 4"
    )


def append(connection: Connection, events: Sequence[NewEvent], now: datetime) -> list[Event | None]:
    """Append to the log; ``None`` for each that is there already."""
    fresh = _fresh(connection, [key_of(event) for event in events])
    seq = last_seq(connection)
    added: list[Event | None] = []
    for event, is_new in zip(events, fresh, strict=True):
        seq += is_new
        added.append(_numbered(event, seq, now) if is_new else None)
    _insert(connection, [_row(event) for event in added if event is not None], now)
    return added


def observe(connection: Connection, readings: Sequence[Reading], now: datetime) -> list[Observed | None]:
    """Append readings and keep the latest values; ``None`` for each that is there already."""
    fresh = _fresh(connection, [key_of(reading) for reading in readings])
    seen = [Standing(to_milliseconds(reading.occurred_at), json_of(reading.value)) for reading in readings]
    pairs = [*{(reading.device, reading.name) for reading in readings}]
    standing = {(row[0], row[1]): Standing(*row[2:]) for row in tuples(connection, _STANDING, *_columns(pairs, 2))}
    newest = newest_of(readings, fresh, seen, standing, lambda moment: cast("datetime", moment))
    found = observed(fresh, newest, last_seq(connection))
    written = [
        (
            one.seq,
            "observation",
            reading.community,
            reading.device,
            reading.source,
            reading.source_seq,
            moment,
            body_of(reading, value),
        )
        for one, reading, (moment, value) in zip(found, readings, seen, strict=True)
        if one is not None and one is not UNCHANGED
    ]
    _insert(connection, written, now)
    last = [
        (readings[at].community, device, name, seen[at].value, seen[at].moment)
        for (device, name), at in newest.last.items()
    ]
    if last:
        connection.execute(_LATEST, (now, *_columns(last, 5)))
    heard = [*{(readings[at].device, readings[at].name) for at in newest.unchanged}]
    if heard:
        connection.execute(_HEARD, (now, *_columns(heard, 2)))
    return found


def fold(connection: Connection, limit: int) -> bool:
    """Bring at most ``limit`` numbers of the log into the rollups; tell whether there is more."""
    left = unfolded(connection)
    until = last_seq(connection) - max(0, left - limit)
    statement = _FOLD.format(buckets=buckets("hour", f"seq > {_DONE} AND seq <= %s"), later=_LATER)
    connection.execute(statement, (until,))
    connection.execute("UPDATE projection SET seq = %s WHERE name = 'rollup'", (until,))
    return left > limit


def _fold_all(connection: Connection) -> None:
    while fold(connection, 100_000):
        pass


def unfolded(connection: Connection) -> int:
    """Return how many numbers of the log are not in the rollups yet."""
    return last_seq(connection) - int(rows(connection, f"SELECT {_DONE} AS seq")[0]["seq"])


def sweep(connection: Connection, after: int, before: datetime, limit: int, doomed: Callable[[Event], bool]) -> Swept:
    """Remove from the log what ``doomed`` says, of at most ``limit`` events above ``after``."""
    _fold_all(connection)
    sql = "SELECT * FROM event WHERE seq > %s AND seq < %s AND recorded_at < %s ORDER BY seq LIMIT %s"
    seen = [event_of(row) for row in rows(connection, sql, after, last_seq(connection), before, limit)]
    gone = [event for event in seen if event.occurred_at < before and doomed(event)]
    connection.execute("DELETE FROM event WHERE seq = ANY(%s)", ([event.seq for event in gone],))
    highest = {event.kind: event.seq for event in gone}
    connection.execute(
        "INSERT INTO expired SELECT * FROM unnest(%s::text[], %s::bigint[])"
        " ON CONFLICT (kind) DO UPDATE SET seq = greatest(expired.seq, excluded.seq)",
        ([*highest], [*highest.values()]),
    )
    return Swept(len(gone), seen[-1].seq if len(seen) == limit else None)


def sweep_rollups(connection: Connection, before: datetime, limit: int, names: Sequence[str], *, others: bool) -> int:
    """Remove at most ``limit`` hours that began earlier, of these properties or of all others."""
    _fold_all(connection)
    sql = (
        "DELETE FROM rollup WHERE (device, name, start) IN (SELECT device, name, start FROM rollup WHERE start < %s"
        " AND (name = ANY(%s)) <> %s LIMIT %s)"
    )
    return connection.execute(sql, (before, list(names), others, limit)).rowcount


def last_seq(connection: Connection) -> int:
    """Return the number last given; the newest event is never removed."""
    return int(rows(connection, "SELECT coalesce(max(seq), 0) AS seq FROM event")[0]["seq"])


def _insert(connection: Connection, written: Sequence[Row], now: datetime) -> None:
    if written:
        connection.execute(_INSERT, (now, *_columns(written, 8)))


def _row(event: Event) -> Row:
    sent = (event.community, event.subject, event.source, event.source_seq, event.occurred_at)
    return (event.seq, event.kind, *sent, dump(dict(event.body)))


def _columns(given: Sequence[tuple[object, ...]], width: int) -> list[list[object]]:
    return [list(column) for column in zip(*given, strict=True)] or [[] for _ in range(width)]


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


def _fresh(connection: Connection, keys: Sequence[Key]) -> list[bool]:
    """Tell of each key whether it is neither in the log nor earlier in the list."""
    known = {row[0] - 1 for row in tuples(connection, _KNOWN, *_columns(keys, 3))}
    return first_of_each(keys, known)
