"""Doors and openings: which two spaces each connects, as the model states it, else as it lies."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from bim_import.draughtsman import Draughtsman
from bim_import.entity import attribute
from bim_import.footprint import Floats
from bim_import.names import clean
from bim_import.rooms import Building, Room
from bim_import.tree import ancestors, global_id_of
from twin.connection import ConnectionDraft

_LEAST_HEIGHT_M, _LEAST_WIDTH_M = 1.8, 0.5
"""What is lower or narrower is a hatch or a duct, not a way through."""

_SILL_M = 0.35
_CHEST_M = 0.5
_STEPS_M = (0.1, 0.3, 0.6, 1.0)
_TOUCH_M = 0.05


@dataclass(frozen=True, slots=True)
class Slot:
    """A hole in a wall, local metres: its middle in plan, unit vectors along and across the wall, sizes, heights."""

    middle: Floats
    along: Floats
    across: Floats
    width_m: float
    depth_m: float
    z_min_m: float
    z_max_m: float


def slot_of(points: Floats, width_m: float | None) -> Slot | None:
    """Return the hole that (p, 3) points outline; ``width_m``, where known, tells its width from its depth.

    >>> corners = np.array([(x, y, z) for x in (0, 0.9) for y in (0, 0.2) for z in (0, 2.1)])
    >>> slot = slot_of(corners, None)
    >>> round(slot.width_m, 3), round(slot.depth_m, 3), slot.middle.round(3).tolist()
    (0.9, 0.2, [0.45, 0.1])
    >>> slot_of(corners[:1], None) is None
    True
    """
    box = shapely.MultiPoint(points[:, :2]).minimum_rotated_rectangle
    if box.geom_type != "Polygon":
        return None
    corners = shapely.get_coordinates(box)[:4]
    sides = (corners[1] - corners[0], corners[2] - corners[1])
    lengths = [float(np.linalg.norm(side)) for side in sides]
    if min(lengths) < 1e-6:
        return None
    wanted = max(lengths) if width_m is None else width_m
    wide = min((0, 1), key=lambda side: abs(lengths[side] - wanted))
    along, across = sides[wide] / lengths[wide], sides[1 - wide] / lengths[1 - wide]
    return Slot(
        corners.mean(axis=0), along, across, lengths[wide], lengths[1 - wide],
        float(points[:, 2].min()), float(points[:, 2].max()),
    )  # fmt: skip


class Passages:
    """Finds the doors and openings of one model."""

    def __init__(self, desk: Draughtsman) -> None:
        self._desk = desk
        self._stated: dict[int, dict[str, bool]] = defaultdict(dict)
        self._open: dict[str, None] = {}
        self._shared: dict[int, tuple[Any, dict[str, None]]] = {}
        self._read_boundaries()
        self._doors = desk.model.by_type("IfcDoor")
        self._holes = {door.id(): hole for door in self._doors if (hole := _hole(door))}
        self._gaps = [hole for hole in desk.model.by_type("IfcOpeningElement") if _passable(hole)]
        bare = [door for door in self._doors if door.id() not in self._holes]
        wanted = [*self._holes.values(), *self._gaps, *bare]
        self._points = {mesh.product: mesh.points[np.unique(mesh.faces)] for mesh in desk.meshes(wanted)}

    def of(self, building: Building) -> Iterator[ConnectionDraft]:
        """Yield the doors, openings and open edges between the rooms of a building."""
        if not building.rooms:
            return
        rooms = {room.key: room for room in building.rooms}
        for door in self._doors:
            if self._belongs(door, building) and (found := self._door(door, building, rooms)):
                yield found
        for hole in self._gaps:
            if self._belongs(hole.VoidsElements[0].RelatingBuildingElement, building) and (
                found := self._gap(hole, building)
            ):
                yield found
        yield from self._open_edges(building, rooms)

    def _read_boundaries(self) -> None:
        for boundary in self._desk.model.by_type("IfcRelSpaceBoundary"):
            space, element = boundary.RelatingSpace, boundary.RelatedBuildingElement
            if space is None or not space.is_a("IfcSpace"):
                continue
            key = self._desk.key(space)
            if element is not None and element.is_a("IfcVirtualElement"):
                self._shared.setdefault(element.id(), (element, {}))[1][key] = None
            elif element is not None:
                outer = boundary.InternalOrExternalBoundary == "EXTERNAL"
                self._stated[element.id()][key] = self._stated[element.id()].get(key, False) or outer
            elif boundary.PhysicalOrVirtualBoundary == "VIRTUAL":
                self._open[key] = None

    def _belongs(self, element: Any, building: Building) -> bool:
        homes = [above for above in ancestors(element, self._desk.tree.parents) if above.is_a("IfcBuilding")]
        return self._desk.key(homes[0]) == building.key if homes else len(self._desk.tree.buildings) == 1

    # doors

    def _door(self, door: Any, building: Building, rooms: Mapping[str, Room]) -> ConnectionDraft | None:
        width_m = None if not door.OverallWidth else float(door.OverallWidth * self._desk.units.length_m)
        hole = self._holes.get(door.id(), door)
        points = self._points.get(hole.id())
        slot = None if points is None else slot_of(points, width_m)
        if slot is None:
            return None
        said = self._stated.get(door.id()) or self._stated.get(hole.id()) or {}
        ends, found_by = self._ends(said, slot, building, rooms), "stated"
        if ends is None:
            ends, found_by = self._by_position(door, slot, building, said), "position"
        if ends is None:
            self._desk.notices.add(
                "ifc.door_to_nowhere", "Doors lead into no room on one side or both; ways indoors end there.",
                "Draw the missing rooms.", door,
            )  # fmt: skip
            return None
        return self._draft("door", door, building, ends, slot, width_m or slot.width_m, found_by)

    def _ends(
        self, said: Mapping[str, bool], slot: Slot, building: Building, rooms: Mapping[str, Room]
    ) -> tuple[Room, Room | None] | None:
        """Return the rooms that space boundaries name; where they name more than two, those on either side."""
        named = [rooms[key] for key in said if key in rooms]
        if len(named) == 2:
            return named[0], named[1]
        if len(named) > 2:
            sides = [side for side in _sides(slot, building) if side in named]
            return (sides[0], sides[1]) if len(sides) == 2 else None
        if len(named) == 1 and said[named[0].key] and not set(_sides(slot, building)) - {None, named[0]}:
            return named[0], None
        return None

    def _by_position(
        self, door: Any, slot: Slot, building: Building, said: Mapping[str, bool]
    ) -> tuple[Room, Room | None] | None:
        one, other = _sides(slot, building)
        if one and other and one is not other:
            return one, other
        room = one or other
        if room is None or one is other:
            return None
        outer = self._desk.properties.value(door, "IsExternal")
        if outer is None:
            sign = 1 if one is None else -1
            beyond = shapely.Point(slot.middle + sign * slot.across * (slot.depth_m / 2 + _STEPS_M[-1]))
            outer = any(said.values()) or building.outline is None or not building.outline.covers(beyond)
        return (room, None) if outer is True else None

    # openings

    def _gap(self, hole: Any, building: Building) -> ConnectionDraft | None:
        points = self._points.get(hole.id())
        slot = None if points is None else slot_of(points, None)
        if slot is None or slot.z_max_m - slot.z_min_m < _LEAST_HEIGHT_M or slot.width_m < _LEAST_WIDTH_M:
            return None
        one, other = _sides(slot, building)
        if one is None or other is None or one is other:
            return None
        if slot.z_min_m > min(one.z_min_m, other.z_min_m) + _SILL_M:
            return None
        return self._draft("opening", hole, building, (one, other), slot, slot.width_m, "position")

    def _open_edges(self, building: Building, rooms: Mapping[str, Room]) -> Iterator[ConnectionDraft]:
        """Yield where rooms meet without a wall: virtual elements, and virtual boundaries that touch."""
        done = set()
        for element, keys in self._shared.values():
            for one, other in _pairs([rooms[key] for key in keys if key in rooms]):
                if (edge := _edge(one, other)) is not None:
                    done.add(frozenset((one, other)))
                    yield self._along("opening", element, building, (one, other), edge)
        for one in (rooms[key] for key in self._open if key in rooms):
            for other in building.near(one, _TOUCH_M):
                pair = frozenset((one, other))
                if other.key in self._open and pair not in done and (edge := _edge(one, other)) is not None:
                    done.add(pair)
                    yield self._along("opening", None, building, (one, other), edge)

    def _along(
        self, kind: str, element: Any, building: Building, ends: tuple[Room, Room], edge: BaseGeometry
    ) -> ConnectionDraft:
        middle = shapely.get_coordinates(_longest(edge).interpolate(0.5, normalized=True))[0]
        z_m = max(room.z_min_m for room in ends)
        slot = Slot(middle, middle, middle, edge.length, 0.0, z_m, z_m)
        return self._draft(kind, element, building, ends, slot, edge.length, "stated")

    def _draft(
        self, kind: str, element: Any, building: Building, ends: tuple[Room, Room | None], slot: Slot,
        width_m: float, found_by: str,
    ) -> ConnectionDraft:  # fmt: skip
        return ConnectionDraft(
            kind=kind,
            key=None if element is None else global_id_of(element),
            building_key=building.key,
            from_key=ends[0].key,
            to_key=ends[1].key if ends[1] else None,
            storey=ends[0].storey,
            geometry=self._desk.frame.to_crs84(shapely.Point(slot.middle)),
            height_m=self._desk.height_m(slot.z_min_m),
            name=None if element is None else clean(element.Name),
            attributes={"width_m": round(width_m, 3), "found_by": found_by, **safety_of(self._desk, element)},
        )


def safety_of(desk: Draughtsman, element: Any) -> dict[str, bool]:
    """Return what a door, stair or ramp says of flight and of people who cannot walk (Pset_DoorCommon and the like)."""
    if element is None:
        return {}
    stated = {"fire_exit": ("FireExit", "安全出口", "疏散门"), "barrier_free": ("HandicapAccessible", "无障碍")}
    found = {name: desk.properties.value(element, *names) for name, names in stated.items()}
    return {name: value for name, value in found.items() if isinstance(value, bool)}


def _hole(door: Any) -> Any:
    return next((rel.RelatingOpeningElement for rel in attribute(door, "FillsVoids") or ()), None)


def _passable(hole: Any) -> bool:
    """Tell whether an opening may be one to walk through: through a wall, with nothing in it."""
    if hole.HasFillings or attribute(hole, "PredefinedType") == "RECESS":
        return False
    return any(rel.RelatingBuildingElement.is_a("IfcWall") for rel in hole.VoidsElements or ())


def _sides(slot: Slot, building: Building) -> tuple[Room | None, Room | None]:
    return _side(slot, building, 1), _side(slot, building, -1)


def _side(slot: Slot, building: Building, sign: int) -> Room | None:
    """Return the first room met when leaving the wall, in the middle or a quarter of the width beside it."""
    z_m = slot.z_min_m + min(_CHEST_M, (slot.z_max_m - slot.z_min_m) / 2)
    for step_m in _STEPS_M:
        for share in (0.0, 0.25, -0.25):
            x_m, y_m = (
                slot.middle
                + sign * slot.across * (slot.depth_m / 2 + step_m)
                + share * slot.width_m * slot.along
            )  # fmt: skip
            if room := building.at(float(x_m), float(y_m), z_m):
                return room
    return None


def _pairs(rooms: list[Room]) -> Iterator[tuple[Room, Room]]:
    for index, one in enumerate(rooms):
        for other in rooms[index + 1 :]:
            yield one, other


def _edge(one: Room, other: Room) -> BaseGeometry | None:
    """Return where two rooms of one level touch; ``None`` when nobody could walk through."""
    if min(one.z_max_m, other.z_max_m) - max(one.z_min_m, other.z_min_m) < _LEAST_HEIGHT_M:
        return None
    if abs(one.z_min_m - other.z_min_m) > _LEAST_WIDTH_M:
        return None
    edge: BaseGeometry = other.plan.boundary.intersection(one.plan.buffer(_TOUCH_M))
    return edge if edge.length >= _LEAST_WIDTH_M + 2 * _TOUCH_M else None


def _longest(edge: BaseGeometry) -> BaseGeometry:
    parts: list[BaseGeometry] = list(shapely.get_parts(shapely.line_merge(edge)))
    return max(parts, key=lambda part: part.length)
