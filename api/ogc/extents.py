"""Where and since when the features of a collection are, worked out once for each state of the layer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import shapely
from shapely.geometry.base import BaseGeometry

from gis.crs import Box
from twin.access import Access
from twin.feature import Feature
from twin.query import Query
from twin.store import Store


@dataclass(frozen=True, slots=True)
class Extent:
    """What the features of a layer span.

    Attributes:
        count: How many there are now.
        bounds: west, south, east, north in CRS84 degrees of everything as it last was; ``None`` without geometry.
        begin: Since when the earliest version has been valid; ``None`` when the layer is empty.
    """

    count: int
    bounds: Box | None
    begin: datetime | None


class Extents:
    """Keeps the extent of each layer until the layer changes.

    Args:
        access: Reads the features.
        store: Tells when a layer has changed.
    """

    def __init__(self, access: Access, store: Store) -> None:
        self._access = access
        self._store = store
        self._known: dict[str, tuple[str, Extent]] = {}

    def of(self, layer: str) -> Extent:
        """Return the extent of an open layer."""
        version = self._store.version([layer])
        known = self._known.get(layer)
        if known is None or known[0] != version:
            known = version, self._measure(layer)
            self._known[layer] = known
        return known[1]

    def _measure(self, layer: str) -> Extent:
        ever = self._access.find(Query(layers=(layer,), during=(None, None))).features
        outlines = [feature.geometry for feature in ever if feature.geometry is not None]
        count = self._access.find(Query(layers=(layer,), limit=1)).matched
        return Extent(count, _bounds(outlines), self._begin(layer, ever))

    def _begin(self, layer: str, features: Sequence[Feature]) -> datetime | None:
        """Return the earliest beginning of any version: go back until nothing was before."""
        begin = None
        while features:
            begin = min(feature.valid_from for feature in features if feature.valid_from is not None)
            before = begin - timedelta(milliseconds=1)
            features = self._access.find(Query(layers=(layer,), during=(None, before))).features
        return begin


def _bounds(outlines: Sequence[BaseGeometry]) -> Box | None:
    if not outlines:
        return None
    west, south, east, north = shapely.total_bounds(outlines).tolist()
    return west, south, east, north
