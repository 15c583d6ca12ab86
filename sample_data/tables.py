"""Write tables as planners send them: GeoPackage, Shapefile, GeoJSON, CSV, Excel, GeoTIFF; repeatable to the byte."""

import csv
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from sample_data.frame import MAP_CRS, ORIGIN_EAST_M, ORIGIN_NORTH_M, SIDE_M, ground_m
from sample_data.site import Row

FIXED_DAY = "2026-01-01"
_FIXED_TIME = f"{FIXED_DAY}T00:00:00.000Z"
_ZIP_TIME = (2026, 1, 1, 0, 0, 0)
_DEM_CELL_M = 5.0
_DEM_MARGIN_M = 50.0


@contextmanager
def fixed_clock() -> Iterator[None]:
    """While open, GDAL writes a fixed date into what it writes."""
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": _FIXED_TIME})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


def write_vector(
    path: Path,
    shapes: Sequence[tuple[Row, BaseGeometry]],
    *,
    crs: str,
    project: Callable[[BaseGeometry], BaseGeometry],
    table: str | None = None,
    **options: str,
) -> None:
    """Write rows with site geometries; ``project`` brings them into ``crs``; ``options`` go to the GDAL driver."""
    rows = [row for row, _ in shapes]
    geometries = np.array([project(shape) for _, shape in shapes], dtype=object)
    columns = [_column([row[name] for row in rows]) for name in rows[0]]
    pyogrio.raw.write(
        path,
        shapely.to_wkb(geometries),
        [values for values, _ in columns],
        list(rows[0]),
        [mask for _, mask in columns],
        layer=table,
        driver={".gpkg": "GPKG", ".shp": "ESRI Shapefile", ".geojson": "GeoJSON"}[path.suffix],
        geometry_type=geometries[0].geom_type,
        crs=crs,
        **options,
    )


def _column(values: Sequence[Any]) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """Return a column's values and where they are missing.

    >>> _column([1, None])
    (array([1, 0], dtype=int32), array([False,  True]))
    >>> _column([None])
    (array([None], dtype=object), None)
    """
    known = {type(value) for value in values if value is not None}
    missing = np.array([value is None for value in values])
    if known == {int}:
        return np.array([value or 0 for value in values], dtype=np.int32), missing
    if known and known <= {int, float}:
        return np.array([value or 0.0 for value in values], dtype=np.float64), missing
    return np.array(values, dtype=object), None


def write_csv(path: Path, rows: Sequence[Row], encoding: str) -> None:
    """Write rows under the headers of the first; ``None`` becomes an empty cell."""
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(rows)


def write_excel(path: Path, rows: Sequence[Row], sheet: str) -> None:
    """Write rows into one sheet of a workbook."""
    import openpyxl

    book = openpyxl.Workbook(write_only=True)
    page = book.create_sheet(sheet)
    page.append(list(rows[0]))
    for row in rows:
        page.append(list(row.values()))
    book.save(path)
    _still(path)


def _still(path: Path) -> None:
    """Write a zip file anew without the time of its making."""
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    stamp = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
    parts["docProps/core.xml"] = stamp.sub(f"{FIXED_DAY}T00:00:00Z".encode(), parts["docProps/core.xml"])
    with zipfile.ZipFile(path, "w") as book:
        for name, content in parts.items():
            book.writestr(zipfile.ZipInfo(name, _ZIP_TIME), content, zipfile.ZIP_DEFLATED)


def write_dem(path: Path) -> None:
    """Write the ground as a GeoTIFF: float32 metres (1985) on a 5 m grid, 50 m wider than the community."""
    import rasterio

    count = int((SIDE_M + 2 * _DEM_MARGIN_M) / _DEM_CELL_M)
    steps = (np.arange(count) + 0.5) * _DEM_CELL_M - _DEM_MARGIN_M
    heights = np.array([[ground_m(x, y) for x in steps] for y in steps[::-1]], dtype=np.float32)
    west, north = ORIGIN_EAST_M - _DEM_MARGIN_M, ORIGIN_NORTH_M + SIDE_M + _DEM_MARGIN_M
    grid: Mapping[str, Any] = {
        "driver": "GTiff",
        "width": count,
        "height": count,
        "count": 1,
        "dtype": "float32",
        "crs": MAP_CRS,
        "transform": rasterio.Affine(_DEM_CELL_M, 0, west, 0, -_DEM_CELL_M, north),
        "nodata": -9999.0,
        "compress": "deflate",
    }
    with rasterio.open(path, "w", **grid) as raster:
        raster.write(heights, 1)
