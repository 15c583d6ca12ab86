"""CityJSON 1.0, 1.1 and 2.0, whole or as a sequence of features a line: one row a building, its parts merged."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gis.errors import BadInput
from gis.read.axes import named_frame
from gis.read.city import Face, Role, body_of, grid_of, row_of
from gis.read.row import OnWarning, Row, Unplaced
from gis.read.values import plain, uniform

_BODY_TYPES = {"Building", "BuildingPart"}
_VERSIONS = re.compile(r"(1\.[01]|2\.0)(\.\d+)?")
_SURFACES = {"MultiSurface": 0, "CompositeSurface": 0, "Solid": 1, "MultiSolid": 2, "CompositeSolid": 2}
_BROKEN = (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError)


def read_cityjson(path: Path, on_warning: OnWarning) -> Unplaced:
    """Read the buildings of a city model.

    Raises:
        BadInput: ``gis.unreadable`` with the line, ``gis.cityjson_version``, ``gis.no_buildings``.
    """
    head, *features = _documents(path)
    _check_version(path, head)
    rows: list[Row] = []
    others: Counter[str] = Counter()
    for document in features or [head]:
        try:
            model = _Model(head, document, path.name, on_warning)
            for name in model.buildings():
                rows.append(model.row(len(rows) + 1, name))
            others.update(model.others())
        except _BROKEN as error:
            raise _unreadable(path, f"its objects or vertices are not as CityJSON has them ({error!r})") from error
    if not rows:
        held = ", ".join(f"{count} {name}" for name, count in others.most_common(5)) or "nothing"
        raise BadInput(
            "gis.no_buildings",
            f"{path.name} holds no buildings; it holds {held}.",
            "Send the buildings.",
            file=path.name,
        )
    metadata = head.get("metadata")
    stated = metadata.get("referenceSystem") if isinstance(metadata, dict) else None
    frame, _ = named_frame(stated if isinstance(stated, str) else None)
    return Unplaced(uniform(rows), frame, north_first=False)  # x is east in CityJSON, whatever the register says


def _documents(path: Path) -> list[dict[str, Any]]:
    """Return the head and, of a sequence, its features."""
    try:
        text = path.read_text("utf-8-sig")
        first, _, rest = text.lstrip().partition("\n")
        lines = [line for line in rest.splitlines() if line.strip()]
        if first.rstrip().endswith("}") and lines and lines[0].lstrip().startswith("{"):
            documents = [json.loads(line) for line in [first, *lines]]
        else:
            documents = [json.loads(text)]
    except (ValueError, RecursionError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else None
        raise _unreadable(path, f"it breaks off or is not JSON ({error})", line) from error
    if not all(isinstance(document, dict) for document in documents):
        raise _unreadable(path, "it is no JSON object")
    return documents


def _unreadable(path: Path, fault: str, line: int | None = None) -> BadInput:
    return BadInput(
        "gis.unreadable", f"{path.name} cannot be read: {fault}.", "Export it again.", file=path.name, line=line
    )


def _check_version(path: Path, head: Mapping[str, Any]) -> None:
    version = str(head.get("version"))
    if head.get("type") != "CityJSON" or not _VERSIONS.fullmatch(version):
        raise BadInput(
            "gis.cityjson_version",
            f"{path.name} is CityJSON of version {version}, which is not read here.",
            "Upgrade it to CityJSON 2.0, for instance with cjio.",
            file=path.name,
        )


class _Model:
    """The objects of one document and where their vertices are."""

    def __init__(self, head: Mapping[str, Any], document: Mapping[str, Any], file: str, on_warning: OnWarning) -> None:
        self._objects: Mapping[str, Any] = dict(document["CityObjects"])
        transform = head.get("transform") or {"scale": (1, 1, 1), "translate": (0, 0, 0)}
        vertices = np.array(document["vertices"], dtype=np.float64).reshape(-1, 3)
        self._points: NDArray[np.float64] = vertices * transform["scale"] + transform["translate"]
        self._file = file
        self._on_warning = on_warning

    def buildings(self) -> list[str]:
        """Return the ids of the buildings that are part of no other."""
        return [
            name
            for name, thing in self._objects.items()
            if thing["type"] in _BODY_TYPES
            and not any(self._objects.get(parent, {}).get("type") in _BODY_TYPES for parent in thing.get("parents", ()))
        ]

    def others(self) -> Counter[str]:
        return Counter(str(thing["type"]) for thing in self._objects.values() if thing["type"] not in _BODY_TYPES)

    def row(self, number: int, name: str) -> Row:
        faces: list[Face] = []
        try:
            for part in self._with_parts(name):
                for geometry in self._objects[part].get("geometry") or ():
                    faces += self._faces(geometry)
        except _BROKEN as error:
            faces = []
            self._on_warning(
                BadInput(
                    "gis.bad_geometry",
                    f"Building {number} of {self._file} ({name}) has a shape that cannot be read ({error!r}).",
                    "Export it again; it is read without a shape.",
                    file=self._file,
                    row=number,
                )
            )
        return row_of(number, body_of(faces, grid_of(faces)), self._properties(name))

    def _with_parts(self, name: str) -> list[str]:
        found, waiting = [], [name]
        while waiting:
            one = waiting.pop()
            if one not in found and self._objects.get(one, {}).get("type") in _BODY_TYPES:
                found.append(one)
                waiting += self._objects[one].get("children") or ()
        return found

    def _properties(self, name: str) -> dict[str, Any]:
        thing = self._objects[name]
        attributes = {str(key): plain(value) for key, value in (thing.get("attributes") or {}).items()}
        address = thing.get("address") or attributes.get("address")
        told = _address(address[0] if isinstance(address, list) and address else address)
        return {"city_object": name, **attributes, **({"address": told} if told else {})}

    def _faces(self, geometry: Mapping[str, Any]) -> Iterator[Face]:
        kind = geometry["type"]
        if kind == "GeometryInstance":
            raise ValueError("geometry templates are not read")
        if kind not in _SURFACES:
            return
        semantics = geometry.get("semantics") or {}
        lod = float(geometry["lod"]) if geometry.get("lod") is not None else None
        values = semantics.get("values")
        for surface, index in _surfaces(geometry["boundaries"], values, _SURFACES[kind]):
            meaning = semantics["surfaces"][index]["type"] if isinstance(index, int) else None
            rings = [self._ring(ring) for ring in surface if len(ring)]
            if rings:
                yield Face(lod, _role(meaning, lod), rings)

    def _ring(self, ring: Sequence[int]) -> NDArray[np.float64]:
        if min(ring) < 0:
            raise IndexError("a vertex has a negative number")
        return self._points[[*ring, ring[0]]]


def _surfaces(boundaries: Sequence[Any], values: Any, depth: int) -> Iterator[tuple[Any, Any]]:
    """Yield each surface with the number of its meaning; both are nested ``depth`` levels deep."""
    for at, part in enumerate(boundaries):
        value = values[at] if isinstance(values, list) and at < len(values) else None
        if depth:
            yield from _surfaces(part, value, depth - 1)
        else:
            yield part, value


def _role(meaning: str | None, lod: float | None) -> Role:
    if meaning == "RoofEdge" or (lod is not None and lod < 1 and meaning == "RoofSurface"):
        return "roof edge"
    if lod is not None and lod < 1:
        return "footprint"
    return "ground" if meaning == "GroundSurface" else "other"


def _address(address: Any) -> str | None:
    """Return a street address in one line; its parts differ from writer to writer.

    >>> _address({"Country": "中国", "Thoroughfare": "文三路", "ThoroughfareNumber": 12})
    '文三路 12'
    """
    if not isinstance(address, Mapping):
        return address if isinstance(address, str) else None
    parts = ("locality", "thoroughfare", "thoroughfarename", "thoroughfarenumber")
    folded = {str(key).casefold().replace(" ", ""): value for key, value in address.items()}
    return " ".join(str(folded[part]) for part in parts if folded.get(part)) or None
