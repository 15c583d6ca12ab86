"""The one question: where × when × what. Every face compiles to it."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from shapely.geometry.base import BaseGeometry

from gis.errors import BadInput
from twin.characters import kept
from twin.feature import Feature
from twin.filter import Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which features, where, as of when.

    Conditions are joined by *and*; an empty condition does not narrow.

    Attributes:
        layers: Names of layers; at least one.
        ids: Feature ids.
        within: Place key: the place itself and everything that stands in it or below it.
        bbox: west, south, east, north in CRS84 degrees.
        area: Polygon in CRS84; features that intersect it.
        near: longitude, latitude (degrees) and radius (metres): features within that distance, nearest first.
        storeys: Physical storey numbers.
        z_min_m: Features reaching above this height, metres.
        z_max_m: Features reaching below this height, metres.
        filters: Attribute = value, compared as text.
        where: Condition on properties and geometry, for what ``filters`` cannot say.
        at: The moment asked about (valid time, UTC); ``None`` is now.
        during: Instead of ``at``: first and last moment asked about, ``None`` for an open end; a thing appears once,
            as it last was in that time.
        known_at: What the twin believed then (recorded time, UTC); ``None`` is what it believes now.
        limit: Page size, 1 to 10,000; ``None`` for all (inside the house only).
        cursor: Opaque position from the previous page's ``next``.
        counted: Whether all that match are counted, of which a page shows only the first.
    """

    layers: tuple[str, ...]
    ids: tuple[str, ...] = ()
    within: str | None = None
    bbox: tuple[float, float, float, float] | None = None
    area: BaseGeometry | None = None
    near: tuple[float, float, float] | None = None
    storeys: tuple[int, ...] = ()
    z_min_m: float | None = None
    z_max_m: float | None = None
    filters: tuple[tuple[str, str], ...] = ()
    where: Condition | None = None
    at: datetime | None = None
    during: tuple[datetime | None, datetime | None] | None = None
    known_at: datetime | None = None
    limit: int | None = None
    cursor: str | None = None
    counted: bool = True

    def __post_init__(self) -> None:
        """Refuse what cannot be answered, naming the parameter."""
        if not self.layers:
            raise BadInput(
                "query.no_layer", "No layer was asked for.", "Name at least one in layers=.", parameter="layers"
            )
        if self.limit is not None and not 1 <= self.limit <= 10_000:
            raise BadInput("query.limit", f"limit={self.limit} is out of range.", "Use 1 to 10000.", parameter="limit")
        texts = (*self.ids, self.within or "", *(part for pair in self.filters for part in pair))
        kept(" ".join(texts), "What is asked for")
        if self.bbox is not None:
            _check_bbox(self.bbox)
        if self.near is not None and not 0 < self.near[2] <= 100_000:
            raise BadInput(
                "query.radius", "The radius is out of range.", "Use metres above 0, up to 100000.", parameter="near"
            )
        start, end = self.during or (None, None)
        if start is not None and end is not None and start > end:
            raise BadInput(
                "query.interval", "The interval ends before it begins.", "Swap its ends.", parameter="during"
            )
        moments = (self.at, "at"), (self.known_at, "known_at"), (start, "during"), (end, "during")
        for moment, parameter in moments:
            if moment is not None and moment.tzinfo is None:
                raise BadInput("query.time", f"{parameter} has no time zone.", "Add Z or +08:00.", parameter=parameter)


def _check_bbox(bbox: tuple[float, float, float, float]) -> None:
    west, south, east, north = bbox
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise BadInput(
            "query.bbox",
            f"bbox={west},{south},{east},{north} is not west,south,east,north in degrees.",
            "Give longitude before latitude, smaller before larger.",
            parameter="bbox",
        )


@dataclass(frozen=True, slots=True)
class Page:
    """An answer to a :class:`Query`.

    Attributes:
        features: At most ``limit`` features.
        matched: How many features match in all; at least so many when the query is not counted.
        next: Cursor of the next page; ``None`` when this is the last.
    """

    features: tuple[Feature, ...]
    matched: int
    next: str | None


class Row(NamedTuple):
    """A version as a store keeps it, for faces that hand it on as text: decoding it would be for nothing.

    Attributes:
        attributes: JSON object as text.
        valid_from: Moment as text that ``datetime.fromisoformat`` reads; so are the other moments.

    The other attributes are those of :class:`~twin.feature.Feature`.
    """

    layer: str
    id: str
    name: str | None
    place: str | None
    parent: str | None
    storey: int | None
    z_min_m: float | None
    z_max_m: float | None
    stage: str | None
    source: str | None
    valid_from: str
    valid_to: str | None
    recorded_at: str
    attributes: str
    geometry: BaseGeometry | None


@dataclass(frozen=True, slots=True)
class Rows:
    """An answer to a :class:`Query` as rows.

    Attributes:
        rows: At most ``limit`` rows.
        matched: As in :class:`Page`.
        next: As in :class:`Page`.
    """

    rows: tuple[Row, ...]
    matched: int
    next: str | None
