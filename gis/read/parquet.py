"""GeoParquet 1.0 and 1.1: the primary geometry column as WKB, its frame as PROJJSON (CRS84 when nothing is said)."""

import json
from pathlib import Path
from typing import Any

from gis.errors import BadInput, Unavailable
from gis.read.causes import CRS84
from gis.read.row import OnWarning, Row, Unplaced
from gis.read.values import geometries_of, plain


def read_parquet(path: Path, on_warning: OnWarning) -> Unplaced:
    """Read a GeoParquet file.

    Raises:
        Unavailable: ``gis.no_pyarrow``.
        BadInput: ``gis.unreadable``, ``gis.not_geoparquet``, ``gis.empty``.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise Unavailable(
            "gis.no_pyarrow",
            f"{path.name} is GeoParquet, and the package pyarrow is not installed.",
            "Install it: pip install 'lifang[parquet]'.",
            file=path.name,
        ) from error
    try:
        with parquet.ParquetFile(path, thrift_string_size_limit=1 << 26) as file:
            geo = _geo(path, file.schema_arrow.metadata or {})
            table = file.read(columns=_columns(file.schema_arrow.names, geo))
            wkb = table.column(geo["primary_column"]).to_pylist()
            columns = table.drop_columns([geo["primary_column"]])
            names, cells = columns.column_names, [column.to_pylist() for column in columns.columns]
    except (pa.ArrowException, OSError, UnicodeDecodeError, ValueError, OverflowError, KeyError) as error:
        raise BadInput(
            "gis.unreadable",
            f"{path.name} cannot be read as Parquet ({str(error).splitlines()[0] if str(error) else 'broken'}).",
            "Send the whole file again.",
            file=path.name,
        ) from error
    return Unplaced(_rows(path, wkb, names, cells, on_warning), _frame(geo))


def _geo(path: Path, metadata: dict[bytes, bytes]) -> dict[str, Any]:
    try:
        geo = json.loads(metadata[b"geo"])
        column = geo["columns"][geo["primary_column"]]
        fault = None if column["encoding"] == "WKB" else f"its geometry is written as {column['encoding']}"
    except (KeyError, TypeError, ValueError, RecursionError):
        fault = "it has no geo metadata"
    if fault:
        raise BadInput(
            "gis.not_geoparquet",
            f"{path.name} is Parquet, but not GeoParquet with WKB: {fault}.",
            "Write it as GeoParquet 1.1 with encoding WKB.",
            file=path.name,
        )
    return dict(geo)


def _columns(names: list[str], geo: dict[str, Any]) -> list[str]:
    """Return the columns to read: bounding boxes and further geometries are left out."""
    covering = geo["columns"][geo["primary_column"]].get("covering") or {}
    boxes = {side[0] for side in covering.get("bbox", {}).values()} if isinstance(covering, dict) else set()
    others = set(geo["columns"]) - {geo["primary_column"]}
    return [name for name in names if name not in boxes | others]


def _frame(geo: dict[str, Any]) -> str | None:
    column = geo["columns"][geo["primary_column"]]
    if "crs" not in column:
        return CRS84
    return None if column["crs"] is None else json.dumps(column["crs"])


def _rows(path: Path, wkb: list[Any], names: list[str], cells: list[list[Any]], on_warning: OnWarning) -> list[Row]:
    if not wkb:
        raise BadInput("gis.empty", f"{path.name} holds no features.", "Send a file with features.", file=path.name)
    drawn = geometries_of(wkb, path.name, on_warning)
    lines = zip(*cells, strict=True) if cells else ([] for _ in wkb)
    return [
        Row(number, geometry, None, {name: plain(value) for name, value in zip(names, values, strict=True)})
        for number, (geometry, values) in enumerate(zip(drawn, lines, strict=True), 1)
    ]
