"""A :class:`~twin.query.Query` as SQL: the index narrows, SQL filters, shapely decides what boxes cannot."""

import base64
import json
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from gis.errors import BadInput
from gis.local import LocalFrame, bbox_around
from twin.embedded.gpkg import decode_geometry
from twin.embedded.rows import COLUMNS, degree_box, feature_of, seconds_2020, to_text
from twin.feature import Feature
from twin.query import Page, Query

_CHUNK = 500  # SQLite's bound-variable limit is 999 in old builds


@dataclass(slots=True)
class _Where:
    """Conditions joined by *and*, with their bound values."""

    conditions: list[str]
    values: list[Any]

    def add(self, condition: str, *values: Any) -> None:
        self.conditions.append(condition)
        self.values.extend(values)

    @property
    def sql(self) -> str:
        return " AND ".join(self.conditions)


def find(connection: sqlite3.Connection, query: Query, now: datetime) -> Page:
    """Answer a query on one connection; the answer is one snapshot."""
    where = _where(query, now)
    if query.area is not None or query.near is not None or query.bbox is not None:
        return _find_exact(connection, query, where)
    matched = None
    if query.limit is not None:
        matched = _count(connection, where)
    _after(query, where)
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM feature WHERE {where.sql} ORDER BY layer, id LIMIT ?",  # noqa: S608  only our own text
        (*where.values, -1 if query.limit is None else query.limit + 1),
    ).fetchall()
    features = tuple(feature_of(row) for row in rows[: query.limit])
    more = query.limit is not None and len(rows) > query.limit
    return Page(features, len(rows) if matched is None else matched, _cursor(features[-1]) if more else None)


def _count(connection: sqlite3.Connection, where: _Where) -> int:
    sql = f"SELECT count(*) FROM feature WHERE {where.sql}"  # noqa: S608
    return int(connection.execute(sql, where.values).fetchone()[0])


def _where(query: Query, now: datetime) -> _Where:
    where = _Where([], [])
    where.add(f"layer IN ({_marks(query.layers)})", *query.layers)
    _when(query, now, where)
    if query.ids:
        where.add(f"id IN ({_marks(query.ids)})", *query.ids)
    if query.within is not None:
        # '.' follows '-' in ASCII: the range holds every key below this one and nothing else.
        where.add("(place = ? OR (place > ? AND place < ?))", query.within, query.within + "-", query.within + ".")
    if query.storeys:
        where.add(f"storey IN ({_marks(query.storeys)})", *query.storeys)
    if query.z_min_m is not None:
        where.add("coalesce(z_max_m, z_min_m) >= ?", query.z_min_m)
    if query.z_max_m is not None:
        where.add("z_min_m <= ?", query.z_max_m)
    for name, value in query.filters:
        where.add("CAST(json_extract(attributes, ?) AS TEXT) = ?", f'$."{name}"', value)
    bounds = _bounds(query)
    if bounds is not None:
        x0, x1, y0, y1 = degree_box(*bounds)
        t = seconds_2020(query.at or now)
        where.add(
            "fid IN (SELECT fid FROM feature_box"
            " WHERE x0 <= ? AND x1 >= ? AND y0 <= ? AND y1 >= ? AND t0 <= ? AND t1 >= ?)",
            *(x1, x0, y1, y0, t, t),
        )
    return where


def _when(query: Query, now: datetime, where: _Where) -> None:
    at = to_text(query.at or now)
    where.add("valid_from <= ? AND (valid_to IS NULL OR valid_to > ?)", at, at)
    if query.known_at is None:
        where.add("superseded_at IS NULL")
    else:
        known = to_text(query.known_at)
        where.add("recorded_at <= ? AND (superseded_at IS NULL OR superseded_at > ?)", known, known)


def _bounds(query: Query) -> tuple[float, float, float, float] | None:
    """Return the box around every spatial condition, ``None`` when there is none."""
    boxes = []
    if query.bbox is not None:
        boxes.append(query.bbox)
    if query.area is not None:
        boxes.append(query.area.bounds)
    if query.near is not None:
        boxes.append(bbox_around(*query.near))
    if not boxes:
        return None
    west, south = (max(box[side] for box in boxes) for side in (0, 1))
    east, north = (min(box[side] for box in boxes) for side in (2, 3))
    return west, south, east, north


def _find_exact(connection: sqlite3.Connection, query: Query, where: _Where) -> Page:
    sql = f"SELECT fid, layer, id, geom FROM feature WHERE {where.sql} ORDER BY layer, id"  # noqa: S608
    rows = connection.execute(sql, where.values).fetchall()
    geometries = np.array([decode_geometry(row["geom"]) for row in rows], dtype=object)
    order = _accepted(query, geometries)
    chosen = [rows[index] for index in order]
    start = _start(query, chosen)
    page = chosen[start:] if query.limit is None else chosen[start : start + query.limit]
    features = _load(connection, [row["fid"] for row in page])
    more = start + len(page) < len(chosen)
    return Page(features, len(chosen), _cursor(features[-1]) if more and features else None)


def _accepted(query: Query, geometries: np.ndarray) -> list[int]:
    """Return indices of the geometries that meet the spatial conditions; nearest first when asked for near."""
    keep = np.ones(len(geometries), dtype=bool)
    for area in (None if query.bbox is None else shapely.box(*query.bbox), query.area):
        if area is not None:
            keep &= _intersects(area, geometries)
    if query.near is None:
        return [int(index) for index in np.flatnonzero(keep)]
    lon, lat, radius_m = query.near
    frame = LocalFrame(lon, lat)
    metres = shapely.transform(geometries, lambda points: np.column_stack(frame.to_metres(*points.T)))
    distance = shapely.distance(shapely.Point(0, 0), metres)
    keep &= distance <= radius_m
    return [int(index) for index in np.argsort(distance, kind="stable") if keep[index]]


def _intersects(area: BaseGeometry, geometries: np.ndarray) -> np.ndarray:
    shapely.prepare(area)
    return np.asarray(shapely.intersects(area, geometries), dtype=bool)


def _load(connection: sqlite3.Connection, fids: list[int]) -> tuple[Feature, ...]:
    found: dict[int, Feature] = {}
    for start in range(0, len(fids), _CHUNK):
        part = fids[start : start + _CHUNK]
        sql = f"SELECT fid, {COLUMNS} FROM feature WHERE fid IN ({_marks(part)})"  # noqa: S608
        found.update((row["fid"], feature_of(row)) for row in connection.execute(sql, part))
    return tuple(found[fid] for fid in fids)


def _start(query: Query, rows: list[sqlite3.Row]) -> int:
    if query.cursor is None:
        return 0
    layer, feature_id = _decode(query.cursor)
    if query.near is not None:
        at = next((n for n, row in enumerate(rows) if (row["layer"], row["id"]) == (layer, feature_id)), None)
        return 0 if at is None else at + 1
    return sum((row["layer"], row["id"]) <= (layer, feature_id) for row in rows)


def _after(query: Query, where: _Where) -> None:
    if query.cursor is not None:
        where.add("(layer, id) > (?, ?)", *_decode(query.cursor))


def _cursor(feature: Feature) -> str:
    return base64.urlsafe_b64encode(json.dumps([feature.layer, feature.id]).encode()).decode().rstrip("=")


def _decode(cursor: str) -> tuple[str, str]:
    try:
        layer, feature_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return str(layer), str(feature_id)
    except (ValueError, TypeError) as error:
        raise BadInput(
            "query.cursor", "The cursor is not one of ours.", "Use the value of next as it came.", parameter="cursor"
        ) from error


def _marks(values: Any) -> str:
    return ", ".join("?" * len(values))
