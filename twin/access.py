"""Permission, masking and counting, below every face: what the API cannot read here, no face can show."""

import json
import math
import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import h3
import numpy as np
import numpy.typing as npt
import orjson
import shapely

from gis.errors import BadInput, Forbidden
from gis.tilegrid import Tile
from gis.write.mvt import Drawn
from twin.answer import number_of
from twin.declaration import Catalogue, Layer
from twin.feature import JSON, Feature
from twin.filter import Compare, Condition, Every, Property, indexed, properties, queryables
from twin.query import Page, Query, Row, Rows
from twin.spacecode import building_of
from twin.store import Columns, Completeness, Extent, Member, Store
from twin.suppression import MIN_PERSONS, Aggregation, Counted, Group, aggregated, counted
from twin.versions import dump

FARTHEST_M = 100_000.0
_FIRST_RADIUS_M = 100.0

_SEGMENTS = {"building": 2, "unit": 3, "storey": 4}
_NEEDED: Mapping[str, tuple[Member, ...]] = {
    "community": ("communities",),
    "building": ("places",),
    "unit": ("places",),
    "storey": ("places",),
}  # by position: the place too, for what has none of its own
_NOWHERE = (math.nan, math.nan)
Points = npt.NDArray[np.float64]

GROUPINGS = ("community", "grid", "building", "unit", "storey", "h3")


