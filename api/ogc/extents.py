"""What the features of a collection span and how complete they are, worked out once for each state of the layer."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from time import monotonic

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
        updated: When the newest version was recorded.
        sources: How many of those that stand now each source stated.
        filled: Of those that stand now, how many have a value, by field.
        placed: How many of them have a geometry.
        solid: How many of them have a body: a geometry between a lower and an upper height.
    """

    count: int
    bounds: Box | None
    begin: datetime | None
    updated: datetime | None
    sources: Mapping[str, int]
    filled: Mapping[str, int]
    placed: int
    solid: int


SLOW_S = 0.2
SHARE = 20


@dataclass(frozen=True, slots=True)
class _Known:
    version: str
    extent: Extent
    good_until: float


class Extents:
    """Keeps the extent of each layer until the layer changes.

    Of a large layer that changes all the time the extent may be a little old: what takes longer than :data:`SLOW_S` to
    work out is not worked out again before twenty times as long has passed.

    Args:
        access: Reads the features.
        store: Tells when a layer has changed.
    """

    def __init__(self, access: Access, store: Store) -> None:
        self._access = access
        self._store = store
        self._known: dict[str, _Known] = {}
        self._lock = Lock()

    def of(self, layer: str) -> Extent:
        """Return the extent of an open layer."""
        version = self._store.version([layer])
        known = self._known.get(layer)
        if known is None or known.version != version:
            with self._lock:  # of many who ask at once one works it out, the others wait
                known = self._known.get(layer)
                if known is None or (known.version != version and monotonic() >= known.good_until):
                    known = self._known[layer] = self._read(layer, version)
        return known.extent

    def _read(self, layer: str, version: str) -> _Known:
        started = monotonic()
        extent = self._measure(layer)
        ended = monotonic()
        pause = (ended - started) * SHARE if ended - started > SLOW_S else 0.0
        return _Known(version, extent, ended + pause)

    def _measure(self, layer: str) -> Extent:
        ever = self._access.find(Query(layers=(layer,), during=(None, None))).features
        outlines = [feature.geometry for feature in ever if feature.geometry is not None]
        now = self._access.find(Query(layers=(layer,))).features
        filled = Counter(name for feature in now for name, value in feature.attributes.items() if value is not None)
        filled["name"] = sum(feature.name is not None for feature in now)
        return Extent(
            count=len(now),
            bounds=_bounds(outlines),
            begin=self._begin(layer, ever),
            updated=max((feature.recorded_at for feature in ever if feature.recorded_at is not None), default=None),
            sources=Counter(feature.source for feature in now if feature.source is not None),
            filled=filled,
            placed=sum(feature.geometry is not None for feature in now),
            solid=sum(None not in (feature.geometry, feature.z_min_m, feature.z_max_m) for feature in now),
        )

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
