"""Readings in time out of the PostGIS store's log."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from twin.event import Event, Latest
from twin.postgis.connection import Connection
from twin.postgis.log import buckets
from twin.postgis.rows import bucket_of, event_of, latest_of, maybe_milliseconds
from twin.postgis.select import rows, tuples
from twin.series import Bucket, Series, Step, joined, whole_buckets
from twin.versions import to_milliseconds

_NAME = "(body ->> 'property' COLLATE \"C\")"
_FOLDED = "(SELECT seq FROM projection WHERE name = 'rollup')"
# '.' follows '-' in ASCII: the range holds every key below this one and nothing else.
_WITHIN = (
    "SELECT id FROM feature WHERE layer = 'device' AND superseded_at IS NULL AND valid_to IS NULL AND place = %s"
    " UNION ALL SELECT id FROM feature WHERE layer = 'device' AND superseded_at IS NULL AND valid_to IS NULL"
    " AND place > %s AND place < %s"
)


class _Where:
    """Conditions joined by *and*, with their bound values; one whose value is ``None`` does not narrow."""

    def __init__(self) -> None:
        self.conditions: list[str] = []
        self.values: list[Any] = []

    def add(self, condition: str, value: Any) -> None:
        if value is not None:
            self.conditions.append(condition)
            self.values.append(value)

    @property
    def sql(self) -> str:
        return " AND ".join(self.conditions)


def events(
    connection: Connection,
    after: int,
    limit: int,
    kinds: Sequence[str],
    subjects: Sequence[str],
    source: str | None,
    start: datetime | None,
    end: datetime | None,
) -> list[Event]:
    """Return events above a number, in order."""
    where = _Where()
    where.add("seq > %s", after)
    where.add("kind = ANY(%s)", list(kinds) or None)
    where.add("subject = ANY(%s)", list(subjects) or None)
    where.add("source = %s", source)
    where.add("occurred_at >= %s", maybe_milliseconds(start))
    where.add("occurred_at < %s", maybe_milliseconds(end))
    sql = f"SELECT * FROM event WHERE {where.sql} ORDER BY seq LIMIT %s"  # noqa: S608
    return [event_of(row) for row in rows(connection, sql, *where.values, limit)]


def observations(connection: Connection, asked: Series) -> list[Event]:
    """Return readings in the order of phenomenon time, then of recording."""
    where = _readings(asked, asked.start, asked.end)
    order, beyond = ("DESC", "<") if asked.newest_first else ("ASC", ">")
    if asked.after is not None:
        where.conditions.append(f"(occurred_at, seq) {beyond} (%s, %s)")
        where.values += [to_milliseconds(asked.after[0]), asked.after[1]]
    sql = f"SELECT * FROM event WHERE {where.sql} ORDER BY occurred_at {order}, seq {order} LIMIT %s OFFSET %s"  # noqa: S608
    return [event_of(row) for row in rows(connection, sql, *where.values, asked.limit, asked.skip)]


def observation_count(connection: Connection, asked: Series) -> int:
    """Return how many readings match, whatever the page."""
    where = _readings(asked, asked.start, asked.end)
    return int(rows(connection, f"SELECT count(*) AS n FROM event WHERE {where.sql}", *where.values)[0]["n"])  # noqa: S608


def rollup(connection: Connection, asked: Series, step: Step, offset: timedelta) -> list[Bucket]:
    """Return the summaries per minute, hour or day; one statement, so one snapshot."""
    start, end = whole_buckets(asked, step, offset)
    log = _readings(asked, start, end)
    if step == "minute" or asked.known_at is not None:
        sql, values = buckets("minute" if step == "minute" else "hour", log.sql), log.values
    else:
        hours = _Where()
        hours.add("device = ANY(%s)", list(asked.devices))
        hours.add("name = ANY(%s)", list(asked.names) or None)
        hours.add("start >= %s", maybe_milliseconds(start))
        hours.add("start < %s", maybe_milliseconds(end))
        log.conditions.append(f"seq > {_FOLDED}")
        sql = f"SELECT * FROM rollup WHERE {hours.sql} UNION ALL {buckets('hour', log.sql)}"  # noqa: S608
        values = [*hours.values, *log.values]
    return joined((bucket_of(row) for row in rows(connection, sql, *values)), step, offset)


def latest(
    connection: Connection,
    devices: Sequence[str],
    within: str | None,
    at: datetime | None,
    known_at: datetime | None,
) -> list[Latest]:
    """Return the latest values of devices and of all that stand in a place, now or as of a moment."""
    inside = [] if within is None else tuples(connection, _WITHIN, within, within + "-", within + ".")
    chosen = "device = ANY(%s)"
    values = [[*devices, *(row[0] for row in inside)]]
    if at is None and known_at is None:
        sql = f"SELECT * FROM latest WHERE {chosen} ORDER BY device, name"  # noqa: S608
        return [latest_of(row) for row in rows(connection, sql, *values)]
    then = _Where()
    then.add("event.occurred_at <= %s", maybe_milliseconds(at))
    then.add("event.recorded_at <= %s", maybe_milliseconds(known_at))
    sql = (
        "SELECT seen.community, device, name, seen.body -> 'result' AS value, seen.occurred_at, seen.recorded_at"  # noqa: S608
        " FROM latest, LATERAL (SELECT * FROM event WHERE event.subject = latest.device AND kind = 'observation'"
        f" AND {_NAME} = latest.name AND {then.sql}"
        f" ORDER BY event.occurred_at DESC, seq DESC LIMIT 1) AS seen WHERE {chosen} ORDER BY device, name"
    )
    return [latest_of(row) for row in rows(connection, sql, *then.values, *values)]


def _readings(asked: Series, start: datetime | None, end: datetime | None) -> _Where:
    where = _Where()
    where.conditions.append("kind = 'observation'")
    where.add("subject = ANY(%s)", list(asked.devices))
    where.add(f"{_NAME} = ANY(%s)", list(asked.names) or None)
    where.add("occurred_at >= %s", maybe_milliseconds(start))
    where.add("occurred_at < %s", maybe_milliseconds(end))
    where.add("recorded_at <= %s", maybe_milliseconds(asked.known_at))
    return where
