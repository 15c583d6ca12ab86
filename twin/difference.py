"""What an import changes, told per place and per property."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gis.local import LocalFrame
from twin.feature import Feature

Outcome = Literal["added", "changed", "moved", "ended"]

_COMPARED = ("name", "place", "parent", "storey", "z_min_m", "z_max_m", "stage")
MOVED_M = 0.01
"""Outlines whose vertices all lie nearer than this to the old ones have not moved."""


@dataclass(frozen=True, slots=True)
class Change:
    """One place or record that an import adds, changes, moves or ends.

    Attributes:
        outcome: ``moved`` when nothing but the outline or the heights differ.
        properties: Property → value before and after; ``outline_m`` tells how far the outline went.
    """

    layer: str
    id: str
    name: str | None
    outcome: Outcome
    properties: Mapping[str, tuple[Any, Any]]


def change_of(before: Feature | None, after: Feature) -> Change:
    """Return the change from what stood to what comes.

    >>> old = Feature(layer="building", id="B", community="c", name="1", attributes={"a": 1, "b": 2})
    >>> new = Feature(layer="building", id="B", community="c", name="1", attributes={"a": 1, "c": 3})
    >>> dict(change_of(old, new).properties)
    {'b': (2, None), 'c': (None, 3)}
    >>> change_of(None, new).outcome
    'added'
    """
    if before is None:
        return Change(after.layer, after.id, after.name, "added", {})
    pairs = {name: (getattr(before, name), getattr(after, name)) for name in _COMPARED}
    pairs |= {
        name: (before.attributes.get(name), after.attributes.get(name))
        for name in sorted({*before.attributes, *after.attributes})
    }
    differing = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    distance = _outline_m(before, after)
    if distance is None or distance > MOVED_M:
        differing["outline_m"] = (None, None if distance is None else round(distance, 2))
    only_moved = differing and set(differing) <= {"outline_m", "z_min_m", "z_max_m"}
    return Change(after.layer, after.id, after.name, "moved" if only_moved else "changed", differing)


def _outline_m(before: Feature, after: Feature) -> float | None:
    """Return how far the farthest point of either outline lies from the other, metres; ``None`` if one came or went."""
    if before.geometry is None or after.geometry is None:
        return 0.0 if before.geometry is after.geometry else None
    if before.geometry.equals_exact(after.geometry, 0.0):
        return 0.0
    frame = LocalFrame.around(before.geometry)
    return float(frame.forward(before.geometry).hausdorff_distance(frame.forward(after.geometry)))
