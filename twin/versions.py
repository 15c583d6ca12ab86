"""How versions follow one another, the same in every store: valid time and recorded time, never overwriting."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import shapely

from gis.errors import Conflict
from twin.declaration import Catalogue
from twin.feature import Feature
from twin.text import document


def to_milliseconds(moment: datetime) -> datetime:
    """Return a moment in UTC as stores keep it, cut to milliseconds.

    >>> to_milliseconds(datetime(2026, 11, 21, 8, 0, 0, 123_999, tzinfo=UTC)).isoformat()
    '2026-11-21T08:00:00.123000+00:00'
    """
    return moment.astimezone(UTC).replace(microsecond=moment.microsecond // 1000 * 1000)


def dump(value: Any) -> str:
    """Return JSON with sorted keys, so that equal content is equal text."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)


def wkb(feature: Feature) -> bytes | None:
    """Return the geometry's WKB, ``None`` for none or an empty one."""
    if feature.geometry is None or feature.geometry.is_empty:
        return None
    return bytes(shapely.to_wkb(feature.geometry, byte_order=1))


Key = tuple[str, str, datetime | None]
"""Layer, id, and a moment."""


class Versions(ABC):
    """The part of a :class:`twin.store.Transaction` that decides what a new version does to the one before it.

    Args:
        catalogue: Tells which layers may be searched.
        now: The moment all versions of this transaction are recorded at.
    """

    def __init__(self, catalogue: Catalogue, now: datetime) -> None:
        self._catalogue = catalogue
        self._now = now
        self._touched: set[str] = set()

    def put(self, feature: Feature) -> bool:
        """Make this the version now believed; ``False`` when nothing differs.

        With ``valid_from`` the world changed at that moment: the version before it ends there. Without, or with the
        same moment, the twin learned better: the version before it is superseded for its whole time.
        """
        return self.put_all([feature])[0]

    def put_all(self, features: Sequence[Feature]) -> list[bool]:
        """Put many, in order: the same as one after another, only faster."""
        return [changed for run in _runs(features) for changed in self._put_run(run)]

    def _put_run(self, features: Sequence[Feature]) -> list[bool]:
        """Put features that are all different things."""
        given = [_in_milliseconds(feature) for feature in features]
        keys = [(feature.layer, feature.id, feature.valid_from or self._now) for feature in given]
        old: list[int] = []
        new: list[Feature] = []
        changed = []
        for feature, believed in zip(given, self._believed(keys), strict=True):
            gone, come = _succession(feature, believed, self._now)
            old += gone
            new += come
            changed.append(bool(come))
        self._supersede(old)
        self._add(new)
        return changed

    def end(self, layer: str, feature_id: str, at: datetime) -> bool:
        """End a thing's validity at ``at``; ``False`` when there was nothing to end."""
        standing = self._standing(layer, feature_id)
        if standing is None:
            return False
        fid, before = standing
        self._supersede([fid])
        # What ends before it began was never valid: an all-clear that was sent before its alarm.
        self._add([replace(before, valid_to=max(to_milliseconds(at), before.valid_from or at))])
        return True

    def current(self, layer: str, feature_id: str) -> Feature | None:
        """Return the version now believed and still valid."""
        standing = self._standing(layer, feature_id)
        return None if standing is None else standing[1]

    def undo(self, recorded_at: datetime) -> int:
        """Take back the transaction recorded at this moment."""
        moment = to_milliseconds(recorded_at)
        brought = self._recorded(moment)
        later = [version for _, version in brought if version.superseded_at not in (None, moment)]
        if later:
            raise Conflict(
                "import.changed_since",
                f"{len(later)} of the things it changed changed again, {later[0].layer} {later[0].id} first.",
                "Undo the later imports first.",
                layer=later[0].layer,
                id=later[0].id,
            )
        self._supersede([fid for fid, _ in brought])
        self._touched.update(version.layer for _, version in brought)
        self._add(self._superseded(moment))
        self._forget(moment)
        return len(brought)

    def _add(self, features: Sequence[Feature]) -> None:
        self._insert(features)
        self._touched.update(feature.layer for feature in features)

    def _words(self, feature: Feature) -> list[str] | None:
        """Return the tokens a version is found by; ``None`` when it is not to be found."""
        declared = feature.layer in self._catalogue and self._catalogue[feature.layer]
        if not declared or declared.access != "open" or feature.valid_to is not None:
            return None
        # Beside personal fields, an address nobody declared may be somebody's home.
        personal = any(field.grade in ("P2", "P3") for field in declared.fields)
        address = None if personal and declared.field("address") is None else feature.attributes.get("address")
        return document((feature.name, feature.id, feature.place, address if isinstance(address, str) else None))

    def _standing(self, layer: str, feature_id: str) -> tuple[int, Feature] | None:
        return next(iter(self._believed([(layer, feature_id, None)])[0]), None)

    @abstractmethod
    def _believed(self, keys: Sequence[Key]) -> list[Sequence[tuple[int, Feature]]]:
        """Return for each key row numbers and versions now believed that are still valid, or began at its moment."""

    @abstractmethod
    def _insert(self, features: Sequence[Feature]) -> None:
        """Write versions that have ``valid_from`` as believed from now on, in order."""

    @abstractmethod
    def _supersede(self, fids: Sequence[int]) -> None:
        """Believe versions until now and no longer."""

    @abstractmethod
    def _recorded(self, moment: datetime) -> Sequence[tuple[int, Feature]]:
        """Return row numbers and versions recorded at this moment, in order."""

    @abstractmethod
    def _superseded(self, moment: datetime) -> Sequence[Feature]:
        """Return the versions of earlier transactions that were superseded at this moment, in order."""

    @abstractmethod
    def _forget(self, moment: datetime) -> None:
        """Remove the identifiers and descents recorded at this moment."""


