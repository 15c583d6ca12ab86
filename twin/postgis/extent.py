# ruff: noqa: S608 - only our own text
"""What a layer spans and how complete it is, summed by PostGIS: no feature is decoded."""

from datetime import datetime

from twin.postgis.connection import Connection
from twin.postgis.select import PRESENT, tuples
from twin.store import Completeness, Extent

_BELIEVED = "feature WHERE layer = %s AND superseded_at IS NULL"
_STANDS = f"valid_from <= {PRESENT} AND (valid_to IS NULL OR valid_to > {PRESENT})"
_SUMS = (
    "SELECT count(*) FILTER (WHERE stands) AS count, min(valid_from) AS begin, max(recorded_at) AS updated,"
    " count(geom) FILTER (WHERE stands) AS placed, ST_Extent(geom) AS box,"
    " count(geom) FILTER (WHERE stands AND z_min_m IS NOT NULL AND z_max_m IS NOT NULL) AS solid"
    f" FROM (SELECT *, {_STANDS} AS stands FROM {_BELIEVED}) AS believed"
)
_SIDES = ", ".join(f"ST_{side}(box)" for side in ("XMin", "YMin", "XMax", "YMax"))
_WHOLE = f"SELECT count, begin, updated, placed, solid, {_SIDES} FROM ({_SUMS}) AS whole"
_SOURCES = f"SELECT source, count(*) FROM {_BELIEVED} AND {_STANDS} AND source IS NOT NULL GROUP BY source"
_FILLED = (
    f"SELECT key, count(*) FROM (SELECT attributes FROM {_BELIEVED} AND {_STANDS}) AS standing,"
    " json_each(attributes) WHERE json_typeof(value) <> 'null' GROUP BY key"
)
_NAMED = f"SELECT count(name) FROM {_BELIEVED} AND {_STANDS}"


def extent(connection: Connection, layer: str, now: datetime) -> Extent:
    """Return what a layer spans."""
    ((count, begin, updated, placed, solid, *box),) = tuples(connection, _WHOLE, now, now, layer)
    west, south, east, north = box
    bounds = None if west is None else (west, south, east, north)
    return Extent(count=count, bounds=bounds, begin=begin, updated=updated, placed=placed, solid=solid)


def completeness(connection: Connection, layer: str, now: datetime) -> Completeness:
    """Return where the features that stand come from, and which of their fields have values."""
    values = (layer, now, now)
    sources, filled = (dict(tuples(connection, sql, *values)) for sql in (_SOURCES, _FILLED))
    ((named,),) = tuples(connection, _NAMED, *values)
    return Completeness(sources, {**filled, "name": named})
