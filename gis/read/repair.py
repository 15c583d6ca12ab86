"""Mending geometry that breaks the rules of OGC Simple Features, keeping what it was meant to be."""

import shapely
from shapely.geometry.base import BaseGeometry

_AREA_TYPES = ("Polygon", "MultiPolygon")


def repaired(geometry: BaseGeometry) -> BaseGeometry | None:
    """Return a valid geometry of the same dimension, ``None`` when nothing of that dimension is left.

    A self-crossing area keeps its areas: splinter lines and points that the repair makes are dropped.

    >>> bow_tie = shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])
    >>> repaired(bow_tie).geom_type, repaired(bow_tie).area
    ('MultiPolygon', 2.0)
    >>> repaired(shapely.Polygon([(0, 0), (1, 1), (0, 0)])) is None
    True
    """
    if geometry.is_valid and not geometry.is_empty:
        return geometry
    mended = shapely.make_valid(geometry, method="structure", keep_collapsed=False)
    if geometry.geom_type in _AREA_TYPES:
        mended = _areas_of(mended)
    return None if mended.is_empty or not mended.is_valid else mended


def _areas_of(geometry: BaseGeometry) -> BaseGeometry:
    areas = [part for part in shapely.get_parts(geometry) if part.geom_type in _AREA_TYPES and part.area > 0]
    return shapely.union_all(areas)
