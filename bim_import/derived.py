"""What walls say of a building: the rooms they enclose where a model has none, and the outline they stand on."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from bim_import import footprint
from bim_import.draughtsman import Draughtsman
from bim_import.section import CUT_M, Enclosed, enclosed
from bim_import.shell import Shell
from bim_import.tree import COVER, UPRIGHT, BuildingTree
from twin.feature import PlaceDraft

_DEGREES = 1e-8  # a millimetre


class Walls:
    """The walls of one building, whatever level they are drawn on."""

    def __init__(self, desk: Draughtsman, building: BuildingTree) -> None:
        self._desk = desk
        self._building = building
        self._enclosed = cache(self._cut)  # two questions, often of one height

    def rooms(self, storey: PlaceDraft, floor_m: float) -> Iterator[PlaceDraft]:
        """Yield the rooms that walls enclose on a storey: marked ``derived``, without name or number.

        Args:
            storey: The storey they are in; they take its height.
            floor_m: Its floor, local metres.
        """
        found = self._enclosed(floor_m + CUT_M)
        height = {"height_m": storey.attributes["height_m"]} if "height_m" in storey.attributes else {}
        for number, shape in enumerate(found.rooms if found else (), start=1):
            self._desk.notices.add(
                "ifc.spaces_derived", "Storeys have no rooms; what their walls enclose was taken for rooms.",
                "Export the rooms (IfcSpace): names, numbers and uses cannot be derived.", self._building.thing,
            )  # fmt: skip
            yield PlaceDraft(
                kind="space",
                key=f"{storey.key}/derived/{number}",
                parent_key=storey.key,
                storey=storey.storey,
                geometry=self._desk.frame.to_crs84(shape),
                z_min_m=storey.z_min_m,
                z_max_m=storey.z_max_m,
                attributes={"derived": True, "area_m2": round(shape.area, 2), **height},
            )

    def outline(self, ground_m: float | None, silhouette: BaseGeometry | None) -> dict[str, Any]:
        """Return ``footprint_walls`` (GeoJSON, CRS84) and its area: walls and rooms a metre above the ground.

        Unlike the silhouette it has neither eaves nor terraces. Nothing where there is no ground, or where walls and
        rooms are less than a third of the silhouette: behind columns and glass they are no outline.
        """
        found = None if ground_m is None else self._enclosed(ground_m + CUT_M)
        if found is None or ground_m is None or silhouette is None:
            return {}
        whole = footprint.join([found.outline, *self._rooms_at(ground_m + CUT_M)])
        shape = footprint.tidy(whole, close_m=0.3, hole_m2=4.0, simplify_m=0.05)
        if shape is None or shape.area < silhouette.area / 3:
            return {}
        drawn = shapely.set_precision(self._desk.frame.to_crs84(shape), _DEGREES)
        return {"footprint_walls": shapely.geometry.mapping(drawn), "footprint_walls_m2": round(shape.area, 2)}

    def _cut(self, z_m: float) -> Enclosed | None:
        return enclosed(self._shells(UPRIGHT), self._gaps(z_m), self._shells(COVER), z_m)

    def _rooms_at(self, z_m: float) -> list[BaseGeometry]:
        bodies = self._desk.bodies_of(space for branch in self._building.branches for space in branch.spaces)
        return [body.plan for body in bodies if body.plan is not None and body.z_min_m <= z_m <= body.z_max_m]

    def _shells(self, kinds: tuple[str, ...]) -> list[Shell]:
        elements = [element for branch in self._building.branches for element in branch.elements]
        bodies = self._desk.bodies_of(element for element in elements if any(map(element.is_a, kinds)))
        return [body.shell for body in bodies if body.shell is not None]

    def _gaps(self, z_m: float) -> list[BaseGeometry]:
        bodies = self._desk.bodies_of(filling for branch in self._building.branches for filling in branch.fillings)
        return [
            shapely.MultiPoint(body.triangles.reshape(-1, 2)).convex_hull
            for body in bodies
            if body.z_min_m <= z_m <= body.z_max_m and len(body.triangles)
        ]
