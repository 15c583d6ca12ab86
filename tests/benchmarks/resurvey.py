"""How many buildings keep their code when a community is surveyed again: ``python tests/benchmarks/resurvey.py``.

The old survey is a made-up town near Hangzhou: slabs, towers, L and U shapes, courtyards and rows of sheds. The new one
has every corner 0.3 m off, 5 % of the buildings extended by a wing, 3 % pulled down, 3 % new ones that may overlap what
was pulled down, all of it shifted by 1 m or 3 m and in another order.
"""

import math
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import shapely
from shapely import affinity
from shapely.geometry.base import BaseGeometry

sys.path.insert(0, str(Path(__file__).parents[2]))

from gis.local import LocalFrame
from twin.matching import Matching, match
from twin.minting import building_codes, derive_grid

NOISE_M, WINGS, GONE, NEW = 0.3, 0.05, 0.03, 0.03
FRAME = LocalFrame(120.1536, 30.2874)


class Resurvey(NamedTuple):
    """Two surveys and the truth: which old key each new footprint is, ``None`` for a new building."""

    old: dict[str, BaseGeometry]
    new: list[BaseGeometry]
    truth: list[str | None]


class Score(NamedTuple):
    """Outcome of one run, in footprints of the new survey and demolished buildings of the old."""

    asked: int
    right: int
    review: int
    wrong_listed: int
    wrong_silent: int
    by_code: int
    seconds: float


def town(rng: np.random.Generator, side: int) -> list[BaseGeometry]:
    """Return side x side plots, 48 m wide, in metres: one building each, on every third also a row of three sheds."""
    shapes: list[BaseGeometry] = []
    for plot in range(side * side):
        x, y = 48.0 * (plot % side), 48.0 * (plot // side)
        main = affinity.rotate(_building(rng, int(rng.integers(5))), rng.choice([0.0, 3.0, 12.0, -8.0]))
        shapes.append(affinity.translate(main, x + rng.uniform(-2, 2), y + rng.uniform(-2, 2)))
        if plot % 3 == 0:
            shapes += [shapely.box(x + 3.5 * k, y + 20, x + 3.5 * k + 3, y + 23) for k in range(3)]
    return shapes


def resurvey(rng: np.random.Generator, side: int, shift_m: float) -> Resurvey:
    """Return a town surveyed twice; the second survey lies ``shift_m`` to one side."""
    shapes = town(rng, side)
    old = dict(zip(building_codes([FRAME.inverse(shape) for shape in shapes], []), shapes, strict=True))
    kept = [(key, shape) for key, shape in old.items() if rng.random() >= GONE]
    new = [(key, _wing(shape) if rng.random() < WINGS else shape) for key, shape in kept]
    extent = 48.0 * side
    added = [
        affinity.translate(shapely.box(0, 0, 12, 9), *rng.uniform(0, extent, 2)) for _ in range(int(len(old) * NEW))
    ]
    standing = shapely.STRtree([shape for _, shape in kept])
    new += [(None, shape) for shape in added if not standing.query(shape, predicate="intersects").size]
    # On a third of the plots that fell empty something new is built, half over the old outline.
    empty = [shape for key, shape in old.items() if key not in dict(kept)]
    new += [(None, affinity.translate(shape, 2.0, 1.5)) for shape in empty[::3] if shape.area > 50]
    east, north = shift_m * math.cos(1.0), shift_m * math.sin(1.0)
    noisy = [(key, affinity.translate(_noisy(rng, shape), east, north)) for key, shape in new]
    mixed = [noisy[at] for at in rng.permutation(len(noisy))]
    return Resurvey(
        {key: FRAME.inverse(shape) for key, shape in old.items()},
        [FRAME.inverse(shape) for _, shape in mixed],
        [key for key, _ in mixed],
    )


def score(survey: Resurvey) -> Score:
    """Match the two surveys and compare with the truth."""
    started = time.perf_counter()
    found = match(survey.new, survey.old)
    seconds = time.perf_counter() - started
    doubtful = {doubt.index for doubt in found.review}
    verdicts = [_verdict(found, doubtful, at, key) for at, key in enumerate(survey.truth)]
    by_code = sum(
        key is not None and derive_grid(new) == key[:14] for key, new in zip(survey.truth, survey.new, strict=True)
    )
    return Score(
        len(verdicts), *(verdicts.count(word) for word in ("right", "review", "listed", "silent")), by_code, seconds
    )


def main() -> None:
    """Print one row for each shift."""
    print("shift  footprints   right  in review  wrong, listed  wrong, silent   by code alone  seconds")
    for shift_m in (0.0, 1.0, 3.0):
        row = score(resurvey(np.random.default_rng(20), 38, shift_m))
        print(
            f"{shift_m:3.0f} m {row.asked:11d} {row.right / row.asked:8.2%} {row.review:9d} {row.wrong_listed:14d}"
            f" {row.wrong_silent:14d} {row.by_code / row.asked:15.1%} {row.seconds:8.2f}"
        )


def _verdict(found: Matching, doubtful: set[int], at: int, truth: str | None) -> str:
    if at in doubtful:
        return "review"
    given = found.assigned[at].key if at in found.assigned else None
    if given == truth:
        return "right"
    return "listed" if at in found.altered else "silent"


def _building(rng: np.random.Generator, kind: int) -> BaseGeometry:
    long, deep = rng.uniform(20, 32), rng.uniform(10, 14)
    slab = shapely.box(-long / 2, -deep / 2, long / 2, deep / 2)
    tower = shapely.box(-deep, -deep, deep, deep)
    arm = shapely.box(-long / 2, -deep / 2, -long / 2 + 8, deep / 2 + 10)
    return (
        slab,
        tower,
        slab.union(arm),
        slab.union(arm).union(affinity.scale(arm, -1, 1, origin=(0, 0))),
        tower.difference(shapely.box(-5, -5, 5, 5)),
    )[kind]


def _wing(shape: BaseGeometry) -> BaseGeometry:
    """Extend a building by 15 % of its area on its east side."""
    _, south, east, north = shape.bounds
    width = 0.15 * shape.area / (north - south)
    return shape.union(shapely.box(east - 1, south, east + width, north))


def _noisy(rng: np.random.Generator, shape: BaseGeometry) -> BaseGeometry:
    def move(points: np.ndarray) -> np.ndarray:
        corners, which = np.unique(points, axis=0, return_inverse=True)  # a ring's first point is also its last
        return (corners + rng.normal(0, NOISE_M / math.sqrt(2), corners.shape))[which]

    moved = shapely.transform(shape, move)
    return moved if moved.is_valid else moved.buffer(0)


if __name__ == "__main__":
    main()
