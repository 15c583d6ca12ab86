"""CityJSON 2.0 (OGC 20-072r5): buildings and what is in them as closed solids in the CGCS2000 zone of the place."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from shapely.geometry.base import BaseGeometry

from gis.datum import to_zone
from gis.write.solid import MILLIMETRE, Ring, Volume, map_corner, plans, prism

Vertices: TypeAlias = dict[tuple[int, int, int], int]

_TYPES: Mapping[str, str] = {
    "building": "Building",
    "unit": "BuildingUnit",
    "storey": "BuildingStorey",
    "space": "BuildingRoom",
}


def encode(volumes: Sequence[Volume], title: str, now: datetime) -> Iterator[bytes]:
    """Yield one city model: of each volume the footprint (LoD 0) and the raised footprint (LoD 1.2).

    The reference system is horizontal: CGCS2000 with the national height datum has no EPSG code, so the title says what
    heights are above. A volume without body keeps its attributes and has no geometry.

    Args:
        volumes: Of what holds a thing, the nearest that is among them becomes its parent.
        title: Of the model.
        now: Its day is the reference date.

    Raises:
        BadInput: ``datum.no_zone`` outside the CGCS2000 zones.
    """
    zone, corner = map_corner(volumes)
    scene = _Scene(zone, corner, volumes)
    objects = [f"{_json(volume.id)}:{_json(scene.city_object(volume))}" for volume in volumes]
    head = {
        "type": "CityJSON",
        "version": "2.0",
        "transform": {"scale": [MILLIMETRE] * 3, "translate": list(corner)},
        "metadata": {
            "title": f"{title}; heights are metres above the 1985 national height datum",
            "referenceDate": now.date().isoformat(),
            "referenceSystem": f"https://www.opengis.net/def/crs/EPSG/0/{zone}",
            **scene.extent(),
        },
    }
    yield f'{_json(head)[:-1]},"CityObjects":{{'.encode()
    for number, text in enumerate(objects):
        yield f"{',' if number else ''}\n{text}".encode()
    yield f'}},"vertices":{_json(list(scene.vertices))}}}'.encode()


class _Scene:
    """The vertices that all solids share, in whole millimetres from a corner."""

    def __init__(self, zone: int, corner: tuple[float, float, float], volumes: Sequence[Volume]) -> None:
        self.vertices: Vertices = {}
        self._zone = zone
        self._corner = corner
        known = {volume.id for volume in volumes}
        self._parents = {volume.id: [name for name in volume.above if name in known][:1] for volume in volumes}
        self._children: dict[str, list[str]] = defaultdict(list)
        for name, parents in self._parents.items():
            for parent in parents:
                self._children[parent].append(name)

    def city_object(self, volume: Volume) -> dict[str, Any]:
        fixed = {"name": volume.name, "storey": volume.storey, "z_min_m": volume.z_min_m, "z_max_m": volume.z_max_m}
        stated = {name: value for name, value in fixed.items() if value is not None}
        told: dict[str, Any] = {"type": _TYPES[volume.kind], "attributes": {**volume.attributes, **stated}}
        if parents := self._parents[volume.id]:
            told["parents"] = parents
        if volume.id in self._children:
            told["children"] = self._children[volume.id]
        if geometry := self._geometry(volume):
            told["geometry"] = geometry
        return told

    def _geometry(self, volume: Volume) -> list[dict[str, Any]]:
        if volume.heights_m is None:
            return []
        faces = [prism(plan, *volume.heights_m) for plan in plans(volume.footprint, self._on_map)]
        if not faces:
            return []
        floors = [[self._ring(ring[::-1]) for ring in solid[0]] for solid in faces]
        solids = [[[[self._ring(ring) for ring in face] for face in solid]] for solid in faces]
        body = {"type": "Solid", "boundaries": solids[0]} if len(solids) == 1 else {"type": "MultiSolid", "boundaries": solids}  # fmt: skip  # noqa: E501
        return [{"type": "MultiSurface", "lod": "0", "boundaries": floors}, {**body, "lod": "1.2"}]

    def _on_map(self, shape: BaseGeometry) -> BaseGeometry:
        return to_zone(shape, self._zone)

    def _ring(self, ring: Ring) -> list[int]:
        return [self._vertex(point) for point in ring]

    def _vertex(self, point: tuple[float, float, float]) -> int:
        x, y, z = (round((at - start) / MILLIMETRE) for at, start in zip(point, self._corner, strict=True))
        return self.vertices.setdefault((x, y, z), len(self.vertices))

    def extent(self) -> dict[str, list[float]]:
        if not self.vertices:
            return {}
        axes = list(zip(*self.vertices, strict=True))
        ends = [[take(axis) for axis in axes] for take in (min, max)]
        return {
            "geographicalExtent": [
                round(start + at * MILLIMETRE, 3) for end in ends for at, start in zip(end, self._corner, strict=True)
            ]
        }


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
