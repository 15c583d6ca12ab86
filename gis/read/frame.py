"""From the source's frame into CRS84, refusing what cannot be a position on the ground."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError

from gis.errors import BadInput
from gis.read.causes import Cause, explain, to_crs84_transformer
from gis.read.row import OnWarning, Row

_NULL_ISLAND_DEG = 1e-3  # nobody lives within a hundred metres of 0, 0: it is open sea


def parse_crs(text: str, file: str) -> CRS:
    """Return the coordinate reference system, without its vertical part.

    Raises:
        BadInput: ``gis.unknown_crs``.

    >>> parse_crs("EPSG:4549", "roads.shp").name
    'CGCS2000 / 3-degree Gauss-Kruger CM 120E'
    >>> parse_crs("", "roads.shp")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: gis.unknown_crs: '' is no coordinate reference system. Name one such as EPSG:4490 ...
    """
    try:
        return CRS.from_user_input(text).to_2d()
    except CRSError as error:
        raise BadInput(
            "gis.unknown_crs",
            f"{text!r} is no coordinate reference system.",
            "Name one such as EPSG:4490 or EPSG:4549.",
            file=file,
            parameter="crs",
        ) from error


def to_crs84(rows: Sequence[Row], crs: CRS, file: str, on_warning: OnWarning) -> list[Row]:
    """Return the rows in CRS84, Z moved into ``z``; a row that cannot lie on the ground is reported and left out.

    Raises:
        BadInput: ``gis.bad_position`` when no position of the file is good: its frame or its axes are wrong.
    """
    geometries = np.array([row.geometry for row in rows], dtype=object)
    heights = _heights(geometries, file, on_warning)
    flat = shapely.force_2d(geometries)
    placed = _transformed(flat, crs)
    drawn = ~shapely.is_missing(flat)
    bad = drawn & (~_lie_near(placed, crs) | _unfilled(flat, placed))
    faults = {
        at: fault for at in np.flatnonzero(bad).tolist() if (fault := _fault(rows[at].number, flat[at], crs, file))
    }
    if faults and len(faults) == drawn.sum():
        raise next(iter(faults.values()))
    for fault in faults.values():
        on_warning(fault)
    return [
        Row(row.number, geometry, height if row.z is None else row.z, row.properties)
        for at, (row, geometry, height) in enumerate(zip(rows, placed, heights, strict=True))
        if at not in faults
    ]


def _transformed(geometries: NDArray[Any], crs: CRS) -> NDArray[Any]:
    transformer = to_crs84_transformer(crs)

    def transform(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(transformer.transform(points[:, 0], points[:, 1]))

    placed: NDArray[Any] = shapely.transform(geometries, transform)
    return placed


def _lie_near(geometries: NDArray[Any], crs: CRS) -> NDArray[np.bool_]:
    """Tell of each whether it lies in the area the frame was made for; the others deserve a second look."""
    west, south, east, north = crs.area_of_use.bounds if crs.area_of_use else (-180, -90, 180, 90)
    bounds = shapely.bounds(geometries)
    inside: NDArray[np.bool_] = (
        (bounds[:, 0] >= west) & (bounds[:, 1] >= south) & (bounds[:, 2] <= east) & (bounds[:, 3] <= north)
    )
    # bounds() passes over infinite coordinates hidden among good ones
    coordinates, owners = shapely.get_coordinates(geometries, return_index=True)
    inside[owners[~np.isfinite(coordinates).all(axis=1)]] = False
    return inside


def _unfilled(flat: NDArray[Any], placed: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell of each whether it begins at 0, 0 of its frame or of the earth: what is written when nothing is known."""
    nowhere = np.zeros(len(flat), dtype=bool)
    for shapes, near in ((flat, 0.0), (placed, _NULL_ISLAND_DEG)):
        points, owners = shapely.get_coordinates(shapes, return_index=True)
        firsts = np.unique(owners, return_index=True)[1]
        nowhere[owners[firsts]] |= (np.abs(points[firsts]) <= near).all(axis=1)
    return nowhere


def _fault(number: int, geometry: shapely.Geometry, crs: CRS, file: str) -> BadInput | None:
    points = shapely.get_coordinates(geometry)
    x, y = (float(value) for value in points[0])
    cause = explain(x, y, crs)
    lon, lat = to_crs84_transformer(crs).transform(points[:, 0], points[:, 1])
    if x == y == 0 or max(abs(lon[0]), abs(lat[0])) <= _NULL_ISLAND_DEG:
        cause = Cause("0, 0 is what is written when a position is not known", "Give its position.")
    if cause is None and np.all(np.abs(lon) <= 180) and np.all(np.abs(lat) <= 90):
        return None
    return BadInput(
        "gis.bad_position",
        f"Row {number} of {file}: ({x:.10g}, {y:.10g}) is no position in {crs.name}"
        + (f": {cause.what}." if cause else "."),
        cause.cure if cause else "Check the coordinates, and name their frame with --crs.",
        file=file,
        row=number,
    )


def _heights(geometries: NDArray[Any], file: str, on_warning: OnWarning) -> list[float | None]:
    heights = [_lowest(geometry) if geometry is not None and geometry.has_z else None for geometry in geometries]
    known = [height for height in heights if height is not None]
    if len(known) < 2 or any(known):
        return heights
    on_warning(
        BadInput(
            "gis.flat_z",
            f"Every height in {file} is 0; they are taken as not known.",
            "Give heights in a column if the ground really is at 0 m.",
            file=file,
        )
    )
    return [None] * len(heights)


def _lowest(geometry: shapely.Geometry) -> float | None:
    z = shapely.get_coordinates(geometry, include_z=True)[:, 2]
    finite = z[np.isfinite(z)]
    return float(finite.min()) if finite.size else None
