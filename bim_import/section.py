"""What a horizontal cut through walls shows: their sections, what they enclose, whether it has a roof."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from bim_import.footprint import SNAP_M, Floats, polygonal
from bim_import.shell import Shell

CUT_M = 1.0
"""Above the floor: over thresholds and most sills' worth of wall, below lintels."""

JOINT_M = 0.05
"""Walls whose faces are at most twice this apart are meant to touch."""

SKIN_M = 0.02
LEAST_ROOM_M2 = 1.0
HEADROOM_M = 1.8
_SAMPLES = 12


@dataclass(frozen=True, slots=True)
class Enclosed:
    """What the sections of walls enclose; all of it in local metres.

    Attributes:
        outline: Walls, and the rooms between them; yards under the open sky are left out.
        rooms: The free areas between walls that have a roof, 1 m² and more, from south-west to north-east.
    """

    outline: BaseGeometry
    rooms: tuple[shapely.Polygon, ...]


def enclosed(
    shells: Sequence[Shell], gaps: Sequence[BaseGeometry], covers: Sequence[Shell], z_m: float
) -> Enclosed | None:
    """Return what walls enclose at a height; ``None`` when it cuts none of them.

    Args:
        shells: Walls and curtain walls.
        gaps: Plans of doors and windows that stand between walls, not in them.
        covers: Slabs and roofs.
        z_m: Height of the cut.
    """
    walls = cut(shells, z_m)
    if walls is None:
        return None
    closed = _closed(shapely.union_all([walls, *gaps], grid_size=SNAP_M))
    filled = shapely.union_all([shapely.Polygon(part.exterior) for part in shapely.get_parts(closed)])
    free = [part for part in shapely.get_parts(filled.difference(closed)) if part.area >= LEAST_ROOM_M2]
    roof = _Roof(covers, z_m - CUT_M + HEADROOM_M)
    rooms = [part for part in free if roof.covers(part)]
    yards = [part for part in free if part not in rooms]
    order = sorted(rooms, key=lambda part: (round(part.centroid.y, 1), round(part.centroid.x, 1)))
    outline = polygonal(filled.difference(shapely.union_all(yards))) or filled
    return Enclosed(outline, tuple(order))


def cut(shells: Sequence[Shell], z_m: float) -> BaseGeometry | None:
    """Return the union of the sections of solids at a height; surfaces that enclose nothing count as thin walls.

    >>> wall = Shell(np.array([[0, 0, 0], [1, 0, 0], [1, 0, 3.0]]), np.array([[0, 1, 2]], dtype=np.int32))
    >>> round(cut([wall], 1.5).length, 1), cut([wall], 4.0)
    (1.1, None)
    """
    sections = [found for shell in shells if (found := _section(shell, z_m)) is not None]
    return polygonal(shapely.union_all(sections, grid_size=SNAP_M)) if sections else None


def _section(shell: Shell, z_m: float) -> BaseGeometry | None:
    lines = _lines(shell.points[shell.faces], z_m)
    if not len(lines):
        return None
    drawn = shapely.MultiLineString(list(np.round(lines, 3)))
    area: BaseGeometry = shapely.build_area(drawn)
    if area.is_empty:
        area = shapely.build_area(shapely.union_all([drawn], grid_size=SNAP_M))
    return drawn.buffer(SKIN_M, cap_style="flat") if area.is_empty else area


def _lines(triangles: Floats, z_m: float) -> Floats:
    """Return the (n, 2, 2) lines in which a plane cuts (m, 3, 3) triangles."""
    above = triangles[:, :, 2] > z_m
    count = above.sum(axis=1)
    crossed = (count == 1) | (count == 2)
    triangles, above, count = triangles[crossed], above[crossed], count[crossed]
    lone = np.argmax(above == (count == 1)[:, None], axis=1)  # the corner that has its side of the plane to itself
    rows = np.arange(len(triangles))
    first = triangles[rows, lone]
    ends = [_at(first, triangles[rows, (lone + step) % 3], z_m) for step in (1, 2)]
    lines = np.stack(ends, axis=1)
    long_enough: Floats = lines[np.abs(lines[:, 0] - lines[:, 1]).max(axis=1) > SNAP_M]
    return long_enough


def _at(one: Floats, other: Floats, z_m: float) -> Floats:
    share = (z_m - one[:, 2]) / (other[:, 2] - one[:, 2])
    found: Floats = one[:, :2] + share[:, None] * (other[:, :2] - one[:, :2])
    return found


def _closed(walls: BaseGeometry) -> BaseGeometry:
    grown = walls.buffer(JOINT_M, join_style="mitre")
    return shapely.union_all([walls, grown.buffer(-JOINT_M, join_style="mitre")])


class _Roof:
    """What hangs over a cut."""

    def __init__(self, covers: Sequence[Shell], least_m: float) -> None:
        flats = [shell.points[shell.faces] for shell in covers if shell.points[:, 2].max() > least_m]
        triangles = np.concatenate(flats) if flats else np.empty((0, 3, 3))
        high = triangles[triangles[:, :, 2].max(axis=1) > least_m]
        self._tree = shapely.STRtree(shapely.polygons(high[:, :, :2]))

    def covers(self, room: shapely.Polygon) -> bool:
        """Tell whether most of a room lies under it, by points on a grid."""
        west, south, east, north = room.bounds
        across, along = np.meshgrid(np.linspace(west, east, _SAMPLES + 2), np.linspace(south, north, _SAMPLES + 2))
        points = np.asarray(shapely.points(across.ravel(), along.ravel()))
        inside = points[shapely.contains_properly(room, points)]
        hit = np.unique(self._tree.query(inside, predicate="intersects")[0])
        return len(inside) > 0 and len(hit) >= len(inside) / 2
