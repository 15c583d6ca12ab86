"""Who and what is on the move now, and who could come."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np

from gis.errors import BadInput
from gis.local import metres_from
from layers.device.registry import Registry
from layers.moving.position import PROPERTY, Position, position_of
from twin.event import Latest
from twin.feature import Feature
from twin.query import Page, Query

FRESH = timedelta(minutes=5)
"""An older position says where something was, not where it is."""

PERSONAL = ("elder_health",)
"""Families whose positions are those of people in care: never on a list of movers."""


class Twin(Protocol):
    """What is asked of a store, or of a transaction's store."""

    def find(self, query: Query) -> Page:
        """Answer a query."""

    def latest(self, devices: Iterable[str] = ()) -> list[Latest]:
        """Return the latest values of these devices."""


@dataclass(frozen=True, slots=True)
class Mover:
    """A device that reports positions, and where it is.

    Attributes:
        fresh: Its position is not older than :data:`FRESH`.
    """

    device: Feature
    position: Position
    fresh: bool


@dataclass(frozen=True, slots=True)
class Responder:
    """Somebody of the grid force.

    Attributes:
        staff: The record; its name is personal and stays in the store.
        lon: Longitude, CRS84: of the terminal when it is fresh, else of the post.
        at: When the terminal reported; ``None`` for the post.
    """

    staff: Feature
    lon: float
    lat: float
    at: datetime | None


def movers(twin: Twin, registry: Registry, now: datetime) -> list[Mover]:
    """Return everything that has ever reported a position, by device number; people in care are left out."""
    carriers = {
        number: device
        for number, device in registry.devices().items()
        if PROPERTY in registry.kind(device).measures and registry.kind(device).family.name not in PERSONAL
    }
    if not carriers:
        return []
    found = positions(twin, carriers)
    return [Mover(carriers[name], one, now - one.at <= FRESH) for name, one in sorted(found.items())]


def positions(twin: Twin, devices: Iterable[str]) -> Mapping[str, Position]:
    """Return the newest position of each of these devices that has reported any."""
    found = {}
    for value in twin.latest(devices):
        if value.name == PROPERTY:
            try:
                found[value.device] = position_of(value.device, value.value, value.occurred_at)
            except BadInput:
                continue  # taken before positions were checked; the device's next report mends it
    return found


def responders(twin: Twin, grid: str | None, now: datetime) -> list[Responder]:
    """Return the grid force, of one grid when named: where their terminals are, else where their posts are.

    Args:
        twin: Where staff and positions live.
        grid: Code of the grid, as the field ``grid_code`` holds it; ``None`` for all.
        now: Decides which positions are fresh.
    """
    filters = () if grid is None else (("grid_code", grid),)
    staff = twin.find(Query(layers=("staff",), filters=filters)).features
    terminals = {one.id: str(one.attributes["terminal_no"]) for one in staff if one.attributes.get("terminal_no")}
    live = positions(twin, terminals.values()) if terminals else {}
    found = (_responder(one, live.get(terminals.get(one.id, "")), now) for one in staff)
    return [one for one in found if one is not None]


def _responder(staff: Feature, live: Position | None, now: datetime) -> Responder | None:
    if live is not None and now - live.at <= FRESH:
        return Responder(staff, live.lon, live.lat, live.at)
    if staff.geometry is None or staff.geometry.is_empty:
        return None
    return Responder(staff, float(staff.geometry.centroid.x), float(staff.geometry.centroid.y), None)


def nearest(found: Sequence[Mover], lon_deg: float, lat_deg: float, count: int) -> list[tuple[Mover, float]]:
    """Return the movers nearest to a position as the crow flies, with the distance in metres.

    >>> nearest([], 120.15, 30.28, 3)
    []
    """
    if not found:
        return []
    east, north = metres_from(
        lon_deg, lat_deg, [one.position.lon for one in found], [one.position.lat for one in found]
    )
    away = np.hypot(east, north)
    order = np.argsort(away, kind="stable")[:count]
    return [(found[index], float(away[index])) for index in order.tolist()]
