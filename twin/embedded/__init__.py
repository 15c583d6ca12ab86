"""The embedded store: one GeoPackage file (SQLite, WAL, R*Tree) that QGIS and GDAL open while the twin runs."""

from twin.embedded.store import EmbeddedStore

__all__ = ["EmbeddedStore"]
