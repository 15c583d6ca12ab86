"""Features as columns, read from PostGIS without what is not shown of them."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import shapely

from twin.answer import Told, is_summed, sums_of
from twin.postgis.connection import Connection
from twin.postgis.select import tuples, where_of
from twin.query import Query
from twin.store import Columns, Sum

_BELOW = "place >= key AND place < key || '.' AND (place = key OR place > key || '-')"
_INSIDE = f"EXISTS (SELECT 1 FROM unnest(%s::text[]) AS key WHERE {_BELOW})"  # noqa: S608  only our own text
# What is believed now has an index by place; offset 0 keeps the planner from asking each row about each key.
_INSIDE_NOW = (
    "fid = ANY (ARRAY(SELECT held.fid FROM unnest(%s::text[]) AS key CROSS JOIN LATERAL (SELECT fid FROM feature"  # noqa: S608
    f" WHERE {_BELOW} AND superseded_at IS NULL AND layer = ANY(%s) OFFSET 0) AS held))"
)
_NUMBER = "CASE WHEN json_typeof(attributes -> %s) = 'number' THEN (attributes ->> %s)::float8 END"


def columns(connection: Connection, query: Query, now: datetime, told: Told, inside: Sequence[str] | None) -> Columns:
    """Return all features that meet a query as columns; one statement, so one snapshot."""
    where = where_of(query, now)
    if inside is not None and query.known_at is None:
        where.add(_INSIDE_NOW, list(inside), list(query.layers))
    elif inside is not None:
        where.add(_INSIDE, list(inside))
    names = told.fields if told.is_picked else ()
    picked = f"json_build_array({', '.join(['attributes -> %s::text'] * len(names))})::text"
    columns = told.columns(query, picked, "attributes::text", "ST_AsBinary(geom)")
    rows = tuples(connection, f"SELECT {columns} FROM feature WHERE {where.sql}", *names, *where.values)  # noqa: S608
    wkb = np.array([*(row[-1] for row in rows), None], dtype=object)[:-1]
    return told.of(query, rows, np.asarray(shapely.from_wkb(wkb), dtype=object))


def sums(connection: Connection, query: Query, now: datetime, field: str, inside: Sequence[str] | None) -> list[Sum]:
    """Return the sums of a number among all features that meet a query, by place and storey."""
    if not is_summed(query):
        return sums_of(columns(connection, query, now, Told(("places", "storeys"), (field,)), None), field, inside)
    where = where_of(query, now)
    keys: list[str | None] = [None] if inside is None else [*inside]
    if inside is not None:
        where.add(_BELOW)
    # offset 0, as above
    sql = (
        "SELECT key, storey, count(*), coalesce(sum(number), 0) FROM unnest(%s::text[]) AS key CROSS JOIN LATERAL"  # noqa: S608
        f" (SELECT storey, {_NUMBER} AS number FROM feature WHERE {where.sql} OFFSET 0) AS held GROUP BY key, storey"
    )
    return [Sum(*row) for row in tuples(connection, sql, keys, field, field, *where.values)]
