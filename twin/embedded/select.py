"""A :class:`~twin.query.Query` as SQL: the index narrows, SQL filters, shapely decides what boxes cannot."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from twin.answer import (
    Form,
    Found,
    Key,
    Told,
    bounds,
    cursor_of,
    is_spatial,
    is_summed,
    judge,
    position,
    span,
    sums_of,
)
from twin.embedded.condition import demands, literal
from twin.embedded.gpkg import decode_geometries
from twin.embedded.rows import degree_box, seconds_2020, to_text
from twin.query import Query
from twin.store import Columns, Sum

T = TypeVar("T")

# A number as JSON writes it: SQLite's own text of a real number keeps 15 digits only.
_AS_TEXT = (
    "CASE WHEN json_type(attributes, ?) IN ('integer', 'real') THEN attributes -> ?"
    " ELSE CAST(json_extract(attributes, ?) AS TEXT) END"
)
_LATER = (
    "NOT EXISTS (SELECT 1 FROM feature AS later WHERE later.layer = feature.layer AND later.id = feature.id"
    " AND later.valid_from > feature.valid_from AND later.valid_from <= ?"
    " AND (later.valid_to IS NULL OR later.valid_to > later.valid_from) AND {believed})"
)
_BELOW = "place >= key.value AND place < key.value || '.' AND (place = key.value OR place > key.value || '-')"
_INSIDE = f"EXISTS (SELECT 1 FROM json_each(?) AS key WHERE {_BELOW})"  # noqa: S608  only our own text
# What is believed now has an index by place; the cross join asks it for one key after another.
_INSIDE_NOW = (
    f"fid IN (SELECT fid FROM json_each(?) AS key CROSS JOIN feature WHERE {_BELOW} AND superseded_at IS NULL"  # noqa: S608
    " AND +layer IN ({layers}))"
)
_KEYS = "(SELECT value FROM json_each(?)) AS key CROSS JOIN"
_NUMBER = "CASE WHEN json_type(attributes, ?) IN ('integer', 'real') THEN json_extract(attributes, ?) END"
_ONE = "'[' || coalesce(attributes -> ?, 'null') || ']'"
_CHUNK = 500  # SQLite's bound-variable limit is 999 in old builds


@dataclass(slots=True)
class Where:
    """Conditions joined by *and*, with their bound values."""

    conditions: list[str]
    values: list[Any]

    def add(self, condition: str, *values: Any) -> None:
        """Add one that must hold too."""
        self.conditions.append(condition)
        self.values.extend(values)

    @property
    def sql(self) -> str:
        """Return all of them as one condition."""
        return " AND ".join(self.conditions)


def find(connection: sqlite3.Connection, query: Query, now: datetime, form: Form[T]) -> Found[T]:
    """Answer a query on one connection; the answer is one snapshot."""
    where = where_of(query, now)
    if is_spatial(query):
        return _find_exact(connection, query, where, form)
    matched = None
    if query.limit is not None and query.counted:
        matched = _count(connection, where)
    _after(query, where)
    rows = connection.execute(
        f"SELECT {form.columns} FROM feature WHERE {where.sql} ORDER BY layer, id, fid LIMIT ?",  # noqa: S608  only our own text
        (*where.values, -1 if query.limit is None else query.limit + 1),
    ).fetchall()
    things = _made(form, rows[: query.limit])
    more = query.limit is not None and len(rows) > query.limit
    last = rows[len(things) - 1] if more else None
    further = None if last is None else cursor_of(last["layer"], last["id"])
    return Found(things, len(rows) if matched is None else matched, further)


def columns(
    connection: sqlite3.Connection, query: Query, now: datetime, told: Told, inside: Sequence[str] | None
) -> Columns:
    """Return all features that meet a query as columns."""
    by_place = inside is not None and query.known_at is None
    where = where_of(query, now, few=inside is not None, boxed=not by_place)
    if by_place:
        where.add(_INSIDE_NOW.format(layers=_marks(query.layers)), json.dumps(inside), *query.layers)
    elif inside is not None:
        where.add(_INSIDE, json.dumps(inside))
    paths = [_path(name) for name in told.fields] if told.is_picked else []
    picked = f"json_extract(attributes, {_marks(paths)})" if len(paths) > 1 else _ONE
    columns = told.columns(query, picked, "attributes", "geom")
    rows = connection.execute(f"SELECT {columns} FROM feature WHERE {where.sql}", (*paths, *where.values)).fetchall()  # noqa: S608
    return told.of(query, rows, decode_geometries([row[-1] for row in rows]))


def sums(
    connection: sqlite3.Connection, query: Query, now: datetime, field: str, inside: Sequence[str] | None
) -> list[Sum]:
    """Return the sums of a number among all features that meet a query, by place and storey."""
    if not is_summed(query):
        return sums_of(columns(connection, query, now, Told(("places", "storeys"), (field,)), None), field, inside)
    where = where_of(query, now, few=inside is not None)
    place, among, values = "NULL", "", []
    if inside is not None:
        place, among, values = "key.value", _KEYS, [json.dumps(inside)]
        where.add(_BELOW)
    sql = (
        f"SELECT {place}, storey, count(*), total({_NUMBER}) FROM {among} feature"  # noqa: S608
        f" WHERE {where.sql} GROUP BY 1, 2"
    )
    path = _path(field)
    return [Sum(*row) for row in connection.execute(sql, (path, path, *values, *where.values))]


def _path(name: str) -> str:
    return f'$."{name}"'


def _count(connection: sqlite3.Connection, where: Where) -> int:
    sql = f"SELECT count(*) FROM feature WHERE {where.sql}"  # noqa: S608
    return int(connection.execute(sql, where.values).fetchone()[0])


def where_of(query: Query, now: datetime, *, few: bool = False, boxed: bool = True) -> Where:
    """Return the conditions of a query; what is spatial is asked of boxes only, if at all."""
    where = Where([], [])
    few = few or bounds(query) is not None or (query.within is not None and query.known_at is None)
    _of_layers(query, few and not query.ids, where)
    _when(query, now, where)
    if query.ids:
        where.add(f"id IN ({_marks(query.ids)})", *query.ids)
    if query.within is not None:
        # '.' follows '-' in ASCII: the key, and from '-' on every key below it; one range, for an index walks no two.
        place = query.within
        where.add("place >= ? AND place < ? AND (place = ? OR place > ?)", place, place + ".", place, place + "-")
    if query.storeys:
        where.add(f"storey IN ({_marks(query.storeys)})", *query.storeys)
    if query.z_min_m is not None:
        where.add("coalesce(z_max_m, z_min_m) >= ?", query.z_min_m)
    if query.z_max_m is not None:
        where.add("z_min_m <= ?", query.z_max_m)
    for name, value in query.filters:
        path = _path(name)
        where.add(_AS_TEXT + " = ?", path, path, path, value)
    if query.where is not None:
        for sql, values in demands(query.where):
            where.add(sql, *values)
    around = bounds(query) if boxed else None
    if around is not None:
        x0, x1, y0, y1 = degree_box(*around)
        first, last = (seconds_2020(moment) for moment in span(query, now))
        where.add(
            "fid IN (SELECT fid FROM feature_box"
            " WHERE x0 <= ? AND x1 >= ? AND y0 <= ? AND y1 >= ? AND t0 <= ? AND t1 >= ?)",
            *(x1, x0, y1, y0, last, first),
        )
    return where


def _of_layers(query: Query, few: bool, where: Where) -> None:  # noqa: FBT001
    # The unary plus keeps the planner from walking a whole layer where a box or a place names a few rows.
    plus = "+" if few else ""
    if query.where is not None and len(query.layers) == 1:
        where.add(f"{plus}layer = {literal(query.layers[0])}")  # a value that is bound does not meet a partial index
    else:
        where.add(f"{plus}layer IN ({_marks(query.layers)})", *query.layers)


def _when(query: Query, now: datetime, where: Where) -> None:
    first, last = (to_text(moment) for moment in span(query, now))
    known = None if query.known_at is None else to_text(query.known_at)
    believed, values = _believed("feature", known)
    where.add(believed, *values)
    where.add("feature.valid_from <= ? AND (feature.valid_to IS NULL OR feature.valid_to > ?)", last, first)
    if query.during is not None:
        # What ended as it began never was.
        where.add("(feature.valid_to IS NULL OR feature.valid_to > feature.valid_from)")
        believed, values = _believed("later", known)
        where.add(_LATER.format(believed=believed), last, *values)


def _believed(table: str, known: str | None) -> tuple[str, list[str]]:
    if known is None:
        return f"{table}.superseded_at IS NULL", []
    return f"{table}.recorded_at <= ? AND ({table}.superseded_at IS NULL OR {table}.superseded_at > ?)", [known, known]


def _find_exact(connection: sqlite3.Connection, query: Query, where: Where, form: Form[T]) -> Found[T]:
    """Judge every candidate by its geometry; read the whole rows at once only when all of them are wanted."""
    columns = f"fid, {form.columns}" if query.limit is None else "fid, layer, id, geom"
    sql = f"SELECT {columns} FROM feature WHERE {where.sql} ORDER BY layer, id, fid"  # noqa: S608
    rows = connection.execute(sql, where.values).fetchall()
    keys = [Key(row[0], row[1], row[2]) for row in rows]
    chosen = judge(query, keys, decode_geometries([row[-1] for row in rows]))
    fids = [key.fid for key in chosen.keys]
    if query.limit is not None:
        rows = _load(connection, form, fids)
    by_fid = {row[0]: row for row in rows}
    return Found(_made(form, [by_fid[fid] for fid in fids]), chosen.matched, chosen.next)


def _load(connection: sqlite3.Connection, form: Form[T], fids: list[int]) -> list[sqlite3.Row]:
    rows: list[sqlite3.Row] = []
    for start in range(0, len(fids), _CHUNK):
        part = fids[start : start + _CHUNK]
        sql = f"SELECT fid, {form.columns} FROM feature WHERE fid IN ({_marks(part)})"  # noqa: S608
        rows += connection.execute(sql, part).fetchall()
    return rows


def _made(form: Form[T], rows: list[sqlite3.Row]) -> tuple[T, ...]:
    return form.made(rows, decode_geometries([row[-1] for row in rows]))


def _after(query: Query, where: Where) -> None:
    if query.cursor is None:
        return
    layer, last = position(query.cursor)
    if query.layers == (layer,):
        where.add("id > ?", last)  # an index walks no pair
    else:
        where.add("(layer, id) > (?, ?)", layer, last)


def _marks(values: Any) -> str:
    return ", ".join("?" * len(values))
