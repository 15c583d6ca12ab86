"""Which room holds a point with a height: an R-tree in three dimensions over storeys and spaces."""

from collections.abc import Iterable

import numpy as np
import shapely
from rtree import index

from twin.feature import Feature


class RoomIndex:
    """Places with a footprint and both heights, found by longitude, latitude and height.

    A point on a boundary belongs to the room above and to every room whose outline it touches.

    Args:
        places: Storeys and spaces; those without footprint or heights cannot hold a point and are left out.
    """

    def __init__(self, places: Iterable[Feature]) -> None:
        self._places = [
            place
            for place in places
            if place.geometry is not None and place.z_min_m is not None and place.z_max_m is not None
        ]
        shapes = np.array([place.geometry for place in self._places], dtype=object)
        shapely.prepare(shapes)
        bounds = shapely.bounds(shapes).reshape(-1, 4)
        heights = np.array([(place.z_min_m, place.z_max_m) for place in self._places], dtype=float).reshape(-1, 2)
        mins, maxs = np.column_stack([bounds[:, :2], heights[:, :1]]), np.column_stack([bounds[:, 2:], heights[:, 1:]])
        properties = index.Property(dimension=3)
        numbers = np.arange(len(self._places))
        # An empty bulk load is refused by the library.
        self._tree = index.Index((numbers, mins, maxs), properties=properties) if len(numbers) else None

    def at(self, lon_deg: float, lat_deg: float, height_m: float) -> list[Feature]:
        """Return the places that hold the point, the smallest part of a building first.

        >>> RoomIndex([]).at(120.2, 30.3, 6.0)
        []
        """
        if self._tree is None:
            return []
        corner = (lon_deg, lat_deg, height_m)
        point = shapely.Point(lon_deg, lat_deg)
        near = (self._places[number] for number in self._tree.intersection(corner + corner))
        held = [place for place in near if _between(place, height_m) and shapely.intersects(place.geometry, point)]
        return sorted(held, key=lambda place: (-len(place.id.split("-")), place.id))


def _between(place: Feature, height_m: float) -> bool:
    return place.z_min_m is not None and place.z_max_m is not None and place.z_min_m <= height_m < place.z_max_m
