"""Rooms that lie far from their building: markers, copies left at the origin, slips of the mouse."""

from collections.abc import Mapping, Sequence

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

FAR_M = 25.0
"""No balcony, bicycle shed or garage that is drawn with a building stands farther from it."""


def displaced(rooms: Mapping[int, BaseGeometry], built: Sequence[BaseGeometry]) -> set[int]:
    """Return which rooms (plans by id, local metres) lie farther than 25 m from everything built, or from every room.

    Where half of the rooms or more would be displaced, what is built is not the building, and none is.

    >>> house, far = shapely.box(0, 0, 10, 10), shapely.box(80, 0, 84, 4)
    >>> displaced({1: house, 2: house, 3: far}, [house])
    {3}
    >>> displaced({1: house, 2: house, 3: far}, [])
    {3}
    >>> displaced({1: house, 2: far}, []), displaced({}, [house])
    (set(), set())
    """
    if not rooms:
        return set()
    names, plans = np.array(list(rooms)), np.array(list(rooms.values()), dtype=object)
    middles = shapely.centroid(plans)
    if built:
        near = shapely.STRtree(np.array(built, dtype=object)).query(middles, predicate="dwithin", distance=FAR_M)[0]
    else:
        one, other = shapely.STRtree(plans).query(middles, predicate="dwithin", distance=FAR_M)
        near = one[one != other]
    far = np.setdiff1d(np.arange(len(names)), near)
    return set(names[far].tolist()) if 2 * len(far) < len(names) else set()
