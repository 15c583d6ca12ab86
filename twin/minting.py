"""Give new places their space codes. What is already in the twin is recognised first; only the rest comes here.

Every function is free of state and does not depend on the order of its input: the caller hands in what was ever minted
(retired codes too, they are never reissued) and stores what comes back.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import shapely
from shapely import Point
from shapely.geometry.base import BaseGeometry

from gis import beidou
from gis.errors import BadInput, Conflict
from twin.feature import PlaceDraft
from twin.spacecode import GRID_LEVEL, door_segment, offset_segment

WIDEST_DEG = 0.1
"""About 10 km; what spans more is a mistake or lies across the 180th meridian."""

_DISCRIMINATORS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_OFFSET_CELLS_PER_DEGREE = 3600 * 32
_SNAP = 1e-6
_LOWEST, _HIGHEST = -56, 63


def derive_grid(footprint: BaseGeometry) -> str:
    """Return the level-7 grid code of a footprint's area centroid; CRS84.

    The centroid moves least when an outline is surveyed anew. It may lie outside a courtyard building; no harm is done.

    Raises:
        BadInput: ``code.no_area``.

    >>> derive_grid(shapely.box(120.1535, 30.2873, 120.1537, 30.2875))
    'N51H0429733232'
    >>> derive_grid(shapely.Polygon())
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: code.no_area: Footprint 0 has no area. ...
    """
    return derive_grids([footprint])[0]


def derive_grids(footprints: Sequence[BaseGeometry]) -> list[str]:
    """Return the grid code of each footprint, as :func:`derive_grid` does.

    Raises:
        BadInput: ``code.no_area`` with the ``index``.

    >>> derive_grids([])
    []
    """
    return [str(code) for code in _anchor_codes(_footprints(footprints), GRID_LEVEL)]


def building_codes(footprints: Sequence[BaseGeometry], taken: Iterable[str]) -> list[str]:
    """Return a new building key for each CRS84 footprint, in the order given.

    Buildings that share a grid cell get discriminators by falling area, then by the level-10 code of their centroid.

    Args:
        footprints: Polygons or multipolygons.
        taken: Keys that were ever minted; keys of units, storeys and spaces do no harm.

    Raises:
        BadInput: ``code.no_area`` with the ``index``.
        Conflict: ``code.exhausted`` when a cell, 7 m wide, would hold more than 36 buildings.

    >>> shed, house = (shapely.Point(120.1536, 30.2874).buffer(size) for size in (1e-5, 2e-5))
    >>> building_codes([shed, house], taken={"N51H0429733232-0-U01"})
    ['N51H0429733232-2', 'N51H0429733232-1']
    >>> building_codes([], taken=[])
    []
    """
    shapes = _footprints(footprints)
    grids, fine = (_anchor_codes(shapes, level).tolist() for level in (GRID_LEVEL, 10))
    areas = shapely.area(shapes).tolist()
    outlines = _outlines(shapes, grids)
    order = sorted(range(len(shapes)), key=lambda at: (grids[at], -areas[at], fine[at], outlines[at]))
    used = defaultdict(set)
    for key in taken:
        grid, _, rest = key.partition("-")
        used[grid].add(rest[:1])
    keys = {at: f"{grids[at]}-{_next_discriminator(grids[at], used[grids[at]])}" for at in order}
    return [keys[at] for at in range(len(shapes))]


def unit_key(building: str, number: int | None) -> str:
    """Return the key of a unit 单元, 1 to 99; ``None`` or 0 is the whole building, not divided.

    Raises:
        BadInput: ``code.bad_unit``.

    >>> unit_key("N51H0429733232-0", 1), unit_key("N51H0429733232-0", None)
    ('N51H0429733232-0-U01', 'N51H0429733232-0-U00')
    """
    if not 0 <= (number or 0) <= 99:
        raise BadInput("code.bad_unit", f"There is no unit {number}.", "Number units from 1 to 99.", unit=number)
    return f"{building}-U{number or 0:02d}"


def storey_key(building: str, unit: int | None, storey: int) -> str:
    """Return the key of a physical storey: 1 to 99 above ground, -1 to -99 below.

    Raises:
        BadInput: ``code.bad_storey``, also for 0; or ``code.bad_unit``.

    >>> storey_key("N51H0429733232-0", None, 5), storey_key("N51H0429733232-0", 2, -1)
    ('N51H0429733232-0-U00-F05', 'N51H0429733232-0-U02-B01')
    """
    if not 1 <= abs(storey) <= 99:
        raise BadInput(
            "code.bad_storey",
            f"There is no storey {storey}.",
            "Number storeys 1, 2, 3 upwards from the ground and -1, -2 downwards.",
            storey=storey,
        )
    return f"{unit_key(building, unit)}-{'F' if storey > 0 else 'B'}{abs(storey):02d}"


def room_key(storey: str, door: str | None) -> str | None:
    """Return the key of a space by its door number; ``None`` when the number does not fit four characters.

    >>> room_key("N51H0429733232-0-U01-F05", "501室")
    'N51H0429733232-0-U01-F05-R0501'
    >>> room_key("N51H0429733232-0-U01-F05", None) is None
    True
    """
    segment = door_segment(door or "")
    return f"{storey}-{segment}" if segment else None


def offset_key(storey: str, room_centroid: Point, building_centroid: Point) -> str | None:
    """Return the key of a space by its offset from the building's centroid, both CRS84; ``None`` when too far.

    The offset does not change when building and room are shifted together.

    >>> offset_key("N51H0429733232-0-U01-F05", Point(120.15361, 30.2874), Point(120.1536, 30.2874))
    'N51H0429733232-0-U01-F05-G0010'
    >>> offset_key("N51H0429733232-0-U01-F05", Point(120.2, 30.2874), Point(120.1536, 30.2874)) is None
    True
    """
    segment = offset_segment(*_offset_cells(room_centroid, building_centroid))
    return f"{storey}-{segment}" if segment else None


def mint_spaces(
    storey: str, rooms: Iterable[PlaceDraft], building_centroid: Point, taken: Iterable[str] = ()
) -> dict[str, str]:
    """Return a new key for every space of one storey, by the ``key`` of its draft.

    A door number that fits names its space. Where two spaces show one number the larger bears it. All others are named
    by their offset; if that is taken or too far, by the nearest free one, so such an offset names the space but does
    not measure it. A space without geometry counts as standing at the building's centroid.

    Args:
        storey: Key of the storey.
        rooms: Drafts with ``key``, ``room`` (door number) and ``geometry``.
        building_centroid: Area centroid of the building's footprint, CRS84.
        taken: Keys of spaces that were ever minted in this storey.

    Raises:
        Conflict: ``code.exhausted`` when all 14,400 offsets are used.

    >>> hall, flat = PlaceDraft(kind="space", key="hall"), PlaceDraft(kind="space", key="flat", room="501")
    >>> mint_spaces("N51H0429733232-0-U01-F05", [hall, flat], Point(120.1536, 30.2874))
    {'flat': 'N51H0429733232-0-U01-F05-R0501', 'hall': 'N51H0429733232-0-U01-F05-G0000'}
    """
    used, keys = set(taken), {}
    ordered = sorted(rooms, key=_largest_first)
    for room in ordered:
        key = room_key(storey, room.room)
        if key and key not in used:
            used.add(key)
            keys[room.key] = key
    for room in (room for room in ordered if room.key not in keys):
        wanted = _offset_cells(_centroid(room) or building_centroid, building_centroid)
        keys[room.key] = _nearest_free(storey, wanted, used)
        used.add(keys[room.key])
    return keys


def _footprints(footprints: Sequence[BaseGeometry]) -> npt.NDArray[np.object_]:
    shapes = np.array(footprints, dtype=object)
    bare = np.flatnonzero(~(shapely.area(shapes) > 0))
    if bare.size:
        raise BadInput(
            "code.no_area",
            f"Footprint {bare[0]} has no area.",
            "Give a polygon in CRS84 degrees.",
            index=int(bare[0]),
        )
    wide = np.flatnonzero(~is_building_sized(shapes))
    if wide.size:
        raise BadInput(
            "code.too_wide",
            f"Footprint {wide[0]} is wider than {WIDEST_DEG} degrees.",
            "Look for a mistyped corner; an outline across the 180th meridian must be cut there.",
            index=int(wide[0]),
        )
    return shapes


def _outlines(shapes: npt.NDArray[np.object_], grids: Sequence[str]) -> list[bytes]:
    """Return what tells footprints of one cell apart when nothing else does; for those alone in theirs, nothing."""
    _, cell, count = np.unique(np.array(grids), return_inverse=True, return_counts=True)
    shared = count[cell] > 1
    outlines = np.full(len(shapes), b"", dtype=object)
    outlines[shared] = shapely.to_wkb(shapely.normalize(shapes[shared]))
    told: list[bytes] = outlines.tolist()
    return told


def is_building_sized(shapes: npt.NDArray[np.object_]) -> npt.NDArray[np.bool_]:
    """Tell of each CRS84 footprint whether it is no wider than :data:`WIDEST_DEG`, as every building on earth is.

    >>> across = shapely.Polygon([(179.9999, 0), (-179.9999, 0), (-179.9999, 0.001)])
    >>> is_building_sized(np.array([shapely.box(120, 30, 120.001, 30.001), across, None])).tolist()
    [True, False, True]
    """
    west, south, east, north = shapely.bounds(shapes).reshape(-1, 4).T
    return ~(np.maximum(east - west, north - south) > WIDEST_DEG)


def _anchor_codes(shapes: npt.NDArray[np.object_], level: int) -> npt.NDArray[np.str_]:
    anchors = shapely.centroid(shapes)
    return beidou.encode_many(shapely.get_x(anchors), shapely.get_y(anchors), level)


def _next_discriminator(grid: str, used: set[str]) -> str:
    for letter in _DISCRIMINATORS:
        if letter not in used:
            used.add(letter)
            return letter
    raise Conflict(
        "code.exhausted",
        f"Grid cell {grid} has had 36 buildings.",
        "Look for footprints that are in the source many times.",
        grid=grid,
    )


def _largest_first(room: PlaceDraft) -> tuple[float, str, str]:
    """Sort key that no two drafts of one batch share."""
    centre = _centroid(room)
    area = room.geometry.area if room.geometry and centre else 0.0
    return -area, beidou.encode(centre.x, centre.y, 10) if centre else "", room.key


def _centroid(room: PlaceDraft) -> Point | None:
    return None if room.geometry is None or room.geometry.is_empty else room.geometry.centroid


def _offset_cells(room: Point, building: Point) -> tuple[int, int]:
    # A space as large as its building lies at 0, whatever the last bit of its centroid says.
    east, north = ((room.x - building.x), (room.y - building.y))
    return math.floor(east * _OFFSET_CELLS_PER_DEGREE + _SNAP), math.floor(north * _OFFSET_CELLS_PER_DEGREE + _SNAP)


def _nearest_free(storey: str, wanted: tuple[int, int], used: set[str]) -> str:
    east, north = (min(max(cells, _LOWEST), _HIGHEST) for cells in wanted)
    for step_east, step_north in _outwards():
        segment = offset_segment(east + step_east, north + step_north)
        if segment and f"{storey}-{segment}" not in used:
            return f"{storey}-{segment}"
    raise Conflict("code.exhausted", f"Storey {storey} has had 14400 spaces.", "Divide it into units.", storey=storey)


def _outwards() -> Iterator[tuple[int, int]]:
    """Steps to the cells around, ring by ring, nearest first."""
    for radius in range(_HIGHEST - _LOWEST + 1):
        reach = range(-radius, radius + 1)
        around = [(east, north) for east in reach for north in reach if max(abs(east), abs(north)) == radius]
        yield from sorted(around, key=lambda step: (step[0] ** 2 + step[1] ** 2, step))
