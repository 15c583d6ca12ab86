"""GeoPackage and FlatGeobuf, written by GDAL."""

import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from gis.write.table import Column, Table

_PIECE = 1 << 20
_MULTI = {0: "MultiPoint", 1: "MultiLineString", 3: "MultiPolygon", 4: "MultiPoint", 5: "MultiLineString",
          6: "MultiPolygon"}  # fmt: skip
_DTYPES: dict[str, Any] = {"integer": np.int64, "number": np.float64, "boolean": np.bool_}


def encode_geopackage(tables: Sequence[Table], now: datetime) -> Iterator[bytes]:
    """Yield a GeoPackage with one table a layer, spatially indexed, longitude and latitude in EPSG:4490.

    Args:
        tables: At least one.
        now: Stamped as the last change.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "export.gpkg"
        for table in tables:
            _write(path, table, "GPKG", "EPSG:4490", IDENTIFIER=table.title)
        # GDAL takes its clock from a setting of the whole process; two exports at once would share it.
        with closing(sqlite3.connect(path)) as database, database:
            stamp = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
            database.execute("UPDATE gpkg_contents SET last_change = ?", (stamp,))
        yield from _pieces(path)


def encode_flatgeobuf(table: Table) -> Iterator[bytes]:
    """Yield a FlatGeobuf with spatial index, CRS84; rows without geometry cannot be indexed and make it unindexed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "export.fgb"
        whole = all(shape is not None for shape in table.geometries) and len(table.ids) > 0
        _write(path, table, "FlatGeobuf", "OGC:CRS84", TITLE=table.title, SPATIAL_INDEX="YES" if whole else "NO")
        yield from _pieces(path)


def _write(path: Path, table: Table, driver: str, crs: str, **options: str) -> None:
    import pyogrio

    shapes = np.array(table.geometries, dtype=object)
    kind = _geometry_type(shapes)
    named = {"id": Column("string", table.ids), **table.columns}
    columns = [_array(column) for column in named.values()]
    pyogrio.raw.write(
        path,
        shapely.to_wkb(shapes),
        [values for values, _ in columns],
        list(named),
        [missing for _, missing in columns],
        layer=table.name,
        driver=driver,
        geometry_type=kind,
        promote_to_multi=kind.startswith("Multi"),
        crs=crs,
        layer_options=options,
        # Programs five years old warn of anything newer.
        dataset_options={"VERSION": "1.3"} if driver == "GPKG" else {},
    )


def _geometry_type(shapes: npt.NDArray[np.object_]) -> str:
    """Return the one type all shapes have, its multi-type when some are multiple, else ``Unknown``.

    >>> _geometry_type(np.array([shapely.Point(0, 0), None])), _geometry_type(np.array([None], dtype=object))
    ('Point', 'Unknown')
    """
    known = shapes[~shapely.is_missing(shapes)]
    types = {int(number) for number in shapely.get_type_id(known)}
    if len(types) == 1:
        return str(known[0].geom_type)
    multi = {_MULTI.get(number, "Unknown") for number in types}
    return multi.pop() if len(multi) == 1 else "Unknown"


def _array(column: Column) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_] | None]:
    kind, values = column.flat()
    if kind == "text":
        return np.array(values, dtype=object), None
    missing = np.array([value is None for value in values], dtype=bool)
    return np.array([0 if value is None else value for value in values], dtype=_DTYPES[kind]), missing


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece
