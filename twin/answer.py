"""The part of answering a query that is the same for every store: exact geometry, nearest first, pages and cursors."""

import base64
import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from gis.errors import BadInput
from gis.local import bbox_around, metres_from
from twin.query import Query
from twin.store import Columns, Member, Sum

T = TypeVar("T")
Geometries = npt.NDArray[np.object_]


class Key(NamedTuple):
    """What identifies a version in a store and places it in the order of pages."""

    fid: int
    layer: str
    id: str


class Chosen(NamedTuple):
    """Which candidates stand on a page, how many there are in all, and the cursor of the page behind it."""

    keys: Sequence[Key]
    matched: int
    next: str | None


class Found(NamedTuple, Generic[T]):
    """A page of whatever a store was asked to read."""

    things: tuple[T, ...]
    matched: int
    next: str | None


class Form(NamedTuple, Generic[T]):
    """The form of an answer: what a store reads of each version, and what it makes of that.

    Attributes:
        columns: The columns to select; the last one is the geometry, which :func:`judge` needs.
        made: Returns the things of rows that end in these columns, with their geometries.
    """

    columns: str
    made: Callable[[Sequence[Any], Geometries], tuple[T, ...]]


def is_spatial(query: Query) -> bool:
    """Tell whether the geometry of what meets a query is to be judged."""
    return query.area is not None or query.near is not None or query.bbox is not None


def bounds(query: Query) -> tuple[float, float, float, float] | None:
    """Return west, south, east, north of the box all that matches must touch; ``None`` when nothing spatial is asked.

    Conditions that exclude each other give a box whose west lies east of its east.

    >>> bounds(Query(layers=("building",))) is None
    True
    >>> bounds(Query(layers=("building",), bbox=(119, 29, 121, 31), area=shapely.box(120, 30, 122, 32)))
    (120.0, 30.0, 121, 31)
    """
    boxes = []
    if query.bbox is not None:
        boxes.append(query.bbox)
    if query.area is not None and not query.area.is_empty:
        boxes.append(query.area.bounds)
    if query.near is not None:
        boxes.append(bbox_around(*query.near))
    if not boxes:
        return None
    west, south = (max(box[side] for box in boxes) for side in (0, 1))
    east, north = (min(box[side] for box in boxes) for side in (2, 3))
    return west, south, east, north


def span(query: Query, now: datetime) -> tuple[datetime, datetime]:
    """Return the first and the last moment asked about.

    >>> first, last = span(Query(layers=("building",), during=(None, None)), datetime.now(UTC))
    >>> first.year, last.year
    (1, 9999)
    """
    if query.during is None:
        return query.at or now, query.at or now
    first, last = query.during
    return first or datetime.min.replace(tzinfo=UTC), last or datetime.max.replace(tzinfo=UTC)


def judge(query: Query, keys: Sequence[Key], geometries: Geometries) -> Chosen:
    """Return the page of those candidates that meet the spatial conditions exactly.

    Args:
        query: The question.
        keys: Candidates in the order of layer and id.
        geometries: Theirs, CRS84.
    """
    chosen = [keys[index] for index in accepted(query, geometries)]
    start = _start(query, chosen)
    page = chosen[start:] if query.limit is None else chosen[start : start + query.limit]
    more = page and start + len(page) < len(chosen)
    return Chosen(page, len(chosen), cursor_of(page[-1].layer, page[-1].id) if more else None)


class Told(NamedTuple):
    """What is told of features as columns.

    Attributes:
        members: Members of :class:`~twin.store.Columns`.
        fields: Attributes.
    """

    members: Sequence[Member]
    fields: Sequence[str]

    @property
    def is_picked(self) -> bool:
        """Tell whether the database picks the attributes; of more than a few, all of them are read sooner."""
        return 0 < len(self.fields) <= _FEW

    def columns(self, query: Query, picked: str, attributes: str, geometry: str) -> str:
        """Return the columns to select, the attributes and the geometry last.

        Args:
            query: Which features; the geometry is read if it is asked about.
            picked: SQL of the attributes as a JSON array in the order of ``fields``.
            attributes: SQL of all attributes as a JSON object.
            geometry: SQL of the geometry.
        """
        said = (picked if self.is_picked else attributes) if self.fields else "NULL"
        drawn = geometry if "geometries" in self.members or is_spatial(query) else "NULL"
        return ", ".join((*(_COLUMNS[name] for name in self._plain), said, drawn))

    def of(self, query: Query, rows: Sequence[Sequence[Any]], geometries: Geometries) -> Columns:
        """Return those candidates that meet the spatial conditions exactly, as columns.

        Args:
            query: The question.
            rows: What :meth:`columns` selects.
            geometries: Theirs, CRS84.
        """
        if is_spatial(query):
            chosen = accepted(query, geometries)
            rows, geometries = [rows[index] for index in chosen], geometries[chosen]
        names = self._plain
        *told, texts, _ = zip(*rows, strict=True) if rows else [()] * (len(names) + 2)
        members: dict[str, Any] = dict(zip(names, told, strict=True))
        if "geometries" in self.members:
            members["geometries"] = geometries
        return Columns(len(rows), self._values(texts), **members)

    @property
    def _plain(self) -> list[Member]:
        return [name for name in self.members if name != "geometries"]

    def _values(self, texts: Sequence[str]) -> dict[str, Sequence[Any]]:
        said = json.loads(f"[{','.join(texts)}]") if self.fields else ()  # one text is read much faster than many
        if self.is_picked:
            each = zip(*said, strict=True) if said else [()] * len(self.fields)
            return dict(zip(self.fields, each, strict=True))
        known, none = set(chain.from_iterable(said)), (None,) * len(said)
        return {name: tuple(one.get(name) for one in said) if name in known else none for name in self.fields}


