"""The rooms of one building while it is read: which one is at a point, in local metres."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import shapely
from shapely.geometry.base import BaseGeometry

from bim_import.draughtsman import Body, Draughtsman
from twin.feature import PlaceDraft

_SILL_M = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Room:
    """A space with a plan; ``storey`` is the number of its storey."""

    key: str
    name: str
    storey: int | None
    plan: BaseGeometry
    z_min_m: float
    z_max_m: float

    def spans(self, z_m: float) -> bool:
        """Tell whether a height is within the room."""
        return self.z_min_m - _SILL_M <= z_m < self.z_max_m


@dataclass(frozen=True, slots=True, eq=False)
class Building:
    """What connections are looked for in: the rooms of a building, and the floors of its storeys by number."""

    key: str
    rooms: tuple[Room, ...]
    floors_m: Mapping[int, float]
    outline: BaseGeometry | None
    _tree: shapely.STRtree

    def at(self, x_m: float, y_m: float, z_m: float) -> Room | None:
        """Return the smallest room that holds a point; ``None`` outside all rooms."""
        hits = self._tree.query(shapely.Point(x_m, y_m), predicate="intersects")
        held = [self.rooms[index] for index in hits if self.rooms[index].spans(z_m)]
        return min(held, key=lambda room: (room.plan.area, room.key), default=None)

    def under(self, shape: BaseGeometry, z_m: float) -> Room | None:
        """Return the room that covers most of a shape at a height; ``None`` when none touches it."""
        hits = self._tree.query(shape, predicate="intersects")
        held = [self.rooms[index] for index in hits if self.rooms[index].spans(z_m)]
        return max(held, key=lambda room: (room.plan.intersection(shape).area, room.key), default=None)

    def near(self, room: Room, gap_m: float) -> Iterator[Room]:
        """Yield the rooms whose plan is not farther than this from that of a room."""
        for index in self._tree.query(room.plan, predicate="dwithin", distance=gap_m):
            if self.rooms[index] is not room:
                yield self.rooms[index]


def buildings_of(desk: Draughtsman, drafts: Iterable[PlaceDraft]) -> Iterator[Building]:
    """Yield the buildings of a model with their rooms."""
    known = {draft.key: draft for draft in drafts}
    zero_m = desk.height_m(0.0)
    for building in desk.tree.buildings:
        key = desk.key(building.thing)
        spaces = [space for branch in building.branches for space in branch.spaces]
        rooms = tuple(
            _room(draft, body)
            for space in spaces
            if (draft := known.get(desk.key(space))) and (body := desk.bodies.get(space.id())) and body.plan is not None
        )
        floors = {
            draft.storey: draft.z_min_m - zero_m
            for draft in known.values()
            if draft.kind == "storey" and draft.parent_key == key
            and draft.storey is not None and draft.z_min_m is not None
        }  # fmt: skip
        plans = [room.plan for room in rooms]
        hull = shapely.union_all(plans).buffer(0.6).buffer(-0.6) if plans else None
        yield Building(key, rooms, dict(sorted(floors.items())), hull, shapely.STRtree(plans))


def _room(draft: PlaceDraft, body: Body) -> Room:
    plan = body.plan if body.plan is not None else shapely.Polygon()
    return Room(draft.key, draft.name or "", draft.storey, plan, body.z_min_m, body.z_max_m)
