"""Features and events as rows, and rows as features and events."""

import json
import math
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from twin.answer import Form
from twin.embedded.gpkg import decode_geometry, encode_geometries
from twin.event import Event, Latest
from twin.feature import Feature
from twin.query import Row
from twin.series import Bucket
from twin.store import Descent, Identifier
from twin.versions import Version, stated

COLUMNS = (
    "layer, id, community, name, place, parent, storey, z_min_m, z_max_m, stage, attributes, source, source_element,"
    " batch, valid_from, valid_to, recorded_at, superseded_at, geom"
)
_WIDTH = COLUMNS.count(",") + 1
_I32 = 2**31 - 1
_EPOCH_2020_S = 1_577_836_800


def to_text(moment: datetime) -> str:
    """Return a UTC moment as GeoPackage's DATETIME text, which sorts as time does.

    >>> to_text(datetime(2026, 11, 21, 8, tzinfo=UTC))
    '2026-11-21T08:00:00.000Z'
    """
    return (moment if moment.tzinfo is UTC else moment.astimezone(UTC)).isoformat(timespec="milliseconds")[:-6] + "Z"


def maybe_text(moment: datetime | None) -> str | None:
    """Return the DATETIME text of a moment, or ``None`` for none."""
    return None if moment is None else to_text(moment)


@lru_cache(maxsize=4096)
def to_moment(text: str) -> datetime:
    """Return the moment of a DATETIME text; the rows of one import share theirs."""
    return datetime.fromisoformat(text)


def _maybe(text: str | None) -> datetime | None:
    return None if text is None else to_moment(text)


def feature_of(row: sqlite3.Row) -> Feature:
    """Return the feature of a row that ends in :data:`COLUMNS`."""
    return _feature(row, decode_geometry(row[-1]))


def features_of(rows: Sequence[sqlite3.Row], geometries: npt.NDArray[np.object_]) -> tuple[Feature, ...]:
    """Return the features of rows that end in :data:`COLUMNS` and whose geometries are decoded already."""
    return tuple(_feature(row, geometry) for row, geometry in zip(rows, geometries, strict=True))


def _feature(row: sqlite3.Row, geometry: BaseGeometry | None) -> Feature:
    # By position: a row finds a column by name only by comparing all of them.
    (
        layer,
        feature_id,
        community,
        name,
        place,
        parent,
        storey,
        z_min_m,
        z_max_m,
        stage,
        attributes,
        source,
        source_element,
        batch,
        valid_from,
        valid_to,
        recorded_at,
        superseded_at,
        _geom,
    ) = row[-_WIDTH:]
    return Feature(
        layer=layer,
        id=feature_id,
        community=community,
        name=name,
        place=place,
        parent=parent,
        storey=storey,
        z_min_m=z_min_m,
        z_max_m=z_max_m,
        geometry=geometry,
        stage=stage,
        attributes=json.loads(attributes),
        source=source,
        source_element=source_element,
        batch=batch,
        valid_from=to_moment(valid_from),
        valid_to=_maybe(valid_to),
        recorded_at=to_moment(recorded_at),
        superseded_at=_maybe(superseded_at),
    )


def _undecoded(rows: Sequence[sqlite3.Row], geometries: npt.NDArray[np.object_]) -> tuple[Row, ...]:
    width = len(Row._fields)
    return tuple(Row._make((*row[-width:-1], geometry)) for row, geometry in zip(rows, geometries, strict=True))


FEATURES = Form(COLUMNS, features_of)
ROWS = Form(
    "layer, id, name, place, parent, storey, z_min_m, z_max_m, stage, source, valid_from, valid_to, recorded_at,"
    " attributes, geom",
    _undecoded,
)


def rows_of(
    fids: Sequence[int], versions: Sequence[Version], shapes: npt.NDArray[np.object_], recorded_at: datetime
) -> Iterator[tuple[Any, ...]]:
    """Yield number and values of :data:`COLUMNS` of versions that are believed from now on."""
    moments = {moment: to_text(moment) for moment in {version.valid_from for version in versions}}
    written = to_text(recorded_at)
    blobs = encode_geometries(shapes)
    for fid, (feature, since, until), blob in zip(fids, versions, blobs, strict=True):
        yield (fid, *stated(feature), moments[since], maybe_text(until), written, None, blob)


