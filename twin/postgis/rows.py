"""Features and events as rows, and rows as features and events."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import shapely
from psycopg.rows import DictRow

from twin.answer import Form, Geometries
from twin.event import Event, Latest
from twin.feature import Feature
from twin.query import Row
from twin.series import Bucket
from twin.store import Descent, Identifier
from twin.versions import to_milliseconds

COLUMNS = (
    "layer, id, community, name, place, parent, storey, z_min_m, z_max_m, stage, attributes, source, source_element,"
    " batch, valid_from, valid_to, recorded_at, superseded_at, ST_AsBinary(geom) AS geom"
)

_NAMES = tuple(name.strip() for name in COLUMNS.split(",")[:-1])


def maybe_milliseconds(moment: datetime | None) -> datetime | None:
    """Return a moment as the store keeps it, or ``None`` for none."""
    return None if moment is None else to_milliseconds(moment)


def feature_of(row: DictRow) -> Feature:
    """Return the feature of a row selected with :data:`COLUMNS`."""
    values: dict[str, Any] = {name: row[name] for name in Feature.__slots__ if name != "geometry"}
    return Feature(**values, geometry=shapely.from_wkb(row["geom"]))


def features_of(found: Sequence[tuple[Any, ...]], geometries: Geometries) -> tuple[Feature, ...]:
    """Return the features of plain rows that end in :data:`COLUMNS`, whose geometries are decoded already."""
    return tuple(
        Feature(**dict(zip(_NAMES, row[-1 - len(_NAMES) : -1], strict=True)), geometry=geometry)
        for row, geometry in zip(found, geometries, strict=True)
    )


def _undecoded(found: Sequence[tuple[Any, ...]], geometries: Geometries) -> tuple[Row, ...]:
    width = len(Row._fields)
    return tuple(Row._make((*row[-width:-1], geometry)) for row, geometry in zip(found, geometries, strict=True))


FEATURES = Form(COLUMNS, features_of)
ROWS = Form(
    "layer, id, name, place, parent, storey, z_min_m, z_max_m, stage, source, valid_from::text, valid_to::text,"
    " recorded_at::text, attributes::text, ST_AsBinary(geom)",
    _undecoded,
)


def event_of(row: DictRow) -> Event:
    """Return the event of a row of ``event``."""
    return Event(**row)


def identifier_of(row: DictRow) -> Identifier:
    """Return the identifier of a row of ``identifier``."""
    return Identifier(**{name: row[name] for name in Identifier.__slots__})


def descent_of(row: DictRow) -> Descent:
    """Return the descent of a row of ``descent``."""
    return Descent(row["community"], row["predecessor"], row["successor"], row["kind"], row["at"])


def latest_of(row: DictRow) -> Latest:
    """Return the latest value of a row of ``latest``."""
    return Latest(**row)


def bucket_of(row: DictRow) -> Bucket:
    """Return the bucket of a row with the columns of ``rollup``."""
    return Bucket(**row)


def vector(words: list[str]) -> str:
    """Return tokens in PostgreSQL's notation of a text-search vector; more than 4,000 are not searched.

    >>> vector(["安", "3"])
    "'安':1 '3':2"
    """
    return " ".join(f"'{word}':{place}" for place, word in enumerate(words[:4000], start=1))
