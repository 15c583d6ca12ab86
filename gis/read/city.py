"""From the faces of a city model's building to one footprint, its heights and a row."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from gis.read.repair import repaired
from gis.read.row import Row

Role = Literal["footprint", "roof edge", "ground", "other"]

_UPRIGHT = 0.02  # of a face's area that its projection keeps; below that it is a wall
_TALLEST_M = 1_000
_HIGHEST_LOD = 3  # exclusive: openings and interiors of LoD 3 and 4 say nothing about footprint and height


@dataclass(frozen=True, slots=True)
class Face:
    """One flat face of a building.

    Attributes:
        lod: Level of detail it belongs to; ``None`` when it is not said.
        role: What it is of the building.
        rings: Outer ring, then holes; each (n, 3), in the source's frame.
    """

    lod: float | None
    role: Role
    rings: Sequence[NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Body:
    """Footprint (flat, in the source's frame) and the heights of the lowest and highest corner, metres."""

    footprint: BaseGeometry | None
    z_min: float | None
    z_max: float | None


def body_of(faces: Sequence[Face], grid: float) -> Body:
    """Return what a building's faces make together.

    The footprint is the one the model draws (LoD 0), failing that its ground surfaces, failing that its roof edge,
    failing that the projection of the most detailed solid up to LoD 2. Heights are those of that solid.

    Args:
        faces: Of the building and all its parts.
        grid: Smallest distance that counts, in units of the frame.

    >>> corners = [(0, 0), (4, 0), (4, 3), (0, 3), (0, 0)]
    >>> flat = lambda z: [np.array([(x, y, z) for x, y in corners], dtype=float)]
    >>> body = body_of([Face(1, "other", flat(5.0)), Face(1, "other", flat(17.5))], 1e-3)
    >>> body.footprint.area, body.z_min, body.z_max
    (12.0, 5.0, 17.5)
    >>> body_of([], 1e-3)
    Body(footprint=None, z_min=None, z_max=None)
    """
    solid = _most_detailed([face for face in faces if face.lod is None or face.lod >= 1])
    choices = (
        [face for face in faces if face.role == "footprint"],
        _most_detailed([face for face in faces if face.role == "ground"]),
        [face for face in faces if face.role == "roof edge"],
        solid,
    )
    drawn = (_outline(choice, grid) for choice in choices if choice)
    footprint = next((shape for shape in drawn if shape is not None), None)
    heights = np.concatenate([ring[:, 2] for face in solid or faces for ring in face.rings] or [np.empty(0)])
    known = heights[np.isfinite(heights)]
    return Body(footprint, *((float(known.min()), float(known.max())) if known.size else (None, None)))


def _most_detailed(faces: Sequence[Face]) -> list[Face]:
    levels = {face.lod for face in faces if face.lod is not None}
    fit = {level for level in levels if level < _HIGHEST_LOD}
    best = max(fit) if fit else min(levels, default=None)
    return [face for face in faces if face.lod == best]


def _outline(faces: Sequence[Face], grid: float) -> BaseGeometry | None:
    shapes = [shape for face in faces if (shape := _flat(face)) is not None]
    if len(shapes) == 1:
        return shapes[0]  # as drawn: when it is invalid, the reader mends and reports it
    sound = [mended for shape in shapes if (mended := repaired(shape)) is not None]
    if not sound:
        return shapes[0] if shapes else None
    whole = shapely.union_all(sound, grid_size=grid)
    # Corners in the middle of a straight edge are left where two faces met.
    simple: BaseGeometry = shapely.simplify(whole, grid)
    return None if simple.is_empty else simple


def _flat(face: Face) -> BaseGeometry | None:
    rings = [ring[:, :2] for ring in face.rings if len(ring) >= 4]
    if not rings or len(face.rings[0]) < 4 or not all(np.isfinite(ring).all() for ring in rings):
        return None
    shape: BaseGeometry = shapely.Polygon(rings[0], rings[1:])
    return shape if shape.area > _UPRIGHT * _area(face.rings[0]) else None


def _area(ring: NDArray[np.float64]) -> float:
    """Area of a ring in space; flat when heights are not known."""
    corners = np.nan_to_num(ring - ring[0])
    return float(np.linalg.norm(np.cross(corners[:-1], corners[1:]).sum(axis=0)) / 2)


def grid_of(faces: Iterable[Face]) -> float:
    """Return a millimetre in units of the frame: positions within 400 are degrees."""
    first = next((face.rings[0] for face in faces if len(face.rings[0])), None)
    return 1e-8 if first is not None and np.all(np.abs(first[:, :2]) < 400) else 1e-3


def row_of(number: int, body: Body, properties: Mapping[str, Any]) -> Row:
    """Return the building's row; ``height`` is what was measured, else from its lowest to its highest corner.

    A measured height that no building has, such as one in millimetres, gives way to the drawn one.

    >>> row_of(1, Body(None, 41.0, 46.7), {"measuredHeight": 5690.0}).properties["height"]
    5.7
    """
    measured = properties.get("measuredHeight")
    drawn = None if body.z_min is None or body.z_max is None else round(body.z_max - body.z_min, 3)
    stated = isinstance(measured, int | float) and 0 < measured < _TALLEST_M
    height = measured if stated else drawn or None
    return Row(number, body.footprint, body.z_min, {"height": height, **properties})
