"""KML 2.2 (OGC 07-147r2): placemarks of all folders, with their extended data under the names people gave them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from gis.errors import BadInput
from gis.read.causes import CRS84
from gis.read.row import OnWarning, Row, Unplaced
from gis.read.values import uniform
from gis.read.xml import Element, children, elements, local, number, text_of

_KINDS: Mapping[str, type[int | float]] = {
    **dict.fromkeys(("int", "uint", "short", "ushort"), int),
    **dict.fromkeys(("float", "double"), float),
}
_SHAPES = ("Point", "LineString", "LinearRing", "Polygon", "MultiGeometry")


def read_kml(path: Path, layer: str | None, on_warning: OnWarning) -> Unplaced:
    """Read the placemarks of a file, or of one of its folders; KML is always in CRS84.

    Properties are ``name``, ``description``, ``folder`` (the innermost) and the extended data.

    Raises:
        BadInput: ``gis.unreadable`` with the line, ``gis.which_layer``, ``gis.empty``.
    """
    kinds: dict[str, type[int | float]] = {}
    rows: list[Row] = []
    for element in elements(path, ("Placemark", "Schema")):
        if local(element) == "Schema":
            fields = {field.get("name", ""): field.get("type") for field in children(element)}
            kinds |= {name: _KINDS[kind] for name, kind in fields.items() if kind in _KINDS}
        else:
            rows.append(_row(len(rows) + 1, element, kinds, path.name, on_warning))
    chosen = [row for row in rows if layer in (None, row.properties.get("folder"))]
    if not rows:
        raise BadInput("gis.empty", f"{path.name} holds no placemarks.", "Send a file with some.", file=path.name)
    if not chosen:
        folders = dict.fromkeys(str(row.properties["folder"]) for row in rows if "folder" in row.properties)
        raise BadInput(
            "gis.which_layer",
            f"{path.name} has the folders {', '.join(folders) or '(none)'}.",
            "Name one of them with --table.",
            file=path.name,
            parameter="layer",
        )
    return Unplaced(uniform(chosen), CRS84)


def _row(at: int, placemark: Element, kinds: Mapping[str, Any], file: str, on_warning: OnWarning) -> Row:
    geometry = None
    try:
        shapes = [shape for child in children(placemark) for shape in _shapes(child)]
        geometry = _together(shapes)
    except (ValueError, shapely.errors.GEOSException) as error:
        on_warning(
            BadInput(
                "gis.bad_geometry",
                f"Placemark {at} of {file} (line {placemark.sourceline}) has a shape that cannot be read: {error}.",
                "Draw it again; it is read without a shape.",
                file=file,
                row=at,
                line=placemark.sourceline,
            )
        )
    return Row(at, geometry, None, dict(_properties(placemark, kinds)))


def _properties(placemark: Element, kinds: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for child in children(placemark):
        if local(child) in ("name", "description") and child.text and child.text.strip():
            yield local(child), child.text.strip()
    folder = next(placemark.iterancestors("{*}Folder"), None)
    name = None if folder is None else next((child.text for child in children(folder) if local(child) == "name"), None)
    if name and name.strip():
        yield "folder", name.strip()
    for datum in placemark.iter("{*}Data"):
        yield datum.get("name", ""), text_of(datum, "value")
    for datum in placemark.iter("{*}SimpleData"):
        key, text = datum.get("name", ""), (datum.text or "").strip() or None
        yield key, number(text, kinds[key]) if text and key in kinds else text


def _shapes(element: Element) -> Iterator[BaseGeometry]:
    kind = local(element)
    if kind not in _SHAPES:
        return
    if kind == "MultiGeometry":
        for child in children(element):
            yield from _shapes(child)
    elif kind == "Polygon":
        rings = [_coordinates(ring) for ring in element.iter("{*}LinearRing")]
        if rings:
            yield shapely.Polygon(rings[0], rings[1:])
    else:
        points = _coordinates(element)
        yield shapely.Point(points[0]) if kind == "Point" else shapely.LineString(points)


def _coordinates(element: Element) -> NDArray[np.float64]:
    text = text_of(element, "coordinates") or ""
    tuples = [[float(part) for part in place.split(",") if part] for place in text.split()]
    sizes = {len(one) for one in tuples}
    if not sizes or min(sizes) < 2 or max(sizes) > 3:
        raise ValueError(f"{text[:40]!r} is no list of longitude,latitude[,height]")
    return np.array([one[: min(sizes)] for one in tuples])


def _together(shapes: Sequence[BaseGeometry]) -> BaseGeometry | None:
    """Return one geometry; of a placemark that mixes them, the areas count, then the lines."""
    makers: tuple[tuple[str, Callable[[Any], BaseGeometry]], ...] = (
        ("Polygon", shapely.MultiPolygon),
        ("LineString", shapely.MultiLineString),
        ("Point", shapely.MultiPoint),
    )
    for kind, make in makers:
        alike = [shape for shape in shapes if shape.geom_type == kind]
        if alike:
            return alike[0] if len(alike) == 1 else make(alike)
    return None
