"""DXF drawings: outlines drawn as closed lines become areas, blocks are drawn where they are inserted."""

from collections.abc import Sequence
from pathlib import Path

import shapely
from shapely import MultiLineString, MultiPolygon
from shapely.geometry.base import BaseGeometry

from gis.errors import BadInput
from gis.read.row import OnWarning, Row, Unplaced
from gis.read.vector import read_vector


def read_dxf(path: Path, layer: str | None, on_warning: OnWarning) -> Unplaced:
    """Read the model space of a drawing, or one layer of it; a drawing never says in which frame it is.

    Properties are ``layer``, ``handle`` and ``text``.

    Raises:
        BadInput: ``gis.which_layer``; otherwise as :func:`gis.read.vector.read_vector`.
    """
    drawn = [row for row in read_vector(path, None, None, on_warning).rows if not row.properties.get("PaperSpace")]
    layers = list(dict.fromkeys(str(row.properties["Layer"]) for row in drawn))
    if layer is not None and layer not in layers:
        raise BadInput(
            "gis.which_layer",
            f"{path.name} has the layers {', '.join(layers) or '(none)'}.",
            "Name one of them with --table.",
            file=path.name,
            parameter="layer",
        )
    return Unplaced([_row(row) for row in drawn if layer in (None, row.properties["Layer"])], None)


def _row(row: Row) -> Row:
    told = {"layer": row.properties["Layer"], "handle": row.properties["EntityHandle"], "text": row.properties["Text"]}
    return Row(row.number, None if row.geometry is None else as_area(row.geometry), row.z, told)


def as_area(geometry: BaseGeometry) -> BaseGeometry:
    """Return closed lines as areas; of a block that has areas too, its lines, marks and texts are left out.

    >>> as_area(shapely.LineString([(0, 0), (1, 0), (1, 1), (0, 0)])).geom_type
    'Polygon'
    >>> as_area(shapely.LineString([(0, 0), (1, 0), (0, 0)])).geom_type   # there and back again
    'LineString'
    >>> block = shapely.from_wkt("GEOMETRYCOLLECTION (LINESTRING (0 0, 1 0, 1 1, 0 0), POINT (0.5 0.2))")
    >>> as_area(block).geom_type
    'Polygon'
    """
    parts = [_closed(part) for part in shapely.get_parts(geometry)]
    areas = [part for part in parts if part.geom_type == "Polygon"]
    if areas:
        return areas[0] if len(areas) == 1 else _together(areas)
    return geometry if geometry.geom_type != "GeometryCollection" else _alike(parts, geometry)


def _closed(part: BaseGeometry) -> BaseGeometry:
    if part.geom_type != "LineString" or not part.is_closed or len(part.coords) < 4:
        return part
    return shapely.Polygon(part.coords)


def _alike(parts: Sequence[BaseGeometry], collection: BaseGeometry) -> BaseGeometry:
    """Return the lines of a block without areas; a block of marks alone stays as it is."""
    lines = [part for part in parts if part.geom_type == "LineString"]
    return _together(lines) if lines else collection


def _together(parts: Sequence[BaseGeometry]) -> BaseGeometry:
    return MultiPolygon(parts) if parts[0].geom_type == "Polygon" else MultiLineString(parts)  # type: ignore[arg-type]