def event_of(row: sqlite3.Row) -> Event:
    """Return the event of a row of ``event``."""
    # By position, and the moment of a reading is no other's: there is nothing to remember.
    seq, kind, community, subject, source, source_seq, occurred_at, recorded_at, body = row
    return Event(
        seq=seq,
        kind=kind,
        community=community,
        subject=subject,
        source=source,
        source_seq=source_seq,
        occurred_at=datetime.fromisoformat(occurred_at),
        recorded_at=to_moment(recorded_at),
        body=json.loads(body),
    )


def identifier_of(row: sqlite3.Row) -> Identifier:
    """Return the identifier of a row of ``identifier``."""
    return Identifier(
        community=row["community"],
        place=row["place"],
        scheme=row["scheme"],
        value=row["value"],
        source=row["source"],
        valid_from=_maybe(row["valid_from"]),
        valid_to=_maybe(row["valid_to"]),
    )


def descent_of(row: sqlite3.Row) -> Descent:
    """Return the descent of a row of ``descent``."""
    return Descent(row["community"], row["predecessor"], row["successor"], row["kind"], to_moment(row["at"]))


def latest_of(rows: Sequence[sqlite3.Row]) -> list[Latest]:
    """Return the latest values of rows of ``latest``."""
    values = json.loads(f"[{','.join(row[3] for row in rows)}]")  # one text is read much faster than many
    return [
        Latest(community, device, name, value, to_moment(occurred_at), to_moment(recorded_at))
        for (community, device, name, _, occurred_at, recorded_at), value in zip(rows, values, strict=True)
    ]


def bucket_of(row: sqlite3.Row) -> Bucket:
    """Return the bucket of a row with the columns of ``rollup``, in their order."""
    community, device, name, start, count, low, high, total, last, last_at, last_seq = row
    moments = to_moment(start), to_moment(last_at)
    return Bucket(community, device, name, moments[0], count, low, high, total, json.loads(last), moments[1], last_seq)


def boxes_of(
    fids: Sequence[int], versions: Sequence[Version], shapes: npt.NDArray[np.object_]
) -> Iterator[tuple[int, ...]]:
    """Yield number, x0, x1, y0, y1 (1e-7 degree), z0, z1 (cm), t0, t1 (s since 2020), rounded outward."""
    bounds = shapely.bounds(shapes).tolist()
    for fid, (feature, since, until), edges, shape in zip(fids, versions, bounds, shapes, strict=True):
        if shape is not None:
            yield (fid, *degree_box(*edges), *_height_box(feature), *_time_box(since, until))


def _height_box(feature: Feature) -> tuple[int, int]:
    low, high = feature.z_min_m, feature.z_max_m
    z0 = -_I32 if low is None else math.floor(low * 100)
    top = low if high is None else high
    # The index refuses ends the wrong way round; the columns keep what the source said.
    return z0, max(z0, _I32 if top is None else math.ceil(top * 100))


@lru_cache(maxsize=64)
def _time_box(since: datetime, until: datetime | None) -> tuple[int, int]:
    t0 = seconds_2020(since)
    return t0, _I32 if until is None else max(t0, seconds_2020(until) + 1)


def degree_box(west: float, south: float, east: float, north: float) -> tuple[int, int, int, int]:
    """Return x0, x1, y0, y1 in 1e-7 degree, rounded outward."""
    return math.floor(west * 1e7), math.ceil(east * 1e7), math.floor(south * 1e7), math.ceil(north * 1e7)


def seconds_2020(moment: datetime) -> int:
    """Return whole seconds since 2020, held inside 32 bits (1951 to 2088)."""
    return max(-_I32, min(_I32, math.floor(moment.timestamp()) - _EPOCH_2020_S))
