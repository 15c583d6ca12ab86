"""Positions left in the shifted degrees of Chinese web maps, told by how far they lie from where they should."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pyproj import Geod
from shapely.geometry.base import BaseGeometry

from gis.datum import Datum, convert
from gis.errors import BadInput

_EARTH = Geod(ellps="GRS80")
_LEAST_PAIRS = 3
_FAR_M = 150.0  # the shift is nowhere in China smaller; surveys and buildings are nowhere so inexact
_CLOSER = 4.0


def shift_of(found: Sequence[BaseGeometry], expected: Sequence[BaseGeometry]) -> Datum | None:
    """Return the datum that positions were left in by mistake, ``None`` when there is no sign of one.

    The sign: at least three lie, in the median, more than 150 m from where they should, and put back from GCJ-02 or
    BD-09 four times nearer.

    Args:
        found: Shapes as they were read, said to be CRS84.
        expected: For each, in the same order, the shape it should lie at or near, CRS84.

    >>> import shapely
    >>> shift_of([shapely.Point(120.2, 30.3)] * 3, [shapely.Point(120.2001, 30.3)] * 3) is None
    True
    >>> shift_of([], []) is None
    True
    """
    if len(found) < _LEAST_PAIRS:
        return None
    there = _middles(expected)
    here = _middles(found)
    away_m = _median_m(here, there)
    if away_m <= _FAR_M:
        return None
    try:
        put_back = {datum: _median_m(_unshifted(here, datum), there) for datum in (Datum.GCJ02, Datum.BD09)}
    except BadInput:
        return None  # outside China there is no other datum to be in
    likely = min(put_back, key=lambda datum: put_back[datum])
    return likely if put_back[likely] * _CLOSER <= away_m else None


def _middles(shapes: Sequence[BaseGeometry]) -> NDArray[np.float64]:
    bounds = np.array([shape.bounds for shape in shapes])
    middles: NDArray[np.float64] = (bounds[:, :2] + bounds[:, 2:]) / 2
    return middles


def _unshifted(points: NDArray[np.float64], datum: Datum) -> NDArray[np.float64]:
    return np.column_stack(convert(points[:, 0], points[:, 1], datum, Datum.WGS84))


def _median_m(here: NDArray[np.float64], there: NDArray[np.float64]) -> float:
    _, _, metres = _EARTH.inv(here[:, 0], here[:, 1], there[:, 0], there[:, 1])
    return float(np.median(metres))
