"""A model's outline is laid onto a footprint: the turn and shift with the largest overlap, if only one has it.

Every orientation is tried from both outlines' own directions; points of the model's boundary are then drawn to the
nearest points of the footprint's (iterative closest point: Besl and McKay, 1992), and the best are refined on the
overlap itself. A rectangle fits twice, a square four times: then a bearing must decide, and is not guessed.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from bim_import.pairs import Points, turn_between
from gis.errors import BadInput, Conflict

LEAST_IOU = 0.5
"""Overlap (intersection over union) below which an outline is not that of the building."""

ALIKE_IOU = 0.05
"""Two orientations whose overlaps differ by less fit equally well: surveys and roofs differ from walls by as much."""

DECIDED_WITHIN_DEG = 30.0
"""A bearing decides for an orientation this near; a square's neighbour is 90 degrees off."""

_STEP_DEG = 30
_SAMPLES = 240
_ITERATIONS = 60
_STILL_M = 1e-7
_STEP_M = 1e-4
_APART_DEG = 10.0
_REFINED = 4


@dataclass(frozen=True, slots=True)
class Fit:
    """The wish to lay a model onto the footprint of the building ``code``; ``bearing_deg`` of its +Y, where known."""

    code: str
    bearing_deg: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """One way to lay an outline onto a footprint.

    Attributes:
        bearing_deg: Of the model's +Y axis, degrees clockwise from the footprint's +Y, 0 to 360.
        x_m: Where the outline's centroid comes to lie, in the footprint's metres.
        y_m: The same, +Y.
        iou: Overlap, intersection over union, 0 to 1.
        residual_m: Root mean square distance of the outline's boundary from the footprint's.
    """

    bearing_deg: float
    x_m: float
    y_m: float
    iou: float
    residual_m: float

    def facts(self) -> dict[str, float]:
        """Return bearing and overlap, rounded, for a receipt or a refusal."""
        return {"bearing_deg": round(self.bearing_deg, 2), "iou": round(self.iou, 4)}


def fit_outline(
    outline: BaseGeometry,
    footprint: BaseGeometry,
    *,
    bearing_deg: float | None = None,
    true_north_deg: float | None = None,
) -> tuple[Pose, dict[str, Any]]:
    """Return the pose in which the outline covers the footprint best, and the evidence for it.

    Args:
        outline: The model's, local metres.
        footprint: The building's, metres east and north.
        bearing_deg: Bearing of the model's +Y as the planner knows it: only poses near it count.
        true_north_deg: The same as the model states it: it decides between poses that fit equally well.

    Returns:
        The pose; and ``iou``, ``residual_m``, ``runner_up`` (the best other orientation) and ``decided_by``:
        ``outline``, ``bearing`` or ``true_north``.

    Raises:
        BadInput: ``ifc.fit_poor`` when no orientation covers half of both.
        Conflict: ``ifc.fit_ambiguous`` with the candidates when two fit about equally well and nothing decides.

    >>> ell = shapely.Polygon([(0, 0), (20, 0), (20, 8), (8, 8), (8, 30), (0, 30)])
    >>> pose, evidence = fit_outline(ell, shapely.affinity.rotate(ell, -33))
    >>> round(pose.bearing_deg, 2), round(pose.iou, 3), evidence["decided_by"]
    (33.0, 1.0, 'outline')
    >>> fit_outline(shapely.box(0, 0, 20, 10), shapely.box(0, 0, 20, 10))
    Traceback (most recent call last):
        ...
    gis.errors.Conflict: ifc.fit_ambiguous: The outline fits about equally well with its +Y bearing ...
    """
    found = poses(outline, footprint)
    near = [
        pose for pose in found if bearing_deg is None or _apart_deg(pose.bearing_deg, bearing_deg) <= DECIDED_WITHIN_DEG
    ]
    if not near or near[0].iou < LEAST_IOU:
        _poor(outline, footprint, near or found, bearing_deg)
    alike = [pose for pose in near if pose.iou > near[0].iou - ALIKE_IOU]
    best, decided_by = near[0], "outline" if bearing_deg is None else "bearing"
    if len(alike) > 1:
        stated = [one for one in alike if _apart_deg(one.bearing_deg, true_north_deg) <= DECIDED_WITHIN_DEG]
        if len(stated) != 1:
            _ambiguous(alike)
        best, decided_by = stated[0], "true_north"
    runner_up = next((pose.facts() for pose in found if pose is not best), None)
    evidence = {"iou": round(best.iou, 4), "residual_m": round(best.residual_m, 3), "runner_up": runner_up}
    return best, evidence | {"decided_by": decided_by}


