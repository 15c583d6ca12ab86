"""What a file is, told by its first bytes; its name decides only where bytes cannot."""

import re
from pathlib import Path

from gis.errors import BadInput

_PEEK_BYTES = 65_536

# Formats that begin with bytes of their own; position, bytes, kind.
_MAGIC = (
    (0, b"SQLite format 3\0", "gdal"),
    (0, b"fgb\x03fgb", "gdal"),
    (0, b"\x00\x00\x27\x0a", "shapefile"),
    (4, b"\x0a\x09OSMHeader", "gdal"),
    (0, b"PAR1", "parquet"),
    (0, b"PK\x03\x04", "zip"),
    (0, b"PK\x05\x06", "zip"),
    (0, b"\x1f\x8b", "gzip"),
)

# What planners send by mistake, and what to do about it.
_ELSEWHERE = (
    (b"ISO-10303-21", "an IFC model", "Import it with lifang import ifc."),
    (b"AutoCAD Binary DXF", "a binary DXF", "Save it as a text (ASCII) DXF."),
    (b"AC10", "an AutoCAD drawing", "Save it as DXF."),
    (b"\xd0\xcf\x11\xe0", "a workbook of the old kind", "Save it as .xlsx."),
    (b"II*\0", "a raster", "Name an elevation model with --dem."),
    (b"MM\0*", "a raster", "Name an elevation model with --dem."),
    (b"%PDF", "a PDF", "Send the data it was made from."),
    (b"Rar!", "a RAR archive", "Pack it as .zip."),
    (b"7z\xbc\xaf", "a 7z archive", "Pack it as .zip."),
)

_XML_ROOTS = {"CityModel": "citygml", "kml": "kml", "osm": "gdal", "FeatureCollection": "gml"}
_BY_NAME = {".csv": "csv", ".txt": "csv", ".tsv": "csv", ".dxf": "dxf", ".pbf": "gdal"}
# Formats whose first bytes cannot be mistaken: a file of that name that begins otherwise is broken.
_PROMISES = {".gpkg", ".shp", ".geojson", ".json", ".geojsonl", ".fgb", ".parquet", ".kml", ".kmz", ".gml", ".xml"}
_PROMISES |= {".citygml", ".osm", ".xlsx", ".zip", ".gz"}
_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


def kind_of(path: Path) -> str:
    """Return which reader a file needs: a key of ``gis.read.reader``'s table, ``zip`` or ``gzip``.

    Raises:
        BadInput: ``gis.unreadable`` when it is not what its name says; ``gis.format`` when it is of a kind that is
            not read here, with what it is when that is known.

    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "rooms.geojson"
    >>> path.write_bytes(b"ISO-10303-21;")   # the name lies
    13
    >>> kind_of(path)
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: gis.format: rooms.geojson is an IFC model. Import it with lifang import ifc.
    """
    with path.open("rb") as file:
        head = file.read(_PEEK_BYTES)
    for at, magic, kind in _MAGIC:
        if head.startswith(magic, at):
            return kind
    for magic, what, cure in _ELSEWHERE:
        if head.startswith(magic):
            raise BadInput("gis.format", f"{path.name} is {what}.", cure, file=path.name)
    return _kind_of_text(path, head) or _by_name(path)


def _kind_of_text(path: Path, head: bytes) -> str | None:
    text = _text(head).lstrip()
    if text.startswith("<"):
        return _xml_kind(path, text)
    if text.startswith(("{", "[", "\x1e")):
        return _json_kind(path, head)
    # Every pair of lines of a DXF is a code and a value; 999 is a remark.
    return "dxf" if re.match(r"(999\s*\n[^\n]*\n\s*)*0\s*\n\s*SECTION\b", text) else None


def _text(head: bytes) -> str:
    if head.startswith(_BOMS[1:]):
        return head[: len(head) // 2 * 2].decode("utf-16", errors="replace")
    return head.removeprefix(_BOMS[0]).decode("latin-1")


def _xml_kind(path: Path, text: str) -> str:
    root = re.search(r"<(?:[\w.-]+:)?([A-Za-z_][\w.-]*)", re.sub(r"<!--.*?-->|<\?.*?\?>", "", text, flags=re.DOTALL))
    name = root.group(1) if root else "nothing"
    kind = _XML_ROOTS.get(name)
    if kind is None:
        raise BadInput(
            "gis.format",
            f"{path.name} is XML of a kind that is not read here: its first element is {name}.",
            "Send CityGML, GML, KML or an OpenStreetMap extract.",
            file=path.name,
        )
    return "citygml" if kind == "gml" and "/citygml/" in text[:8192] else kind


def _json_kind(path: Path, head: bytes) -> str:
    # The member that names the format may stand at the end of the file.
    content = head if len(head) < _PEEK_BYTES else path.read_bytes()
    if re.search(rb'"type"\s*:\s*"CityJSON', content):
        return "cityjson"
    if b"gdal_streamed_alg" in content:  # a program for GDAL, which it would run
        raise BadInput("gis.format", f"{path.name} is a script, not data.", "Send its result.", file=path.name)
    return "gdal"


def _by_name(path: Path) -> str:
    suffix = path.suffix.lower()
    kind = _BY_NAME.get(suffix)
    if suffix in _PROMISES:
        raise BadInput(
            "gis.unreadable",
            f"{path.name} is not what its name says.",
            "Check that the file is whole, and save or send it again.",
            file=path.name,
        )
    if kind is None:
        raise BadInput(
            "gis.format",
            f"{path.name} is of a kind that is not read here.",
            "Send GeoPackage, a shapefile (.shp with .shx, .dbf and .prj, or zipped), GeoJSON, FlatGeobuf, GeoParquet,"
            " KML, DXF, CityGML, CityJSON, .csv or .xlsx.",
            file=path.name,
        )
    return kind
