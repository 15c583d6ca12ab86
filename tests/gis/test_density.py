"""Density and hot spots, beside formulas written out by hand."""

import math

import h3
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.density import hot_spots, kernel_density
from gis.errors import BadInput
from gis.local import distance_m

CENTRE = h3.latlng_to_cell(30.28, 120.15, 10)


@given(
    st.lists(st.tuples(st.floats(120.15, 120.155), st.floats(30.28, 30.284), st.floats(0, 9)), min_size=1, max_size=20)
)
@settings(deadline=None, max_examples=30)
def test_the_grid_holds_exactly_the_weight_of_the_points(points):
    lon, lat, weights = zip(*points, strict=True)
    grid = kernel_density(lon, lat, weights, bandwidth_m=120, cell_m=6)
    assert grid.values.sum() * 36 / 1e6 == pytest.approx(sum(weights), rel=0.02, abs=0.01)


def test_a_value_is_the_quartic_kernels_at_that_distance():
    grid = kernel_density([120.15], [30.28], [1.0], bandwidth_m=200, cell_m=10)
    row, column = 13, 27
    away = distance_m(120.15, 30.28, grid.west + column * grid.step_lon, grid.south + row * grid.step_lat)
    expected = 3 / (math.pi * 200**2) * (1 - (away / 200) ** 2) ** 2 * 1e6
    assert grid.values[row, column] == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("cell_m", [0, 500])
def test_cells_must_fit_the_bandwidth(cell_m):
    with pytest.raises(BadInput, match="bandwidth"):
        kernel_density([120.15], [30.28], [1.0], bandwidth_m=200, cell_m=cell_m)


def test_a_grid_too_fine_is_refused_before_it_is_made():
    with pytest.raises(BadInput, match="too many"):
        kernel_density([120.0, 121.0], [30.0, 31.0], [1.0, 1.0], bandwidth_m=100, cell_m=1)


def gi_star(values, radius_m):
    """Return Gi* of every cell by the formula of the paper, sum by sum."""
    cells, n = list(values), len(values)
    mean = sum(values.values()) / n
    s = math.sqrt(sum(value**2 for value in values.values()) / n - mean**2)
    found = {}
    for cell in cells:
        at = h3.cell_to_latlng(cell)
        weights = [distance_m(at[1], at[0], *reversed(h3.cell_to_latlng(other))) <= radius_m for other in cells]
        total = sum(weights)
        top = sum(w * values[other] for w, other in zip(weights, cells, strict=True)) - mean * total
        bottom = s * math.sqrt(max(n * total - total**2, 0) / (n - 1))
        found[cell] = top / bottom if bottom else 0.0
    return found


@given(st.lists(st.integers(0, 20), min_size=37, max_size=37).filter(lambda held: len(set(held)) > 1))
@settings(deadline=None, max_examples=20)
def test_every_cell_has_the_gi_star_of_the_paper(held):
    values = dict(zip(sorted(h3.grid_disk(CENTRE, 3)), map(float, held), strict=True))
    expected = gi_star(values, 200)
    for spot in hot_spots(values, 200):
        assert spot.z == pytest.approx(expected[spot.cell], abs=1e-6)
        assert spot.p == pytest.approx(math.erfc(abs(spot.z) / math.sqrt(2)), abs=1e-9)


def test_hot_and_cold_are_told_apart():
    ring = sorted(h3.grid_disk(CENTRE, 6))
    cold = h3.grid_disk(ring[0], 1)
    values = {cell: 9.0 if cell in h3.grid_disk(CENTRE, 1) else 0.0 if cell in cold else 3.0 for cell in ring}
    spots = hot_spots(values, 180)
    assert spots[0].cell == CENTRE
    assert spots[-1].z < 0
    assert np.all(np.diff([spot.z for spot in spots]) <= 0)


def test_few_cells_are_no_statistics():
    with pytest.raises(BadInput, match="too few"):
        hot_spots({CENTRE: 1.0}, 100)
