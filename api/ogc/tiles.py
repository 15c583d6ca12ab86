"""Vector tiles of the open layers, each drawn once for each state of its layer and kept while there is room."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from api import VERSION
from api.ogc.extents import Extents
from gis.errors import NotFound
from gis.tilegrid import MAX_ZOOM, Tile, coarsest
from gis.write import mvt
from twin.access import Access
from twin.declaration import Catalogue, Layer
from twin.feature import Feature
from twin.query import Query
from twin.store import Store

CACHE_BYTES = 128 * 2**20
PER_TILE = 20_000
"""A layer is drawn from the zoom on at which a tile holds no more features than this on average."""
_FIXED = ("name", "place", "storey", "z_min_m", "z_max_m")
_OVERHEAD_BYTES = 400

_Key = tuple[str, str, Tile]


class Cache:
    """Tiles in the order of their last use; the oldest give way when the bytes are more than the limit."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._held: OrderedDict[_Key, mvt.Drawn] = OrderedDict()
        self._lock = threading.Lock()
        self.bytes = 0

    def get(self, key: _Key) -> mvt.Drawn | None:
        """Return a tile that is held."""
        with self._lock:
            found = self._held.get(key)
            if found is not None:
                self._held.move_to_end(key)
            return found

    def put(self, key: _Key, drawn: mvt.Drawn) -> None:
        """Hold a tile; one larger than the whole cache is let go at once."""
        with self._lock:
            before = self._held.pop(key, None)
            self.bytes += _size(drawn) - (0 if before is None else _size(before))
            self._held[key] = drawn
            while self.bytes > self._limit:
                self.bytes -= _size(self._held.popitem(last=False)[1])


def _size(drawn: mvt.Drawn) -> int:
    return len(drawn.content) + _OVERHEAD_BYTES


class Tiles:
    """Draws tiles of open layers.

    Args:
        access: Reads the features; what it masks is in no tile.
        store: Tells when a layer has changed.
        extents: Tells how dense a layer is.
        catalogue: The declared layers.
        cache_bytes: How much memory tiles may take.
    """

    def __init__(
        self, access: Access, store: Store, extents: Extents, catalogue: Catalogue, cache_bytes: int = CACHE_BYTES
    ) -> None:
        self._access = access
        self._store = store
        self._extents = extents
        self._cache = Cache(cache_bytes)
        self._declared = {name: _digest(layer.model_dump_json()) for name, layer in catalogue.items()}

    def tag(self, layers: Sequence[Layer], tile: Tile) -> str:
        """Return the ETag of a tile: it changes when one of these layers does."""
        names = [layer.name for layer in layers]
        return f'"{_digest(VERSION, self._store.version(names), [self._declared[name] for name in names], tile)}"'

    def drawn(self, layer: Layer, tile: Tile) -> mvt.Drawn:
        """Return a layer's part of a tile; whole tiles are made by joining the contents of their layers.

        Raises:
            NotFound: ``tile.too_coarse``.
        """
        # Read before the features: a change in between makes the tile newer than its name, never older.
        key = layer.name, self._store.version([layer.name]), tile
        found = self._cache.get(key)
        if found is None:
            self._check_zoom(layer, tile)
            found = self._draw(layer, tile)
            self._cache.put(key, found)
        return found

    def zooms(self, layer: Layer) -> range:
        """Return the zooms at which a layer is drawn."""
        extent = self._extents.of(layer.name)
        least = 0 if extent.bounds is None else coarsest(extent.bounds, extent.count, PER_TILE)
        return range(least, MAX_ZOOM + 1)

    def _check_zoom(self, layer: Layer, tile: Tile) -> None:
        least = self.zooms(layer).start
        if tile.zoom < least:
            raise NotFound(
                "tile.too_coarse",
                f"A tile of matrix {tile.zoom} would hold too many features of {layer.name}.",
                f"Use tile matrix {least} or more.",
                layer=layer.name,
            )

    def _draw(self, layer: Layer, tile: Tile) -> mvt.Drawn:
        box = tile.bounds(mvt.BUFFER / mvt.EXTENT)
        features = self._access.find(Query(layers=(layer.name,), bbox=box)).features
        geometries = np.empty(len(features), dtype=object)
        geometries[:] = [feature.geometry for feature in features]
        names = columns(layer)
        properties = [_properties(feature, names) for feature in features]
        return mvt.encode(layer.name, [feature.id for feature in features], geometries, properties, tile)


def columns(layer: Layer) -> Mapping[str, str]:
    """Return the declared fields that tiles hold, with their types, beside the fixed ones."""
    return {
        field.name: field.type for field in layer.fields if field.grade in ("P0", "P1") and field.name not in _FIXED
    }


def fixed() -> Iterable[str]:
    """Return the properties that features of every layer have in tiles."""
    return "id", *_FIXED


def _properties(feature: Feature, names: Mapping[str, str]) -> dict[str, Any]:
    own = {name: value for name, value in feature.attributes.items() if name in names}
    return own | {
        "name": feature.name,
        "place": feature.place,
        "storey": feature.storey,
        "z_min_m": feature.z_min_m,
        "z_max_m": feature.z_max_m,
    }


def _digest(*parts: object) -> str:
    return hashlib.blake2b(repr(parts).encode(), digest_size=12).hexdigest()