class Access:
    """What one asker may read of the twin.

    Until roles are known every asker is the public of an internal network: fields graded P2 and P3 never leave, and
    layers about persons only as sums over at least :data:`MIN_PERSONS` persons.
    """

    def __init__(self, store: Store, catalogue: Catalogue) -> None:
        self._store = store
        self._catalogue = catalogue

    def find(self, query: Query) -> Page:
        """Answer a query with the fields the asker may read.

        Raises:
            NotFound: ``layer.unknown``.
            Forbidden: ``layer.aggregate_only`` for layers about persons.
            BadInput: ``query.unknown_field`` for a filter on a field that is not declared or not readable.
        """
        self._check(query)
        page = self._store.find(self._asked(query))
        return replace(page, features=tuple(self.masked(feature) for feature in page.features))

    def rows(self, query: Query) -> Rows:
        """Answer a query with the same as :meth:`find`, undecoded; only layers that hide something are looked into.

        Raises:
            NotFound, Forbidden, BadInput: as :meth:`find`.
        """
        self._check(query)
        return self._masked_rows(query, self._store.rows(self._asked(query)))

    async def rows_async(self, query: Query) -> Rows:
        """Answer as :meth:`rows`, for whoever asks on an event loop."""
        self._check(query)
        return self._masked_rows(query, await self._store.rows_async(self._asked(query)))

    def _masked_rows(self, query: Query, found: Rows) -> Rows:
        shown = {name: _shown(self._catalogue[name]) for name in query.layers}
        if all(names is None for names in shown.values()):
            return found
        return replace(found, rows=tuple(_masked(row, shown[row.layer]) for row in found.rows))

    def _check(self, query: Query) -> None:
        for layer in (self._catalogue[name] for name in query.layers):
            self.check_open(layer)
            for name, _value in query.filters:
                _check_filter(layer, name)
            if query.where is not None:
                _check_condition(layer, query.where)

    def _asked(self, query: Query) -> Query:
        """Return the query with its filters on texts that have an index as conditions, which stores answer by it."""
        if not query.filters or len(query.layers) != 1:
            return query
        known = _indexed(self._catalogue[query.layers[0]])
        found = [Compare(known[name], "=", value) for name, value in query.filters if name in known]
        if not found:
            return query
        filters = tuple(pair for pair in query.filters if pair[0] not in known)
        further = query.where.of if isinstance(query.where, Every) else () if query.where is None else (query.where,)
        return replace(query, filters=filters, where=Every((*found, *further)))

    def nearest(self, query: Query, lon_deg: float, lat_deg: float, count: int) -> Page:
        """Return the ``count`` features nearest to a position, nearest first, of those that meet the query.

        Distances are metres on the ground. The circle searched grows until it holds enough; beyond
        :data:`FARTHEST_M` nothing counts as near.
        """
        radius_m = _FIRST_RADIUS_M
        while True:
            page = self.find(replace(query, near=(lon_deg, lat_deg, radius_m), limit=count, cursor=None))
            if page.matched >= count or radius_m >= FARTHEST_M:
                return Page(page.features, len(page.features), None)
            radius_m = min(radius_m * 4, FARTHEST_M)

    def check_open(self, layer: Layer) -> None:
        """Refuse layers whose single records the asker may not read."""
        if layer.access == "aggregate":
            raise Forbidden(
                "layer.aggregate_only",
                f"Single records of {layer.name} are personal.",
                "Ask for sums with /v1/aggregate.",
                layer=layer.name,
            )

    def masked(self, feature: Feature) -> Feature:
        """Return the feature without the fields that do not leave the store."""
        shown = _shown(self._catalogue[feature.layer])
        if shown is None or feature.attributes.keys() <= shown:
            return feature
        return replace(feature, attributes=_kept(feature.attributes, shown))

    def aggregate(self, query: Query, by: str, *, total: str | None = None, resolution: int = 11) -> Aggregation:
        """Return record counts and sums of a numeric field by place or H3 cell.

        Args:
            query: Which records; one layer.
            by: One of :data:`GROUPINGS`.
            total: Field to sum; ``None`` counts only. For layers about persons it is the number of persons that
                decides what is suppressed, so it must be given there when a record stands for several persons.
            resolution: H3 resolution, 0 to 15, for ``by="h3"``.

        Raises:
            BadInput: ``aggregate.by``, ``aggregate.field``, ``aggregate.resolution``.
        """
        layer = self._check_aggregate(query, by, total, resolution)
        needed = _NEEDED.get(by, ("places", "geometries"))
        records = self._store.columns(self._asked(query), needed, () if total is None else (total,))
        groups: dict[str, list[float | None]] = defaultdict(list)
        for key, value in zip(self._keys(records, by, resolution), _numbers(records, total), strict=True):
            if key is not None:
                groups[key].append(value)
        return aggregated(groups, personal=layer.access == "aggregate", summed=total is not None)

    def total(self, query: Query, total: str) -> Group:
        """Return one group of everything that matches: how many records, and their sum; suppressed like any group."""
        layer = self._check_aggregate(query, "community", total, 0)
        sums = self._store.sums(self._asked(query), total)
        value = sum(one.total for one in sums)
        if layer.access == "aggregate" and 0 < value < MIN_PERSONS:
            return Group("", None, None)
        return Group("", sum(one.records for one in sums), value)

    def counted(
        self,
        query: Query,
        group: Callable[[str, int | None], Hashable],
        total: str,
        inside: Sequence[str],
    ) -> Counted:
        """Return counts and sums of a numeric field by groups of the asker's making, and of all groups together.

        Small groups are suppressed; where one alone would be, the smallest of the others is too, because the total
        would give it away.

        Args:
            query: Which records; one layer.
            group: The group of what stands on a storey of one of the places.
            total: Field to sum; for layers about persons the number of persons.
            inside: Only what stands in one of these places or below one; none of them stands in another.

        Raises:
            BadInput: ``aggregate.layer``, ``aggregate.field``.
        """
        layer = self._check_aggregate(query, "community", total, 0)
        sums: dict[Hashable, list[float]] = defaultdict(lambda: [0, 0.0])
        for place, storey, records, value in self._store.sums(self._asked(query), total, inside):
            held = sums[group(place or "", storey)]
            held[0] += records
            held[1] += value
        return counted(sums, personal=layer.access == "aggregate")

    def columns(
        self,
        query: Query,
        members: Sequence[Member],
        fields: Sequence[str] = (),
        inside: Sequence[str] | None = None,
    ) -> Columns:
        """Return the features that meet a query as columns, with some of the fields the asker may read.

        Args:
            query: Which.
            members: What to tell of them.
            fields: Their attributes to tell.
            inside: Only what stands in one of these places or below one; ``None`` does not narrow.

        Raises:
            Forbidden: ``layer.aggregate_only``.
            BadInput: ``query.unknown_field`` for a field that is not declared or not readable.
        """
        for layer in (self._catalogue[name] for name in query.layers):
            self.check_open(layer)
            for name in fields:
                _check_filter(layer, name)
        return self._store.columns(self._asked(query), members, fields, inside)

    def tile(self, layer: str, tile: Tile) -> Drawn:
        """Return what stands now in a tile, with the attributes that :meth:`rows` tells.

        Raises:
            Forbidden: ``layer.aggregate_only``.
        """
        declared = self._catalogue[layer]
        self.check_open(declared)
        return self._store.tile(layer, _shown(declared), tile)

    def extent(self, layer: str) -> Extent:
        """Return what an open layer spans; raises ``Forbidden`` as :meth:`find`."""
        self.check_open(self._catalogue[layer])
        return self._store.extent(layer)

    def completeness(self, layer: str) -> Completeness:
        """Return how complete an open layer is; raises ``Forbidden`` as :meth:`find`."""
        self.check_open(self._catalogue[layer])
        return self._store.completeness(layer)

    def _check_aggregate(self, query: Query, by: str, total: str | None, resolution: int) -> Layer:
        if len(query.layers) != 1:
            raise BadInput("aggregate.layer", "Exactly one layer can be aggregated.", "Name one.", parameter="layer")
        layer = self._catalogue[query.layers[0]]
        if layer.access == "open":  # where single records are told, what is not told of them must not be counted out
            for name, _value in query.filters:
                _check_filter(layer, name)
        if by not in GROUPINGS:
            raise BadInput(
                "aggregate.by", f"Cannot group by {by!r}.", f"Use one of: {', '.join(GROUPINGS)}.", parameter="by"
            )
        declared = None if total is None else layer.field(total)
        if total is not None and (declared is None or declared.type not in ("integer", "number")):
            raise BadInput(
                "aggregate.field", f"{total!r} is no number of {layer.name}.", "Name a numeric field.", parameter="sum"
            )
        if not 0 <= resolution <= 15:
            raise BadInput(
                "aggregate.resolution", "H3 has resolutions 0 to 15.", "Use 9 to 12.", parameter="resolution"
            )
        return layer

    def _keys(self, records: Columns, by: str, resolution: int) -> Iterable[str | None]:
        if by == "community":
            return records.communities
        if by in _SEGMENTS:
            return [_prefix(place, _SEGMENTS[by]) for place in records.places]
        positions = self._positions(records)
        return self._grids(positions) if by == "grid" else _cells(positions, resolution)

    def _positions(self, records: Columns) -> Points:
        """Return longitude and latitude of each record, its own, else its place's, else its building's; or NaN."""
        points = _centers(records.geometries)
        missing = np.flatnonzero(shapely.is_missing(records.geometries)).tolist()
        places = self._place_centers({place for row in missing if (place := records.places[row])})
        for row in missing:
            points[row] = places.get(records.places[row] or "", _NOWHERE)
        return points

    def _place_centers(self, keys: set[str]) -> Mapping[str, tuple[float, float]]:
        if not keys:
            return {}
        layers = ("building", "unit", "storey", "space")
        places = self._store.columns(
            Query(layers=layers), ("ids", "geometries"), inside=sorted({building_of(key) for key in keys})
        )
        drawn = ~shapely.is_missing(places.geometries)
        points = _centers(places.geometries).tolist()
        centers = {key: (lon, lat) for key, (lon, lat), has in zip(places.ids, points, drawn, strict=True) if has}
        return {key: centers[at] for key in keys if (at := _nearest_known(key, centers)) is not None}

    def _grids(self, positions: Points) -> list[str | None]:
        grids = [grid for grid in self._store.find(Query(layers=("grid",))).features if grid.geometry is not None]
        tree = shapely.STRtree([grid.geometry for grid in grids if grid.geometry is not None])
        rows, hits = tree.query(shapely.points(positions), predicate="intersects")
        first = np.full(len(positions), len(grids))
        np.minimum.at(first, rows, hits)
        names = [*(grid.id for grid in grids), None]
        return [names[number] for number in first.tolist()]


