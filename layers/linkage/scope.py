"""Which devices a rule reaches: the spatial condition, answered from memory. Pure."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from gis.local import metres_from
from layers.linkage.rules import Reach
from twin.feature import Feature
from twin.spacecode import building_of

Position = tuple[float, float]

_LEAST_M_PER_DEGREE = 110_500
"""A degree of latitude is nowhere shorter, nor one of longitude divided by the cosine."""

_LEVELS = {"building": 2, "unit": 3, "storey": 4, "room": 5}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What set a rule off.

    Attributes:
        key: Names it once and for all: the same cause never fires a rule twice.
        name: Alarm type, property, kind of event or name of a signal.
        seq: Position in the log; 0 for what did not happen (a simulation, a time of day).
        place: Key of the place it happened in.
        position: Longitude, latitude in degrees.
        severity: Of an alarm, 1 to 4.
        chain: The rules that led here, first to last.
    """

    key: str
    name: str
    at: datetime
    community: str
    seq: int = 0
    device: str | None = None
    family: str | None = None
    place: str | None = None
    storey: int | None = None
    position: Position | None = None
    severity: int | None = None
    alarm: str | None = None
    title: Mapping[str, str] = field(default_factory=dict)
    chain: tuple[str, ...] = ()

    @property
    def spot(self) -> str:
        """Return what an episode is about: the building, else the device, else the community."""
        return building_of(self.place) if self.place else (self.device or self.community)


class Surroundings:
    """The devices as a rule sees them: by building, and by where they stand.

    Args:
        devices: The registered devices, by number.
        grid: Returns the area of the grid a position lies in, ``None`` outside all.
    """

    def __init__(
        self, devices: Mapping[str, Feature], grid: Callable[[Position], BaseGeometry | None] = lambda _: None
    ) -> None:
        self.devices = devices
        self._grid = grid
        self._in_building: dict[str, list[Feature]] = defaultdict(list)
        for device in devices.values():
            if device.place:
                self._in_building[building_of(device.place)].append(device)
        self._standing = [device for device in devices.values() if _stands(device)]
        self._tree = shapely.STRtree(cast("Sequence[BaseGeometry]", shapely.points(_points(self._standing))))

    def with_grid(self, grid: Callable[[Position], BaseGeometry | None]) -> "Surroundings":
        """Return the same surroundings that ask somebody else for the grid."""
        other = object.__new__(Surroundings)
        other.__dict__.update(self.__dict__, _grid=grid)
        return other

    def reached(
        self, where: Reach, cause: Cause, fits: Callable[[Feature], bool]
    ) -> list[tuple[Feature, float | None]]:
        """Return the devices a rule reaches and their distance in metres, nearest first.

        What has no place or position is reached by no condition that needs one: a fire nobody can place opens no door.

        Args:
            where: The condition.
            cause: What it is measured from.
            fits: Tells which devices matter at all.
        """
        found = [
            device
            for device in self._candidates(where, cause)
            if device.community == cause.community and fits(device) and _inside(where, cause, device)
        ]
        measured = self._measured(found, cause)
        chosen = [pair for pair in measured if where.within_m is None or _near(pair[1], where.within_m)]
        if where.polygon is not None:
            chosen = _within(chosen, shapely.from_wkt(where.polygon))
        if where.same == "grid":
            area = None if cause.position is None else self._grid(cause.position)
            chosen = [] if area is None else _within(chosen, area)
        return chosen[: where.nearest]

    def _candidates(self, where: Reach, cause: Cause) -> Sequence[Feature]:
        if where.same == "device":
            device = self.devices.get(cause.device or "")
            return [] if device is None else [device]
        if where.same in (*_LEVELS, "place") or where.storeys is not None:
            return self._in_building.get(building_of(cause.place), []) if cause.place else []
        if where.within_m is not None:
            return self._around(cause.position, where.within_m)
        return list(self.devices.values())

    def _around(self, position: Position | None, radius_m: float) -> list[Feature]:
        """Return what stands in a box that holds the circle; the distance decides later."""
        if position is None:
            return []
        lon, lat = position
        north = radius_m / _LEAST_M_PER_DEGREE
        east = min(north / max(math.cos(math.radians(abs(lat) + north)), 1e-6), 360.0)
        box = shapely.box(lon - east, lat - north, lon + east, lat + north)
        return [self._standing[number] for number in sorted(self._tree.query(box))]

    def _measured(self, found: Sequence[Feature], cause: Cause) -> list[tuple[Feature, float | None]]:
        """Return devices with their distance, nearest first; those that stand nowhere last, by number."""
        pairs: list[tuple[Feature, float | None]] = [(device, None) for device in found]
        if cause.position is not None:
            standing = [device for device in found if _stands(device)]
            away = _distances(_points(standing), cause.position).tolist()
            far = dict(zip((one.id for one in standing), away, strict=True))
            pairs = [(device, far.get(device.id)) for device in found]
        return sorted(pairs, key=lambda pair: (pair[1] is None, pair[1] or 0.0, pair[0].id))


def _stands(device: Feature) -> bool:
    return device.geometry is not None and not device.geometry.is_empty


def _points(standing: Sequence[Feature]) -> npt.NDArray[np.float64]:
    shapes = np.array([device.geometry for device in standing], dtype=object)
    return shapely.get_coordinates(shapely.centroid(shapes)).reshape(-1, 2)


def _distances(points: npt.NDArray[np.float64], position: Position) -> npt.NDArray[np.float64]:
    east, north = metres_from(*position, points[:, 0], points[:, 1])
    return np.hypot(east, north)


def _near(distance_m: float | None, radius_m: float) -> bool:
    return distance_m is not None and distance_m <= radius_m


def _inside(where: Reach, cause: Cause, device: Feature) -> bool:
    """Tell whether a device stands in the part of the building that is meant."""
    if where.same == "place":
        return device.place is not None and f"{device.place}-".startswith(f"{cause.place}-")
    if where.same in _LEVELS and not _shares(device.place, cause.place, _LEVELS[where.same]):
        return False
    if where.storeys is None:
        return True
    if cause.storey is None or device.storey is None:
        return False
    return device.storey > cause.storey if where.storeys == "above" else device.storey < cause.storey


def _shares(place: str | None, other: str | None, levels: int) -> bool:
    """Tell whether two places share building, unit, storey or room; a place that is not so deep is in none."""
    if place is None or other is None:
        return False
    ours, theirs = place.split("-"), other.split("-")
    return len(ours) >= levels and len(theirs) >= levels and ours[:levels] == theirs[:levels]


def _within(pairs: Sequence[tuple[Feature, float | None]], area: BaseGeometry) -> list[tuple[Feature, float | None]]:
    return [pair for pair in pairs if pair[0].geometry is not None and area.intersects(pair[0].geometry)]
