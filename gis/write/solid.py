"""Things with a body: a footprint raised from one height to another."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from gis.datum import cgcs2000_zone, to_zone

Floats: TypeAlias = npt.NDArray[np.float64]
Indices: TypeAlias = npt.NDArray[np.uint32]
Ring: TypeAlias = list[tuple[float, float, float]]

MILLIMETRE = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """One thing.

    Attributes:
        kind: What it is: ``building``, ``unit``, ``storey`` or ``space``.
        above: Ids of what it is part of, nearest first; they need not be among the volumes.
        storey: Storey number; there is no 0.
        footprint: CRS84 (longitude, latitude in degrees), without Z.
        z_min_m: Lower height, metres, national datum.
        z_max_m: Upper height.
    """

    id: str
    kind: str
    name: str | None = None
    above: tuple[str, ...] = ()
    storey: int | None = None
    footprint: BaseGeometry | None = None
    z_min_m: float | None = None
    z_max_m: float | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def heights_m(self) -> tuple[float, float] | None:
        """Lower and upper height of the body; ``None`` when it has none: an unknown height is never taken for 0.

        >>> Volume(id="a", kind="space", footprint=shapely.box(0, 0, 1, 1), z_min_m=3.0).heights_m is None
        True
        """
        if self.z_min_m is None or self.z_max_m is None or self.z_max_m <= self.z_min_m:
            return None
        return (self.z_min_m, self.z_max_m) if any(_polygons(self.footprint)) else None


def plans(footprint: BaseGeometry | None, project: Callable[[BaseGeometry], BaseGeometry]) -> list[shapely.Polygon]:
    """Return the parts of a footprint in metres, on a millimetre grid, outer rings counter-clockwise.

    Args:
        footprint: CRS84.
        project: Brings a CRS84 geometry into a plane in metres.

    >>> plans(None, lambda shape: shape)
    []
    """
    moved = (shapely.set_precision(project(part), MILLIMETRE) for part in _polygons(footprint))
    return [shapely.orient_polygons(part) for shape in moved for part in _polygons(shape)]


def map_corner(volumes: Sequence[Volume]) -> tuple[int, tuple[float, float, float]]:
    """Return the EPSG number of the CGCS2000 zone of these volumes, and a corner from which to measure them.

    The corner is easting, northing and height in whole metres, at the south-west end and below everything.

    Raises:
        BadInput: ``datum.no_zone``.

    >>> map_corner([Volume(id="a", kind="space", footprint=shapely.box(120.1536, 30.2874, 120.154, 30.288))])
    (4549, (514777.0, 3351983.0, 0.0))
    """
    west, south, east, _north = shapely.total_bounds([volume.footprint for volume in volumes])
    zone = cgcs2000_zone(float(west + east) / 2)
    corner = to_zone(shapely.Point(west, south), zone)
    lowest_m = min((volume.heights_m[0] for volume in volumes if volume.heights_m), default=0.0)
    return zone, (float(corner.x // 1), float(corner.y // 1), float(lowest_m // 1))


def prism(plan: shapely.Polygon, z_min_m: float, z_max_m: float) -> list[list[Ring]]:
    """Return the faces of a closed solid, normals outwards: floor, roof, then the walls.

    A face is an outer ring and its holes; rings are not closed.

    >>> [len(face[0]) for face in prism(shapely.box(0, 0, 1, 1), 0, 3)]
    [4, 4, 4, 4, 4, 4]
    """
    rings = [np.asarray(ring.coords)[:-1, :2].tolist() for ring in (plan.exterior, *plan.interiors)]
    floor: list[Ring] = [[(x, y, z_min_m) for x, y in reversed(ring)] for ring in rings]
    roof: list[Ring] = [[(x, y, z_max_m) for x, y in ring] for ring in rings]
    return [floor, roof, *([wall] for ring in rings for wall in _walls(ring, z_min_m, z_max_m))]


def _walls(ring: list[list[float]], z_min_m: float, z_max_m: float) -> Iterator[Ring]:
    for (x1, y1), (x2, y2) in zip(ring, [*ring[1:], ring[0]], strict=True):
        yield [(x1, y1, z_min_m), (x2, y2, z_min_m), (x2, y2, z_max_m), (x1, y1, z_max_m)]


def triangles(plan: shapely.Polygon, z_min_m: float, z_max_m: float) -> tuple[Floats, Indices]:
    """Return the points (n x 3) and the triangles (m x 3, counter-clockwise from outside) of a closed solid.

    >>> points, faces = triangles(shapely.box(0, 0, 1, 1), 0, 3)
    >>> points.shape, faces.shape
    ((8, 3), (12, 3))
    """
    rings = [np.asarray(ring.coords)[:-1, :2] for ring in (plan.exterior, *plan.interiors)]
    flat, ends = np.concatenate(rings), np.cumsum([len(ring) for ring in rings])
    count = len(flat)
    points = np.vstack([np.column_stack([flat, np.full(count, height)]) for height in (z_min_m, z_max_m)])
    cap = _cap(plan, flat)
    start = np.arange(count)
    following = np.where(np.isin(start + 1, ends), np.repeat([0, *ends[:-1]], np.diff([0, *ends])), start + 1)
    walls = np.column_stack([start, following, following + count, start, following + count, start + count])
    faces = np.vstack([cap[:, ::-1], cap + count, walls.reshape(-1, 3)])
    return points, faces.astype(np.uint32)


def _cap(plan: shapely.Polygon, flat: Floats) -> npt.NDArray[np.int64]:
    """Return counter-clockwise triangles that use every vertex: fewer would leave cracks along the walls."""
    cut = shapely.orient_polygons(shapely.get_parts(shapely.constrained_delaunay_triangles(plan)))
    corners = shapely.get_coordinates(cut).reshape(-1, 4, 2)[:, :3]
    number = {tuple(point): at for at, point in enumerate(flat.tolist())}
    return np.array([[number[tuple(point)] for point in corner] for corner in corners.tolist()], dtype=np.int64)


def _polygons(shape: BaseGeometry | None) -> Iterator[shapely.Polygon]:
    """Yield the polygons in a geometry of any type, empty ones left out."""
    parts: Iterable[BaseGeometry] = () if shape is None or shape.is_empty else shapely.get_parts(shape).tolist()
    for part in parts:
        if isinstance(part, shapely.Polygon) and not part.is_empty:
            yield part
        elif hasattr(part, "geoms"):
            yield from _polygons(part)
