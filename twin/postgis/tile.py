"""A tile drawn by PostGIS: as many at once as there are processors, while the service does something else."""

from datetime import datetime
from typing import Any

from gis.tilegrid import Tile
from gis.write import mvt
from twin.postgis.connection import Connection
from twin.postgis.select import tuples, where_of
from twin.tiles import MEMBERS, Shown, asked

_FLAT_ZOOM = 14
"""From here on longitude and latitude lie in a tile as evenly as in the projection, to 0.2 of a unit."""
_FEW = 8
_CLIP = 0.25
"""How far around a tile geometry is kept before it is projected, which the poles cannot be."""
_POINT_BYTES = 16

# What a feature's attributes are is no column of PostgreSQL's: it writes the members of an object as it finds them.
_ALL = "CASE WHEN said.whole ?| %s THEN said.whole - %s::text[] ELSE said.whole END"
_SOME = "(SELECT jsonb_object_agg(key, value) FROM jsonb_each(said.whole) WHERE key = ANY(%s))"
_COLUMNS = f"{', '.join(MEMBERS)}, attributes, number, shape"
# Tied to the row, so that neither the JSON nor the geometry is worked out once for each mention of it.
_HELD = (
    "(SELECT {members}, {told} AS attributes, hashtextextended(feature.id, 0) & {mask} AS number, {shape} AS shape"
    " FROM feature CROSS JOIN LATERAL (SELECT feature.attributes::jsonb AS whole OFFSET 0) AS said"
    " WHERE {where}) AS held"
)
_DRAW = (
    f"ST_AsMVT(one, %s, {mvt.EXTENT}, 'shape', 'number') AS content, count(shape) AS held,"
    " coalesce(sum(pg_column_size(shape)), 0) AS bytes"
)
_BY_SIZE = "ORDER BY ST_Area(shape) DESC, ST_Length(shape) DESC, id ROWS UNBOUNDED PRECEDING"


def drawn(connection: Connection, layer: str, shown: Shown, tile: Tile, now: datetime) -> mvt.Drawn:
    """Return what stands now in a tile as a layer of it; one statement, two where not all fits."""
    held, values = _held(layer, shown, tile, now)
    most = mvt.MAX_FEATURES + 1
    sql = f"SELECT {_DRAW} FROM (SELECT {_COLUMNS} FROM {held} LIMIT %s) AS one"  # noqa: S608  only our own text
    content, count, size = tuples(connection, sql, layer, *values, most)[0]
    if count >= most or size > mvt.MAX_POINTS * _POINT_BYTES:
        return _largest(connection, layer, held, values)
    return mvt.Drawn(content if count else b"", count, 0)


def _largest(connection: Connection, layer: str, held: str, values: list[Any]) -> mvt.Drawn:
    """Draw the largest that fit."""
    sizes = "row_number() OVER size AS rank, sum(ST_NPoints(shape)) OVER size AS points"
    ranked = f"SELECT *, {sizes} FROM {held} WHERE shape IS NOT NULL WINDOW size AS ({_BY_SIZE})"  # noqa: S608
    sql = (
        f"WITH ranked AS MATERIALIZED ({ranked}) SELECT {_DRAW}, (SELECT count(*) FROM ranked) AS found"  # noqa: S608
        f" FROM (SELECT {_COLUMNS} FROM ranked WHERE rank <= %s AND points <= %s) AS one"
    )
    content, count, _, found = tuples(connection, sql, *values, layer, mvt.MAX_FEATURES, mvt.MAX_POINTS)[0]
    return mvt.Drawn(content, count, found - count)


def _held(layer: str, shown: Shown, tile: Tile, now: datetime) -> tuple[str, list[Any]]:
    """Return a subquery of what a tile holds, and its bound values."""
    where = where_of(asked(layer, tile), now)
    members = list(MEMBERS)
    told, names = (_ALL, [members, members]) if shown is None else (_SOME, [sorted(set(shown) - set(members))])
    shape, sides = _shape(tile)
    sql = _HELD.format(members=", ".join(MEMBERS), told=told, mask=2**53 - 1, shape=shape, where=where.sql)
    return sql, [*names, *sides, *where.values]


def _shape(tile: Tile) -> tuple[str, tuple[float, ...]]:
    """Return the geometry in the units of a tile, and its bound values."""
    west, south, east, north = tile.bounds()
    simple = f"CASE WHEN ST_NPoints(geom) > {_FEW} THEN ST_Simplify(geom, %s) ELSE geom END"
    tolerance = mvt.TOLERANCE * (north - south) / mvt.EXTENT
    sides = "ST_MakeEnvelope(%s, %s, %s, %s)"
    if tile.zoom >= _FLAT_ZOOM:
        return f"ST_AsMVTGeom({simple}, {sides}, {mvt.EXTENT}, {mvt.BUFFER})", (tolerance, west, south, east, north)
    near = f"ST_ClipByBox2D({simple}, {sides})"
    shape = f"ST_AsMVTGeom(ST_Transform({near}, 3857), {sides}, {mvt.EXTENT}, {mvt.BUFFER})"
    return shape, (tolerance, *tile.bounds(_CLIP), *tile.metres())
