"""Alarms as the API shows them: with the names of their places."""

from collections.abc import Sequence
from typing import Any

from api.state import Services
from layers.alarm.record import message_of, named_places, place_name
from twin.feature import Feature
from twin.query import Query


def alarm_messages(here: Services, records: Sequence[Feature]) -> list[dict[str, Any]]:
    """Return the messages of records of the ``alarm`` layer."""
    names = _names(here, {record.place for record in records if record.place})
    return [
        dict(message_of(record, None if record.place is None else place_name(record.place, names)))
        for record in records
    ]


def _names(here: Services, keys: set[str]) -> dict[str, str | None]:
    """Return the names of the places that alarms are told by, all in one query."""
    wanted = sorted({place for key in keys for _, place in named_places(key)})
    if not wanted:
        return {}
    found = here.store.rows(Query(layers=("building", "space"), ids=tuple(wanted))).rows
    return {place.id: place.name for place in found}
