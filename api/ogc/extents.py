"""What the features of a collection span and how complete they are, worked out once for each state of the layer."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from typing import Generic, TypeVar

from twin.access import Access
from twin.store import Completeness, Extent, Store

SLOW_S = 0.2
_SHARE = 20

T = TypeVar("T")


class Extents:
    """Keeps the extent of each layer, and its completeness, until the layer changes.

    Args:
        access: Sums up the features.
        store: Tells when a layer has changed.
    """

    def __init__(self, access: Access, store: Store) -> None:
        self._extents = _Kept[Extent](access.extent, store)
        self._completeness = _Kept[Completeness](access.completeness, store)

    def of(self, layer: str) -> Extent:
        """Return the extent of an open layer."""
        return self._extents.of(layer)

    def completeness(self, layer: str) -> Completeness:
        """Return how complete an open layer is."""
        return self._completeness.of(layer)


@dataclass(frozen=True, slots=True)
class _Known(Generic[T]):
    version: str
    value: T
    good_until: float


class _Kept(Generic[T]):
    """Keeps what is worked out of a layer until the layer changes.

    Of a large layer that changes all the time it may be a little old: what takes longer than :data:`SLOW_S` to work out
    is not worked out again before twenty times as long has passed.
    """

    def __init__(self, measure: Callable[[str], T], store: Store) -> None:
        self._measure = measure
        self._store = store
        self._known: dict[str, _Known[T]] = {}
        self._lock = Lock()

    def of(self, layer: str) -> T:
        version = self._store.version([layer])
        known = self._known.get(layer)
        if known is None or known.version != version:
            with self._lock:  # of many who ask at once one works it out, the others wait
                known = self._known.get(layer)
                if known is None or (known.version != version and monotonic() >= known.good_until):
                    known = self._known[layer] = self._read(layer, version)
        return known.value

    def _read(self, layer: str, version: str) -> _Known[T]:
        started = monotonic()
        value = self._measure(layer)
        ended = monotonic()
        pause = (ended - started) * _SHARE if ended - started > SLOW_S else 0.0
        return _Known(version, value, ended + pause)
