"""Features of one layer that meet those of another."""

import shapely
from shapely.geometry.base import BaseGeometry

from api.view import View
from gis.errors import BadInput
from gis.local import LocalFrame

MAX_OTHERS = 10_000
_TOUCH_M = 0.01
"""So thick is a line or point that something must meet."""


def area_around(seen: View, layer: str, filters: tuple[tuple[str, str], ...], distance_m: float) -> BaseGeometry:
    """Return the CRS84 area within a distance of a layer's features; empty when it has none.

    Raises:
        BadInput: ``query.too_many_others``.
    """
    page = seen.here.access.find(seen.query(layer, filters=filters, limit=MAX_OTHERS))
    if page.next is not None:
        raise BadInput(
            "query.too_many_others",
            f"{page.matched} features of {layer} are too many to compare with.",
            "Narrow them by intersects_filter.",
            parameter="intersects",
        )
    outlines = [one.geometry for one in page.features if one.geometry is not None and not one.geometry.is_empty]
    if not outlines:
        return shapely.Polygon()
    frame = LocalFrame.around(*outlines)
    return frame.inverse(shapely.union_all([frame.forward(one).buffer(max(distance_m, _TOUCH_M)) for one in outlines]))