@lru_cache(maxsize=512)
def _indexed(layer: Layer) -> Mapping[str, Property]:
    return {named.name: named for _, named in indexed([layer]) if named.type == "string"}


@lru_cache(maxsize=512)
def _shown(layer: Layer) -> frozenset[str] | None:
    """Return the fields of a layer that leave the store; ``None`` when nothing stays."""
    hidden = {field.name for field in layer.fields if field.grade in ("P2", "P3")}
    if not hidden:
        return None
    # Beside personal fields, columns nobody declared may be personal too.
    return frozenset(field.name for field in layer.fields) - hidden


def _kept(attributes: JSON, shown: frozenset[str]) -> JSON:
    return {name: value for name, value in attributes.items() if name in shown}


def _masked(row: Row, shown: frozenset[str] | None) -> Row:
    if shown is None or (said := _said(row.attributes)).keys() <= shown:
        return row
    return row._replace(attributes=dump(_kept(said, shown)))


_LONG = re.compile("[0-9]{19}").search
"""Whole numbers that orjson, several times faster, would round."""


def _said(text: str) -> dict[str, Any]:
    read: Callable[[str], dict[str, Any]] = json.loads if _LONG(text) else orjson.loads
    return read(text)


def _check_filter(layer: Layer, name: str) -> None:
    declared = layer.field(name)
    if declared is None or declared.grade in ("P2", "P3"):
        raise _unknown_field(layer, name, (field.name for field in layer.fields if field.grade in ("P0", "P1")))


