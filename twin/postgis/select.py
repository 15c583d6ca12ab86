"""A :class:`~twin.query.Query` as SQL: the index narrows, SQL filters, shapely decides what boxes cannot.

PostGIS would measure ``<->`` on longitude and latitude in degrees; metres are measured in a local frame instead.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
import numpy.typing as npt
import shapely
from psycopg.rows import DictRow, tuple_row

from twin.answer import Form, Found, Key, accepted, bounds, cursor_of, is_spatial, judge, position, span
from twin.filter import sql_of
from twin.postgis.cells import CELL, cells_of
from twin.postgis.condition import leaf
from twin.postgis.connection import Connection
from twin.query import Query
from twin.versions import to_milliseconds

T = TypeVar("T")

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


PRESENT = "greatest(%s, (SELECT recorded_at FROM clock))"
"""The present: our clock, or that of whoever wrote last where it runs ahead."""


class Statement(NamedTuple):
    """What the server is asked.

    Attributes:
        prepare: One plan is right for all values; ``None``: it is made for those at hand.
    """

    sql: str
    values: Sequence[Any]
    prepare: bool | None = None


Rows = list[tuple[Any, ...]]
Steps = Generator[Statement, Rows, T]
"""How an answer comes about, whoever asks the server: yields statements, is sent their rows, returns the answer."""


@dataclass(slots=True)
class Where:
    """Conditions joined by *and*, with their bound values.

    Attributes:
        few: What meets them is found by one index, and not much.
    """

    conditions: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    few: bool = False

    def add(self, condition: str, *values: Any) -> None:
        """Add one that must hold too."""
        self.conditions.append(condition)
        self.values.extend(values)

    @property
    def sql(self) -> str:
        """Return all of them as one condition."""
        return " AND ".join(self.conditions)


def rows(connection: Connection, sql: str, *values: Any) -> list[DictRow]:
    """Return the rows of a statement; geometries and moments travel in binary."""
    return connection.execute(sql, values, binary=True).fetchall()


def tuples(connection: Connection, sql: str, *values: Any, prepare: bool | None = None) -> list[tuple[Any, ...]]:
    """Return the rows of a statement as plain tuples, where there are many of them or time is short."""
    with connection.cursor(row_factory=tuple_row, binary=True) as cursor:
        return cursor.execute(sql, values, prepare=prepare).fetchall()


def is_one_statement(query: Query) -> bool:
    """Tell whether one statement answers the query, so that it is one snapshot without a transaction."""
    return query.limit is None or is_page(query)


def find(connection: Connection, query: Query, now: datetime, form: Form[T]) -> Found[T]:
    """Answer a query inside a transaction; the answer is one snapshot when the transaction is.

    The present is the later of ``now`` and the last recorded moment of any process, whose clock may run ahead of ours.
    """
    if is_page(query):
        page = run(connection, first(query, now, form))
        if page is None:
            with connection.transaction():
                page = run(connection, first(query, now, form, None))
        return page or Found((), 0, None)
    where = where_of(query, now)
    if is_spatial(query):
        return _find_exact(connection, query, where, form)
    matched = None
    if query.limit is not None:
        count = f"SELECT count(*) AS n FROM feature WHERE {where.sql}"  # noqa: S608  only our own text
        matched = int(rows(connection, count, *where.values)[0]["n"])
    if query.cursor is not None:
        where.add("(layer, id) > (%s, %s)", *position(query.cursor))
    most = None if query.limit is None else query.limit + 1
    found = run(connection, _candidates(where, form, None, most))
    page_of, more = found[: query.limit], query.limit is not None and len(found) > query.limit
    return Found(
        _made(form, page_of), len(found) if matched is None else matched, _behind(page_of[-1]) if more else None
    )


def run(connection: Connection, steps: Steps[T]) -> T:
    """Return what steps come to on one connection."""
    try:
        statement = next(steps)
        while True:
            statement = steps.send(tuples(connection, statement.sql, *statement.values, prepare=statement.prepare))
    except StopIteration as done:
        return cast("T", done.value)


def is_page(query: Query) -> bool:
    """Tell whether a query asks for a page in the order of ids, and not how many there are in all."""
    return not query.counted and query.limit is not None and query.near is None


def first(query: Query, now: datetime, form: Form[T], statements: int | None = 1) -> Steps[Found[T] | None]:
    """Read candidates in the order of pages until the page is full; ``None`` when that takes more statements."""
    where, limit = where_of(query, now), query.limit or 0
    after = None if query.cursor is None else position(query.cursor)
    found: Rows = []
    shapes: list[Any] = []
    more, asked = True, 0
    gathered = not where.few and (yield from _is_gathered(query, limit))
    once = is_planned_once(query)
    while more and len(found) <= limit:
        if asked == statements:
            return None
        asked += 1
        rows = yield from _candidates(where, form, after, limit + _SPARE, once=once, gathered=gathered)
        geometries = shapely.from_wkb([row[-1] for row in rows])
        meeting = accepted(query, geometries)
        found += [rows[number] for number in meeting]
        shapes += [geometries[number] for number in meeting]
        more = len(rows) == limit + _SPARE
        after = (rows[-1][1], rows[-1][2]) if rows else None
    further = _behind(found[limit - 1]) if len(found) > limit else None
    return Found(form.made(found[:limit], _array(shapes[:limit])), len(found), further)


_SPARE = 10
"""So many candidates more than a page: their boxes touch what is asked for, which they themselves may not."""


_SMALL_DEG = 0.002
"""In a box of two hundred metres there is never much: all of it is found first, then sorted."""


def is_planned_once(query: Query) -> bool:
    """Tell whether a query asks for the present of one thing or of a small box: one plan is right for all of these."""
    narrower = (query.near, query.area, query.where, query.within, query.z_min_m, query.z_max_m)
    now = query.at is None and query.during is None and query.known_at is None
    if len(query.layers) != 1 or query.filters or query.storeys or any(one is not None for one in narrower) or not now:
        return False
    if query.bbox is None:
        return len(query.ids) == 1
    west, south, east, north = query.bbox
    return not query.ids and max(east - west, north - south) <= _SMALL_DEG


_WIDE_DEG = 0.01
"""The planner is right about boxes that are not so wide: it looks into the spatial index first."""
_DEARER = 3
"""So much longer a row takes that is looked at in the order of ids, which is no order in space."""


def _is_gathered(query: Query, limit: int) -> Steps[bool]:
    """Tell whether all that a box holds is found and sorted sooner than a page is full when walking by id.

    The planner thinks that what lies side by side is stored far apart, and walks too soon.
    """
    around = bounds(query)
    if around is None or max(around[2] - around[0], around[3] - around[1]) < _WIDE_DEG:
        return False
    box = "EXPLAIN (FORMAT JSON) SELECT FROM feature WHERE geom && ST_MakeEnvelope(%s, %s, %s, %s, 4326)"
    ((plan,),) = yield Statement(box, [float(side) for side in around])
    held = plan[0]["Plan"]["Plan Rows"]
    ((everything,),) = yield Statement("SELECT reltuples FROM pg_class WHERE oid = 'feature'::regclass", ())
    return bool(held * held < _DEARER * limit * everything)


def _candidates(
    where: Where,
    form: Form[T],
    after: tuple[str, str] | None,
    most: int | None,
    *,
    once: bool = False,
    gathered: bool = False,
) -> Steps[Rows]:
    behind = "" if after is None else "AND (layer, id) > (%s, %s)"
    columns, chosen = f"fid, {form.columns}", f"{where.sql} {behind}"
    sql = f"SELECT {columns} FROM feature WHERE {chosen} ORDER BY layer, id, fid LIMIT %s"  # noqa: S608
    # OFFSET keeps the planner from walking in the order of ids.
    if once or where.few:
        held = f"SELECT * FROM feature WHERE {chosen} OFFSET 0"  # noqa: S608
        sql = f"SELECT {columns} FROM ({held}) AS feature ORDER BY layer, id, fid LIMIT %s"  # noqa: S608
    elif gathered:  # what is sorted is slim
        held = f"SELECT layer, id, fid FROM feature WHERE {chosen} OFFSET 0"  # noqa: S608
        first = f"SELECT fid FROM ({held}) AS held ORDER BY layer, id, fid LIMIT %s"  # noqa: S608
        sql = f"SELECT {columns} FROM feature WHERE fid = ANY(ARRAY({first})) ORDER BY layer, id, fid"  # noqa: S608
    return (yield Statement(sql, (*where.values, *(after or ()), most), once or None))


def _behind(row: tuple[Any, ...]) -> str:
    """Return the cursor behind a row of :func:`_candidates`."""
    return cursor_of(row[1], row[2])


def _made(form: Form[T], found: Rows) -> tuple[T, ...]:
    return form.made(found, shapely.from_wkb([row[-1] for row in found]))


def _array(shapes: list[Any]) -> npt.NDArray[np.object_]:
    return np.array([*shapes, None], dtype=object)[:-1]  # the end keeps numpy from looking into the shapes


def where_of(query: Query, now: datetime) -> Where:
    """Return the conditions of a query; what is spatial is asked of boxes only."""
    where = Where()
    # Equal to one, rows come out of the index in the order of pages; any of several, they do not.
    if len(query.layers) == 1:
        where.add("layer = %s", query.layers[0])
    else:
        where.add("layer = ANY(%s)", list(query.layers))
    _when(query, now, where)
    _which(query, where)
    if query.z_min_m is not None:
        where.add("coalesce(z_max_m, z_min_m) >= %s", query.z_min_m)
    if query.z_max_m is not None:
        where.add("z_min_m <= %s", query.z_max_m)
    for name, value in query.filters:
        where.add(f"{_AS_TEXT} = %s", name, name, name, value)
    if query.where is not None:
        sql, values = sql_of(query.where, leaf)
        where.add(sql, *values)
    _around(query, where)
    return where


def _around(query: Query, where: Where) -> None:
    around, cells = bounds(query), cells_of(query)
    if around is None:
        return
    box = "geom && ST_MakeEnvelope(%s, %s, %s, %s, 4326)"
    if cells is not None:
        where.few = True
        where.add(f"{CELL} = ANY(%s::bigint[])", cells)
        box = f"({box}) IS TRUE"  # so that the planner looks into the one index
    where.add(box, *(float(side) for side in around))


def _which(query: Query, where: Where) -> None:
    if len(query.ids) == 1:
        where.add("id = %s", query.ids[0])
    elif query.ids:
        where.add("id = ANY(%s)", list(query.ids))
    if query.within is not None:
        # '.' follows '-' in ASCII: the range holds every key below this one and nothing else.
        where.add("(place = %s OR (place > %s AND place < %s))", query.within, query.within + "-", query.within + ".")
    if query.storeys:
        where.add("storey = ANY(%s)", list(query.storeys))


def _when(query: Query, now: datetime, where: Where) -> None:
    first, last = (to_milliseconds(moment) for moment in span(query, now))
    believed, known = _believed("feature", query.known_at)
    where.add(believed, *known)
    moment = PRESENT if query.at is None and query.during is None else "%s"
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


def _find_exact(connection: Connection, query: Query, where: Where, form: Form[T]) -> Found[T]:
    """Judge every candidate by its geometry; read the whole rows at once only when all of them are wanted."""
    if query.limit is None:
        found = run(connection, _candidates(where, form, None, None))
    else:
        sql = f"SELECT fid, layer, id, ST_AsBinary(geom) FROM feature WHERE {where.sql} ORDER BY layer, id, fid"  # noqa: S608
        found = tuples(connection, sql, *where.values)
    keys = [Key(row[0], row[1], row[2]) for row in found]
    chosen = judge(query, keys, shapely.from_wkb([row[-1] for row in found]))
    fids = [key.fid for key in chosen.keys]
    if query.limit is not None:
        sql = f"SELECT fid, {form.columns} FROM feature WHERE fid = ANY(%s)"  # noqa: S608
        found = tuples(connection, sql, fids)
    by_fid = {row[0]: row for row in found}
    return Found(_made(form, [by_fid[fid] for fid in fids]), chosen.matched, chosen.next)
