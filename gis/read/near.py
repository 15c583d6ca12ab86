"""Is the layer where the community is? A layer in the wrong place is refused with the likely mistake named."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Geod
from shapely.geometry.base import BaseGeometry

from gis.datum import Datum, convert
from gis.errors import BadInput
from gis.read.causes import zone_of_meridian
from gis.read.row import Row

_EARTH = Geod(ellps="GRS80")

Bounds = tuple[float, float, float, float]
"""west, south, east, north in CRS84 degrees."""


def check_near(rows: Sequence[Row], bounds: Bounds, max_km: float, *, file: str, crs: str | None = None) -> None:
    """Refuse rows none of which lies near the community.

    Args:
        rows: As :func:`gis.read.read_features` gives them.
        bounds: Extent of the twin: west, south, east, north in CRS84 degrees.
        max_km: How far outside the extent the nearest row may lie, kilometres.
        file: Name for the message.
        crs: The frame the file was read in; lets a wrong zone be named.

    Raises:
        BadInput: ``gis.wrong_place`` with the distance, the likely cause and the cure.

    >>> import shapely
    >>> check_near([Row(1, shapely.Point(30.28, 60.15))], (60.1, 30.2, 60.2, 30.3), 5, file="pois.csv")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: gis.wrong_place: pois.csv lies ... km from the community: latitude stands before ...
    >>> check_near([Row(1)], (120.1, 30.2, 120.2, 30.3), 5, file="staff.csv")   # nothing has a position
    """
    points = np.array([_middle(row.geometry) for row in rows if row.geometry is not None]).reshape(-1, 2)
    if not len(points):
        return
    distance_km = _distance_km(points, bounds)
    if distance_km <= max_km:
        return
    cause, cure = _likely_cause(points, bounds, max_km, crs)
    raise BadInput(
        "gis.wrong_place",
        f"{file} lies {distance_km:,.1f} km from the community{cause}.",
        cure,
        file=file,
        distance_km=round(distance_km, 3),
    )


def _middle(geometry: BaseGeometry) -> tuple[float, float]:
    west, south, east, north = geometry.bounds
    return (west + east) / 2, (south + north) / 2


def _distance_km(points: NDArray[np.float64], bounds: Bounds) -> float:
    """Return the distance from the box to the nearest point."""
    west, south, east, north = bounds
    lon, lat = points.T
    if np.any(np.abs(lat) > 90):
        return float("inf")
    _, _, metres = _EARTH.inv(lon, lat, np.clip(lon, west, east), np.clip(lat, south, north))
    return float(metres.min()) / 1000


def _likely_cause(points: NDArray[np.float64], bounds: Bounds, max_km: float, crs: str | None) -> tuple[str, str]:
    if _distance_km(points[:, ::-1], bounds) <= max_km:
        return ": latitude stands before longitude", "Swap the two axes or columns."
    for datum in (Datum.GCJ02, Datum.BD09):
        if _distance_km(_unshifted(points, datum), bounds) <= max_km:
            return f": it has the shift of the map datum {datum.upper()}", f"Read it with --crs {datum}."
    for shift in _meridian_shifts():
        if crs and _distance_km(points + np.array([shift, 0]), bounds) <= max_km:
            named = zone_of_meridian(CRS.from_user_input(crs), shift)
            if named:
                return f": the zone is {abs(shift)} degrees off", f"Name the frame with --crs {named}."
    return "", "Name the frame it really is in with --crs, or import it into the community it belongs to."


def _unshifted(points: NDArray[np.float64], datum: Datum) -> NDArray[np.float64]:
    try:
        return np.column_stack(convert(points[:, 0], points[:, 1], datum, Datum.WGS84))
    except BadInput:
        return points  # the shifted datums exist in China only, so this is not the cause


def _meridian_shifts() -> Iterable[int]:
    # Zones are 3 degrees wide; the nearest wrong one is the likeliest.
    return (3, -3, 6, -6, 9, -9, 12, -12)
