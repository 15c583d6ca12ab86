"""Doors, openings, stairs, ramps and lifts: what connects the spaces of a building, kept for finding ways indoors."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from twin.feature import Feature, RecordDraft

CONNECTION = "connection"
"""Name of the layer."""

OUTSIDE = "outside"
"""What stands in ``to_space`` of a door that leads out of the building."""

WALKED_IN_A_FIRE = {"door": True, "opening": True, "stair": True, "ramp": True, "lift": False, "escalator": False}
"""Kind → whether an evacuation may use it; a lift never."""

_NEAR_DEG = 1e-5
"""About a metre: a connection of the same kind between the same spaces this near is the same one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionDraft:
    """A connection as an importer read it, before its spaces have codes.

    Attributes:
        kind: A key of :data:`WALKED_IN_A_FIRE`.
        key: Identity in the model, its GlobalId; ``None`` when it has none that identifies.
        building_key: ``key`` of the building's place draft.
        from_key: ``key`` of the space at one end, the lower one of stairs.
        to_key: ``key`` of the space at the other end; ``None``: outside the building.
        storey: Of the space at the first end; a door to the outside of an upper storey leads onto a balcony.
        geometry: Where it is, a point in CRS84.
        height_m: Height of the threshold or the lowest step, metres, in the community's datum.
        attributes: ``width_m``, ``rise_m``, ``fire_exit``, ``barrier_free``, ``found_by``; absent when not known.
    """

    kind: str
    key: str | None
    building_key: str
    from_key: str
    to_key: str | None
    storey: int | None
    geometry: BaseGeometry
    height_m: float
    name: str | None = None
    attributes: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values; the geometry as hexadecimal WKB."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {**values, "geometry": shapely.to_wkb(self.geometry, hex=True)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "ConnectionDraft":
        """Return the draft that :meth:`as_json` wrote."""
        return cls(**{**values, "geometry": shapely.from_wkb(values["geometry"])})


@dataclass(frozen=True, slots=True, eq=False)
class _Coded:
    draft: ConnectionDraft
    building: str
    ends: tuple[str, str]


def connection_records(
    drafts: Iterable[ConnectionDraft], codes: Mapping[str, str], standing: Sequence[Feature]
) -> list[RecordDraft]:
    """Return the connections as records between space codes.

    A connection whose spaces got no code is left out. Its id is made of the code of its building and its GlobalId, and
    stays: one whose GlobalId was rewritten keeps the id of the connection that stood where it stands.

    Args:
        drafts: Of one model.
        codes: Key of a place draft → its space code.
        standing: The connections that the twin holds now.
    """
    coded = [one for draft in drafts if (one := _coded(draft, codes))]
    own = {one: f"{one.building}:{one.draft.key}" for one in coded if one.draft.key}
    held = {old.id: old for old in standing}
    ids = {one: name for one, name in own.items() if name in held}
    orphans = {old.id: old for old in standing if old.id not in own.values()}
    for one in coded:
        if one not in ids:
            kept = _same(one, orphans.values())
            ids[one] = kept.id if kept else own.get(one, "")
            orphans.pop(ids[one], None)
    _number([one for one in coded if not ids[one]], ids)
    return [_record(one, ids[one]) for one in coded]


def _coded(draft: ConnectionDraft, codes: Mapping[str, str]) -> _Coded | None:
    building, start = codes.get(draft.building_key), codes.get(draft.from_key)
    end = OUTSIDE if draft.to_key is None else codes.get(draft.to_key)
    if building is None or start is None or end is None or start == end:
        return None
    if draft.kind in ("door", "opening") and end != OUTSIDE:
        start, end = sorted((start, end))
    return _Coded(draft, building, (start, end))


def _same(one: _Coded, orphans: Iterable[Feature]) -> Feature | None:
    """Return the connection that stood between the same spaces at the same spot under another GlobalId."""
    alike = [
        old for old in orphans
        if old.geometry is not None
        and (old.attributes.get("kind"), old.attributes.get("from_space"), old.attributes.get("to_space"))
        == (one.draft.kind, *one.ends)
        and old.geometry.distance(one.draft.geometry) < _NEAR_DEG
    ]  # fmt: skip
    return min(alike, key=lambda old: old.geometry.distance(one.draft.geometry) if old.geometry else 0.0, default=None)


def _number(nameless: Iterable[_Coded], ids: dict[_Coded, str]) -> None:
    """Name connections without a GlobalId after the spaces they connect, from west to east."""
    groups: dict[tuple[str, ...], list[_Coded]] = defaultdict(list)
    for one in nameless:
        groups[(one.draft.kind, *one.ends)].append(one)
    taken = Counter(ids.values())
    for (kind, *ends), alike in groups.items():
        number = 0
        for one in sorted(alike, key=lambda one: one.draft.geometry.coords[0]):
            number += 1
            while taken[name := f"{kind}:{'~'.join(ends)}:{number}"]:
                number += 1
            ids[one] = name


def _leads_out(one: _Coded) -> bool:
    storey = one.draft.storey
    at_ground = storey is None or storey <= 1
    return one.ends[1] == OUTSIDE and (at_ground or one.draft.attributes.get("fire_exit") is True)


def _record(one: _Coded, name: str) -> RecordDraft:
    kind, (start, end) = one.draft.kind, one.ends
    attributes = {
        "connection_no": name,
        "kind": kind,
        "from_space": start,
        "to_space": end,
        "exit": _leads_out(one),
        "evacuation": WALKED_IN_A_FIRE[kind],
        **one.draft.attributes,
    }
    return RecordDraft(
        id=name,
        name=one.draft.name,
        geometry=one.draft.geometry,
        height_m=one.draft.height_m,
        where={"code": start},
        attributes=attributes,
    )
