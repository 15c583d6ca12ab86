"""The spatial tree of a model: which building and level everything belongs to."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from bim_import.entity import attribute
from bim_import.names import clean
from gis.errors import BadInput

ENVELOPE = ("IfcWall", "IfcSlab", "IfcRoof", "IfcCurtainWall", "IfcPlate")
"""Classes that make a building's outline; markers, furniture and terrain are kept out of it."""

STOREY_PLAN = ("IfcWall", "IfcSlab")
UPRIGHT = ("IfcWall", "IfcCurtainWall", "IfcPlate")
COVER = ("IfcSlab", "IfcRoof")


@dataclass(slots=True)
class Branch:
    """A level, or what a building holds outside its levels; ``thing`` is ``None`` for the latter.

    ``fillings`` are the doors and windows of a level without rooms that stand between its walls, not in openings.
    """

    thing: Any
    spaces: list[Any] = field(default_factory=list)
    elements: list[Any] = field(default_factory=list)
    fillings: list[Any] = field(default_factory=list)


@dataclass(slots=True)
class BuildingTree:
    """A building with its levels; ``loose`` holds what stands in no level."""

    thing: Any
    levels: list[Branch] = field(default_factory=list)
    loose: Branch = field(default_factory=lambda: Branch(None))

    @property
    def branches(self) -> list[Branch]:
        """All levels, then the loose things."""
        return [*self.levels, self.loose]


@dataclass(slots=True)
class Tree:
    """The buildings of a model; ``stray_spaces`` belong to none of them."""

    buildings: list[BuildingTree]
    stray_spaces: list[Any]
    parents: dict[int, Any]


def read_tree(model: Any) -> Tree:
    """Return the spatial tree.

    Things that stand nowhere belong to the only building, when there is only one. Envelope elements that stand in the
    site itself (terrain, roads drawn as slabs) belong to no building.

    Raises:
        BadInput: ``ifc.cycle``: a thing is part of itself; the geometry kernel would never come back.
    """
    parents = _parents(model)
    _refuse_cycles(parents)
    buildings = {thing.id(): BuildingTree(thing) for thing in model.by_type("IfcBuilding")}
    only = next(iter(buildings.values())) if len(buildings) == 1 else None
    branches: dict[int, Branch] = {}
    for level in model.by_type("IfcBuildingStorey"):
        if home := _home(level, parents, buildings) or only:
            branches[level.id()] = Branch(level)
            home.levels.append(branches[level.id()])
    stray = []
    for space in model.by_type("IfcSpace"):
        branch = _branch(space, parents, branches, buildings) or (only and only.loose)
        if branch:
            branch.spaces.append(space)
        else:
            stray.append(space)
    for element in _envelope(model):
        branch = _branch(element, parents, branches, buildings)
        if branch is None and only and not _stands_in_site(element, parents):
            branch = only.loose
        if branch:
            branch.elements.append(element)
    for filling in (*model.by_type("IfcDoor"), *model.by_type("IfcWindow")):
        branch = None if filling.FillsVoids else _branch(filling, parents, branches, buildings)
        if branch and not branch.spaces:
            branch.fillings.append(filling)
    return Tree(list(buildings.values()), stray, parents)


def ancestors(thing: Any, parents: dict[int, Any]) -> Iterator[Any]:
    """Yield what a thing is part of, nearest first; a cycle ends the walk."""
    seen = {thing.id()}
    while (thing := parents.get(thing.id())) is not None and thing.id() not in seen:
        seen.add(thing.id())
        yield thing


def is_global_id(text: str | None) -> bool:
    """Tell whether a text has the shape of an IFC GlobalId.

    >>> is_global_id("2XQ$n5SLP5MBLyL442paFx"), is_global_id("None"), is_global_id(None)
    (True, False, False)
    """
    return text is not None and len(text) == 22 and all(part.isalnum() or part in "_$" for part in text)


def global_id_of(thing: Any) -> str | None:
    """Return the GlobalId of a thing, ``None`` when it is malformed."""
    return str(thing.GlobalId) if is_global_id(thing.GlobalId) else None


def repeated_global_ids(things: list[Any]) -> set[str]:
    """Return the GlobalIds that more than one of the things bears."""
    return {name for name, count in Counter(thing.GlobalId for thing in things).items() if count > 1}


def _parents(model: Any) -> dict[int, Any]:
    parents = {}
    for relation in model.by_type("IfcRelAggregates"):
        for part in relation.RelatedObjects or ():
            parents[part.id()] = relation.RelatingObject
    for relation in model.by_type("IfcRelContainedInSpatialStructure"):
        for part in relation.RelatedElements or ():
            parents.setdefault(part.id(), relation.RelatingStructure)
    return {part: whole for part, whole in parents.items() if whole is not None}


def _refuse_cycles(parents: dict[int, Any]) -> None:
    sound: set[int] = set()
    for start in parents:
        trail: list[int] = []
        part: int | None = start
        while part is not None and part not in sound:
            if part in trail:
                name = parents[part].GlobalId
                raise BadInput("ifc.cycle", "A thing is part of itself.", "Mend the spatial tree.", global_id=name)
            trail.append(part)
            part = parents[part].id() if part in parents else None
        sound.update(trail)


def _home(thing: Any, parents: dict[int, Any], buildings: dict[int, BuildingTree]) -> BuildingTree | None:
    found = (buildings[above.id()] for above in ancestors(thing, parents) if above.id() in buildings)
    return next(found, None)


def _branch(
    thing: Any, parents: dict[int, Any], branches: dict[int, Branch], buildings: dict[int, BuildingTree]
) -> Branch | None:
    for above in ancestors(thing, parents):
        if above.id() in branches:
            return branches[above.id()]
        if above.id() in buildings:
            return buildings[above.id()].loose
    return None


def _stands_in_site(thing: Any, parents: dict[int, Any]) -> bool:
    return any(above.is_a("IfcSite") for above in ancestors(thing, parents))


def _envelope(model: Any) -> Iterator[Any]:
    for kind in ENVELOPE:
        yield from model.by_type(kind)


def group_names(space: Any) -> Iterator[str]:
    """Yield the names of the zones and groups a space is in, and of those these are in."""
    for group in _groups_of(space):
        for one in (group, *_groups_of(group)):
            if name := clean(one.Name) or clean(attribute(one, "LongName")):
                yield name


def _groups_of(thing: Any) -> list[Any]:
    relations: Iterable[Any] = attribute(thing, "HasAssignments") or ()
    return [relation.RelatingGroup for relation in relations if relation.is_a("IfcRelAssignsToGroup")]
