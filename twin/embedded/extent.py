# ruff: noqa: S608 - only our own text
"""What a layer spans and how complete it is, summed by SQLite: no feature is decoded."""

import sqlite3
from datetime import datetime

from twin.embedded.rows import to_moment, to_text
from twin.store import Completeness, Extent

_BELIEVED = "feature WHERE layer = ? AND superseded_at IS NULL"
_STANDS = "valid_from <= ? AND (valid_to IS NULL OR valid_to > ?)"
_SUMS = (
    "SELECT count(*) FILTER (WHERE stands), min(valid_from), max(recorded_at), count(geom) FILTER (WHERE stands),"
    " count(geom) FILTER (WHERE stands AND z_min_m IS NOT NULL AND z_max_m IS NOT NULL)"
    f" FROM (SELECT *, {_STANDS} AS stands FROM {_BELIEVED})"
)
_BOX = f"SELECT min(x0), min(y0), max(x1), max(y1) FROM feature_box WHERE fid IN (SELECT fid FROM {_BELIEVED})"
_SOURCES = f"SELECT source, count(*) FROM {_BELIEVED} AND {_STANDS} AND source IS NOT NULL GROUP BY source"
_FILLED = (
    f"SELECT key, count(*) FROM (SELECT attributes FROM {_BELIEVED} AND {_STANDS}), json_each(attributes)"
    " WHERE type <> 'null' GROUP BY key"
)
_NAMED = f"SELECT count(name) FROM {_BELIEVED} AND {_STANDS}"


def extent(connection: sqlite3.Connection, layer: str, now: datetime) -> Extent:
    """Return what a layer spans; its box may be a hundredth of a metre too wide."""
    moment = to_text(now)
    count, begin, updated, placed, solid = connection.execute(_SUMS, (moment, moment, layer)).fetchone()
    west, south, east, north = connection.execute(_BOX, (layer,)).fetchone()
    return Extent(
        count=count,
        bounds=None if west is None else (west / 1e7, south / 1e7, east / 1e7, north / 1e7),
        begin=None if begin is None else to_moment(begin),
        updated=None if updated is None else to_moment(updated),
        placed=placed,
        solid=solid,
    )


def completeness(connection: sqlite3.Connection, layer: str, now: datetime) -> Completeness:
    """Return where the features that stand come from, and which of their fields have values."""
    values = (layer, to_text(now), to_text(now))
    sources, filled = (dict(map(tuple, connection.execute(sql, values))) for sql in (_SOURCES, _FILLED))
    return Completeness(sources, {**filled, "name": connection.execute(_NAMED, values).fetchone()[0]})
