"""Ground heights: between cell centres, at blanks, outside, and in a real terrain model."""

from pathlib import Path

import numpy as np
import pyproj
import pytest
import rasterio
from rasterio import Affine

from gis.dem import Dem
from gis.errors import BadInput

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "gis" / "dem"


def raster(path, heights, crs="EPSG:4326", nodata=-9999):
    heights = np.asarray(heights, dtype="float32")
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=heights.shape[1],
        height=heights.shape[0],
        count=1,
        dtype="float32",
        crs=crs,
        transform=Affine(0.1, 0, 120, 0, -0.1, 31),
        nodata=nodata,
    ) as file:
        file.write(heights, 1)
    return path


def test_height_is_interpolated_between_cell_centres(tmp_path):
    with Dem.open(raster(tmp_path / "d.tif", [[0, 10], [20, 30]])) as dem:
        assert dem.elevation(120.05, 30.95) == pytest.approx(0, abs=1e-4)
        assert dem.elevation(120.10, 30.95) == pytest.approx(5, abs=1e-4)
        assert dem.elevation(120.10, 30.90) == pytest.approx(15, abs=1e-4)


def test_a_plane_is_reproduced_exactly(tmp_path):
    rows, columns = np.mgrid[0:20, 0:30]
    with Dem.open(raster(tmp_path / "d.tif", 3 * columns - 2 * rows)) as dem:
        rng = np.random.default_rng(7)
        lon, lat = rng.uniform(120.06, 122.94, 200), rng.uniform(29.06, 30.94, 200)
        expected = 3 * ((lon - 120) / 0.1 - 0.5) - 2 * ((31 - lat) / 0.1 - 0.5)
        np.testing.assert_allclose(dem.elevations(lon, lat), expected, atol=1e-3)


def test_blank_and_outside_are_not_known_rather_than_zero(tmp_path):
    with Dem.open(raster(tmp_path / "d.tif", [[0, 10], [-9999, 30]])) as dem:
        assert dem.elevation(120.10, 30.90) is None
        assert dem.elevation(10, 50) is None
        assert np.isnan(dem.elevations([10.0], [50.0])).all()


def test_no_positions_give_no_heights(tmp_path):
    with Dem.open(raster(tmp_path / "d.tif", [[0, 10], [20, 30]])) as dem:
        assert dem.elevations([], []).shape == (0,)


def test_a_raster_without_frame_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"gis\.no_crs"):
        Dem.open(raster(tmp_path / "d.tif", [[0, 10], [20, 30]], crs=None))


def test_text_is_no_raster(tmp_path):
    (tmp_path / "d.tif").write_text("x")
    with pytest.raises(BadInput, match=r"gis\.unreadable"):
        Dem.open(tmp_path / "d.tif")


@pytest.mark.shared_data
@pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not here")
def test_the_munich_terrain_agrees_with_its_own_cells():
    path = DATA / "munich_dgm1_690_5335.tif"
    rng = np.random.default_rng(3)
    east, north = rng.integers(690_010, 690_990, 100) + 0.5, rng.integers(5_335_010, 5_335_990, 100) + 0.5
    lon, lat = pyproj.Transformer.from_crs(25832, "OGC:CRS84", always_xy=True).transform(east, north)
    with rasterio.open(path) as file:
        cells = np.array([value[0] for value in file.sample(zip(east, north, strict=True))])
    with Dem.open(path) as dem:
        np.testing.assert_allclose(dem.elevations(lon, lat), cells, atol=0.01)