def _runs(features: Sequence[Feature]) -> Iterator[list[Feature]]:
    """Cut a list where a thing comes again: what is put of one thing builds on what was put before."""
    run: dict[tuple[str, str], Feature] = {}
    for feature in features:
        if (feature.layer, feature.id) in run:
            yield list(run.values())
            run = {}
        run[feature.layer, feature.id] = feature
    if run:
        yield list(run.values())


def _succession(
    feature: Feature, believed: Sequence[tuple[int, Feature]], now: datetime
) -> tuple[list[int], list[Feature]]:
    """Return the rows of versions that are no longer believed, and the versions that are from now on; none if equal."""
    before = next((version for _, version in believed if version.valid_to is None), None)
    if before is not None and _content(before) == _content(feature) and feature.valid_to is None:
        return [], []
    since = feature.valid_from or (before and before.valid_from) or now
    gone = [fid for fid, version in believed if version is before or version.valid_from == since]
    come = [replace(feature, valid_from=since)]
    if before is not None and before.valid_from is not None and since > before.valid_from:
        come.insert(0, replace(before, valid_to=since))
    return gone, come


def _in_milliseconds(feature: Feature) -> Feature:
    since, until = feature.valid_from, feature.valid_to
    return replace(
        feature, valid_from=since and to_milliseconds(since), valid_to=None if until is None else to_milliseconds(until)
    )


def stated(feature: Feature) -> tuple[Any, ...]:
    """Return what a feature states, layer to batch, in the order of every store's columns; attributes as JSON."""
    return (
        feature.layer,
        feature.id,
        feature.community,
        feature.name,
        feature.place,
        feature.parent,
        feature.storey,
        feature.z_min_m,
        feature.z_max_m,
        feature.stage,
        dump(dict(feature.attributes)),
        feature.source,
        feature.source_element,
        feature.batch,
    )


def _content(feature: Feature) -> tuple[Any, ...]:
    """Return what makes one version differ from another: not who says it."""
    return (*stated(feature)[3:11], wkb(feature))
