"""A :class:`~twin.query.Query` as SQL: the index narrows, SQL filters, shapely decides what boxes cannot.

PostGIS would measure ``<->`` on longitude and latitude in degrees; metres are measured in a local frame instead.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import shapely
from psycopg.rows import DictRow, tuple_row

from twin.answer import Key, bounds, cursor_of, judge, position, span
from twin.feature import Feature
from twin.filter import sql_of
from twin.postgis.condition import leaf
from twin.postgis.connection import Connection
from twin.postgis.rows import COLUMNS, features_of
from twin.query import Page, Query
from twin.versions import to_milliseconds

# A boolean is 1 or 0 in every store; other values are compared as JSON writes them.
_AS_TEXT = (
    "CASE WHEN json_typeof(attributes -> %s) = 'boolean' THEN CASE attributes ->> %s WHEN 'true' THEN '1' ELSE '0' END"
    " ELSE attributes ->> %s END"
)
_LATER = (
    "NOT EXISTS (SELECT 1 FROM feature AS later WHERE later.layer = feature.layer AND later.id = feature.id"
    " AND later.valid_from > feature.valid_from AND later.valid_from <= %s"
    " AND (later.valid_to IS NULL OR later.valid_to > later.valid_from) AND {believed})"
)


_PRESENT = "greatest(%s, (SELECT recorded_at FROM clock))"


@dataclass(slots=True)
class _Where:
    """Conditions joined by *and*, with their bound values."""

    conditions: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def add(self, condition: str, *values: Any) -> None:
        self.conditions.append(condition)
        self.values.extend(values)

    @property
    def sql(self) -> str:
        return " AND ".join(self.conditions)


def rows(connection: Connection, sql: str, *values: Any) -> list[DictRow]:
    """Return the rows of a statement; geometries and moments travel in binary."""
    return connection.execute(sql, values, binary=True).fetchall()


def tuples(connection: Connection, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """Return the rows of a statement as plain tuples, where there are many of them."""
    with connection.cursor(row_factory=tuple_row, binary=True) as cursor:
        return cursor.execute(sql, values).fetchall()


def is_one_statement(query: Query) -> bool:
    """Tell whether one statement answers the query, so that it is one snapshot without a transaction."""
    return query.limit is None or (not query.counted and query.near is None)


def find(connection: Connection, query: Query, now: datetime) -> Page:
    """Answer a query inside a transaction; the answer is one snapshot when the transaction is.

    The present is the later of ``now`` and the last recorded moment of any process, whose clock may run ahead of ours.
    """
    where = _where(query, now)
    if not query.counted and query.limit is not None and query.near is None:
        page = _first(connection, query, where, 1)
        if page is None:
            with connection.transaction():
                page = _first(connection, query, where, None)
        return page or Page((), 0, None)
    if query.area is not None or query.near is not None or query.bbox is not None:
        return _find_exact(connection, query, where)
    matched = None
    if query.limit is not None:
        count = f"SELECT count(*) AS n FROM feature WHERE {where.sql}"  # noqa: S608  only our own text
        matched = int(rows(connection, count, *where.values)[0]["n"])
    if query.cursor is not None:
        where.add("(layer, id) > (%s, %s)", *position(query.cursor))
    sql = f"SELECT {COLUMNS} FROM feature WHERE {where.sql} ORDER BY layer, id, fid LIMIT %s"  # noqa: S608
    found = tuples(connection, sql, *where.values, None if query.limit is None else query.limit + 1)
    features = features_of(found[: query.limit])
    more = query.limit is not None and len(found) > query.limit
    return Page(features, len(found) if matched is None else matched, cursor_of(features[-1]) if more else None)


def _first(connection: Connection, query: Query, where: _Where, statements: int | None) -> Page | None:
    """Read candidates in the order of pages until the page is full; ``None`` when that takes more statements."""
    limit = query.limit or 0
    after = None if query.cursor is None else position(query.cursor)
    found: list[Feature] = []
    more, asked = True, 0
    while more and len(found) <= limit:
        if asked == statements:
            return None
        asked += 1
        rows = _candidates(connection, where, after, limit + _SPARE)
        found += _exact(replace(query, limit=None, cursor=None), rows)
        more = len(rows) == limit + _SPARE
        after = (rows[-1][1], rows[-1][2]) if rows else None
    features = tuple(found[:limit])
    return Page(features, len(found), cursor_of(features[-1]) if len(found) > limit else None)


_SPARE = 10
"""So many candidates more than a page: their boxes touch what is asked for, which they themselves may not."""


def _candidates(
    connection: Connection, where: _Where, after: tuple[str, str] | None, most: int
) -> list[tuple[Any, ...]]:
    behind = "" if after is None else "AND (layer, id) > (%s, %s)"
    sql = f"SELECT fid, {COLUMNS} FROM feature WHERE {where.sql} {behind} ORDER BY layer, id, fid LIMIT %s"  # noqa: S608
    return tuples(connection, sql, *where.values, *(after or ()), most)


def _exact(query: Query, found: list[tuple[Any, ...]]) -> tuple[Feature, ...]:
    """Return those of whole rows, each after its number, that meet the spatial conditions."""
    keys = [Key(row[0], row[1], row[2]) for row in found]
    by_fid = dict(zip((row[0] for row in found), found, strict=True))
    geometries = shapely.from_wkb([row[-1] for row in found])
    return judge(query, keys, geometries, lambda fids: features_of([by_fid[fid] for fid in fids])).features


def _where(query: Query, now: datetime) -> _Where:
    where = _Where()
    # Equal to one, rows come out of the index in the order of pages; any of several, they do not.
    if len(query.layers) == 1:
        where.add("layer = %s", query.layers[0])
    else:
        where.add("layer = ANY(%s)", list(query.layers))
    _when(query, now, where)
    if query.ids:
        where.add("id = ANY(%s)", list(query.ids))
    if query.within is not None:
        # '.' follows '-' in ASCII: the range holds every key below this one and nothing else.
        where.add("(place = %s OR (place > %s AND place < %s))", query.within, query.within + "-", query.within + ".")
    if query.storeys:
        where.add("storey = ANY(%s)", list(query.storeys))
    if query.z_min_m is not None:
        where.add("coalesce(z_max_m, z_min_m) >= %s", query.z_min_m)
    if query.z_max_m is not None:
        where.add("z_min_m <= %s", query.z_max_m)
    for name, value in query.filters:
        where.add(f"{_AS_TEXT} = %s", name, name, name, value)
    if query.where is not None:
        sql, values = sql_of(query.where, leaf)
        where.add(sql, *values)
    around = bounds(query)
    if around is not None:
        where.add("geom && ST_MakeEnvelope(%s, %s, %s, %s, 4326)", *(float(side) for side in around))
    return where


def _when(query: Query, now: datetime, where: _Where) -> None:
    first, last = (to_milliseconds(moment) for moment in span(query, now))
    believed, known = _believed("feature", query.known_at)
    where.add(believed, *known)
    moment = _PRESENT if query.at is None and query.during is None else "%s"
    where.add(
        f"feature.valid_from <= {moment} AND (feature.valid_to IS NULL OR feature.valid_to > {moment})", last, first
    )
    if query.during is not None:
        # What ended as it began never was.
        where.add("(feature.valid_to IS NULL OR feature.valid_to > feature.valid_from)")
        believed, known = _believed("later", query.known_at)
        where.add(_LATER.format(believed=believed), last, *known)


def _believed(table: str, known_at: datetime | None) -> tuple[str, list[datetime]]:
    if known_at is None:
        return f"{table}.superseded_at IS NULL", []
    known = to_milliseconds(known_at)
    sql = f"{table}.recorded_at <= %s AND ({table}.superseded_at IS NULL OR {table}.superseded_at > %s)"
    return sql, [known, known]


def _find_exact(connection: Connection, query: Query, where: _Where) -> Page:
    """Judge every candidate by its geometry; read the whole rows at once only when all of them are wanted."""
    whole = query.limit is None
    columns = f"fid, {COLUMNS}" if whole else "fid, layer, id, ST_AsBinary(geom)"
    sql = f"SELECT {columns} FROM feature WHERE {where.sql} ORDER BY layer, id, fid"  # noqa: S608
    found = tuples(connection, sql, *where.values)
    keys = [Key(row[0], row[1], row[2]) for row in found]
    geometries = shapely.from_wkb([row[-1] for row in found])

    def load(fids: list[int]) -> tuple[Feature, ...]:
        if not whole:
            return _load(connection, fids)
        numbers = {key.fid: number for number, key in enumerate(keys)}
        return features_of([found[numbers[fid]] for fid in fids])

    return judge(query, keys, geometries, load)


def _load(connection: Connection, fids: list[int]) -> tuple[Feature, ...]:
    found = tuples(connection, f"SELECT fid, {COLUMNS} FROM feature WHERE fid = ANY(%s)", fids)  # noqa: S608
    by_fid = dict(zip((row[0] for row in found), features_of(found), strict=True))
    return tuple(by_fid[fid] for fid in fids)