def _check_condition(layer: Layer, condition: Condition) -> None:
    readable = queryables(layer)
    for named in properties(condition):
        if readable.get(named.name) != named:
            raise _unknown_field(layer, named.name, readable)


def _unknown_field(layer: Layer, name: str, readable: Iterable[str]) -> BadInput:
    return BadInput(
        "query.unknown_field",
        f"{layer.name} has no field {name!r} to filter by.",
        f"Use one of: {', '.join(readable)}.",
        parameter="filter",
    )


def _prefix(place: str | None, segments: int) -> str | None:
    parts = [] if place is None else place.split("-")
    return "-".join(parts[:segments]) if len(parts) >= segments else None


def _nearest_known(key: str, centers: Mapping[str, tuple[float, float]]) -> str | None:
    parts = key.split("-")
    for length in range(len(parts), 1, -1):
        candidate = "-".join(parts[:length])
        if candidate in centers:
            return candidate
    return None


def _numbers(records: Columns, field: str | None) -> Sequence[float | None]:
    """Return the numbers of a field, ``None`` for what is none."""
    return [None] * records.count if field is None else list(map(number_of, records.values[field]))


def _centers(geometries: npt.NDArray[np.object_]) -> Points:
    """Return a point of each geometry, longitude and latitude; NaN where there is none."""
    points = shapely.point_on_surface(geometries)
    return np.column_stack((shapely.get_x(points), shapely.get_y(points)))


def _cells(positions: Points, resolution: int) -> list[str | None]:
    cell = h3.latlng_to_cell
    return [None if lon != lon else str(cell(lat, lon, resolution)) for lon, lat in positions.tolist()]  # noqa: PLR0124 - NaN
