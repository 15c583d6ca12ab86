"""The walking network as it is now."""

import threading
from collections.abc import Sequence

from twin.access import Access
from twin.connection import OUTSIDE
from twin.feature import Feature
from twin.query import Query
from twin.store import Store
from twin.walking import LAYERS, Walking, walking


class Ways:
    """Keeps the walking network until one of the layers it is made of changes.

    Args:
        access: Reads the features.
        store: Tells when a layer has changed.
    """

    def __init__(self, access: Access, store: Store) -> None:
        self._access = access
        self._store = store
        self._lock = threading.Lock()
        self._made: tuple[str, Walking] | None = None

    def now(self) -> Walking:
        """Return the network of the present.

        Raises:
            BadInput: ``network.empty``.
        """
        with self._lock:
            version = self._store.version(LAYERS)
            if self._made is None or self._made[0] != version:
                self._made = version, self._make()
            return self._made[1]

    def _make(self) -> Walking:
        walkways, entrances, connections = (self._all(name) for name in LAYERS)
        rooms = {str(one.attributes.get(end)) for one in connections for end in ("from_space", "to_space")} - {OUTSIDE}
        spaces = self._access.find(Query(layers=("space",), ids=tuple(sorted(rooms)))).features if rooms else ()
        return walking(walkways, entrances, connections, spaces)

    def _all(self, layer: str) -> Sequence[Feature]:
        return self._access.find(Query(layers=(layer,))).features
