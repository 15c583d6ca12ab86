"""What is not wrong in itself but should be looked at: areas drawn twice, and what lies far from all the rest."""

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Geod

from gis.errors import BadInput
from gis.read.row import OnWarning, Row

FAR_KM = 300.0
"""A feature farther than this from the middle of its file is told, when nearly all others are near."""

_NEARLY_ALL = 0.95
_NEAR_KM = 50.0
_AREAS = (3, 6)  # Polygon, MultiPolygon in Simple Features
_EARTH = Geod(ellps="GRS80")


def report_doubts(rows: Sequence[Row], file: str, on_warning: OnWarning) -> None:
    """Report areas that equal an earlier one, and features far from the others; all of them stay.

    Points and lines may lie on one another: two devices hang on one pole.

    >>> square, away = shapely.box(120, 30, 120.001, 30.001), shapely.box(12, 3, 12.001, 3.001)
    >>> report_doubts([Row(1, square), Row(2, square), Row(3, None)], "a.shp", lambda told: print(told.message))
    Feature 2 of a.shp has the shape of feature 1.
    >>> report_doubts([Row(n, square) for n in range(30)][:1] + [Row(9, away)], "a.shp", print)
    """
    placed = [row for row in rows if row.geometry is not None]
    if len(placed) < 2:
        return
    shapes = np.array([row.geometry for row in placed], dtype=object)
    _report_twins(placed, shapes, file, on_warning)
    _report_far(placed, shapes, file, on_warning)


def _report_twins(rows: Sequence[Row], shapes: NDArray[np.object_], file: str, on_warning: OnWarning) -> None:
    seen: dict[bytes, int] = {}
    areas = np.isin(shapely.get_type_id(shapes), _AREAS)
    # Only what shares its box can be the same; bringing rings into one order costs far more than that.
    boxes = np.ascontiguousarray(shapely.bounds(shapes)).view("V32").ravel()
    _, box, count = np.unique(boxes, return_inverse=True, return_counts=True)
    for at in np.flatnonzero(areas & (count[box] > 1)).tolist():
        number = rows[at].number
        first = seen.setdefault(shapely.normalize(shapes[at]).wkb, number)
        if first != number:
            on_warning(
                BadInput(
                    "gis.same_shape",
                    f"Feature {number} of {file} has the shape of feature {first}.",
                    "Remove one of them if they are the same thing.",
                    file=file,
                    row=number,
                )
            )


def _report_far(rows: Sequence[Row], shapes: NDArray[np.object_], file: str, on_warning: OnWarning) -> None:
    bounds = shapely.bounds(shapes)
    lon, lat = (bounds[:, 0] + bounds[:, 2]) / 2, (bounds[:, 1] + bounds[:, 3]) / 2
    middle_lon, middle_lat = np.median(lon), np.median(lat)
    _, _, metres = _EARTH.inv(lon, lat, np.full_like(lon, middle_lon), np.full_like(lat, middle_lat))
    km = np.asarray(metres) / 1000
    if np.mean(km <= _NEAR_KM) < _NEARLY_ALL:
        return
    for at in np.flatnonzero(km > FAR_KM).tolist():
        on_warning(
            BadInput(
                "gis.far_away",
                f"Feature {rows[at].number} of {file} lies {km[at]:,.0f} km from the middle of the others.",
                "Check its position.",
                file=file,
                row=rows[at].number,
            )
        )
