"""Vector tiles of the open layers, each drawn once for each state of its layer and kept while there is room."""

import gzip
import hashlib
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from api import VERSION
from api.ogc.extents import Extents
from gis.errors import NotFound
from gis.tilegrid import MAX_ZOOM, Tile, coarsest
from gis.write import mvt
from twin.access import Access
from twin.declaration import Catalogue, Layer
from twin.store import Store
from twin.tiles import MEMBERS

CACHE_BYTES = 128 * 2**20
FRESH_S = 0.25
"""How long what other processes write may be unknown here."""
PER_TILE = 20_000
"""A layer is drawn from the zoom on at which a tile holds no more features than this on average."""
_OVERHEAD_BYTES = 400
_MOST_SETS = 1000

_ZIP_LEVEL = 5
_AT_ONCE = (os.cpu_count() or 1) + 2
"""Draw so many tiles at once: the processors, and two whose turn comes while the service sends. More would all take
longer, and take the connections of other questions."""

_Key = tuple[tuple[str, ...], str, Tile, bool]


@dataclass(frozen=True, slots=True)
class _Read:
    """A version, and when it was read: after so many commits, at a moment of the monotonic clock."""

    version: str
    commits: int
    read_at: float


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
        self._turns = threading.BoundedSemaphore(_AT_ONCE)
        self._versions: dict[tuple[str, ...], _Read] = {}
        self._declared = {name: _digest(layer.model_dump_json()) for name, layer in catalogue.items()}

    def known(self, layers: Sequence[Layer]) -> str | None:
        """Return what the layers are now without asking the store, ``None`` when it must be asked.

        A change by this process is seen at once, one by another process within :data:`FRESH_S`.
        """
        held = self._versions.get(tuple(layer.name for layer in layers))
        fresh = held is not None and held.commits == self._store.commits and time.monotonic() - held.read_at < FRESH_S
        return held.version if held is not None and fresh else None

    def version(self, layers: Sequence[Layer]) -> str:
        """Return what the layers are now; to be read before they are, so that a tile may be newer than its name."""
        names = tuple(layer.name for layer in layers)
        commits, read_at = self._store.commits, time.monotonic()
        version = self._store.version(names)
        if len(self._versions) >= _MOST_SETS:  # anybody may name layers in any order
            self._versions.clear()
        self._versions[names] = _Read(version, commits, read_at)
        return version

    def tag(self, layers: Sequence[Layer], version: str, tile: Tile) -> str:
        """Return the ETag of a tile, without its quotes: it changes when one of these layers does."""
        return _digest(VERSION, version, [self._declared[layer.name] for layer in layers], tile)

    def held(self, layers: Sequence[Layer], version: str, tile: Tile, *, zipped: bool = False) -> mvt.Drawn | None:
        """Return a tile of these layers that is in memory, as :meth:`drawn` would."""
        return self._cache.get((tuple(layer.name for layer in layers), version, tile, zipped))

    def drawn(self, layers: Sequence[Layer], version: str, tile: Tile, *, zipped: bool = False) -> mvt.Drawn:
        """Return a tile of these layers; of several it is joined from those of each, which are kept as well.

        Args:
            layers: Which.
            version: What they are now.
            tile: Which square.
            zipped: Its content compressed by gzip, once for all who ask for it so.

        Raises:
            NotFound: ``tile.too_coarse``.
        """
        found = self.held(layers, version, tile, zipped=zipped)
        if found is None:
            found = self._zipped(layers, version, tile) if zipped else self._plain(layers, version, tile)
            self._cache.put((tuple(layer.name for layer in layers), version, tile, zipped), found)
        return found

    def _zipped(self, layers: Sequence[Layer], version: str, tile: Tile) -> mvt.Drawn:
        found = self.drawn(layers, version, tile)
        return replace(found, content=gzip.compress(found.content, _ZIP_LEVEL, mtime=0) if found.content else b"")

    def _plain(self, layers: Sequence[Layer], version: str, tile: Tile) -> mvt.Drawn:
        if len(layers) != 1:
            return mvt.joined([self.drawn([layer], self.version([layer]), tile) for layer in layers])
        self._check_zoom(layers[0], tile)
        with self._turns:  # whoever waited may find it drawn by who went before
            return self.held(layers, version, tile) or self._access.tile(layers[0].name, tile)

    def zooms(self, layer: Layer) -> range:
        """Return the zooms at which a layer is drawn."""
        held = self._extents.of(layer.name)
        least = 0 if held.bounds is None else coarsest(held.bounds, held.count, PER_TILE)
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


def told(layer: Layer) -> Iterable[str]:
    """Return the properties that a tile of a layer is declared to hold; attributes nobody declared may stand beside."""
    return *MEMBERS, *(
        field.name for field in layer.fields if field.grade in ("P0", "P1") and field.name not in MEMBERS
    )


def _digest(*parts: object) -> str:
    return hashlib.blake2b(repr(parts).encode(), digest_size=12).hexdigest()
