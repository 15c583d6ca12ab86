"""The tile matrix set WebMercatorQuad (OGC 17-083r4, annex D): which square of the earth a tile is."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gis.errors import BadInput, NotFound

WEB_MERCATOR_QUAD = "WebMercatorQuad"
URI = f"http://www.opengis.net/def/tilematrixset/OGC/1.0/{WEB_MERCATOR_QUAD}"
CRS = "http://www.opengis.net/def/crs/EPSG/0/3857"
MAX_ZOOM = 24
HALF_M = 20_037_508.342789244
"""Half the side of the whole square, metres of the projection."""
_MAX_LAT_DEG = 85.0511287798066
_PIXEL_M = 0.00028  # the standardized rendering pixel
_SIDE_PIXELS = 256

Box = tuple[float, float, float, float]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile; row 0 is in the north, column 0 in the west.

    Raises:
        BadInput: ``tile.matrix``.
        NotFound: ``tile.outside``.

    >>> Tile(1, 0, 2)
    Traceback (most recent call last):
        ...
    gis.errors.NotFound: tile.outside: Tile matrix 1 has no row 0, column 2. Use rows and columns from 0 to 1.
    """

    zoom: int
    row: int
    column: int

    def __post_init__(self) -> None:
        """Refuse what is not on the grid."""
        if not 0 <= self.zoom <= MAX_ZOOM:
            raise BadInput(
                "tile.matrix",
                f"There is no tile matrix {self.zoom}.",
                f"Use 0 to {MAX_ZOOM}.",
                parameter="tileMatrix",
            )
        last = 2**self.zoom - 1
        if not (0 <= self.row <= last and 0 <= self.column <= last):
            raise NotFound(
                "tile.outside",
                f"Tile matrix {self.zoom} has no row {self.row}, column {self.column}.",
                f"Use rows and columns from 0 to {last}.",
            )

    @classmethod
    def holding(cls, lon_deg: float, lat_deg: float, zoom: int) -> "Tile":
        """Return the tile in which a CRS84 position lies; beyond the square the one at its edge.

        >>> Tile.holding(120.155, 30.28, 14)
        Tile(zoom=14, row=6744, column=13660)
        >>> Tile.holding(180, -90, 1)
        Tile(zoom=1, row=1, column=1)
        """
        x, y = _unit_square(np.array([[lon_deg, lat_deg]]))[0]
        last = 2**zoom - 1
        return cls(zoom, min(last, int(y * 2**zoom)), min(last, int(x * 2**zoom)))

    def bounds(self, margin: float = 0.0) -> Box:
        """Return west, south, east, north in CRS84 degrees; ``margin`` widens it by that part of its side.

        >>> Tile(0, 0, 0).bounds(0.1)
        (-180.0, -85.0511287798066, 180.0, 85.0511287798066)
        """
        side = 2.0**-self.zoom
        west, east = (max(0.0, (self.column - margin) * side), min(1.0, (self.column + 1 + margin) * side))
        north, south = (max(0.0, (self.row - margin) * side), min(1.0, (self.row + 1 + margin) * side))
        return west * 360 - 180, _latitude(south), east * 360 - 180, _latitude(north)

    def metres(self) -> Box:
        """Return west, south, east, north in metres of the projection.

        >>> Tile(0, 0, 0).metres()
        (-20037508.342789244, -20037508.342789244, 20037508.342789244, 20037508.342789244)
        """
        side = 2 * HALF_M / 2**self.zoom
        west, north = self.column * side - HALF_M, HALF_M - self.row * side
        return west, north - side, west + side, north

    def units(self, points: Floats, extent: int) -> Floats:
        """Return CRS84 positions in parts of the tile's side: x to the right, y down, from its north-west corner."""
        there = _unit_square(points) * 2.0**self.zoom
        there -= (self.column, self.row)
        there *= extent
        return there


def _unit_square(points: Floats) -> Floats:
    """Return CRS84 positions in the whole square, x and y from 0 to 1, y down."""
    lat = np.radians(np.clip(points[:, 1], -_MAX_LAT_DEG, _MAX_LAT_DEG))
    return np.column_stack((points[:, 0] / 360 + 0.5, 0.5 - np.arcsinh(np.tan(lat)) / (2 * np.pi)))


def _latitude(y: float) -> float:
    return math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * y))))


def limits(box: Box, zooms: range) -> Iterator[tuple[int, Tile, Tile]]:
    """Yield each zoom with the north-west and the south-east tile that a CRS84 box touches."""
    west, south, east, north = box
    for zoom in zooms:
        yield zoom, Tile.holding(west, north, zoom), Tile.holding(east, south, zoom)


def coarsest(box: Box, count: int, most: int) -> int:
    """Return the least zoom at which so many things, evenly spread over a box, are at most ``most`` a tile.

    >>> coarsest((120.1, 30.2, 120.2, 30.3), 5_000, 20_000), coarsest((120.1, 30.2, 120.2, 30.3), 10**6, 20_000)
    (0, 15)
    """
    if count <= most:
        return 0
    west, south, east, north = box
    corners = _unit_square(np.array([[west, north], [east, south]]))
    width, height = np.maximum(corners[1] - corners[0], 1e-12).tolist()
    for zoom in range(MAX_ZOOM):
        parts = max(1.0, width * 2**zoom) * max(1.0, height * 2**zoom)
        if count / parts <= most:
            return zoom
    return MAX_ZOOM


def definition() -> dict[str, object]:
    """Return the tile matrix set as JSON (OGC 17-083r4, 7.2)."""
    cell = 2 * HALF_M / _SIDE_PIXELS
    return {
        "id": WEB_MERCATOR_QUAD,
        "title": "Google Maps Compatible for the World",
        "uri": URI,
        "crs": CRS,
        "orderedAxes": ["X", "Y"],
        "wellKnownScaleSet": "http://www.opengis.net/def/wkss/OGC/1.0/GoogleMapsCompatible",
        "tileMatrices": [
            {
                "id": str(zoom),
                "scaleDenominator": cell / 2**zoom / _PIXEL_M,
                "cellSize": cell / 2**zoom,
                "cornerOfOrigin": "topLeft",
                "pointOfOrigin": [-HALF_M, HALF_M],
                "tileWidth": _SIDE_PIXELS,
                "tileHeight": _SIDE_PIXELS,
                "matrixWidth": 2**zoom,
                "matrixHeight": 2**zoom,
            }
            for zoom in range(MAX_ZOOM + 1)
        ],
    }
