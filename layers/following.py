"""Records of now that are read once, and after that only as far as something new is said of them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from twin.feature import Feature
from twin.filter import RECORDED, Compare, Condition, Property
from twin.query import Query
from twin.store import Store

_BATCH = 1000
_BEGUN = Property("valid_from", "time", column=True)
_APART = timedelta(seconds=10)
"""So far the clocks of two programs that write one file of the embedded store may be from one another."""


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


class Standing:
    """The current records of a layer, whoever writes them and from whichever process; not for several threads.

    What is written anew bears a later moment, and is read. What is gone without a trace, as after an undone import,
    shows in the number of those that stand; then all are read again.

    Args:
        store: Where the records are.
        layer: Of the records.
    """

    def __init__(self, store: Store, layer: str) -> None:
        self._store = store
        self._layer = layer
        self._version = ""
        self._records: Mapping[str, Feature] = {}
        self._newest: datetime | None = None

    def records(self) -> Mapping[str, Feature]:
        """Return what stands, by id: the same object as long as nothing has changed."""
        version = self._store.version([self._layer])
        if version != self._version:
            self._records = self._followed(version) or self._read()
            self._version = version
        return self._records

    def _followed(self, version: str) -> Mapping[str, Feature] | None:
        """Return what stands after what was written since the last time; ``None`` when that does not tell."""
        if self._newest is None:
            return None
        number = self._store.find(Query(layers=(self._layer,), limit=1)).matched
        since = Compare(RECORDED, ">=", self._newest - _APART)
        written, last = self._now(since), self._ever(since)
        gone = {one.id for one in last if one.valid_to is not None}
        records = {**self._records, **{one.id: one for one in written}}
        for name in gone.difference(one.id for one in written):
            records.pop(name, None)
        if _ahead((*written, *last)) or len(records) != number or self._store.version([self._layer]) != version:
            return None
        self._newest = max((_recorded(one) for one in (*written, *last)), default=self._newest)
        return records

    def _read(self) -> Mapping[str, Feature]:
        found = self._now()
        newest = max(map(_recorded, found), default=None)
        # As long as some begin or end in future all are read at each change, for time writes nothing.
        planned = newest is None or any(one.valid_to for one in found) or bool(self._ever(Compare(_BEGUN, ">", newest)))
        self._newest = None if planned else newest
        return {one.id: one for one in found}

    def _now(self, where: Condition | None = None) -> Sequence[Feature]:
        return self._store.find(Query(layers=(self._layer,), where=where)).features

    def _ever(self, where: Condition) -> Sequence[Feature]:
        """Return the last version of each thing that is, was or will be, when that meets a condition."""
        return self._store.find(Query(layers=(self._layer,), during=(None, None), where=where)).features


def _ahead(written: Sequence[Feature]) -> bool:
    """Tell whether some begin or end later than they were written."""
    return any(
        moment is not None and moment > _recorded(one) for one in written for moment in (one.valid_from, one.valid_to)
    )


def _recorded(one: Feature) -> datetime:
    return one.recorded_at or datetime.min.replace(tzinfo=UTC)
