"""Two buildings do not stand on one ground: footprints that overlap although they are not one building."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

LEAST_SHARE = 0.05
"""Of the smaller footprint; less is what surveys and eaves differ by."""


class Overlap(NamedTuple):
    """A new building, one that stands there, and how much of the smaller footprint is common, 0 to 1."""

    code: str
    other: str
    share: float


def overlaps(new: Mapping[str, BaseGeometry], standing: Mapping[str, BaseGeometry]) -> Iterator[Overlap]:
    """Yield which new footprints (CRS84, by code) lie on those of other buildings, in the order of their codes.

    >>> house, beside = shapely.box(120, 30, 120.0002, 30.0001), shapely.box(120.0001, 30, 120.0003, 30.0001)
    >>> [(one.code, one.other, round(one.share, 2)) for one in overlaps({"a": house}, {"a": house, "b": beside})]
    [('a', 'b', 0.5)]
    >>> list(overlaps({}, {"a": house}))
    []
    """
    codes, others = sorted(new), sorted(standing)
    if not codes or not others:
        return
    shapes, there = (_sound([found[key] for key in keys]) for found, keys in ((new, codes), (standing, others)))
    for first, second in sorted(zip(*shapely.STRtree(there).query(shapes, predicate="intersects"), strict=True)):
        code, other = codes[first], others[second]
        if code != other:
            share = shapely.intersection(shapes[first], there[second]).area
            share /= min(shapes[first].area, there[second].area) or 1.0
            if share >= LEAST_SHARE:
                yield Overlap(code, other, float(share))


def _sound(shapes: list[BaseGeometry]) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    return np.asarray(shapely.make_valid(np.array(shapes, dtype=object)))
