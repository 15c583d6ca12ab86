"""The light envelope of each storey as GLB: walls, slabs, roofs, curtain walls and plates, their openings filled."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from bim_import.draughtsman import Draughtsman
from bim_import.footprint import Floats
from bim_import.model import Envelope
from bim_import.shell import Shell
from bim_import.tree import BuildingTree
from gis.local import LocalFrame
from gis.write.glb import Colors, shells_scene
from twin.feature import PlaceDraft

_REACH_M = 100.0
_CORNERS_M = np.array([[0.0, 0.0], [_REACH_M, 0.0], [0.0, _REACH_M]])

KINDS = {"IfcWall": "wall", "IfcSlab": "slab", "IfcRoof": "roof", "IfcCurtainWall": "curtain_wall", "IfcPlate": "plate"}

COLORS: Colors = {
    "wall": (0.78, 0.77, 0.74, 1.0),
    "slab": (0.62, 0.63, 0.64, 1.0),
    "roof": (0.46, 0.30, 0.26, 1.0),
    "curtain_wall": (0.45, 0.60, 0.68, 0.55),
    "plate": (0.45, 0.60, 0.68, 0.55),
}


def envelopes(desk: Draughtsman, places: Sequence[PlaceDraft]) -> Iterator[Envelope]:
    """Yield the envelope of each storey, and of what a building holds outside its storeys.

    Those of one building share an origin, the middle of its footprint. Needs the places drawn before.
    """
    drawn = {place.key: place for place in places if place.kind == "building"}
    for building in desk.tree.buildings:
        place = drawn[desk.key(building.thing)]
        if place.geometry is not None and place.z_min_m is not None:
            yield from _of_building(desk, building, place)


def _of_building(desk: Draughtsman, building: BuildingTree, place: PlaceDraft) -> Iterator[Envelope]:
    frame, base_m = LocalFrame.around(place.geometry), float(place.z_min_m or 0.0)
    origin = {"lon_deg": frame.lon_deg, "lat_deg": frame.lat_deg, "height_m": base_m, "crs": "OGC:CRS84"}
    outside = _affine(desk, frame)
    by_home: dict[str, dict[str, list[tuple[str, Shell]]]] = defaultdict(lambda: defaultdict(list))
    for branch in building.branches:
        home = place.key if branch.thing is None else desk.homes.get(desk.key(branch.thing), place.key)
        for element in branch.elements:
            body = desk.bodies.get(element.id())
            if body is not None and body.shell is not None:
                by_home[home][_kind_of(element)].append((element.GlobalId or f"#{element.id()}", body.shell))
    for home, kinds in by_home.items():
        bodies = {
            kind: [(name, [(outside(shell.points) - [0, 0, base_m], shell.faces)]) for name, shell in shells]
            for kind, shells in kinds.items()
        }
        glb = shells_scene(home, bodies, COLORS, {"origin": origin})
        counted = [shell for shells in kinds.values() for _, shell in shells]
        yield Envelope(key=home, glb=glb, elements=len(counted), triangles=sum(len(shell.faces) for shell in counted))


def _affine(desk: Draughtsman, frame: LocalFrame) -> Callable[[Floats], Floats]:
    """Return how local metres become metres east, north and up of the frame's origin: true to a millimetre over 1 km.

    Both planes are conformal and the building is small, so three points tell the whole of it.
    """
    start = desk.frame.local_m([[frame.lon_deg, frame.lat_deg]])[0]
    corners = np.column_stack(frame.to_metres(*desk.frame.lonlat(start + _CORNERS_M).T))
    turn = (corners[1:] - corners[0]) / _REACH_M

    def outside(points: Floats) -> Floats:
        plan = (points[:, :2] - start) @ turn + corners[0]
        return np.column_stack([plan, points[:, 2] + (desk.frame.height_offset_m or 0.0)])

    return outside


def _kind_of(element: Any) -> str:
    return next(kind for name, kind in KINDS.items() if element.is_a(name))
