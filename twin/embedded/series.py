"""Readings in time out of the embedded store's log."""

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from twin.embedded.log import buckets
from twin.embedded.rows import bucket_of, event_of, latest_of, maybe_text, to_text
from twin.event import Event, Latest
from twin.series import Bucket, Series, Step, joined, whole_buckets

_STARTS = {
    "minute": "substr(occurred_at, 1, 16) || ':00.000Z'",
    "hour": "substr(occurred_at, 1, 13) || ':00:00.000Z'",
}
_FOLDED = "(SELECT seq FROM projection WHERE name = 'rollup')"
# '.' follows '-' in ASCII: the range holds every key below this one and nothing else. The unary plus: a place names
# a few rows, the layer all devices there are.
_STANDING = "SELECT id FROM feature WHERE +layer = 'device' AND superseded_at IS NULL AND valid_to IS NULL AND"
_WITHIN = f"{_STANDING} place = ? UNION ALL {_STANDING} place > ? AND place < ?"


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
    connection: sqlite3.Connection,
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
    # The unary plus keeps the planner from walking the whole log where a subject or a source names a few rows.
    where.add("+seq > ?" if subjects or source is not None else "seq > ?", after)
    where.add(f"kind IN ({_LIST})", _list(kinds))
    where.add(f"subject IN ({_LIST})", _list(subjects))
    where.add("source = ?", source)
    where.add("occurred_at >= ?", maybe_text(start))
    where.add("occurred_at < ?", maybe_text(end))
    sql = f"SELECT * FROM event WHERE {where.sql} ORDER BY seq LIMIT ?"  # noqa: S608
    return [event_of(row) for row in connection.execute(sql, (*where.values, limit))]


def observations(connection: sqlite3.Connection, asked: Series) -> list[Event]:
    """Return readings in the order of phenomenon time, then of recording."""
    where = _readings(asked, asked.start, asked.end)
    order, beyond = ("DESC", "<") if asked.newest_first else ("ASC", ">")
    if asked.after is not None:
        where.conditions.append(f"(occurred_at, seq) {beyond} (?, ?)")
        where.values += [to_text(asked.after[0]), asked.after[1]]
    sql = f"SELECT * FROM event WHERE {where.sql} ORDER BY occurred_at {order}, seq {order} LIMIT ? OFFSET ?"  # noqa: S608
    values = (*where.values, -1 if asked.limit is None else asked.limit, asked.skip)
    return [event_of(row) for row in connection.execute(sql, values)]


def observation_count(connection: sqlite3.Connection, asked: Series) -> int:
    """Return how many readings match, whatever the page."""
    where = _readings(asked, asked.start, asked.end)
    return int(connection.execute(f"SELECT count(*) FROM event WHERE {where.sql}", where.values).fetchone()[0])  # noqa: S608


def rollup(connection: sqlite3.Connection, asked: Series, step: Step, offset: timedelta) -> list[Bucket]:
    """Return the summaries per minute, hour or day; one statement, so one snapshot."""
    start, end = whole_buckets(asked, step, offset)
    log = _readings(asked, start, end)
    if step == "minute" or asked.known_at is not None:
        finest = "minute" if step == "minute" else "hour"
        sql, values = buckets(_STARTS[finest], log.sql), log.values
    else:
        hours = _Where()
        hours.add(f"device IN ({_LIST})", _list(asked.devices) or "[]")
        hours.add(f"name IN ({_LIST})", _list(asked.names))
        hours.add("start >= ?", maybe_text(start))
        hours.add("start < ?", maybe_text(end))
        log.conditions.append(f"seq > {_FOLDED}")
        sql = f"SELECT * FROM rollup WHERE {hours.sql} UNION ALL {buckets(_STARTS['hour'], log.sql)}"  # noqa: S608
        values = [*hours.values, *log.values]
    return joined((bucket_of(row) for row in connection.execute(sql, values)), step, offset)


def latest(
    connection: sqlite3.Connection,
    devices: Sequence[str],
    within: str | None,
    at: datetime | None,
    known_at: datetime | None,
) -> list[Latest]:
    """Return the latest values of devices and of all that stand in a place, now or as of a moment."""
    chosen, values = f"device IN ({_LIST})", [json.dumps(devices)]
    if within is not None:
        chosen = f"device IN ({_LIST} UNION ALL {_WITHIN})"
        values += [within, within + "-", within + "."]
    if at is None and known_at is None:
        sql = f"SELECT {_LATEST} FROM latest WHERE {chosen} ORDER BY device, name"  # noqa: S608
        return latest_of(connection.execute(sql, values).fetchall())
    then = _Where()
    then.add("occurred_at <= ?", maybe_text(at))
    then.add("recorded_at <= ?", maybe_text(known_at))
    sql = (
        "SELECT event.community, device, name, body -> '$.result' AS value, event.occurred_at, event.recorded_at"  # noqa: S608
        " FROM latest JOIN event ON event.seq = (SELECT seq FROM event WHERE subject = device AND kind = 'observation'"
        f" AND body ->> '$.property' = name AND {then.sql} ORDER BY occurred_at DESC, seq DESC LIMIT 1)"
        f" WHERE {chosen} ORDER BY device, name"
    )
    return latest_of(connection.execute(sql, (*then.values, *values)).fetchall())


_LIST = "SELECT value FROM json_each(?)"
_LATEST = "community, device, name, value, occurred_at, recorded_at"


def _list(values: Sequence[str]) -> str | None:
    return json.dumps(values) if values else None


def _readings(asked: Series, start: datetime | None, end: datetime | None) -> _Where:
    where = _Where()
    where.conditions.append("kind = 'observation'")
    where.add(f"subject IN ({_LIST})", json.dumps(asked.devices))
    where.add(f"body ->> '$.property' IN ({_LIST})", _list(asked.names))
    where.add("occurred_at >= ?", maybe_text(start))
    where.add("occurred_at < ?", maybe_text(end))
    where.add("recorded_at <= ?", maybe_text(asked.known_at))
    return where
