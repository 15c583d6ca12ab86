"""Records of now that are read once, and after that only as far as the log tells of them."""

from collections.abc import Mapping

from twin.feature import Feature
from twin.query import Query
from twin.store import Store

_BATCH = 1000


class Following:
    """The current records of a layer whose every change is told by an event that names the record as its subject.

    Args:
        store: Where records and log are.
        layer: Of the records.
        kind: Of the events.
    """

    def __init__(self, store: Store, layer: str, kind: str) -> None:
        self._store = store
        self._layer = layer
        self._kind = kind
        self._position = -1

    def changed(self) -> Mapping[str, Feature | None]:
        """Return what is new since the last call, by id, ``None`` where nothing stands any more; first, all."""
        last = self._store.last_seq()
        if self._position < 0:
            self._position = last
            return {one.id: one for one in self._store.find(Query(layers=(self._layer,))).features}
        found: dict[str, Feature | None] = {}
        while self._position < last:
            events = self._store.events(self._position, _BATCH, (self._kind,))
            told = {event.subject for event in events}
            if told:
                standing = self._store.find(Query(layers=(self._layer,), ids=tuple(told))).features
                found.update(dict.fromkeys(told))
                found.update((one.id, one) for one in standing)
            self._position = events[-1].seq if len(events) == _BATCH else max(last, events[-1].seq if events else 0)
        return found
