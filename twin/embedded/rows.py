"""Features and events as rows, and rows as features and events."""

import json
import math
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from shapely.geometry.base import BaseGeometry

from twin.embedded.gpkg import decode_geometry, encode_geometry
from twin.feature import Feature
from twin.series import Bucket
from twin.store import Descent, Event, Identifier, Latest
from twin.versions import stated

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


def row_of(feature: Feature, recorded_at: datetime) -> tuple[Any, ...]:
    """Return the values of :data:`COLUMNS` of a version that is believed from now on."""
    return (
        *stated(feature),
        maybe_text(feature.valid_from),
        maybe_text(feature.valid_to),
        to_text(recorded_at),
        None,
        encode_geometry(feature.geometry),
    )


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


def latest_of(row: sqlite3.Row) -> Latest:
    """Return the latest value of a row of ``latest``."""
    return Latest(
        row["community"],
        row["device"],
        row["name"],
        json.loads(row["value"]),
        to_moment(row["occurred_at"]),
        to_moment(row["recorded_at"]),
    )


def bucket_of(row: sqlite3.Row) -> Bucket:
    """Return the bucket of a row with the columns of ``rollup``, in their order."""
    community, device, name, start, count, low, high, total, last, last_at, last_seq = row
    moments = to_moment(start), to_moment(last_at)
    return Bucket(community, device, name, moments[0], count, low, high, total, json.loads(last), moments[1], last_seq)


def box(feature: Feature) -> tuple[int, ...] | None:
    """Return x0, x1, y0, y1 (1e-7 degree), z0, z1 (cm), t0, t1 (s since 2020), rounded outward."""
    if feature.geometry is None or feature.geometry.is_empty or feature.valid_from is None:
        return None
    west, south, east, north = feature.geometry.bounds
    z0 = -_I32 if feature.z_min_m is None else math.floor(feature.z_min_m * 100)
    z1 = _I32 if feature.z_max_m is None else math.ceil(feature.z_max_m * 100)
    if feature.z_max_m is None and feature.z_min_m is not None:
        z1 = math.ceil(feature.z_min_m * 100)
    t0 = seconds_2020(feature.valid_from)
    t1 = _I32 if feature.valid_to is None else seconds_2020(feature.valid_to) + 1
    # The index refuses ends the wrong way round; the columns keep what the source said.
    return (*degree_box(west, south, east, north), z0, max(z0, z1), t0, max(t0, t1))


def degree_box(west: float, south: float, east: float, north: float) -> tuple[int, int, int, int]:
    """Return x0, x1, y0, y1 in 1e-7 degree, rounded outward."""
    return math.floor(west * 1e7), math.ceil(east * 1e7), math.floor(south * 1e7), math.ceil(north * 1e7)


def seconds_2020(moment: datetime) -> int:
    """Return whole seconds since 2020, held inside 32 bits (1951 to 2088)."""
    return max(-_I32, min(_I32, math.floor(moment.timestamp()) - _EPOCH_2020_S))