_FEW = 3
_COLUMNS: Mapping[Member, str] = MappingProxyType(
    {
        "ids": "id",
        "communities": "community",
        "names": "name",
        "places": "place",
        "storeys": "storey",
        "z_min_m": "z_min_m",
        "z_max_m": "z_max_m",
    }
)


def is_summed(query: Query) -> bool:
    """Tell whether a database sums what meets a query: its index of places is of the present, its boxes inexact."""
    return query.known_at is None and not is_spatial(query)


def sums_of(found: Columns, field: str, inside: Sequence[str] | None) -> list[Sum]:
    """Return the sums by place and storey of what was read, where the database does not sum.

    >>> found = Columns(3, {"n": [2, "x", 3]}, places=("A-0-U01", "A-0", None), storeys=(1, None, None))
    >>> sums_of(found, "n", ["A-0"])
    [Sum(place='A-0', storey=1, records=1, total=2.0), Sum(place='A-0', storey=None, records=1, total=0.0)]
    >>> sums_of(found, "n", None)
    [Sum(place=None, storey=1, records=1, total=2.0), Sum(place=None, storey=None, records=2, total=3.0)]
    """
    keys = None if inside is None else frozenset(inside)
    groups: dict[tuple[str | None, int | None], list[float]] = defaultdict(list)
    for place, storey, value in zip(found.places, found.storeys, found.values[field], strict=True):
        key = None if keys is None else _holder(place, keys)
        if keys is None or key is not None:
            groups[key, storey].append(number_of(value) or 0.0)
    return [Sum(place, storey, len(held), sum(held)) for (place, storey), held in groups.items()]


def _holder(place: str | None, keys: frozenset[str]) -> str | None:
    """Return the key of a place or of one above it."""
    while place and place not in keys:
        place = place.rpartition("-")[0]
    return place or None


def number_of(value: Any) -> float | None:
    """Return a number, ``None`` for what is none."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def accepted(query: Query, geometries: Geometries) -> Sequence[int]:
    """Return indices of the geometries that meet the spatial conditions; nearest first when asked for near."""
    areas = [
        area for area in (None if query.bbox is None else shapely.box(*query.bbox), query.area) if area is not None
    ]
    if not areas and query.near is None:
        return range(len(geometries))
    keep = np.ones(len(geometries), dtype=bool)
    for area in areas:
        keep &= _intersects(area, geometries)
    if query.near is None:
        return np.flatnonzero(keep).tolist()
    lon, lat, radius_m = query.near
    distance = shapely.distance(shapely.Point(0, 0), _metres_around(lon, lat, geometries))
    keep &= distance <= radius_m
    return [int(index) for index in np.argsort(distance, kind="stable") if keep[index]]


def _metres_around(lon: float, lat: float, geometries: Geometries) -> Any:
    return shapely.transform(geometries, lambda points: np.column_stack(metres_from(lon, lat, *points.T)))


def _intersects(area: BaseGeometry, geometries: Geometries) -> npt.NDArray[np.bool_]:
    shapely.prepare(area)
    return np.asarray(shapely.intersects(area, geometries), dtype=bool)


def _start(query: Query, keys: Sequence[Key]) -> int:
    if query.cursor is None:
        return 0
    last = position(query.cursor)
    if query.near is not None:
        return next((number for number, key in enumerate(keys, start=1) if key[1:] == last), 0)
    return sum(key[1:] <= last for key in keys)


def cursor_of(layer: str, feature_id: str) -> str:
    """Return the cursor of the page that follows this feature."""
    return base64.urlsafe_b64encode(json.dumps([layer, feature_id]).encode()).decode().rstrip("=")


def position(cursor: str) -> tuple[str, str]:
    """Return layer and id of the feature a cursor follows.

    Raises:
        BadInput: ``query.cursor``.

    >>> position("WyJidWlsZGluZyIsICJCLTAiXQ")
    ('building', 'B-0')
    """
    try:
        layer, feature_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return str(layer), str(feature_id)
    except (ValueError, TypeError) as error:
        raise BadInput(
            "query.cursor", "The cursor is not one of ours.", "Use the value of next as it came.", parameter="cursor"
        ) from error


class Counter:
    """Counts the current features of a layer once for each version of it, not at every question."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, int]] = {}

    def counts(self, versions: Mapping[str, int], count: Callable[[str], int]) -> dict[str, int]:
        """Return the number of features per layer, without the empty ones.

        Args:
            versions: Layer → its version now.
            count: Counts a layer.
        """
        for layer, version in versions.items():
            if self._known.get(layer, (-1, 0))[0] != version:
                self._known[layer] = (version, count(layer))
        return {layer: self._known[layer][1] for layer in sorted(versions) if self._known[layer][1]}
