"""GLB (glTF 2.0): bodies as triangles in metres around a local origin."""

import json
import math
import struct
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from gis.errors import BadInput
from gis.local import LocalFrame
from gis.write.solid import Floats, Volume, plans, triangles

_MERGED = "space"
"""Rooms are drawn together, a mesh a storey; everything larger is a node of its own."""

_Y_UP = [1, 0, 0, 0, 0, 0, -1, 0, 0, 1, 0, 0, 0, 0, 0, 1]
_FLOAT, _UINT = 5126, 5125
_VERTICES, _INDICES = 34962, 34963

_Body: TypeAlias = tuple[str, list[tuple[Floats, Any]]]
"""Id, and the points and triangles of each part."""

Colors: TypeAlias = Mapping[str, tuple[float, float, float, float]]
"""Kind → red, green, blue (linear) and opacity, 0 to 1."""


def encode(volumes: Sequence[Volume], colors: Colors) -> Iterator[bytes]:
    """Yield one scene whose origin, longitude, latitude and height, stands in ``asset.extras``.

    Nodes bear the ids of places and nest as these do. The mesh of a node has one primitive a kind; the primitive's
    ``extras`` tell the ids in it and the first triangle of each. x runs east and z south from the origin, y up.

    Args:
        volumes: Those without body are left out; at least one has one.
        colors: A colour for each kind.
    """
    frame, base_m = frame_of(volumes)
    extras = {"lon_deg": frame.lon_deg, "lat_deg": frame.lat_deg, "height_m": base_m, "crs": "OGC:CRS84"}
    yield scene(volumes, colors, frame, lambda points: points - [0, 0, base_m], {"origin": extras})


def frame_of(volumes: Sequence[Volume]) -> tuple[LocalFrame, float]:
    """Return the frame in the middle of the bodies, and their lowest height in whole metres."""
    solid = [volume for volume in volumes if volume.heights_m is not None]
    return LocalFrame.around(*(volume.footprint for volume in solid)), float(
        min(volume.heights_m[0] for volume in solid if volume.heights_m) // 1
    )


def scene(
    volumes: Sequence[Volume],
    colors: Colors,
    frame: LocalFrame,
    place: Callable[[Floats], Floats],
    extras: Mapping[str, Any],
) -> bytes:
    """Return the scene; ``place`` moves points (frame metres and height) to x east, y north, z up of the origin."""
    nodes: dict[str, dict[str, list[_Body]]] = defaultdict(lambda: defaultdict(list))
    for volume in volumes:
        if body := _body(volume, frame):
            nodes[_node_of(volume)][volume.kind].append(body)
    used = {kind for kinds in nodes.values() for kind in kinds}
    writer = _Writer({kind: colors[kind] for kind in used}, place)
    names = sorted(nodes)
    written = [{"name": name, "mesh": writer.mesh(name, nodes[name])} for name in names]
    _nest(written, names, {name: above for volume in volumes for name, above in _line(volume)})
    return writer.finish(written, dict(extras))


def shells_scene(
    name: str,
    kinds: Mapping[str, Sequence[tuple[str, list[tuple[Floats, Any]]]]],
    colors: Colors,
    extras: Mapping[str, Any],
) -> bytes:
    """Return a scene of one node whose mesh has a primitive a kind, of bodies that are triangles already.

    Args:
        name: Id of the node.
        kinds: Kind → the id and the parts of each body, (p, 3) points and (f, 3) indices; x east, y north, z up of
            the origin that ``extras`` state, metres.
        colors: A colour for each kind.
        extras: Stand in ``asset.extras``.
    """  # fmt: skip
    writer = _Writer({kind: colors[kind] for kind in kinds}, lambda points: points)
    nodes: list[dict[str, Any]] = [{"name": name, "mesh": writer.mesh(name, kinds)}]
    _nest(nodes, [name], {name: ()})
    return writer.finish(nodes, extras)


def join(scenes: Sequence[bytes]) -> bytes:
    """Return scenes of this writer that share an origin as one.

    >>> join([])
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: glb.nothing: There is no scene to join. ...
    """
    if not scenes:
        raise BadInput("glb.nothing", "There is no scene to join.", "Ask for a place that has bodies.")
    documents, blocks = zip(*map(_parsed, scenes), strict=True)
    return _container(_joined(documents), blocks)


