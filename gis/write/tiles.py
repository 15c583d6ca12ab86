"""3D Tiles 1.1 (OGC 22-025r4): a tileset and one GLB a building, packed in a zip."""

import io
import json
import math
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from pyproj import Transformer

from gis.local import LocalFrame
from gis.write.glb import Colors, frame_of, scene
from gis.write.solid import Floats, Volume

HEIGHTS = (
    "Heights are metres above the 1985 national height datum, written where 3D Tiles expects ellipsoidal heights. "
    "Shift the tileset by the height of the geoid at this place to lay it on ellipsoidal terrain."
)
_EPOCH = (1980, 1, 1, 0, 0, 0)


def encode(volumes: Sequence[Volume], colors: Colors, title: str) -> Iterator[bytes]:
    """Yield the archive; unpacked and served as static files, ``tileset.json`` is what viewers load.

    Regions bound each building and the whole; the root is placed by a transform to geocentric metres.

    Args:
        volumes: Those without body are left out; at least one has one.
        colors: A colour for each kind.
        title: Kept in ``asset.extras``.
    """
    frame, base_m = frame_of(volumes)
    buildings = _buildings(volume for volume in volumes if volume.heights_m is not None)
    whole = _region([volume for members in buildings.values() for volume in members])
    size_m = _diagonal_m(whole)
    tileset = {
        "asset": {"version": "1.1", "extras": {"title": title, "heights": HEIGHTS}},
        "geometricError": size_m,
        "root": {
            "transform": _matrix(frame, base_m).T.ravel().tolist(),
            "boundingVolume": {"region": whole},
            "geometricError": size_m,
            "refine": "ADD",
            "children": [_tile(name, members) for name, members in buildings.items()],
        },
    }
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        _add(packed, "tileset.json", json.dumps(tileset, ensure_ascii=False, allow_nan=False).encode())
        for name, members in buildings.items():
            _add(packed, f"{name}.glb", scene(members, colors, frame, lambda at: _tangent(frame, base_m, at), {}))
    yield archive.getvalue()


def _buildings(solid: Iterable[Volume]) -> Mapping[str, list[Volume]]:
    """Return the bodies by the topmost place above each."""
    found: dict[str, list[Volume]] = defaultdict(list)
    for volume in solid:
        found[(volume.id, *volume.above)[-1]].append(volume)
    return dict(sorted(found.items()))


def _tile(name: str, members: Sequence[Volume]) -> dict[str, Any]:
    return {"boundingVolume": {"region": _region(members)}, "geometricError": 0, "content": {"uri": f"{name}.glb"}}


def _region(members: Sequence[Volume]) -> list[float]:
    """Return west, south, east, north in radians, and the least and greatest height."""
    edges = shapely.total_bounds([volume.footprint for volume in members])
    heights = [height for volume in members for height in volume.heights_m or ()]
    return [*(math.radians(edge) for edge in edges), min(heights), max(heights)]


def _diagonal_m(region: Sequence[float]) -> float:
    west, south, east, north = (math.degrees(edge) for edge in region[:4])
    frame = LocalFrame((west + east) / 2, (south + north) / 2)
    x, y = frame.to_metres([west, east], [south, north])
    return round(math.dist((x[0], y[0], region[4]), (x[1], y[1], region[5])), 1)


def _matrix(frame: LocalFrame, base_m: float) -> Floats:
    """Return the 4 x 4 matrix from metres east, north, up of the origin to geocentric metres."""
    lon, lat = math.radians(frame.lon_deg), math.radians(frame.lat_deg)
    east = [-math.sin(lon), math.cos(lon), 0.0]
    north = [-math.sin(lat) * math.cos(lon), -math.sin(lat) * math.sin(lon), math.cos(lat)]
    up = [math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)]
    matrix = np.eye(4)
    matrix[:3, 0], matrix[:3, 1], matrix[:3, 2] = east, north, up
    matrix[:3, 3] = _geocentric().transform(frame.lon_deg, frame.lat_deg, base_m)
    return matrix


def _tangent(frame: LocalFrame, base_m: float, points: Floats) -> Floats:
    """Return points of the frame, x, y and height, on the plane that touches the ellipsoid: it falls away from it."""
    lon, lat = frame.to_degrees(points[:, 0], points[:, 1])
    centred = np.column_stack(_geocentric().transform(lon, lat, points[:, 2]))
    matrix = _matrix(frame, base_m)
    moved: Floats = (centred - matrix[:3, 3]) @ matrix[:3, :3]
    return moved


@lru_cache(maxsize=1)
def _geocentric() -> Transformer:
    return Transformer.from_pipeline(
        "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad +step +proj=cart +ellps=GRS80"
    )


def _add(packed: zipfile.ZipFile, name: str, content: bytes) -> None:
    packed.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)
