"""CSV for spreadsheets: UTF-8 with a mark, so that Excel opens Chinese right, and no cell that runs as a formula."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import shapely

from gis.write.table import Table

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def encode(table: Table) -> Iterator[bytes]:
    """Yield the heading and the rows, lines ending in CR LF (RFC 4180).

    Points stand in ``longitude`` and ``latitude`` (CRS84, degrees), other shapes as ``wkt``. A text that a spreadsheet
    would take for a formula gets an apostrophe before it.

    >>> import shapely
    >>> from gis.write.table import Column
    >>> bell = Table(name="bell", title="", ids=["=1"], geometries=[shapely.Point(120, 30)],
    ...              columns={"高": Column("number", [-1.5])})
    >>> print(b"".join(encode(bell)).decode("utf-8-sig").strip())
    id,高,longitude,latitude
    '=1,-1.5,120.0,30.0
    """
    flat = [table.ids, *(column.flat()[1] for column in table.columns.values())]
    places, cells = _positions(table)
    yield b"\xef\xbb\xbf" + _line(["id", *table.columns, *places])
    for row in zip(*flat, *cells, strict=True):
        yield _line(row)


def _positions(table: Table) -> tuple[list[str], list[list[Any]]]:
    shapes = np.array(table.geometries, dtype=object)
    known = shapes[~shapely.is_missing(shapes)]
    if not len(known):
        return [], []
    if (shapely.get_type_id(known) == 0).all():
        axes = (shapely.get_x(shapes), shapely.get_y(shapes))
        return ["longitude", "latitude"], [[None if np.isnan(at) else float(at) for at in axis] for axis in axes]
    return ["wkt"], [list(shapely.to_wkt(shapes, rounding_precision=9))]


def _line(cells: Sequence[Any]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow([_safe(cell) for cell in cells])
    return line.getvalue().encode()


def _safe(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
