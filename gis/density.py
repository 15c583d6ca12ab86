"""Where things are dense: kernel density on a grid, and hot spots among hexagons."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import h3
import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree
from scipy.special import ndtr

from gis.errors import BadInput
from gis.local import LocalFrame

Floats = npt.NDArray[np.float64]

MAX_CELLS = 250_000


@dataclass(frozen=True, slots=True)
class DensityGrid:
    """Density on a regular grid of longitude and latitude, CRS84.

    Attributes:
        west: Longitude of the middle of the first column, degrees.
        south: Latitude of the middle of the first row.
        step_lon: Degrees from column to column.
        step_lat: Degrees from row to row.
        values: Rows from south to north × columns from west to east; weight per square kilometre.
    """

    west: float
    south: float
    step_lon: float
    step_lat: float
    values: Floats


def kernel_density(
    lon_deg: Sequence[float], lat_deg: Sequence[float], weights: Sequence[float], bandwidth_m: float, cell_m: float
) -> DensityGrid:
    """Return the density of weighted points by the quartic kernel (Silverman 1986, eq. 4.5).

    The kernel ends at the bandwidth, so that what is dense at one end of a community says nothing about the other;
    the grid reaches one bandwidth beyond the points, and its sum times the area of a cell is the sum of the weights.

    Args:
        lon_deg: Longitudes, CRS84.
        lat_deg: Latitudes.
        weights: What each point counts, not negative.
        bandwidth_m: How far a point is felt, metres.
        cell_m: Edge of a cell, metres.

    Raises:
        BadInput: ``density.nothing`` without points, ``density.grid`` when the cells would be too many or too coarse.

    >>> grid = kernel_density([120.0], [30.0], [7.0], bandwidth_m=100, cell_m=10)
    >>> grid.values.shape, round(float(grid.values.sum()) * 10 * 10 / 1e6, 1)
    ((21, 21), 7.0)
    >>> kernel_density([], [], [], 100, 10)
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: density.nothing: There is nothing to be dense. Choose another layer, place or time.
    """
    if not len(lon_deg):
        raise BadInput("density.nothing", "There is nothing to be dense.", "Choose another layer, place or time.")
    if not 0 < cell_m <= bandwidth_m:
        raise BadInput("density.grid", "Cells are larger than the bandwidth.", "Choose cells of a fifth of it.")
    frame = LocalFrame((min(lon_deg) + max(lon_deg)) / 2, (min(lat_deg) + max(lat_deg)) / 2)
    points = np.column_stack(frame.to_metres(lon_deg, lat_deg))
    xs, ys = (_axis(points[:, axis], bandwidth_m, cell_m) for axis in (0, 1))
    if len(xs) * len(ys) > MAX_CELLS:
        raise BadInput(
            "density.grid", f"{len(xs)} × {len(ys)} cells are too many.", "Choose larger cells or a smaller area."
        )
    values = _quartic(points, np.asarray(weights, dtype=np.float64), xs, ys, bandwidth_m)
    lon, lat = frame.to_degrees(np.array([xs[0], xs[0] + cell_m, xs[0]]), np.array([ys[0], ys[0], ys[0] + cell_m]))
    return DensityGrid(float(lon[0]), float(lat[0]), float(lon[1] - lon[0]), float(lat[2] - lat[0]), values)


def _axis(values: Floats, bandwidth_m: float, cell_m: float) -> Floats:
    count = math.ceil((float(np.ptp(values)) + 2 * bandwidth_m) / cell_m)
    middle = (float(values.min()) + float(values.max())) / 2
    return np.asarray(middle + (np.arange(count + 1) - count / 2) * cell_m, dtype=np.float64)


def _quartic(points: Floats, weights: Floats, xs: Floats, ys: Floats, bandwidth_m: float) -> Floats:
    values = np.zeros((len(ys), len(xs)))
    scale = 3 / (math.pi * bandwidth_m**2) * 1e6
    for (x, y), weight in zip(points, weights, strict=True):
        columns = slice(*np.searchsorted(xs, [x - bandwidth_m, x + bandwidth_m]))
        rows = slice(*np.searchsorted(ys, [y - bandwidth_m, y + bandwidth_m]))
        squared = ((ys[rows, None] - y) ** 2 + (xs[None, columns] - x) ** 2) / bandwidth_m**2
        values[rows, columns] += weight * scale * np.maximum(1 - squared, 0) ** 2
    return values


@dataclass(frozen=True, slots=True)
class HotSpot:
    """A hexagon whose neighbourhood holds more, or less, than chance would put there.

    Attributes:
        cell: H3 cell.
        value: What the hexagon itself holds.
        z: Getis-Ord Gi*; above 1.96 hot, below -1.96 cold, at 95 %.
        p: Probability of a |z| at least so large by chance.
    """

    cell: str
    value: float
    z: float
    p: float


def hot_spots(values: Mapping[str, float], radius_m: float) -> list[HotSpot]:
    """Return every H3 cell with its Getis-Ord Gi* (Ord and Getis 1995), highest first.

    Args:
        values: H3 cell → value, the cells that hold nothing included: leaving them out hides what is rare.
        radius_m: Cells with their middle this near are neighbours, the cell itself too.

    Raises:
        BadInput: ``hotspots.too_few`` with fewer than 8 cells; ``hotspots.all_equal`` when there is nothing to compare.

    >>> cells = sorted(h3.grid_disk(h3.latlng_to_cell(30.0, 120.0, 10), 5))
    >>> middle = h3.latlng_to_cell(30.0, 120.0, 10)
    >>> found = hot_spots({cell: 5.0 if cell in h3.grid_disk(middle, 1) else 0.0 for cell in cells}, radius_m=150)
    >>> found[0].cell == middle, found[0].p < 0.001
    (True, True)
    >>> hot_spots(dict.fromkeys(cells, 1.0), radius_m=150)
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: hotspots.all_equal: All cells hold the same. Choose more time or a larger area.
    """
    cells, held = list(values), np.array(list(values.values()), dtype=np.float64)
    count = len(cells)
    if count < 8:
        raise BadInput("hotspots.too_few", f"{count} cells are too few to compare.", "Choose smaller cells.")
    deviation = float(held.std())
    if deviation < 1e-12:
        raise BadInput("hotspots.all_equal", "All cells hold the same.", "Choose more time or a larger area.")
    lat, lon = np.array([h3.cell_to_latlng(cell) for cell in cells]).T
    frame = LocalFrame(float(lon.mean()), float(lat.mean()))
    tree = cKDTree(np.column_stack(frame.to_metres(lon, lat)))
    near = tree.sparse_distance_matrix(tree, radius_m, output_type="coo_matrix").tocsr()
    near.data[:] = 1.0
    near.setdiag(1.0)
    neighbours = np.asarray(near.sum(axis=1)).ravel()
    expected = held.mean() * neighbours
    spread = deviation * np.sqrt(np.maximum(count * neighbours - neighbours**2, 0) / (count - 1))
    z = np.divide(near @ held - expected, spread, out=np.zeros(count), where=spread > 0)
    p = 2 * ndtr(-np.abs(z))
    spots = [HotSpot(*one) for one in zip(cells, held.tolist(), z.tolist(), p.tolist(), strict=True)]
    return sorted(spots, key=lambda spot: (-spot.z, spot.cell))
