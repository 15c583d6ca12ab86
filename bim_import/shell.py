"""Light shells: what is left of a mesh once it has few enough triangles to be sent to a browser."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bim_import.footprint import Floats

Faces = npt.NDArray[np.int32]

MOST_TRIANGLES = 300
_FINEST_M = 0.02

_BOX = np.array(
    [[0, 2, 1], [1, 2, 3], [4, 5, 6], [5, 7, 6], [0, 1, 4], [1, 5, 4],
     [2, 6, 3], [3, 6, 7], [0, 4, 2], [2, 4, 6], [1, 3, 5], [3, 7, 5]], dtype=np.int32,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shell:
    """Triangles of one element: (p, 3) points in local metres, (f, 3) indices of points."""

    points: Floats
    faces: Faces


def lighten(points: Floats, faces: Faces, most: int = MOST_TRIANGLES) -> Shell:
    """Return a mesh of at most so many triangles.

    Points that share a cell of a grid become one, the cells twice as large each time; what is still too heavy when
    they are half as large as the element is replaced by its box.

    >>> ball = np.random.default_rng(1).normal(size=(900, 3))
    >>> small = lighten(ball, np.arange(900, dtype=np.int32).reshape(300, 3), most=50)
    >>> len(small.faces) <= 50, lighten(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int32)).points.shape
    (True, (0, 3))
    """
    if len(faces) <= most:
        return Shell(points, faces)
    cell, largest = _FINEST_M, float(np.ptp(points, axis=0).max()) / 2
    fewer = points
    while cell <= largest:
        fewer, faces = _snapped(fewer, faces, cell)
        if len(faces) <= most:
            return Shell(fewer, faces)
        cell *= 2
    return Shell(*_box(points))


def _snapped(points: Floats, faces: Faces, cell: float) -> tuple[Floats, Faces]:
    cells = np.floor((points - points.min(axis=0)) / cell).astype(np.int64)
    spans = cells.max(axis=0) + 1
    keys = (cells[:, 0] * spans[1] + cells[:, 1]) * spans[2] + cells[:, 2]
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    merged = inverse[faces]
    flat = (merged[:, 0] == merged[:, 1]) | (merged[:, 1] == merged[:, 2]) | (merged[:, 0] == merged[:, 2])
    kept = merged[~flat]
    _, once = np.unique(np.sort(kept, axis=1), axis=0, return_index=True)
    return points[first], kept[np.sort(once)].astype(np.int32)


def _box(points: Floats) -> tuple[Floats, Faces]:
    low, high = points.min(axis=0), points.max(axis=0)
    corners = np.array([[x, y, z] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])])
    return corners, _BOX
