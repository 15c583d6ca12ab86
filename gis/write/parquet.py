"""GeoParquet 1.1 and Arrow streams: WKB, CRS84, and a bounding box a row, so that readers skip the rest."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from gis.errors import Unavailable
from gis.write.table import Column, Table

_ROWS_A_GROUP = 65_536
_SIDES = ("xmin", "ymin", "xmax", "ymax")


def encode(table: Table) -> Iterator[bytes]:
    """Yield one file; columns ``geometry`` and ``bbox`` come after the layer's own.

    Raises:
        Unavailable: ``export.no_pyarrow``.
    """
    pa = _pyarrow()
    from pyarrow import parquet

    sink = pa.BufferOutputStream()
    parquet.write_table(_rows(pa, table), sink, row_group_size=_ROWS_A_GROUP, compression="zstd")
    yield sink.getvalue().to_pybytes()


def encode_arrow(table: Table) -> Iterator[bytes]:
    """Yield the same columns as an Arrow stream, which a program reads without decoding.

    Raises:
        Unavailable: ``export.no_pyarrow``.
    """
    pa = _pyarrow()
    rows = _rows(pa, table)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_table(rows, max_chunksize=_ROWS_A_GROUP)
    yield sink.getvalue().to_pybytes()


def _pyarrow() -> Any:
    try:
        import pyarrow as pa
    except ImportError as error:
        raise Unavailable(
            "export.no_pyarrow",
            "GeoParquet and Arrow need the package pyarrow, which is not installed.",
            "Install it: pip install 'lifang[parquet]'.",
        ) from error
    return pa


def _rows(pa: Any, table: Table) -> Any:
    shapes = np.array(table.geometries, dtype=object)
    named = {"id": Column("string", table.ids), **table.columns}
    columns = {name: _array(pa, column) for name, column in named.items()}
    columns["geometry"] = pa.array(list(shapely.to_wkb(shapes)), pa.binary())
    columns["bbox"] = _boxes(pa, shapes)
    return pa.table(columns).replace_schema_metadata({"geo": json.dumps(_metadata(shapes))})


def _array(pa: Any, column: Column) -> Any:
    kind, values = column.flat()
    types = {"integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_(), "text": pa.string()}
    return pa.array(values, types[kind])


def _boxes(pa: Any, shapes: npt.NDArray[np.object_]) -> Any:
    bounds = shapely.bounds(shapes).reshape(-1, 4)
    sides = [pa.array(side, pa.float64()) for side in bounds.T]
    return pa.StructArray.from_arrays(sides, _SIDES, mask=pa.array(np.isnan(bounds[:, 0])))


def _metadata(shapes: npt.NDArray[np.object_]) -> dict[str, Any]:
    """Return the ``geo`` metadata; a CRS that is not named is CRS84 (GeoParquet 1.1, "crs")."""
    known = shapes[~shapely.is_missing(shapes)]
    geometry: dict[str, Any] = {
        "encoding": "WKB",
        "geometry_types": sorted({shape.geom_type for shape in known}),
        "covering": {"bbox": {side: ["bbox", side] for side in _SIDES}},
    }
    if len(known):
        geometry["bbox"] = [float(edge) for edge in shapely.total_bounds(known)]
    return {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": geometry}}
