"""CityGML 1, 2 and 3: one row a building, its parts merged, read member by member so that memory stays bounded."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gis.errors import BadInput
from gis.read.axes import named_frame
from gis.read.city import Face, Role, body_of, grid_of, row_of
from gis.read.row import OnWarning, Row, Unplaced
from gis.read.values import uniform
from gis.read.xml import Element, children, elements, local, number, text_of

_MEMBERS = ("cityObjectMember", "featureMember", "featureMembers", "Envelope")
_FACES = ("{*}Polygon", "{*}PolygonPatch", "{*}Triangle", "{*}Rectangle")
# What hangs on or stands in a building and is not its body.
_APART = re.compile(r".*(Installation|Furniture|Room|Door|Window|Opening|opening|Closure).*")
_LOD = re.compile(r"lod(\d)(FootPrint|RoofEdge)?")
_GENERIC = re.compile(r"(string|int|integer|double|date|uri|measure|code)Attribute", re.IGNORECASE)
_NUMERIC = re.compile(r"int|double|measure", re.IGNORECASE)
_INTEGERS = {"storeysAboveGround", "storeysBelowGround", "yearOfConstruction", "yearOfDemolition"}
_NUMBERS = {"measuredHeight"}
_ADDRESS = ("LocalityName", "DependentLocalityName", "ThoroughfareName", "ThoroughfareNumber")


def read_citygml(path: Path, on_warning: OnWarning) -> Unplaced:
    """Read the buildings of a CityGML file.

    External entities are not resolved, schemas and linked documents are not fetched.

    Raises:
        BadInput: ``gis.unreadable`` with the line, ``gis.no_buildings``.
    """
    frames: Counter[str] = Counter()
    others: Counter[str] = Counter()
    rows: list[Row] = []
    for element in _city_objects(path, frames):
        if local(element) == "Building":
            rows.append(_row(len(rows) + 1, element, path.name, on_warning))
        else:
            others[local(element)] += 1
    if not rows:
        raise _no_buildings(path, others)
    frame, north_first = named_frame(_most_common(frames))
    return Unplaced(uniform(rows), frame, north_first)


def _city_objects(path: Path, frames: Counter[str]) -> Iterator[Element]:
    """Yield each thing of the model; count the frames they name."""
    for member in elements(path, _MEMBERS):
        if local(member) == "Envelope":
            frames.update([member.get("srsName")] if member.get("srsName") else [])
            continue
        for element in children(member):
            frames.update(name for part in element.iter() if (name := part.get("srsName")))
            yield element


def _most_common(frames: Counter[str]) -> str | None:
    return frames.most_common(1)[0][0] if frames else None


def _no_buildings(path: Path, others: Counter[str]) -> BadInput:
    held = ", ".join(f"{count} {name}" for name, count in others.most_common(5)) or "nothing"
    return BadInput(
        "gis.no_buildings",
        f"{path.name} holds no buildings; it holds {held}.",
        "Send the file of the buildings (in CityGML: bldg:Building).",
        file=path.name,
    )


def _row(number: int, building: Element, file: str, on_warning: OnWarning) -> Row:
    faces = []
    try:
        faces = [face for face in map(_face, _bodies(building)) if face is not None]
    except ValueError as error:
        on_warning(
            BadInput(
                "gis.bad_geometry",
                f"Building {number} of {file} (line {building.sourceline}) has a shape that cannot be read: {error}.",
                "Export it again; it is read without a shape.",
                file=file,
                row=number,
                line=building.sourceline,
            )
        )
    return row_of(number, body_of(faces, grid_of(faces)), dict(_properties(building)))


def _bodies(building: Element) -> Iterator[tuple[Element, list[str]]]:
    """Yield each face with the names of what it is part of, innermost first, up to the building."""
    for polygon in building.iter(*_FACES):
        names = []
        for above in polygon.iterancestors():
            if above is building:
                break
            names.append(local(above))
        if not any(_APART.fullmatch(name) for name in names):
            yield polygon, names


def _face(found: tuple[Element, list[str]]) -> Face | None:
    polygon, names = found
    stated = next((match for name in names if (match := _LOD.match(name))), None)
    rings = [_ring(ring) for ring in polygon.iter("{*}LinearRing", "{*}Ring")]
    rings = [ring for ring in rings if len(ring)]
    if not rings:
        return None
    lod = float(stated.group(1)) if stated else None
    return Face(lod, _role(stated.group(2) if stated else None, names, lod), rings)


def _role(drawn: str | None, names: Iterable[str], lod: float | None) -> Role:
    if drawn:
        return "footprint" if drawn == "FootPrint" else "roof edge"
    if "GroundSurface" in names:
        return "footprint" if lod == 0 else "ground"
    return "footprint" if lod == 0 and "RoofSurface" not in names else "other"


def _ring(ring: Element) -> NDArray[np.float64]:
    lists = list(ring.iter("{*}posList")) or list(ring.iter("{*}pos"))
    text = " ".join(part.text or "" for part in lists)
    if not lists:
        text = " ".join((part.text or "").replace(",", " ") for part in ring.iter("{*}coordinates"))
    numbers = np.array(text.split(), dtype=np.float64)
    size = _dimension(lists[0] if lists else ring)
    if len(numbers) % size:
        raise ValueError(f"{len(numbers)} numbers are no whole positions of {size}")
    points = numbers.reshape(-1, size)
    return points if size == 3 else np.column_stack([points, np.full(len(points), np.nan)])


def _dimension(element: Element) -> int:
    for above in (element, *element.iterancestors()):
        stated = above.get("srsDimension") or above.get("dimension")
        if stated:
            return 2 if stated.strip() == "2" else 3
    return 3


def _properties(building: Element) -> Iterator[tuple[str, Any]]:
    yield "gml_id", next((value for name, value in building.attrib.items() if name.rpartition("}")[2] == "id"), None)
    for child in children(building):
        name = local(child)
        if len(child) == 0 and child.text and child.text.strip():
            yield name, _typed(name, child.text.strip())
        elif name == "externalReference":
            yield name, text_of(child, "name") or text_of(child, "uri")
        elif name == "genericAttribute":
            for generic in children(child):
                yield from _generic(generic)
        elif _GENERIC.fullmatch(name):
            yield from _generic(child)
    address = [text for part in _ADDRESS if (text := text_of(building, part))]
    if address:
        yield "address", " ".join(address)


def _generic(attribute: Element) -> Iterator[tuple[str, Any]]:
    name, value = attribute.get("name") or text_of(attribute, "name"), text_of(attribute, "value")
    kind = _NUMERIC.match(local(attribute))
    if name and value:
        yield name, number(value, int if kind.group().lower() == "int" else float) if kind else value


def _typed(name: str, text: str) -> Any:
    if name in _INTEGERS:
        return number(text, int)
    return number(text, float) if name in _NUMBERS else text
