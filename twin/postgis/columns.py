"""Features as columns, read from PostGIS without what is not shown of them."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import shapely

from twin.answer import COLUMNS, columns_of
from twin.postgis.connection import Connection
from twin.postgis.select import tuples, where_of
from twin.query import Query
from twin.store import Columns

_BELOW = "place >= key AND place < key || '.' AND (place = key OR place > key || '-')"
_INSIDE = f"EXISTS (SELECT 1 FROM unnest(%s::text[]) AS key WHERE {_BELOW})"  # noqa: S608  only our own text
# What is believed now has an index by place; offset 0 keeps the planner from asking each row about each key.
_INSIDE_NOW = (
    "fid = ANY (ARRAY(SELECT held.fid FROM unnest(%s::text[]) AS key CROSS JOIN LATERAL (SELECT fid FROM feature"  # noqa: S608
    f" WHERE {_BELOW} AND superseded_at IS NULL OFFSET 0) AS held))"
)


def columns(
    connection: Connection, query: Query, now: datetime, fields: Sequence[str], inside: Sequence[str] | None
) -> Columns:
    """Return all features that meet a query as columns; one statement, so one snapshot."""
    where = where_of(query, now)
    if inside is not None:
        where.add(_INSIDE_NOW if query.known_at is None else _INSIDE, list(inside))
    sql = f"SELECT {COLUMNS}, attributes::text, ST_AsBinary(geom) FROM feature WHERE {where.sql}"  # noqa: S608
    rows = tuples(connection, sql, *where.values)
    wkb = np.array([*(row[-1] for row in rows), None], dtype=object)[:-1]
    return columns_of(query, rows, np.asarray(shapely.from_wkb(wkb), dtype=object), fields)
