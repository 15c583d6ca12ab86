"""The one door for files: which reader, which frame, what to mend and what to refuse."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import shapely
from pyproj import CRS

from gis.datum import Datum, convert_geometry
from gis.errors import BadInput, NotFound
from gis.read.archive import gunzipped, is_workbook, unzipped
from gis.read.axes import east_first
from gis.read.causes import CRS84
from gis.read.citygml import read_citygml
from gis.read.cityjson import read_cityjson
from gis.read.doubts import report_doubts
from gis.read.dxf import read_dxf
from gis.read.frame import parse_crs, to_crs84
from gis.read.gml import read_gml
from gis.read.kind import kind_of
from gis.read.kml import read_kml
from gis.read.parquet import read_parquet
from gis.read.remote import Remote, Source, read_remote
from gis.read.repair import repaired
from gis.read.row import OnWarning, Row, Unplaced
from gis.read.tables import Table, read_csv, read_excel
from gis.read.vector import read_vector

_SHIFTED = {"gcj02": Datum.GCJ02, "gcj-02": Datum.GCJ02, "bd09": Datum.BD09, "bd-09": Datum.BD09}

_Read = Callable[[Path, str | None, str | None, OnWarning], Table | Unplaced]
_READERS: Mapping[str, _Read] = {
    "csv": lambda path, encoding, _layer, on_warning: read_csv(path, encoding, on_warning),
    "excel": lambda path, _encoding, layer, on_warning: read_excel(path, layer, on_warning),
    "gdal": read_vector,
    "shapefile": read_vector,
    "gml": read_gml,
    "kml": lambda path, _encoding, layer, on_warning: read_kml(path, layer, on_warning),
    "dxf": lambda path, _encoding, layer, on_warning: read_dxf(path, layer, on_warning),
    "parquet": lambda path, _encoding, _layer, on_warning: read_parquet(path, on_warning),
    "citygml": lambda path, _encoding, _layer, on_warning: read_citygml(path, on_warning),
    "cityjson": lambda path, _encoding, _layer, on_warning: read_cityjson(path, on_warning),
}


# Numbers that make no sense are the faults of their rows, not of the reckoning.
@np.errstate(all="ignore")
def read_features(
    source: Source,
    *,
    crs: str | None = None,
    encoding: str | None = None,
    layer: str | None = None,
    on_warning: OnWarning,
) -> list[Row]:
    """Read a GIS file, a table or a collection on another machine into rows in CRS84 (longitude, latitude in degrees).

    GeoPackage, Shapefile, GeoJSON (also one feature a line), FlatGeobuf, GeoParquet, KML, DXF, GML, OpenStreetMap
    extracts, buildings of CityGML and CityJSON, CSV and Excel ``.xlsx``, also zipped; tables of PostGIS and
    collections of OGC API Features. What a file is, its first bytes tell before its name does. A table may have
    columns 经度 and 纬度 (or lon, lat), or easting and northing with ``crs``, or no position at all: its rows are then
    placed by what they say about their place.

    Args:
        source: The file; of a shapefile the .shp.
        crs: The frame, when the file does not say or says it wrongly; ``gcj02`` and ``bd09`` name the shifted
            degrees of Chinese web maps. Longitude and latitude columns of a table
            are CGCS2000 or WGS 84 unless this says otherwise.
        encoding: The encoding of the text, when detection must not decide.
        layer: Which layer, sheet, table, collection or member of an archive, when there are several.
        on_warning: Gets each fault that concerns one row or was mended.

    Returns:
        The rows in the file's order, those with an impossible position left out and reported.

    Raises:
        NotFound: ``gis.no_file``.
        Unavailable: ``gis.no_pyarrow``, ``gis.source_unreachable`` and others of the sources on other machines.
        BadInput: ``gis.format``, ``gis.unreadable``, ``gis.empty``, ``gis.missing_part``, ``gis.truncated``,
            ``gis.encoding``, ``gis.which_layer``, ``gis.no_crs``, ``gis.unknown_crs``, ``gis.bad_position``,
            ``gis.half_position``, ``gis.column_twice``, ``gis.no_buildings``, ``gis.archive_path``,
            ``gis.archive_bomb``, ``gis.archive_method``, ``gis.bad_archive``, ``datum.outside_china``.

    >>> read_features(Path("nowhere.shp"), on_warning=print)
    Traceback (most recent call last):
        ...
    gis.errors.NotFound: gis.no_file: There is no file nowhere.shp. Check the path.
    """
    found = _read(source, encoding, layer, on_warning)
    name = source.name
    if isinstance(found, Table):
        return _place_table(found, name, crs, on_warning)
    frame = _frame(name, found.crs, crs, on_warning)
    rows = found.rows
    if found.north_first is not None:
        rows = east_first(rows, frame, found.north_first, name, on_warning)
    rows = to_crs84(rows, frame, name, on_warning)
    rows = list(_mended(_unshifted(rows, crs), name, on_warning))
    report_doubts(rows, name, on_warning)
    return rows


def _read(source: Source, encoding: str | None, layer: str | None, on_warning: OnWarning) -> Table | Unplaced:
    if isinstance(source, Remote):
        return read_remote(source, layer, on_warning)
    _check_file(source)
    kind = kind_of(source)
    if kind == "gzip":
        with gunzipped(source) as file:
            return _READERS[_plain_kind(file)](file, encoding, layer, on_warning)
    if kind != "zip":
        return _READERS[kind](_named_as(source, kind), encoding, layer, on_warning)
    if is_workbook(source):
        return read_excel(source, layer, on_warning)
    with unzipped(source, layer) as (file, inner):
        return _READERS[_plain_kind(file)](file, encoding, inner, on_warning)


def _plain_kind(file: Path) -> str:
    """Return the kind of what was unpacked; an archive in an archive is not opened, but for a workbook."""
    kind = kind_of(file)
    if kind == "zip" and is_workbook(file):
        return "excel"
    if kind in _READERS:
        return kind
    raise BadInput("gis.format", f"{file.name} is an archive in an archive.", "Send it unpacked.", file=file.name)


def _named_as(path: Path, kind: str) -> Path:
    if kind == "shapefile" and path.suffix.lower() != ".shp":
        raise BadInput(
            "gis.format", f"{path.name} is a shapefile under another name.", "Name it .shp again.", file=path.name
        )
    return path


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise NotFound("gis.no_file", f"There is no file {path}.", "Check the path.", file=str(path))
    if path.stat().st_size == 0:
        raise BadInput("gis.empty", f"{path.name} is an empty file.", "Send it again.", file=path.name)


def _frame(name: str, stated: str | None, wanted: str | None, on_warning: OnWarning) -> CRS:
    if stated is None and wanted is None:
        raise BadInput(
            "gis.no_crs",
            f"{name} does not say in which coordinate reference system it is.",
            "Name it with --crs, such as --crs EPSG:4549; of a shapefile, send the .prj too.",
            file=name,
            parameter="crs",
        )
    if wanted and wanted.casefold() in _SHIFTED:
        return parse_crs(CRS84, name)
    frame = parse_crs(wanted or stated or "", name)
    if wanted and stated and parse_crs(stated, name) != frame:
        on_warning(
            BadInput(
                "gis.crs_overridden",
                f"{name} says it is in {parse_crs(stated, name).name}; read as {frame.name} as told.",
                file=name,
                parameter="crs",
            )
        )
    return frame


def _place_table(table: Table, name: str, crs: str | None, on_warning: OnWarning) -> list[Row]:
    if not table.positioned:
        return table.rows
    frame = _frame(name, CRS84 if table.in_degrees and crs is None else None, crs, on_warning)
    return list(_unshifted(to_crs84(table.rows, frame, name, on_warning), crs))


def _unshifted(rows: Iterable[Row], crs: str | None) -> Iterator[Row]:
    """Undo the shift of Chinese web maps, when the file was said to have it."""
    datum = _SHIFTED.get((crs or "").casefold())
    for row in rows:
        if datum is None or row.geometry is None:
            yield row
        else:
            yield replace(row, geometry=convert_geometry(row.geometry, datum, Datum.WGS84))


def _mended(rows: Iterable[Row], file: str, on_warning: OnWarning) -> Iterator[Row]:
    rows = list(rows)
    shapes = np.array([row.geometry for row in rows], dtype=object)
    sound = shapely.is_valid(shapes) & ~shapely.is_empty(shapes)
    for row, is_sound in zip(rows, sound.tolist(), strict=True):
        if is_sound:
            yield row
            continue
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