def origin_of(scene_bytes: bytes) -> dict[str, Any]:
    """Return the origin that a scene states: ``lon_deg``, ``lat_deg``, ``height_m``, ``crs``."""
    found: dict[str, Any] = _parsed(scene_bytes)[0]["asset"]["extras"]["origin"]
    return found


def moved(scene_bytes: bytes, origin: Mapping[str, float], turn_deg: float) -> bytes:
    """Return a scene at another origin, turned clockwise about it as seen from above."""
    document, block = _parsed(scene_bytes)
    document["asset"]["extras"]["origin"] |= origin
    root = document["nodes"][document["scenes"][document["scene"]]["nodes"][0]]
    cosine, sine = math.cos(math.radians(turn_deg)), math.sin(math.radians(turn_deg))
    turn = np.array([[cosine, 0, -sine, 0], [0, 1, 0, 0], [sine, 0, cosine, 0], [0, 0, 0, 1]])  # about y, which is up
    root["matrix"] = (turn @ np.reshape(root["matrix"], (4, 4)).T).T.ravel().tolist()
    return _container(document, [block])


def _joined(documents: Sequence[dict[str, Any]]) -> dict[str, Any]:
    whole: dict[str, Any] = {name: [] for name in ("nodes", "meshes", "materials", "accessors", "bufferViews")}
    roots: list[int] = []
    size = 0
    for document in documents:
        first = {name: len(found) for name, found in whole.items()}
        *nodes, root = document["nodes"]
        whole["bufferViews"] += [{**v, "byteOffset": v["byteOffset"] + size} for v in document["bufferViews"]]
        whole["accessors"] += [
            {**a, "bufferView": a["bufferView"] + first["bufferViews"]} for a in document["accessors"]
        ]
        whole["materials"] += document["materials"]
        whole["meshes"] += [
            {**mesh, "primitives": [_shifted(part, first) for part in mesh["primitives"]]}
            for mesh in document["meshes"]
        ]
        whole["nodes"] += [{**node, "mesh": node["mesh"] + first["meshes"]} for node in nodes]
        roots += [child + first["nodes"] for child in root["children"]]
        size += document["buffers"][0]["byteLength"]
    whole["nodes"].append({"name": "Z up", "matrix": documents[0]["nodes"][-1]["matrix"], "children": roots})
    scene_nodes = {"scene": 0, "scenes": [{"nodes": [len(whole["nodes"]) - 1]}]}
    return {"asset": documents[0]["asset"], **scene_nodes, **whole, "buffers": [{"byteLength": size}]}


def _shifted(part: dict[str, Any], first: Mapping[str, int]) -> dict[str, Any]:
    return {
        **part,
        "attributes": {name: index + first["accessors"] for name, index in part["attributes"].items()},
        "indices": part["indices"] + first["accessors"],
        "material": part["material"] + first["materials"],
    }


def _parsed(scene_bytes: bytes) -> tuple[dict[str, Any], bytes]:
    length = struct.unpack_from("<I", scene_bytes, 12)[0]
    document: dict[str, Any] = json.loads(scene_bytes[20 : 20 + length])
    return document, scene_bytes[28 + length :]


def _container(document: Mapping[str, Any], blocks: Sequence[bytes]) -> bytes:
    size = sum(map(len, blocks))
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    total = 12 + 8 + len(text) + 8 + size
    head = struct.pack("<4sII", b"glTF", 2, total) + struct.pack("<I4s", len(text), b"JSON")
    return b"".join([head, text, struct.pack("<I4s", size, b"BIN\0"), *blocks])


def _body(volume: Volume, frame: LocalFrame) -> _Body | None:
    parts = () if volume.heights_m is None else plans(volume.footprint, frame.forward)
    shells = [triangles(plan, *volume.heights_m) for plan in parts if volume.heights_m]
    return (volume.id, shells) if shells else None


def _node_of(volume: Volume) -> str:
    return volume.above[0] if volume.kind == _MERGED and volume.above else volume.id


