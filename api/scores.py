"""Health scores: what the twin holds of buildings, gathered for the checks in a fixed number of reads."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any

from layers.health import Health, health_of, subjects
from twin.feature import Feature
from twin.store import Store

Find = Callable[..., Sequence[Feature]]
"""Returns the features of some layers, by their names, that meet conditions of a query."""

_PLACES = ("building", "unit", "storey", "space")


def scores(
    find: Find,
    store: Store,
    community: str | None = None,
    building: str | None = None,
    *,
    at: datetime | None = None,
    known_at: datetime | None = None,
) -> list[Health]:
    """Return the health of buildings, the worst first.

    Args:
        find: How features are read: through the eyes of a request, or straight from the store.
        store: Knows the identifiers and which devices have reported.
        community: Only its buildings.
        building: Only this one.
        at: When the buildings bore their names; ``None`` is now. Which devices have reported is told of now.
        known_at: When it was known so; ``None`` is now.
    """
    places = [place for place in find(*_PLACES, within=building) if community in (None, place.community)]
    schemes = {place.id: _schemes(store, place.id, at, known_at) for place in places if place.layer == "building"}
    devices = find("device", within=building) if places else ()
    found = [health_of(subject) for subject in subjects(places, devices, schemes, set(store.heard()))]
    return sorted(found, key=lambda health: (health.score, health.code))


def _schemes(store: Store, building: str, at: datetime | None, known_at: datetime | None) -> AbstractSet[str]:
    names = store.identifiers(building, at=at, known_at=known_at)
    return {name.scheme for name in names if at is not None or name.valid_to is None}


def summary(found: Sequence[Health]) -> Mapping[str, Any]:
    """Return how many buildings there are and their mean score, ``None`` where there are none.

    >>> summary([])
    {'buildings': 0, 'mean': None}
    """
    mean = round(sum(health.score for health in found) / len(found), 1) if found else None
    return {"buildings": len(found), "mean": mean}
