"""The one door for files: which reader, which frame, what to mend and what to refuse."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import shapely
from pyproj import CRS

from gis.datum import Datum, convert_geometry
from gis.errors import BadInput, NotFound
from gis.read.causes import CRS84
from gis.read.frame import parse_crs, to_crs84
from gis.read.repair import repaired
from gis.read.row import OnWarning, Row
from gis.read.tables import Table, read_csv, read_excel
from gis.read.vector import read_vector

_VECTOR = (".gpkg", ".shp", ".geojson", ".json", ".geojsonl", ".geojsons", ".ndjson", ".pbf")
_SHIFTED = {"gcj02": Datum.GCJ02, "gcj-02": Datum.GCJ02, "bd09": Datum.BD09, "bd-09": Datum.BD09}
_CSV, _EXCEL = (".csv", ".txt", ".tsv"), (".xlsx",)


def read_features(
    path: Path,
    *,
    crs: str | None = None,
    encoding: str | None = None,
    layer: str | None = None,
    on_warning: OnWarning,
) -> list[Row]:
    """Read a GIS file or a table into rows in CRS84 (longitude, latitude in degrees).

    GeoPackage, Shapefile, GeoJSON (also one feature a line), OpenStreetMap ``.pbf``, CSV and Excel ``.xlsx``. A
    table may have columns 经度 and 纬度 (or lon, lat), or easting and northing with ``crs``, or no position at all:
    its rows are then placed by what they say about their place.

    Args:
        path: The file; of a shapefile the .shp.
        crs: The frame, when the file does not say or says it wrongly; ``gcj02`` and ``bd09`` name the shifted
            degrees of Chinese web maps. Longitude and latitude columns of a table
            are CGCS2000 or WGS 84 unless this says otherwise.
        encoding: The encoding of the text, when detection must not decide.
        layer: Which layer of a GeoPackage or sheet of a workbook, when there are several.
        on_warning: Gets each fault that concerns one row or was mended.

    Returns:
        The rows in the file's order, those with an impossible position left out and reported.

    Raises:
        NotFound: ``gis.no_file``.
        BadInput: ``gis.format``, ``gis.unreadable``, ``gis.empty``, ``gis.missing_part``, ``gis.truncated``,
            ``gis.encoding``, ``gis.which_layer``, ``gis.no_crs``, ``gis.unknown_crs``, ``gis.bad_position``,
            ``gis.half_position``, ``gis.column_twice``, ``datum.outside_china``.

    >>> read_features(Path("nowhere.shp"), on_warning=print)
    Traceback (most recent call last):
        ...
    gis.errors.NotFound: gis.no_file: There is no file nowhere.shp. Check the path.
    """
    _check_file(path)
    suffix = path.suffix.lower()
    if suffix in _VECTOR:
        file = read_vector(path, encoding, layer, on_warning)
        rows = to_crs84(file.rows, _frame(path, file.crs, crs, on_warning), path.name, on_warning)
        return list(_mended(_unshifted(rows, crs), path.name, on_warning))
    table = read_csv(path, encoding, on_warning) if suffix in _CSV else read_excel(path, layer, on_warning)
    return _place_table(table, path, crs, on_warning)


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise NotFound("gis.no_file", f"There is no file {path}.", "Check the path.", file=str(path))
    if path.suffix.lower() not in (*_VECTOR, *_CSV, *_EXCEL):
        raise BadInput(
            "gis.format",
            f"{path.name} is of a kind that is not read here.",
            "Send .gpkg, .shp (unpacked, with its .shx, .dbf and .prj), .geojson, .csv or .xlsx.",
            file=path.name,
        )
    if path.stat().st_size == 0:
        raise BadInput("gis.empty", f"{path.name} is an empty file.", "Send it again.", file=path.name)


def _frame(path: Path, stated: str | None, wanted: str | None, on_warning: OnWarning) -> CRS:
    if stated is None and wanted is None:
        raise BadInput(
            "gis.no_crs",
            f"{path.name} does not say in which coordinate reference system it is.",
            "Send its .prj too, or name it with --crs, such as --crs EPSG:4549.",
            file=path.name,
            parameter="crs",
        )
    if wanted and wanted.casefold() in _SHIFTED:
        return parse_crs(CRS84, path.name)
    frame = parse_crs(wanted or stated or "", path.name)
    if wanted and stated and parse_crs(stated, path.name) != frame:
        on_warning(
            BadInput(
                "gis.crs_overridden",
                f"{path.name} says it is in {parse_crs(stated, path.name).name}; read as {frame.name} as told.",
                file=path.name,
                parameter="crs",
            )
        )
    return frame


def _place_table(table: Table, path: Path, crs: str | None, on_warning: OnWarning) -> list[Row]:
    if not table.positioned:
        return table.rows
    frame = _frame(path, CRS84 if table.in_degrees and crs is None else None, crs, on_warning)
    return list(_unshifted(to_crs84(table.rows, frame, path.name, on_warning), crs))


def _unshifted(rows: Iterable[Row], crs: str | None) -> Iterator[Row]:
    """Undo the shift of Chinese web maps, when the file was said to have it."""
    datum = _SHIFTED.get((crs or "").casefold())
    for row in rows:
        if datum is None or row.geometry is None:
            yield row
        else:
            yield replace(row, geometry=convert_geometry(row.geometry, datum, Datum.WGS84))


def _mended(rows: Iterable[Row], file: str, on_warning: OnWarning) -> Iterator[Row]:
    for row in rows:
        geometry = None if row.geometry is None else repaired(row.geometry)
        if geometry is None:
            on_warning(_without_geometry(row, file))
        elif geometry is not row.geometry:
            reason = shapely.is_valid_reason(row.geometry)
            on_warning(
                BadInput(
                    "gis.repaired",
                    f"Feature {row.number} of {file} was invalid ({reason}) and was mended.",
                    file=file,
                    row=row.number,
                )
            )
        yield Row(row.number, geometry, row.z, row.properties)


def _without_geometry(row: Row, file: str) -> BadInput:
    if row.geometry is None or row.geometry.is_empty:
        return BadInput("gis.no_geometry", f"Feature {row.number} of {file} has no shape.", file=file, row=row.number)
    return BadInput(
        "gis.bad_geometry",
        f"Feature {row.number} of {file} cannot be mended ({shapely.is_valid_reason(row.geometry)}).",
        "Draw it again; it is read without a shape.",
        file=file,
        row=row.number,
    )
