"""How versions follow one another, the same in every store: valid time and recorded time, never overwriting."""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson
import shapely

from gis.errors import Conflict
from twin.characters import kept, kept_json
from twin.declaration import Catalogue
from twin.feature import Feature
from twin.names import Names, reversal, take_back, together
from twin.store import Identifier
from twin.wording import Wording

_ORJSON = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)
_EXPONENT = re.compile(rb"e[-1-9]").search


def to_milliseconds(moment: datetime) -> datetime:
    """Return a moment in UTC as stores keep it, cut to milliseconds.

    >>> to_milliseconds(datetime(2026, 11, 21, 8, 0, 0, 123_999, tzinfo=UTC)).isoformat()
    '2026-11-21T08:00:00.123000+00:00'
    """
    return moment.astimezone(UTC).replace(microsecond=moment.microsecond // 1000 * 1000)


def dump(value: Any) -> str:
    """Return JSON with sorted keys, so that equal content is equal text; the text is that of Python's ``json``.

    Raises:
        ValueError: For NaN and infinity, which JSON does not know.
        TypeError: For what is no JSON value.
        BadInput: ``store.bad_text``.

    >>> dump({"b": 1e16, "a": [1, None, "幢"]})
    '{"a":[1,null,"幢"],"b":1e+16}'
    """
    with suppress(TypeError):  # longer integers, keys that are numbers, half of a surrogate pair
        text = orjson.dumps(value, option=_ORJSON)
        # orjson writes exponents and small numbers otherwise than Python does, and NaN as null: a null that is no None.
        odd = _EXPONENT(text) or b"0.0000" in text or b"u0000" in text
        if not odd and (b"null" not in text or text.count(b"null") == _nones(value)):
            return text.decode()
    return kept_json(json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False))


def _nones(value: Any) -> int:
    """Return how often ``None`` stands in a value of JSON."""
    if value is None:
        return 1
    if isinstance(value, dict):
        return sum(map(_nones, value.values()))
    return sum(map(_nones, value)) if isinstance(value, list | tuple) else 0


def wkb(feature: Feature) -> bytes | None:
    """Return the geometry's WKB, ``None`` for none or an empty one."""
    if feature.geometry is None or feature.geometry.is_empty:
        return None
    return bytes(shapely.to_wkb(feature.geometry, byte_order=1))


def shapes_of(features: Sequence[Feature]) -> npt.NDArray[np.object_]:
    """Return the geometries of features, ``None`` for none or an empty one."""
    shapes = np.array([*(feature.geometry for feature in features), None], dtype=object)[:-1]
    shapes[shapely.is_empty(shapes)] = None
    return shapes


Key = tuple[str, str, datetime | None]
"""Layer, id, and a moment."""


class Version(NamedTuple):
    """What a feature states, and from when to when it is believed to hold (UTC, milliseconds)."""

    feature: Feature
    valid_from: datetime
    valid_to: datetime | None


class Versions(ABC):
    """The part of a :class:`twin.store.Transaction` that decides what a new version does to the one before it.

    Args:
        catalogue: Tells which layers may be searched.
        now: The moment all versions of this transaction are recorded at.
        names: The other names of places.
    """

    def __init__(self, catalogue: Catalogue, now: datetime, names: Names) -> None:
        self._wording = Wording(catalogue)
        self._now = now
        self._names = names
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
        given = [_as_given(feature, self._now) for feature in features]
        keys = [(one.feature.layer, one.feature.id, one.valid_from) for one in given]
        old: list[int] = []
        new: list[Version] = []
        changed = []
        for version, believed in zip(given, self._believed(keys), strict=True):
            gone, come = _succession(version, believed) if believed else ((), (version,))
            old += gone
            new += come
            changed.append(bool(come))
        self._supersede(old)
        new.sort(key=_by_id)  # the order of the indices: neighbours are written together
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
        since = before.valid_from or at
        self._add([Version(before, since, max(to_milliseconds(at), since))])
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
        names = reversal(self._names, moment)
        self._supersede([fid for fid, _ in brought])
        self._touched.update(version.layer for _, version in brought)
        self._add([Version(one, one.valid_from or moment, one.valid_to) for one in self._superseded(moment)])
        take_back(self._names, names)
        self._forget(moment)
        return len(brought)

    def identify(self, identifier: Identifier) -> None:
        """Record another name of a place; the same name said otherwise is a new version of it."""
        self.identify_all([identifier])

    def identify_all(self, identifiers: Sequence[Identifier]) -> None:
        """Record many, in order: the same as one after another, only faster."""
        self._names.say(together(map(_as_said, identifiers)))

    def _add(self, versions: Sequence[Version]) -> None:
        self._insert(versions)
        self._touched.update(version.feature.layer for version in versions)

    def _words(self, version: Version) -> list[str] | None:
        """Return the tokens a version is found by; ``None`` when it is not to be found."""
        return None if version.valid_to is not None else self._wording.words(version.feature)

    def _standing(self, layer: str, feature_id: str) -> tuple[int, Feature] | None:
        return next(iter(self._believed([(layer, feature_id, None)])[0]), None)

    @abstractmethod
    def _believed(self, keys: Sequence[Key]) -> list[Sequence[tuple[int, Feature]]]:
        """Return for each key row numbers and versions now believed that are still valid, or began at its moment."""

    @abstractmethod
    def _insert(self, versions: Sequence[Version]) -> None:
        """Write versions as believed from now on, in order."""

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
        """Remove the descents recorded at this moment."""


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


def _succession(given: Version, believed: Sequence[tuple[int, Feature]]) -> tuple[list[int], list[Version]]:
    """Return the rows of versions that are no longer believed, and the versions that are from now on; none if equal."""
    before = next((version for _, version in believed if version.valid_to is None), None)
    if before is not None and given.valid_to is None and _content(before) == _content(given.feature):
        return [], []
    since = given.valid_from
    began = None if before is None else before.valid_from
    if given.feature.valid_from is None and began is not None:
        since = began
    gone = [fid for fid, version in believed if version is before or version.valid_from == since]
    come = [given._replace(valid_from=since)]
    if before is not None and began is not None and since > began:
        come.insert(0, Version(before, began, since))
    return gone, come


def _as_given(feature: Feature, now: datetime) -> Version:
    _check(feature)
    since, until = feature.valid_from, feature.valid_to
    return Version(
        feature, now if since is None else to_milliseconds(since), None if until is None else to_milliseconds(until)
    )


def _check(feature: Feature) -> None:
    one = feature
    said = (one.id, one.name, one.community, one.place, one.parent, one.source, one.source_element, one.batch)
    kept(" ".join(filter(None, said)), f"What is said of a feature of {feature.layer}")


def _by_id(version: Version) -> tuple[str, str]:
    return version.feature.layer, version.feature.id


def _as_said(name: Identifier) -> Identifier:
    """Return a name with its moments as stores keep them."""
    since, until = name.valid_from, name.valid_to
    if since is None and until is None:
        return name
    return replace(
        name,
        valid_from=None if since is None else to_milliseconds(since),
        valid_to=None if until is None else to_milliseconds(until),
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
