"""Places from the spatial tree and the meshes: one draft for each building, unit, storey and space."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from statistics import median
from typing import Any

from shapely.geometry.base import BaseGeometry

from bim_import import footprint
from bim_import.attributes import address_of, attributes_of, code_of
from bim_import.derived import Walls
from bim_import.draughtsman import Draughtsman
from bim_import.materials import materials_of
from bim_import.names import building_number, clean, door_number, first_name, unit_number
from bim_import.statements import placement_origin_m
from bim_import.storeys import Level, Storey, number_storeys
from bim_import.tree import STOREY_PLAN, Branch, BuildingTree, group_names
from twin.feature import PlaceDraft


def draw_places(desk: Draughtsman) -> list[PlaceDraft]:
    """Return all drafts: buildings, units, storeys, spaces."""
    drafts = [draft for building in desk.tree.buildings for draft in _BuildingSheet(desk, building).drafts()]
    for space in desk.tree.stray_spaces:
        desk.notices.add(
            "ifc.space_without_building", "Spaces belong to no building; they were left out.",
            "Place them in a storey.", space,
        )  # fmt: skip
    order = ("building", "unit", "storey", "space")
    return sorted(drafts, key=lambda draft: order.index(draft.kind))


class _BuildingSheet:
    """The drafts of one building."""

    def __init__(self, desk: Draughtsman, building: BuildingTree) -> None:
        self.desk = desk
        self.building = building
        self.length_m = desk.units.length_m
        self.zero_m = (placement_origin_m(building.thing, self.length_m) or (0.0, 0.0, 0.0))[2]
        self.by_key = {desk.key(branch.thing): branch for branch in building.levels}
        self._placed_m = {
            branch.thing.id(): round(origin[2], 3)
            for branch in building.levels
            if (origin := placement_origin_m(branch.thing, self.length_m))
        }
        self.ground_m: float | None = None
        self.storeys = self._storeys()
        self.walls = Walls(desk, building)
        self.doors: set[tuple[int | None, int | None, str]] = set()

    def drafts(self) -> Iterator[PlaceDraft]:
        """Yield the storeys, spaces, units and the building itself."""
        self.desk.homes.update((level.key, storey.main.key) for storey in self.storeys for level in storey.levels)
        storeys = [self._storey(index) for index in range(len(self.storeys))]
        spaces = [self._space(space, storey) for space, storey in self._spaces()]
        spaces += self._derived(storeys)
        units = list(self._units(spaces))
        yield self._building(storeys, units)
        yield from (*units, *storeys, *spaces)

    # storeys

    def _storeys(self) -> list[Storey]:
        levels = [level for branch in self.building.levels if (level := self._level(branch))]
        self.ground_m = self._ground_m([level.floor_m for level in levels])
        storeys = number_storeys(levels, self.ground_m)
        for storey in storeys:
            for other in storey.levels:
                if other is not storey.main:
                    self.desk.notices.add(
                        "ifc.levels_merged", "Levels at almost one height were merged into one storey.",
                        "", self.by_key[other.key].thing,
                    )  # fmt: skip
        return storeys

    def _level(self, branch: Branch) -> Level | None:
        bodies = self.desk.bodies_of(branch.spaces)
        floor_m = median(body.z_min_m for body in bodies) if bodies else self._drawn_floor_m(branch)
        if floor_m is None:
            self.desk.notices.add(
                "ifc.level_without_height", "Levels have no height; their rooms were assigned by height.",
                "Give every storey an elevation.", branch.thing,
            )  # fmt: skip
            return None
        clear_m = median(body.z_max_m - body.z_min_m for body in bodies) if bodies else None
        return Level(key=self.desk.key(branch.thing), floor_m=floor_m, rooms=len(branch.spaces), clear_m=clear_m)

    def _drawn_floor_m(self, branch: Branch) -> float | None:
        """The placement is what the geometry hangs on; Elevation is a remark that may differ from it.

        Only when all levels are placed at one height, as exporters without geometry do, is Elevation believed.
        """
        placed = self._placed_m.get(branch.thing.id())
        elevation = branch.thing.Elevation
        flat = len(set(self._placed_m.values())) < len({level.thing.Elevation for level in self.building.levels})
        if placed is not None and not (flat and elevation is not None):
            return placed
        if elevation is not None:
            return float(self.zero_m + elevation * self.length_m)
        drawn = self.desk.bodies_of(branch.elements)
        return min(body.z_min_m for body in drawn) if drawn else None

    def _outside_m(self) -> float | None:
        """Return the ground outside, or the lowest floor above it."""
        floors = [storey.floor_m for storey in self.storeys if storey.number > 0]
        return min(floors, default=None) if self.ground_m is None else self.ground_m

    def _ground_m(self, floors_m: list[float]) -> float | None:
        """Return the ground outside from ElevationOfTerrain, local metres; ``None`` when it says nothing useful."""
        terrain, reference = self.building.thing.ElevationOfTerrain, self.building.thing.ElevationOfRefHeight
        if terrain is None or not floors_m:
            return None
        above_sea_m = self.desk.frame.height_offset_m
        bases_m = [
            None if reference is None else self.zero_m - reference * self.length_m,
            None if above_sea_m is None else -above_sea_m,
            self.zero_m,
        ]
        for base_m in bases_m:
            if base_m is not None:
                ground_m = base_m + terrain * self.length_m
                if min(floors_m) - 3 <= ground_m <= max(floors_m) + 3:
                    return float(ground_m)
        return None

    def _storey(self, index: int) -> PlaceDraft:
        storey = self.storeys[index]
        thing = self.by_key[storey.main.key].thing
        branches = [self.by_key[level.key] for level in storey.levels]
        own = self.desk.bodies.get(thing.id())
        shape = own.plan if own else self._storey_plan(branches)
        if shape is None:
            self.desk.notices.add("ifc.storey_without_shape", "Storeys have no shape.", "Draw rooms or slabs.", thing)
        floor_m, top_m = (own.z_min_m, own.z_max_m) if own else (storey.floor_m, self._top_m(index, branches))
        attributes = attributes_of(thing, "storey", self.desk.properties)
        if shape is not None:
            attributes.setdefault("area_m2", round(shape.area, 2))
        if top_m is not None:
            attributes["height_m"] = round(top_m - floor_m, 3)
        if len(branches) > 1:
            attributes["levels"] = [clean(branch.thing.Name) for branch in branches]
        return PlaceDraft(
            kind="storey",
            parent_key=self.desk.key(self.building.thing),
            name=clean(thing.Name) or clean(thing.LongName),
            storey=storey.number,
            attributes=attributes,
            **self.desk.identity(thing),
            **self.desk.extent(shape, [floor_m, *([] if top_m is None else [top_m])]),
        )

    def _storey_plan(self, branches: list[Branch]) -> BaseGeometry | None:
        elements = [
            element for branch in branches for element in branch.elements if any(map(element.is_a, STOREY_PLAN))
        ]
        built = footprint.merge(footprint.stack([body.triangles for body in self.desk.bodies_of(elements)]))
        rooms = [body.plan for branch in branches for body in self.desk.bodies_of(branch.spaces)]
        return footprint.tidy(footprint.join([built, *rooms]), close_m=0.25, hole_m2=1.0, simplify_m=0.05)

    def _top_m(self, index: int, branches: list[Branch]) -> float | None:
        if index + 1 < len(self.storeys):
            return self.storeys[index + 1].floor_m
        tops = [body.z_max_m for branch in branches for body in self.desk.bodies_of(branch.spaces)]
        tops = tops or [body.z_max_m for branch in branches for body in self.desk.bodies_of(branch.elements)]
        return max(tops) if tops and max(tops) > self.storeys[index].floor_m else None

    # spaces

    def _spaces(self) -> Iterator[tuple[Any, Storey | None]]:
        numbered = {level.key: storey for storey in self.storeys for level in storey.levels}
        for branch in self.building.branches:
            storey = None if branch.thing is None else numbered.get(self.desk.key(branch.thing))
            for space in branch.spaces:
                yield space, storey or self._storey_by_height(space)

    def _storey_by_height(self, space: Any) -> Storey | None:
        body = self.desk.bodies.get(space.id())
        below = [storey for storey in self.storeys if body and storey.floor_m <= body.z_min_m + 0.6]
        if not below:
            self.desk.notices.add(
                "ifc.space_without_storey", "Spaces belong to no storey.", "Place them in a storey.", space
            )
            return None
        return below[-1]

    def _space(self, space: Any, storey: Storey | None) -> PlaceDraft:
        body = self.desk.bodies.get(space.id())
        name, long_name = clean(space.Name), clean(space.LongName)
        attributes = attributes_of(space, "space", self.desk.properties)
        groups = [name for name in group_names(space) if self.desk.properties.screen.admits(name, name, space.GlobalId)]
        unit = attributes.get("unit_no") or unit_number(*groups, name, long_name)
        room = self._door(space, unit, storey, door_number(name))
        use = attributes.get("use") or code_of("space", "use", long_name) or code_of("space", "use", name)
        measured = {} if body is None or body.plan is None else {"area_m2": round(body.plan.area, 2)}
        height = {} if body is None else {"height_m": round(body.z_max_m - body.z_min_m, 3)}
        known = {"room_no": room, "unit_no": unit, "use": use, "long_name": long_name, "groups": groups or None}
        return PlaceDraft(
            kind="space",
            parent_key=self.desk.key(self.building.thing if storey is None else self.by_key[storey.main.key].thing),
            name=_space_name(name, long_name),
            unit=unit,
            storey=storey.number if storey else None,
            room=room,
            attributes=measured
            | height
            | attributes
            | {field_name: value for field_name, value in known.items() if value is not None},
            **self.desk.identity(space),
            **self.desk.extent(body.plan if body else None, [body.z_min_m, body.z_max_m] if body else []),
        )

    def _door(self, space: Any, unit: int | None, storey: Storey | None, door: str | None) -> str | None:
        """Return the door number, ``None`` when another room of this unit and storey has it already."""
        if door is None:
            return None
        taken = (unit, storey.number if storey else None, door)
        if taken in self.doors:
            self.desk.notices.add(
                "ifc.door_number_twice", "Rooms of one storey bear one number; only the first keeps it.",
                "Number the rooms.", space,
            )  # fmt: skip
            return None
        self.doors.add(taken)
        return door

    def _derived(self, storeys: list[PlaceDraft]) -> Iterator[PlaceDraft]:
        """Yield the rooms that walls enclose on storeys for which the model has none."""
        for storey, draft in zip(self.storeys, storeys, strict=True):
            if not any(self.by_key[level.key].spaces for level in storey.levels):
                yield from self.walls.rooms(draft, storey.floor_m)

    # units and the building

    def _units(self, spaces: Iterable[PlaceDraft]) -> Iterator[PlaceDraft]:
        members: dict[int, list[PlaceDraft]] = defaultdict(list)
        for space in spaces:
            if space.unit is not None:
                members[space.unit].append(space)
        by_key = {self.desk.key(space): space for branch in self.building.branches for space in branch.spaces}
        for number, drafts in sorted(members.items()):
            bodies = self.desk.bodies_of(by_key[draft.key] for draft in drafts)
            shape = footprint.join(body.plan for body in bodies)
            heights = [height for body in bodies for height in (body.z_min_m, body.z_max_m)]
            yield PlaceDraft(
                kind="unit",
                key=f"{self.desk.key(self.building.thing)}/unit/{number}",
                parent_key=self.desk.key(self.building.thing),
                name=f"{number}单元",
                unit=number,
                attributes={"unit_no": number},
                **self.desk.extent(footprint.tidy(shape, close_m=0.25, hole_m2=1.0, simplify_m=0.05), heights),
            )

    def _building(self, storeys: list[PlaceDraft], units: list[PlaceDraft]) -> PlaceDraft:
        thing = self.building.thing
        shape, heights = self._outline()
        if shape is None:
            self.desk.notices.add("ifc.building_without_shape", "Buildings have no shape.", "Draw its outline.", thing)
        name = self._name()
        attributes = (
            self._counts(storeys, units)
            | self.walls.outline(self._outside_m(), shape)
            | attributes_of(thing, "building", self.desk.properties)
        )
        identity = self.desk.identity(thing)
        if number := attributes.get("building_no") or building_number(name):
            identity["identifiers"] = identity["identifiers"] | {"building_no": str(number)}
            attributes["building_no"] = str(number)
        if materials := materials_of(self.desk, self.building):
            attributes["materials"] = materials
        return PlaceDraft(
            kind="building", name=name, attributes=attributes, **identity, **self.desk.extent(shape, heights)
        )

    def _outline(self) -> tuple[BaseGeometry | None, list[float]]:
        """Return footprint and heights: of the building's own body, else of all that is in it."""
        if own := self.desk.bodies.get(self.building.thing.id()):
            return own.plan, [own.z_min_m, own.z_max_m]
        spaces = self.desk.bodies_of(space for branch in self.building.branches for space in branch.spaces)
        elements = self.desk.bodies_of(element for branch in self.building.branches for element in branch.elements)
        built = footprint.merge(footprint.stack([body.triangles for body in elements]))
        whole = footprint.join([built, *(body.plan for body in spaces)])
        shape = footprint.tidy(whole, close_m=0.3, hole_m2=4.0, simplify_m=0.05)
        heights = [height for body in (*spaces, *elements) for height in (body.z_min_m, body.z_max_m)]
        return shape, heights

    def _counts(self, storeys: list[PlaceDraft], units: list[PlaceDraft]) -> dict[str, Any]:
        numbers = [storey.storey or 0 for storey in storeys]
        ground_m = None if self.desk.frame.height_offset_m is None else self.ground_m
        found = {
            "storey_count": sum(number > 0 for number in numbers) or None,
            "basement_count": sum(number < 0 for number in numbers) if numbers else None,
            "unit_count": len(units) or None,
            "ground_elevation_m": None if ground_m is None else self.desk.height_m(ground_m),
            "ground_source": None if ground_m is None else "stated",
            **address_of(self.building.thing),
        }
        return {name: value for name, value in found.items() if value is not None}

    def _name(self) -> str | None:
        thing = self.building.thing
        names = [thing.LongName, thing.Name]
        if len(self.desk.tree.buildings) == 1:
            names += [part for kind in ("IfcSite", "IfcProject") for above in self.desk.model.by_type(kind)[:1]
                      for part in (above.LongName, above.Name)]  # fmt: skip
            names.append(self.desk.file_stem)
        return first_name(names)


def _space_name(name: str | None, long_name: str | None) -> str | None:
    """Return number and name of a room, each once.

    >>> _space_name("4", "Schlafzimmer"), _space_name("1 - Bad", "Bad"), _space_name(None, None)
    ('4 Schlafzimmer', '1 - Bad', None)
    """
    if name and long_name and long_name not in name:
        return f"{name} {long_name}"
    return name or long_name


def counts(model: Any, places: Iterable[PlaceDraft]) -> Mapping[str, int]:
    """Return how many of each thing the model holds, and how many places came out of it."""
    kinds = ("IfcSite", "IfcBuilding", "IfcBuildingStorey", "IfcSpace", "IfcZone")
    found = {kind: len(model.by_type(kind)) for kind in kinds}
    found["instances"] = len(model.entity_names())
    for place in places:
        found[place.kind] = found.get(place.kind, 0) + 1
    return found
