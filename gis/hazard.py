"""An area that walks keep out of."""

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from gis.local import LocalFrame

Floats = npt.NDArray[np.float64]
Objects = npt.NDArray[np.object_]

_TOUCH_M = 0.01
_ESCAPE_FACTOR = 20.0
"""Ways inside a hazard somebody stands in count so many times their length: out by the shortest way."""


class Hazard:
    """An area to keep out of; the part of it that holds the start may be walked, at a price."""

    def __init__(self, frame: LocalFrame, area: BaseGeometry, start: tuple[float, float]) -> None:
        plane, point = frame.forward(area), frame.forward(shapely.Point(start))
        self._here = shapely.union_all([part for part in shapely.get_parts(plane) if part.covers(point)])
        self._elsewhere = shapely.difference(plane, self._here)

    def spared(self, shapes: Objects) -> Objects:
        """Return the lines without what lies in the area."""
        return np.asarray(shapely.difference(shapes, self._elsewhere), dtype=object)

    def passable(self, lines: Objects) -> npt.NDArray[np.bool_]:
        """Tell which lines stay out of the area; touching it is no harm."""
        inside = shapely.intersection(lines, self._elsewhere)
        return np.asarray(shapely.length(inside) < _TOUCH_M)

    def cost_m(self, lines: Objects, length_m: Floats) -> Floats:
        """Return what lines of these lengths cost to walk."""
        inside_m = shapely.length(shapely.intersection(lines, self._here))
        return np.asarray(length_m + inside_m * (_ESCAPE_FACTOR - 1))
