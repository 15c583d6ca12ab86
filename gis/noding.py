"""Where lines meet: they are cut at the vertices they share, and where an end of one touches another."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

Floats = npt.NDArray[np.float64]
Objects = npt.NDArray[np.object_]

MEET_M = 0.5
"""An end this near to another line was meant to touch it."""


def cut_where_they_meet(lines: Sequence[BaseGeometry]) -> tuple[Objects, list[int]]:
    """Return the pieces of lines in metres, and the index of the line each is a piece of.

    Lines that merely cross stay whole: one of them may be a bridge. Ends that miss a line by less than
    :data:`MEET_M` are moved onto it.

    >>> across, side = shapely.LineString([(0, 0), (10, 0)]), shapely.LineString([(5, 0.2), (5, 9)])
    >>> pieces, sources = cut_where_they_meet([across, side])
    >>> [piece.wkt for piece in pieces], sources
    (['LINESTRING (0 0, 5 0)', 'LINESTRING (5 0, 10 0)', 'LINESTRING (5 0, 5 9)'], [0, 0, 1])
    >>> cut_where_they_meet([])[1]
    []
    """
    parts, sources = shapely.get_parts(np.array(lines, dtype=object), return_index=True)
    if not len(parts):
        return np.array([], dtype=object), []
    tracks = _mended(parts)
    points = np.vstack(tracks)
    _, inverse, counts = np.unique(same_place(points), axis=0, return_inverse=True, return_counts=True)
    meets = counts[inverse.reshape(-1)] > 1
    pieces, owners, first = [], [], 0
    for track, source in zip(tracks, sources.tolist(), strict=True):
        inner = np.flatnonzero(meets[first + 1 : first + len(track) - 1]) + 1
        for start, end in pairwise([0, *inner.tolist(), len(track) - 1]):
            pieces.append(shapely.LineString(track[start : end + 1]))
            owners.append(source)
        first += len(track)
    return np.array(pieces, dtype=object), owners


def same_place(points: Floats) -> npt.NDArray[np.int64]:
    """Return the centimetre each point, n x 2 metres, falls on: vertices of one centimetre are one node."""
    return np.round(points / 0.01).astype(np.int64)


def joined(lines: Iterable[BaseGeometry | None]) -> BaseGeometry:
    """Return one line along all of these, with straight ways between them.

    >>> joined([shapely.LineString([(0, 0), (1, 0)]), None, shapely.LineString([(1, 0), (1, 1)])]).wkt
    'LINESTRING (0 0, 1 0, 1 1)'
    """
    points = np.vstack([shapely.get_coordinates(line) for line in lines if line is not None])
    moved = np.ones(len(points), dtype=bool)
    moved[1:-1] = np.any(np.diff(points, axis=0)[:-1] != 0, axis=1)
    return shapely.LineString(points[moved])


def _mended(parts: Objects) -> list[Floats]:
    """Return the vertices of the lines, with one wherever an end of another line was meant to touch."""
    ends = np.concatenate([shapely.get_point(parts, 0), shapely.get_point(parts, -1)])
    near, hits = shapely.STRtree(parts).query(ends, predicate="dwithin", distance=MEET_M)
    touched: defaultdict[int, list[float]] = defaultdict(list)
    moved: dict[int, Floats] = {}
    for end, hit in zip(near.tolist(), hits.tolist(), strict=True):
        along, length = float(parts[hit].line_locate_point(ends[end])), float(parts[hit].length)
        if end % len(parts) == hit:
            continue
        if MEET_M < along < length - MEET_M:
            touched[hit].append(along)
            moved[end] = shapely.get_coordinates(parts[hit].line_interpolate_point(along))[0]
        elif end % len(parts) > hit:  # of two ends that all but meet, one moves
            other = hit if along <= MEET_M else hit + len(parts)
            moved.setdefault(end, moved.get(other, shapely.get_coordinates(ends[other])[0]))
    return [_bent(part, index, len(parts), touched[index], moved) for index, part in enumerate(parts)]


def _bent(part: BaseGeometry, index: int, count: int, touched: Sequence[float], moved: Mapping[int, Floats]) -> Floats:
    points = shapely.get_coordinates(part)
    if touched:
        along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T)), touched])
        feet = shapely.get_coordinates([part.line_interpolate_point(at) for at in touched])
        points = np.vstack([points, feet])[np.argsort(along, kind="stable")]
    for end, row in ((index, 0), (index + count, -1)):
        points[row] = moved.get(end, points[row])
    return points
