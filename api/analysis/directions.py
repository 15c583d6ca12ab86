"""A route in words, Chinese and English."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from gis.network import Leg, Route
from twin.connection import OUTSIDE
from twin.feature import Feature

_KINDS = {
    "door": ("门", "door"),
    "opening": ("洞口", "opening"),
    "stair": ("楼梯", "stairs"),
    "ramp": ("坡道", "ramp"),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction.

    Attributes:
        kind: ``walk``, ``room``, ``exit``, ``entrance``, or the kind of a connection.
        ids: Lines, room or door of the step.
        length_m: How far; for stairs what their height is worth on the level.
    """

    kind: str
    zh: str
    en: str
    length_m: float
    ids: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "kind": self.kind,
            "text": {"zh": self.zh, "en": self.en},
            "length_m": round(self.length_m, 1),
            "ids": list(self.ids),
        }


def steps_of(route: Route, connections: Mapping[str, Feature], rooms: Mapping[str, Feature]) -> list[Step]:
    """Return the instructions of a route.

    Args:
        route: What is walked.
        connections: Doors and stairs by id.
        rooms: Spaces by key.

    >>> from shapely import LineString
    >>> route = Route(120.0, LineString([(120, 30), (120.001, 30)]), (Leg("w1", 100.0), Leg("w2", 20.0)))
    >>> [(step.zh, step.en) for step in steps_of(route, {}, {})]
    [('沿步道走 120 米', 'Walk 120 m along the path')]
    """
    return list(_steps(route.legs, connections, rooms))


def _steps(legs: Sequence[Leg], connections: Mapping[str, Feature], rooms: Mapping[str, Feature]) -> Iterator[Step]:
    before: str | None = None
    for outdoors, run in groupby(legs, key=lambda leg: leg.id not in connections and leg.id not in rooms):
        if outdoors:
            walked = list(run)
            length_m = sum(leg.length_m for leg in walked)
            if round(length_m):
                zh, en = f"沿步道走 {length_m:.0f} 米", f"Walk {length_m:.0f} m along the path"
                yield Step("walk", zh, en, length_m, tuple(leg.id for leg in walked))
            before = OUTSIDE
            continue
        for leg in run:
            yield _through(leg, rooms[leg.id]) if leg.id in rooms else _by(leg, connections[leg.id], before)
            before = leg.id if leg.id in rooms else before


def _through(leg: Leg, room: Feature) -> Step:
    name = room.name or room.id
    return Step(
        "room", f"穿过{name}，{leg.length_m:.0f} 米", f"Through {name}, {leg.length_m:.0f} m", leg.length_m, (leg.id,)
    )


def _by(leg: Leg, way: Feature, before: str | None) -> Step:
    """Return the step through a door or along stairs; ``before`` is the room it is reached from."""
    kind = str(way.attributes["kind"])
    zh, en = _KINDS.get(kind, (kind, kind))
    if way.attributes["to_space"] == OUTSIDE:
        leaving = before != OUTSIDE
        words = (f"由{zh}出楼", f"Leave the building by the {en}") if leaving else (f"由{zh}进楼", f"Enter by the {en}")
        return Step("exit" if leaving else "entrance", *words, leg.length_m, (leg.id,))
    rise_m = float(way.attributes.get("rise_m") or 0.0)
    if rise_m:
        up = before == way.attributes["from_space"]
        words = (
            f"走{zh}{'上' if up else '下'}行 {rise_m:.1f} 米",
            f"Take the {en} {'up' if up else 'down'} {rise_m:.1f} m",
        )
        return Step(kind, *words, leg.length_m, (leg.id,))
    return Step(kind, f"经过{zh}", f"Pass the {en}", leg.length_m, (leg.id,))
