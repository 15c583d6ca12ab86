"""Coordinates, geometry, grids and GIS formats. Knows nothing of buildings, sensors or storage."""
