"""Ground heights from a digital elevation model."""

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pyproj import CRS, Transformer

from gis.errors import BadInput

_CRS84 = "OGC:CRS84"


class Dem:
    """A raster of ground heights, opened for reading.

    Heights are metres above the raster's own vertical datum; nothing is converted.
    """

    def __init__(self, raster: Any) -> None:
        self._raster = raster
        self._to_raster = Transformer.from_crs(_CRS84, CRS.from_user_input(raster.crs).to_2d(), always_xy=True)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a GeoTIFF or any other raster GDAL reads.

        Raises:
            BadInput: ``gis.unreadable`` or ``gis.no_crs``.
        """
        import rasterio

        try:
            raster = rasterio.open(path)
        except rasterio.errors.RasterioIOError as error:
            raise BadInput(
                "gis.unreadable",
                f"{path.name} is no raster that can be read.",
                "Send a GeoTIFF.",
                file=path.name,
            ) from error
        if raster.crs is None:
            raster.close()
            raise BadInput(
                "gis.no_crs",
                f"{path.name} does not say in which coordinate reference system it is.",
                "Write it into the file, for example with gdal_edit.py -a_srs EPSG:4549.",
                file=path.name,
            )
        return cls(raster)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._raster.close()

    def elevation(self, lon: float, lat: float) -> float | None:
        """Return the ground height at a CRS84 position, metres; ``None`` outside the raster or where it is blank."""
        height = self.elevations([lon], [lat])[0]
        return float(height) if np.isfinite(height) else None

    def elevations(self, lon: ArrayLike, lat: ArrayLike) -> NDArray[np.float64]:
        """Return ground heights at CRS84 positions, metres.

        Bilinear between the four cell centres around each point; a point with a blank among the four, or outside
        the outermost cell centres, has no height.

        Returns:
            Shape (n,); NaN where there is no height.
        """
        x, y = self._to_raster.transform(np.asarray(lon, float), np.asarray(lat, float))
        columns, rows = ~self._raster.transform @ (np.asarray(x), np.asarray(y))
        # Pixel indices count from the corner of a cell, heights stand at its centre.
        columns, rows = np.asarray(columns) - 0.5, np.asarray(rows) - 0.5
        heights = np.full(columns.shape, np.nan)
        inside = (columns >= 0) & (rows >= 0) & (columns <= self._raster.width - 1) & (rows <= self._raster.height - 1)
        if inside.any():
            heights[inside] = self._bilinear(columns[inside], rows[inside])
        return heights

    def _bilinear(self, columns: NDArray[np.float64], rows: NDArray[np.float64]) -> NDArray[np.float64]:
        left, top = np.floor(columns).astype(int), np.floor(rows).astype(int)
        right, bottom = np.ceil(columns).astype(int), np.ceil(rows).astype(int)
        window = ((top.min(), bottom.max() + 1), (left.min(), right.max() + 1))
        # Only the part around the points is read: rasters of whole cities are larger than memory.
        grid = self._raster.read(1, window=window, masked=True).astype(float).filled(np.nan)
        u, v = columns - left, rows - top
        left, right, top, bottom = left - left.min(), right - left.min(), top - top.min(), bottom - top.min()
        upper = grid[top, left] * (1 - u) + grid[top, right] * u
        lower = grid[bottom, left] * (1 - u) + grid[bottom, right] * u
        blended: NDArray[np.float64] = upper * (1 - v) + lower * v
        return blended
