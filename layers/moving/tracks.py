"""Tracks: positions in the order of time, their stops, and what cannot be true of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from gis.local import LocalFrame
from layers.moving.position import Position

Floats = npt.NDArray[np.float64]

FASTEST_M_PER_S = 40.0
"""Faster than this nothing moves in a community: the receiver was mistaken."""

STAY_RADIUS_M = 30.0
STAY_AT_LEAST = timedelta(minutes=3)
GAP = timedelta(minutes=10)
"""After so long without a position nobody knows where it was: a new trip begins."""


@dataclass(frozen=True, slots=True)
class Stay:
    """Somewhere it stayed: the middle of its positions there, CRS84."""

    lon: float
    lat: float
    start: datetime
    end: datetime
    positions: int


@dataclass(frozen=True, slots=True)
class Track:
    """What something did.

    Attributes:
        positions: In the order of time, without those that cannot be true.
        jumps: The ones that cannot: too far from where it was just before and just after.
        trips: Runs of positions without a gap longer than :data:`GAP`.
        stays: Where it stayed.
        length_m: Metres moved; what trembles within a stay does not count.
    """

    positions: tuple[Position, ...]
    jumps: tuple[Position, ...]
    trips: tuple[tuple[Position, ...], ...]
    stays: tuple[Stay, ...]
    length_m: float


def track_of(
    positions: Sequence[Position], *, stay_radius_m: float = STAY_RADIUS_M, stay_at_least: timedelta = STAY_AT_LEAST
) -> Track:
    """Return the track of one device, from its positions in any order.

    >>> track_of([])
    Track(positions=(), jumps=(), trips=(), stays=(), length_m=0.0)
    """
    ordered = sorted(positions, key=lambda one: one.at)
    if not ordered:
        return Track((), (), (), (), 0.0)
    plane = _plane(ordered)
    true = _credible(ordered, plane)
    kept = [one for one, is_true in zip(ordered, true, strict=True) if is_true]
    points = plane[true]
    stays = _stays(kept, points, stay_radius_m, stay_at_least)
    return Track(
        positions=tuple(kept),
        jumps=tuple(one for one, is_true in zip(ordered, true, strict=True) if not is_true),
        trips=_trips(kept),
        stays=tuple(_stay(kept[first:last], points[first:last], ordered) for first, last in stays),
        length_m=_length_m(points, stays),
    )


def simplified(positions: Sequence[Position], tolerance_m: float) -> list[int]:
    """Return the indices of the positions that keep a line within a tolerance (Douglas and Peucker 1973).

    >>> from datetime import UTC
    >>> noon = datetime(2026, 11, 21, 4, tzinfo=UTC)
    >>> row = [Position(device="G", at=noon, lon=120 + n * 1e-4, lat=30) for n in range(5)]
    >>> simplified(row, 1.0)
    [0, 4]
    """
    if len(positions) < 3:
        return list(range(len(positions)))
    points = _plane(positions)
    # A third ordinate carries the index through; the simplification looks at x and y alone.
    line = shapely.linestrings(np.column_stack([points, np.arange(len(points))]))
    kept = shapely.get_coordinates(shapely.simplify(line, tolerance_m, preserve_topology=False), include_z=True)
    return [int(number) for number in kept[:, 2]]


def line_of(positions: Sequence[Position]) -> BaseGeometry | None:
    """Return the CRS84 line through positions; ``None`` for fewer than two."""
    return None if len(positions) < 2 else shapely.LineString([(one.lon, one.lat) for one in positions])


def _plane(positions: Sequence[Position]) -> Floats:
    frame = LocalFrame(float(positions[0].lon), float(positions[0].lat))
    return np.column_stack(frame.to_metres([one.lon for one in positions], [one.lat for one in positions]))


def _credible(ordered: Sequence[Position], points: Floats) -> npt.NDArray[np.bool_]:
    """Tell which positions can be true: one that is too far from both its neighbours in time is not."""
    true = np.ones(len(ordered), dtype=bool)
    last = 0
    for index in range(1, len(ordered)):
        if _reachable(ordered, points, last, index):
            last = index
        elif index + 1 < len(ordered) and _reachable(ordered, points, last, index + 1):
            true[index] = False
        else:
            last = index  # it stays there: the ones before were as good
    return true


def _reachable(ordered: Sequence[Position], points: Floats, first: int, second: int) -> bool:
    seconds = (ordered[second].at - ordered[first].at).total_seconds()
    blur_m = (ordered[first].accuracy_m or 0.0) + (ordered[second].accuracy_m or 0.0)
    away_m = float(np.hypot(*(points[second] - points[first])))
    return away_m - blur_m <= FASTEST_M_PER_S * max(seconds, 1.0)


def _trips(positions: Sequence[Position]) -> tuple[tuple[Position, ...], ...]:
    starts = [0, *(n for n in range(1, len(positions)) if positions[n].at - positions[n - 1].at > GAP), len(positions)]
    return tuple(tuple(positions[first:last]) for first, last in pairwise(starts))


def _stays(
    positions: Sequence[Position], points: Floats, radius_m: float, at_least: timedelta
) -> list[tuple[int, int]]:
    """Return first and behind-last index of the stays (Li et al. 2008): all of it near where it began."""
    found, first = [], 0
    while first < len(positions):
        away = np.hypot(*(points[first:] - points[first]).T) > radius_m
        last = first + int(away.argmax()) if away.any() else len(positions)
        if last - first > 1 and positions[last - 1].at - positions[first].at >= at_least:
            found.append((first, last))
            first = last
        else:
            first += 1
    return found


def _stay(positions: Sequence[Position], points: Floats, ordered: Sequence[Position]) -> Stay:
    frame = LocalFrame(float(ordered[0].lon), float(ordered[0].lat))
    lon, lat = frame.to_degrees(*points.mean(axis=0))
    return Stay(float(lon), float(lat), positions[0].at, positions[-1].at, len(positions))


def _length_m(points: Floats, stays: Sequence[tuple[int, int]]) -> float:
    steps = np.hypot(*np.diff(points, axis=0).T)
    for first, last in stays:
        steps[first : last - 1] = 0.0
    return float(steps.sum())
