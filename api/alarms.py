"""Alarms as the API shows them: with the names of their places."""

from collections.abc import Sequence
from typing import Any

from api.state import Services
from layers.alarm.record import message_of
from twin.feature import Feature
from twin.query import Query


def alarm_messages(here: Services, records: Sequence[Feature]) -> list[dict[str, Any]]:
    """Return the messages of records of the ``alarm`` layer."""
    names = _place_names(here, records)
    return [dict(message_of(record, names.get(record.place or ""))) for record in records]


def _place_names(here: Services, records: Sequence[Feature]) -> dict[str, str]:
    keys = {record.place for record in records if record.place}
    wanted = keys | {"-".join(key.split("-")[:2]) for key in keys}
    if not wanted:
        return {}
    places = here.store.find(Query(layers=("building", "space"), ids=tuple(sorted(wanted)))).features
    named = {place.id: place.name for place in places if place.name}
    return {
        key: " ".join(dict.fromkeys(n for n in (named.get("-".join(key.split("-")[:2])), named.get(key)) if n))
        for key in keys
    }