def _line(volume: Volume) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield a volume and all above it, each with what is above that."""
    line = (volume.id, *volume.above)
    return ((name, line[at:]) for at, name in enumerate(line, start=1))


def _nest(nodes: list[dict[str, Any]], names: Sequence[str], above: Mapping[str, tuple[str, ...]]) -> None:
    """Hang each node below the nearest place above it that is a node too, else below the root, which comes last."""
    index = {name: at for at, name in enumerate(names)}
    below: dict[int, list[int]] = defaultdict(list)
    for at, name in enumerate(names):
        below[next((index[holder] for holder in above[name] if holder in index), len(nodes))].append(at)
    for at, children in below.items():
        if at < len(nodes):
            nodes[at]["children"] = children
    nodes.append({"name": "Z up", "matrix": _Y_UP, "children": below[len(nodes)]})


class _Writer:
    """Buffers, accessors and meshes of one file."""

    def __init__(self, colors: Colors, place: Callable[[Floats], Floats]) -> None:
        self._place = place
        self._colors = colors
        self._kinds = sorted(colors)
        self._blocks: list[bytes] = []
        self._size = 0
        self._views: list[dict[str, Any]] = []
        self._accessors: list[dict[str, Any]] = []
        self._meshes: list[dict[str, Any]] = []

    def mesh(self, name: str, kinds: Mapping[str, Sequence[_Body]]) -> int:
        primitives = [self._primitive(kind, bodies) for kind, bodies in sorted(kinds.items())]
        self._meshes.append({"name": name, "primitives": primitives})
        return len(self._meshes) - 1

    def _primitive(self, kind: str, bodies: Sequence[_Body]) -> dict[str, Any]:
        shells = [shell for _, shells in bodies for shell in shells]
        firsts = np.cumsum([0, *(len(points) for points, _ in shells)])
        faces = [sides + first for (_, sides), first in zip(shells, firsts, strict=False)]
        sizes = [sum(len(sides) for _, sides in shells) for _, shells in bodies]
        points = self._place(np.concatenate([points for points, _ in shells]))
        return {
            "attributes": {"POSITION": self._positions(points)},
            "indices": self._indices(np.concatenate(faces)),
            "material": self._kinds.index(kind),
            "extras": {
                "kind": kind,
                "ids": [name for name, _ in bodies],
                "starts": np.cumsum([0, *sizes[:-1]]).tolist(),
            },
        }

    def _positions(self, points: Floats) -> int:
        values = points.astype("<f4")
        ends = {"min": values.min(axis=0).tolist(), "max": values.max(axis=0).tolist()}
        return self._accessor(values.tobytes(), _VERTICES, componentType=_FLOAT, count=len(values), type="VEC3", **ends)

    def _indices(self, faces: Any) -> int:
        values = faces.astype("<u4").ravel()
        return self._accessor(values.tobytes(), _INDICES, componentType=_UINT, count=len(values), type="SCALAR")

    def _accessor(self, block: bytes, target: int, **described: Any) -> int:
        view = {"buffer": 0, "byteOffset": self._size, "byteLength": len(block), "target": target}
        self._blocks.append(block)
        self._size += len(block)
        self._views.append(view)
        self._accessors.append({"bufferView": len(self._views) - 1, **described})
        return len(self._accessors) - 1

    def finish(self, nodes: Sequence[Mapping[str, Any]], extras: Mapping[str, Any]) -> bytes:
        document = {
            "asset": {"version": "2.0", "generator": "Lifang", "extras": extras},
            "scene": 0,
            "scenes": [{"nodes": [len(nodes) - 1]}],
            "nodes": nodes,
            "meshes": self._meshes,
            "materials": [_material(kind, self._colors[kind]) for kind in self._kinds],
            "accessors": self._accessors,
            "bufferViews": self._views,
            "buffers": [{"byteLength": self._size}],
        }
        return _container(document, self._blocks)


def _material(kind: str, color: tuple[float, float, float, float]) -> dict[str, Any]:
    surface = {"baseColorFactor": [round(part, 4) for part in color], "metallicFactor": 0, "roughnessFactor": 0.9}
    blend = {"alphaMode": "BLEND"} if color[3] < 1 else {}
    return {"name": kind, "pbrMetallicRoughness": surface, **blend}
