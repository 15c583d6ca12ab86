"""GeoPackage's own formats: the geometry blob and the registration of layers as views."""

import sqlite3
import struct
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from gis.errors import Conflict
from twin.declaration import Layer

_HEADER = struct.Struct("<2sBBi4d")
_FLAGS = 0b11  # little endian, envelope [minx, maxx, miny, maxy]
SRS_ID = 4326

_TYPE_NAMES = {"polygon": "GEOMETRY", "line": "GEOMETRY", "point": "POINT", "any": "GEOMETRY"}
_SQL_TYPES = {"integer": "INTEGER", "number": "REAL", "boolean": "INTEGER"}
_TYPE_COLUMNS = {"integer": "i", "number": "r", "boolean": "b"}


def encode_geometry(geometry: BaseGeometry | None) -> bytes | None:
    r"""Return the GeoPackage blob of a CRS84 geometry; ``None`` for none or an empty one.

    >>> from shapely import Point
    >>> encode_geometry(Point(120, 30))[:4]
    b'GP\x00\x03'
    >>> encode_geometry(Point()) is None
    True
    """
    if geometry is None or geometry.is_empty:
        return None
    west, south, east, north = geometry.bounds
    return _HEADER.pack(b"GP", 0, _FLAGS, SRS_ID, west, east, south, north) + bytes(
        shapely.to_wkb(geometry, byte_order=1)
    )


def encode_geometries(shapes: npt.NDArray[np.object_]) -> list[bytes | None]:
    r"""Return the blobs of many CRS84 geometries, none of them empty; ``None`` for ``None``.

    >>> shapes = np.array([shapely.Point(120, 30), None])
    >>> encode_geometries(shapes) == [encode_geometry(shapes[0]), None]
    True
    """
    written, bounds = shapely.to_wkb(shapes, byte_order=1), shapely.bounds(shapes)
    return [
        None if wkb is None else _HEADER.pack(b"GP", 0, _FLAGS, SRS_ID, west, east, south, north) + wkb
        for wkb, (west, south, east, north) in zip(written.tolist(), bounds.tolist(), strict=True)
    ]


def decode_geometry(blob: bytes | None) -> BaseGeometry | None:
    """Return the geometry of a blob that :func:`encode_geometry` wrote.

    >>> decode_geometry(None) is None
    True
    """
    return None if blob is None else shapely.from_wkb(blob[_HEADER.size :])


def decode_geometries(blobs: Sequence[bytes | None]) -> npt.NDArray[np.object_]:
    """Return the geometries of many blobs at once, ``None`` for ``None``.

    >>> decode_geometries([None, encode_geometry(shapely.Point(120, 30))]).tolist()
    [None, <POINT (120 30)>]
    """
    bare = np.array([None if blob is None else blob[_HEADER.size :] for blob in blobs], dtype=object)
    return np.asarray(shapely.from_wkb(bare), dtype=object)


def register_layers(connection: sqlite3.Connection, layers: Iterable[Layer]) -> None:
    """Show each open layer to GIS programs as a view of its current features with typed columns."""
    for layer in layers:
        if layer.access != "open" or layer.kind == "derived":
            continue
        view = _view(layer)
        standing = connection.execute("SELECT type, sql FROM sqlite_master WHERE name = ?", (layer.name,)).fetchone()
        if standing is not None and standing[0] == "table":
            raise Conflict(
                "layer.reserved", f"The name {layer.name!r} is the store's own.", "Rename the layer.", layer=layer.name
            )
        if standing is not None and standing[1] == view:
            continue
        connection.execute(f'DROP VIEW IF EXISTS "{layer.name}"')
        connection.execute(view)
        kind = "attributes" if layer.geometry == "none" else "features"
        connection.execute(
            "INSERT OR REPLACE INTO gpkg_contents (table_name, data_type, identifier, description, srs_id)"
            " VALUES (?, ?, ?, ?, ?)",
            (layer.name, kind, layer.name, f"{layer.title.zh} {layer.title.en}", SRS_ID),
        )
        if kind == "features":
            connection.execute(
                "INSERT OR REPLACE INTO gpkg_geometry_columns VALUES (?, 'geom', ?, ?, 0, 0)",
                (layer.name, _TYPE_NAMES[layer.geometry], SRS_ID),
            )


def _view(layer: Layer) -> str:
    """Return the view's SQL. Its first, empty half lends the columns their types, which JSON values do not have."""
    fixed = "id, name, place, storey, z_min_m, z_max_m, stage, valid_from, source"
    taken = set(fixed.split(", "))
    fields = [field for field in layer.fields if field.grade in ("P0", "P1") and field.name not in taken]
    types = "".join(f', {_TYPE_COLUMNS.get(field.type, "s")} AS "{field.name}"' for field in fields)
    values = "".join(
        f", CAST(attributes ->> '$.{field.name}' AS {_SQL_TYPES.get(field.type, 'TEXT')})" for field in fields
    )
    return (
        f'CREATE VIEW "{layer.name}" AS SELECT fid AS OGC_FID, geom, {fixed}{types} FROM feature, column_type WHERE 0'  # noqa: S608
        f" UNION ALL SELECT fid, geom, {fixed}{values} FROM feature"
        f" WHERE layer = '{layer.name}' AND superseded_at IS NULL AND valid_to IS NULL"
    )
