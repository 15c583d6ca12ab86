"""Stairs, ramps and lifts: which rooms of which storeys each connects, by its height range and where it stands."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any

import numpy as np
import shapely
import yaml
from shapely.geometry.base import BaseGeometry

from bim_import.draughtsman import Draughtsman
from bim_import.entity import attribute
from bim_import.footprint import Floats
from bim_import.names import clean
from bim_import.passages import safety_of
from bim_import.rooms import Building, Room
from bim_import.tree import ancestors, global_id_of
from twin.connection import ConnectionDraft

_KINDS = {"IfcStair": "stair", "IfcRamp": "ramp", "IfcTransportElement": None}
_TRANSPORT = {"ELEVATOR": "lift", "ESCALATOR": "escalator"}
_FLIGHTS = ("IfcStairFlight", "IfcRampFlight", "IfcSlab")
_BELOW_M, _ABOVE_M = 0.5, 0.4
"""How far a stair may begin above a floor, and end below one: a step, and a screed nobody drew."""

_LANDING_M = 0.6
_HEAD_M = 0.8
_REACH_M = 0.5
_OVERLAP = 0.4
_TOUCH_M = 0.05


class Climbs:
    """Finds what leads from storey to storey in one model."""

    def __init__(self, desk: Draughtsman) -> None:
        self._desk = desk
        self._things = [(thing, kind) for thing in self._candidates() if (kind := _kind(thing))]
        parts = {thing.id(): _parts(thing) for thing, _ in self._things}
        wanted = {part.id(): part for some in parts.values() for part in some}
        meshes = {mesh.product: mesh.points[np.unique(mesh.faces)] for mesh in desk.meshes(list(wanted.values()))}
        self._points = {
            number: np.concatenate(found)
            for number, some in parts.items()
            if (found := [meshes[part.id()] for part in some if part.id() in meshes])
        }

    def of(self, building: Building) -> Iterator[ConnectionDraft]:
        """Yield stairs, ramps and lifts; then those that only names of rooms tell of."""
        if not building.rooms:
            return
        joined: set[tuple[str, int | None]] = set()
        for thing, kind in self._things:
            points = self._points.get(thing.id())
            if points is None or not self._belongs(thing, building):
                continue
            found = list(self._climb(thing, kind, points, building))
            joined.update((kind, storey) for _, storey in found)
            yield from (draft for draft, _ in found)
        yield from self._by_name(building, joined)

    def _candidates(self) -> Iterator[Any]:
        for kind in _KINDS:
            yield from self._desk.model.by_type(kind)

    def _belongs(self, thing: Any, building: Building) -> bool:
        homes = [above for above in ancestors(thing, self._desk.tree.parents) if above.is_a("IfcBuilding")]
        return self._desk.key(homes[0]) == building.key if homes else len(self._desk.tree.buildings) == 1

    def _climb(
        self, thing: Any, kind: str, points: Floats, building: Building
    ) -> Iterator[tuple[ConnectionDraft, int]]:
        levels = list(_levels(points, building, everywhere=kind == "lift"))
        ends = [(level, _room_at(points, floor_m, building, kind)) for level, floor_m in levels]
        reached = [(level, room) for level, room in ends if room is not None]
        if len(levels) > 1 and len(reached) < 2:
            self._desk.notices.add(
                "ifc.stair_to_nowhere", "Stairs or lifts reach rooms on one storey only; ways indoors end there.",
                "Draw the rooms they lead to.", thing,
            )  # fmt: skip
        for (below, one), (above, held) in pairwise(reached):
            # One stair room over several storeys is left where it is open to another, or by doors alone.
            other = held if held is not one else _beside(one, points, building.floors_m[above], building)
            if other is not None:
                key = global_id_of(thing)
                name = f"{key}:{above}" if key and len(reached) > 2 else key
                rise_m = building.floors_m[above] - building.floors_m[below]
                at = _landing(points, building.floors_m[below]).centroid
                yield (
                    self._draft(
                        kind, building, (one, other), at,
                        key=name, name=clean(thing.Name), rise_m=round(rise_m, 3), found_by="position",
                        **safety_of(self._desk, thing),
                    ),
                    above,
                )  # fmt: skip

    def _by_name(self, building: Building, joined: Iterable[tuple[str, int | None]]) -> Iterator[ConnectionDraft]:
        """Yield ways between rooms called stairs or lifts that stand over each other, where nothing drawn does."""
        for kind, words in _words().items():
            rooms = [room for room in building.rooms if room.storey is not None and _called(room.name, words)]
            for below, above in pairwise(building.floors_m):
                if (kind, above) in joined:
                    continue
                for one in (room for room in rooms if room.storey == below):
                    for other in (room for room in rooms if room.storey == above):
                        if _stacked(one, other):
                            rise_m = other.z_min_m - one.z_min_m
                            at = one.plan.intersection(other.plan).representative_point()
                            yield self._draft(
                                kind, building, (one, other), at, rise_m=round(rise_m, 3), found_by="name"
                            )

    def _draft(
        self, kind: str, building: Building, ends: tuple[Room, Room], at: BaseGeometry, **found: Any
    ) -> ConnectionDraft:
        """Return the draft; ``found`` is its ``key`` and ``name``, and its attributes."""
        key, name = found.pop("key", None), found.pop("name", None)
        return ConnectionDraft(
            kind=kind,
            key=key,
            building_key=building.key,
            from_key=ends[0].key,
            to_key=ends[1].key,
            storey=ends[0].storey,
            geometry=self._desk.frame.to_crs84(at),
            height_m=self._desk.height_m(ends[0].z_min_m),
            name=name,
            attributes=found,
        )


def _kind(thing: Any) -> str | None:
    """Return the kind of connection; IFC2X3 says ``OperationType`` what later schemas call ``PredefinedType``."""
    if not thing.is_a("IfcTransportElement"):
        return _KINDS["IfcRamp" if thing.is_a("IfcRamp") else "IfcStair"]
    stated = attribute(thing, "PredefinedType") or attribute(thing, "OperationType")
    return _TRANSPORT.get(stated or "")


def _parts(thing: Any) -> list[Any]:
    """Return the flights and landings of a stair, without its railings; the stair itself where it has no parts."""
    parts = [part for relation in thing.IsDecomposedBy or () for part in relation.RelatedObjects]
    flights = [part for part in parts if any(map(part.is_a, _FLIGHTS))]
    return [thing, *flights] if thing.Representation is not None else flights or parts


def _levels(points: Floats, building: Building, *, everywhere: bool) -> Iterator[tuple[int, float]]:
    """Yield the storeys a stair reaches; a lift, of which often only the car is drawn, reaches all."""
    low_m, high_m = float(points[:, 2].min()), float(points[:, 2].max())
    for number, floor_m in building.floors_m.items():
        if everywhere or low_m - _BELOW_M <= floor_m <= high_m + _ABOVE_M:
            yield number, floor_m


def _landing(points: Floats, floor_m: float) -> BaseGeometry:
    """Return where a stair meets a floor, in plan; all of it where nothing is drawn at that height."""
    near = points[np.abs(points[:, 2] - floor_m) <= _LANDING_M]
    return shapely.MultiPoint((near if len(near) > 2 else points)[:, :2]).convex_hull


def _room_at(points: Floats, floor_m: float, building: Building, kind: str) -> Room | None:
    whole = shapely.MultiPoint(points[:, :2]).convex_hull if kind == "lift" else _landing(points, floor_m)
    return building.under(whole, floor_m + _HEAD_M) or building.under(whole.buffer(_REACH_M), floor_m + _HEAD_M)


def _beside(stair: Room, points: Floats, floor_m: float, building: Building) -> Room | None:
    """Return the room on this floor that a stair room is open to where its stair arrives; ``None`` behind walls."""
    landing = _landing(points, floor_m).buffer(_REACH_M)
    open_m = {
        room: room.plan.boundary.intersection(stair.plan.buffer(_TOUCH_M)).intersection(landing).length
        for room in building.near(stair, _TOUCH_M)
        if abs(room.z_min_m - floor_m) <= _BELOW_M
    }
    best = max(open_m, key=lambda room: (open_m[room], room.key), default=None)
    return best if best is not None and open_m[best] >= _BELOW_M else None


def _stacked(one: Room, other: Room) -> bool:
    shared = one.plan.intersection(other.plan).area
    return bool(shared >= _OVERLAP * min(one.plan.area, other.plan.area))


def _called(name: str, words: Mapping[str, list[str]]) -> bool:
    lowered = name.lower()
    return any(word in lowered for word in words["in"]) and not any(word in lowered for word in words["not"])


@cache
def _words() -> Mapping[str, Mapping[str, list[str]]]:
    table: Mapping[str, Mapping[str, list[str]]] = yaml.load(
        files("bim_import").joinpath("data/connections.yaml").read_text("utf-8"), yaml.CSafeLoader
    )
    return table
