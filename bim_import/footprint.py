"""Plans of triangle meshes, in local metres; arrays and shapely only."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

Floats = npt.NDArray[np.float64]

VERTICAL = 0.02
"""Faces whose normal rises less than this are walls, not floors."""

SNAP_M = 0.001
LARGEST_SPACE_M2 = 1e5
"""No room is larger; a larger one is a placeholder box."""


def plan_triangles(points: Floats, faces: npt.NDArray[np.int32]) -> Floats:
    """Return the (n, 3, 2) plan triangles that cover the silhouette of a mesh of (p, 3) points and (f, 3) faces.

    A closed solid is covered by its downward faces alone. Exporters orient faces carelessly, so those are trusted only
    when they cover as much plan as the upward ones do; else every face that is not vertical is taken.

    >>> plan_triangles(np.empty((0, 3)), np.empty((0, 3), dtype=np.int32)).shape
    (0, 3, 2)
    """
    triangles = points[faces]
    normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    lengths = np.linalg.norm(normals, axis=1)
    slopes = np.divide(normals[:, 2], lengths, out=np.zeros(len(normals)), where=lengths > 1e-12)
    down, up = slopes < -VERTICAL, slopes > VERTICAL
    plan_down, plan_up = -normals[down, 2].sum(), normals[up, 2].sum()
    closed = abs(plan_down - plan_up) <= 0.01 * max(plan_down, plan_up)
    return np.ascontiguousarray(triangles[down if closed else down | up][:, :, :2])


def merge(triangles: Floats) -> BaseGeometry | None:
    """Return the union of (n, 3, 2) triangles on a 1 mm grid; ``None`` when they cover nothing."""
    if not len(triangles):
        return None
    return polygonal(shapely.union_all(shapely.polygons(triangles), grid_size=SNAP_M))


def join(shapes: Iterable[BaseGeometry | None]) -> BaseGeometry | None:
    """Return the union of those that are there; ``None`` when none is."""
    present = [shape for shape in shapes if shape is not None]
    return polygonal(shapely.union_all(present, grid_size=SNAP_M)) if present else None


def tidy(shape: BaseGeometry | None, *, close_m: float, hole_m2: float, simplify_m: float) -> BaseGeometry | None:
    """Return a shape with gaps up to ``2 close_m`` closed, smaller holes and parts dropped, vertices thinned."""
    if shape is None:
        return None
    closed = shape.buffer(close_m, join_style="mitre").buffer(-close_m, join_style="mitre")
    parts = [_without_holes(part, hole_m2) for part in shapely.get_parts(closed) if part.area >= hole_m2]
    return polygonal(shapely.union_all(parts).simplify(simplify_m)) if parts else None


def polygonal(shape: BaseGeometry) -> BaseGeometry | None:
    """Return the polygon or multipolygon in a geometry; ``None`` when there is no area in it.

    >>> polygonal(shapely.Point(0, 0)) is None
    True
    """
    if not shape.is_valid:
        shape = shapely.make_valid(shape)
    parts = [part for part in shapely.get_parts(shape) if part.geom_type == "Polygon" and part.area > SNAP_M]
    nested = [part for part in shapely.get_parts(shape) if part.geom_type == "MultiPolygon"]
    parts += [inner for part in nested for inner in part.geoms if inner.area > SNAP_M]
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def stack(triangles: Sequence[Floats]) -> Floats:
    """Return all triangles in one (n, 3, 2) array."""
    return np.concatenate(triangles) if triangles else np.empty((0, 3, 2))


def _without_holes(part: shapely.Polygon, hole_m2: float) -> shapely.Polygon:
    rings = [ring for ring in part.interiors if shapely.Polygon(ring).area >= hole_m2]
    return shapely.Polygon(part.exterior, rings)
