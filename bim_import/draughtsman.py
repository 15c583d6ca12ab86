"""What the drawing of places shares: the model, its tree, its frame, and the bodies of what was meshed."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from bim_import import footprint, kernel
from bim_import.attributes import space_code_of
from bim_import.displaced import displaced
from bim_import.footprint import Floats
from bim_import.frame import Frame
from bim_import.kernel import Caution
from bim_import.notices import Notices
from bim_import.properties import PropertyReader
from bim_import.shell import Shell, lighten
from bim_import.tree import BuildingTree, Tree, is_global_id, repeated_global_ids
from bim_import.units import Units


@dataclass(frozen=True, slots=True)
class Body:
    """What a mesh says about a product, in local metres: height range and plan triangles.

    Spaces have the union of these too, elements of the envelope a light shell.
    """

    z_min_m: float
    z_max_m: float
    triangles: Floats
    plan: BaseGeometry | None = None
    shell: Shell | None = None


class Draughtsman:
    """Draws the places of one model."""

    def __init__(
        self, model: Any, tree: Tree, units: Units, frame: Frame, file_stem: str, caution: Caution | None = None
    ) -> None:
        self.model = model
        self.tree = tree
        self.units = units
        self.frame = frame
        self.file_stem = file_stem
        self._caution = caution or Caution()
        self.notices = Notices()
        self.properties = PropertyReader(units)
        things = [branch.thing for building in tree.buildings for branch in building.levels]
        things += [space for building in tree.buildings for branch in building.branches for space in branch.spaces]
        self.repeated = repeated_global_ids([*things, *(building.thing for building in tree.buildings)])
        self.bodies: dict[int, Body] = {}
        self.homes: dict[str, str] = {}
        """Key of a level → key of the storey that it is, or is part of."""

    def shape(self, progress: Callable[[str, float], None]) -> None:
        """Mesh the spaces, then the envelope, and doors and windows that close gaps between walls without rooms."""
        branches = [branch for building in self.tree.buildings for branch in building.branches]
        spaces = [space for branch in branches for space in branch.spaces]
        self._mesh(spaces, "spaces", _outlined, progress)
        # Models without walls may give the building and its levels a body of their own.
        levels = [level.thing for building in self.tree.buildings for level in building.levels]
        wholes = [*levels, *(building.thing for building in self.tree.buildings)]
        self._mesh(wholes, "outlines", _outlined, progress)
        self._mesh([element for branch in branches for element in branch.elements], "envelope", _light, progress)
        self._mesh([filling for branch in branches for filling in branch.fillings], "gaps", _body, progress)
        self._note_skipped()
        self._drop_placeholders(spaces)
        for building in self.tree.buildings:
            self._drop_displaced(building)

    def meshes(self, things: Sequence[Any], done: Callable[[float], None] = lambda _: None) -> Iterator[kernel.Mesh]:
        """Yield the meshes of things, as carefully as earlier readings of the file taught."""
        return kernel.meshes(self.model, things, done, self._caution)

    def _mesh(
        self,
        things: list[Any],
        stage: str,
        body_of: Callable[[kernel.Mesh], Body],
        progress: Callable[[str, float], None],
    ) -> None:
        for mesh in self.meshes(things, lambda share: progress(stage, share)):
            self.bodies[mesh.product] = body_of(mesh)

    def _note_skipped(self) -> None:
        for number in sorted(self._caution.skipped):
            self.notices.add(
                "ifc.product_skipped", "The geometry of products cannot be computed; they were left out.",
                "Draw them anew, or export the model without them.", self.model.by_id(number),
            )  # fmt: skip

    def bodies_of(self, things: Iterable[Any]) -> list[Body]:
        """Return the bodies of those things that have one."""
        return [body for thing in things if (body := self.bodies.get(thing.id()))]

    def key(self, thing: Any) -> str:
        """Return the batch key of a thing: its GlobalId when that is unique and well formed, else with its number."""
        if is_global_id(thing.GlobalId) and thing.GlobalId not in self.repeated:
            return str(thing.GlobalId)
        return f"{thing.GlobalId or ''}#{thing.id()}"

    def identity(self, thing: Any) -> dict[str, Any]:
        """Return the identifying values of a draft; a GlobalId that identifies nothing is left out."""
        key = self.key(thing)
        if key == thing.GlobalId:
            names = {"ifc:GlobalId": key, **space_code_of(thing)}
            return {"key": key, "source_element": key, "identifiers": names}
        self.notices.add(
            "ifc.bad_global_id", "GlobalIds are malformed or used twice; they were not kept as identifiers.",
            "Let the authoring tool repair its GlobalIds, else a new issue cannot be matched by them.", thing,
        )  # fmt: skip
        return {"key": key, "source_element": key, "identifiers": {}}

    def extent(self, shape: BaseGeometry | None, heights: Iterable[float]) -> dict[str, Any]:
        """Return geometry and height range in the outer frame."""
        known = list(heights)
        return {
            "geometry": None if shape is None else self.frame.to_crs84(shape),
            "z_min_m": self.height_m(min(known)) if known else None,
            "z_max_m": self.height_m(max(known)) if len(known) > 1 else None,
        }

    def height_m(self, local_z_m: float) -> float:
        """Return a height in the outer frame, to the millimetre."""
        return round(self.frame.height_m(local_z_m), 3) + 0.0  # no minus zero

    def _drop_placeholders(self, spaces: Iterable[Any]) -> None:
        for space in spaces:
            body = self.bodies.get(space.id())
            if body and body.plan is not None and body.plan.area > footprint.LARGEST_SPACE_M2:
                del self.bodies[space.id()]
                self.notices.add(
                    "ifc.space_too_large", "Spaces are larger than 100000 m²; their shape was not believed.",
                    "Draw them in the authoring tool.", space,
                )  # fmt: skip
            elif body is None or body.plan is None:
                self.notices.add(
                    "ifc.space_without_shape", "Spaces have no shape.", "Export the rooms with 3-D geometry.", space
                )

    def _drop_displaced(self, building: BuildingTree) -> None:
        spaces = {space.id(): space for branch in building.branches for space in branch.spaces}
        plans = {name: body.plan for name in spaces if (body := self.bodies.get(name)) and body.plan is not None}
        elements = self.bodies_of(element for branch in building.branches for element in branch.elements)
        for name in sorted(displaced(plans, [_box(body) for body in elements if len(body.triangles)])):
            del self.bodies[name]
            self.notices.add(
                "ifc.space_displaced", "Spaces lie more than 25 m from their building; their shape was not believed.",
                "Move them to the building in the authoring tool.", spaces[name],
            )  # fmt: skip


def _box(body: Body) -> BaseGeometry:
    low, high = body.triangles.min(axis=(0, 1)), body.triangles.max(axis=(0, 1))
    box: BaseGeometry = shapely.box(*low, *high)
    return box


def _body(mesh: kernel.Mesh) -> Body:
    heights = mesh.points[mesh.faces.ravel(), 2]
    return Body(float(heights.min()), float(heights.max()), footprint.plan_triangles(mesh.points, mesh.faces))


def _outlined(mesh: kernel.Mesh) -> Body:
    body = _body(mesh)
    return Body(body.z_min_m, body.z_max_m, body.triangles, footprint.merge(body.triangles))


def _light(mesh: kernel.Mesh) -> Body:
    body = _body(mesh)
    return Body(body.z_min_m, body.z_max_m, body.triangles, shell=lighten(mesh.points, mesh.faces))
