"""OGC API Features at ``/ogc``: the open layers as collections that QGIS, GDAL and any other client can read."""