def poses(outline: BaseGeometry, footprint: BaseGeometry) -> list[Pose]:
    """Return one pose for each orientation that is a local best, the largest overlap first."""
    task = _Task.of(outline, footprint)
    drawn = [task.drawn(turn) for turn in _starts(outline, footprint)]
    rough = _distinct(sorted(drawn, key=task.iou, reverse=True))[:_REFINED]
    refined = sorted((task.refined(one) for one in rough), key=task.iou, reverse=True)
    return [task.pose(one) for one in _distinct(refined)]


Motion = tuple[float, float, float]
"""Angle, counter-clockwise in radians, and where the centroid comes to lie, metres."""


@dataclass(frozen=True, slots=True)
class _Task:
    """An outline about its centroid, the points of its boundary, and what it is to be laid onto."""

    outline: BaseGeometry
    points: Points
    footprint: BaseGeometry
    boundary: shapely.LineString

    @classmethod
    def of(cls, outline: BaseGeometry, footprint: BaseGeometry) -> "_Task":
        middle = shapely.get_coordinates(outline.centroid)[0]
        centred = shapely.transform(outline, lambda at: at - middle)
        ring = _longest_ring(centred.boundary)
        along = np.linspace(0, ring.length, _SAMPLES, endpoint=False)
        return cls(centred, _complex(shapely.line_interpolate_point(ring, along)), footprint,
                   _longest_ring(footprint.boundary))  # fmt: skip

    def nearest(self, points: Points) -> Points:
        at = np.asarray(shapely.points(points.real, points.imag))
        along = shapely.line_locate_point(self.boundary, at)
        return _complex(shapely.line_interpolate_point(self.boundary, along))

    def drawn(self, angle: float) -> Motion:
        """Return the motion that closest points lead to from this angle and the two centroids laid on one another."""
        turn, shift = complex(np.exp(1j * angle)), complex(_complex(self.footprint.centroid))
        for _ in range(_ITERATIONS):
            moved = turn * self.points + shift
            goal = self.nearest(moved)
            off = np.abs(goal - moved)
            # What only one of the two outlines has, a terrace or a wing, must not draw the rest along.
            kept = off <= max(3 * float(np.median(off)), 0.05)
            before, after = self.points[kept], goal[kept]
            turned = turn_between(before - before.mean(), after - after.mean())
            shifted = complex(after.mean() - turned * before.mean())
            still = abs(turned - turn) * np.abs(self.points).max() + abs(shifted - shift) < _STILL_M
            turn, shift = turned, shifted
            if still:
                break
        return float(np.angle(turn)), shift.real, shift.imag

    def iou(self, motion: Sequence[float]) -> float:
        laid = self._laid(motion)
        common = laid.intersection(self.footprint).area
        return float(common / (laid.area + self.footprint.area - common))

    def refined(self, motion: Motion) -> Motion:
        """Return the motion near this one with the largest overlap."""
        from scipy.optimize import minimize  # a third of a second that only a fit should cost

        reach = float(np.abs(self.points).max())
        steps = np.array([[0, 0, 0], [1 / reach, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=np.float64)
        best = minimize(
            self._uncovered,
            list(motion),
            method="Nelder-Mead",
            options={"initial_simplex": steps + np.array(motion), "xatol": 1e-6, "fatol": 1e-9, "maxiter": 250},
        )
        angle, x_m, y_m = (float(value) for value in best.x)
        return max((angle, x_m, y_m), motion, key=self.iou)

    def pose(self, motion: Motion) -> Pose:
        angle, x_m, y_m = motion
        moved = np.exp(1j * angle) * self.points + complex(x_m, y_m)
        residual_m = float(np.sqrt(np.mean(np.abs(self.nearest(moved) - moved) ** 2)))
        bearing_deg = -np.degrees(angle) % 360
        return Pose(bearing_deg=float(bearing_deg), x_m=x_m, y_m=y_m, iou=self.iou(motion), residual_m=residual_m)

    def _uncovered(self, motion: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
        return 1 - self.iou(motion.tolist())

    def _laid(self, motion: Sequence[float]) -> BaseGeometry:
        laid: BaseGeometry = shapely.transform(self.outline, _mover(*motion))
        return laid


def _mover(angle: float, x_m: float, y_m: float) -> Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]:
    cosine, sine = np.cos(angle), np.sin(angle)
    turned = np.array([[cosine, sine], [-sine, cosine]])
    return lambda at: at @ turned + (x_m, y_m)


def _starts(outline: BaseGeometry, footprint: BaseGeometry) -> Iterator[float]:
    """Yield angles to start from: where the walls run alike, and all around."""
    alike = _direction(footprint) - _direction(outline)
    yield from (alike + quarter * np.pi / 2 for quarter in range(4))
    yield from np.radians(np.arange(0, 360, _STEP_DEG)).tolist()


def _direction(shape: BaseGeometry) -> float:
    """Return the angle that most of the boundary runs along or across, radians."""
    rings = [shapely.get_coordinates(ring) for ring in shapely.get_parts(shapely.get_rings(shapely.get_parts(shape)))]
    sides = np.concatenate([np.diff(ring @ [1, 1j]) for ring in rings])
    sides = sides[np.abs(sides) > _STEP_M]
    lengths = np.abs(sides)
    return float(np.angle(np.sum(lengths * (sides / lengths) ** 4)) / 4)


def _distinct(motions: Sequence[Motion]) -> list[Motion]:
    """Return the motions without those that turn as an earlier one does."""
    kept: list[Motion] = []
    for motion in motions:
        if all(_apart_deg(np.degrees(motion[0]), np.degrees(one[0])) > _APART_DEG for one in kept):
            kept.append(motion)
    return kept


def _apart_deg(one: float, other: float | None) -> float:
    """Return the angle between two bearings, 0 to 180; no bearing is far from every one.

    >>> _apart_deg(350, 10), _apart_deg(0, None)
    (20, inf)
    """
    return float("inf") if other is None else abs((one - other + 180) % 360 - 180)


def _complex(points: Any) -> Points:
    return np.asarray(shapely.get_x(points) + 1j * shapely.get_y(points))


def _longest_ring(boundary: BaseGeometry) -> shapely.LineString:
    """Return the outside, which holes and small parts must not draw away; no step too short for a direction."""
    parts = shapely.get_parts(boundary)
    longest: shapely.LineString = shapely.remove_repeated_points(parts[np.argmax(shapely.length(parts))], _STEP_M)
    return longest


def _poor(outline: BaseGeometry, footprint: BaseGeometry, found: Sequence[Pose], bearing_deg: float | None) -> NoReturn:
    wanted = "" if bearing_deg is None else f" near bearing {bearing_deg:g}°"
    raise BadInput(
        "ifc.fit_poor",
        f"The model's outline ({outline.area:.0f} m²) does not fit the footprint ({footprint.area:.0f} m²){wanted}: "
        f"the best overlap is {found[0].iou:.0%}.",
        "Check the code of the building, or give two pairs of points.",
        outline_m2=round(outline.area, 1), footprint_m2=round(footprint.area, 1),
        candidates=[pose.facts() for pose in found],
    )  # fmt: skip


def _ambiguous(alike: Sequence[Pose]) -> NoReturn:
    told = " or ".join(f"{pose.bearing_deg:.1f}° ({pose.iou:.0%})" for pose in alike)
    raise Conflict(
        "ifc.fit_ambiguous", f"The outline fits about equally well with its +Y bearing {told}.",
        "Give the bearing: --bearing DEGREES, clockwise from north.", candidates=[pose.facts() for pose in alike],
    )  # fmt: skip
