"""Alarms as the API shows them: with the names of their places."""

from collections.abc import Sequence
from typing import Any

from api.state import Services
from layers.alarm.record import messages_of, named_places
from twin.query import Query, Row


def alarm_messages(here: Services, records: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the messages of records of the ``alarm`` layer."""
    return messages_of(records, _names(here, {record.place for record in records if record.place}))


def _names(here: Services, keys: set[str]) -> dict[str, str | None]:
    """Return the names of the places that alarms are told by, all in one query."""
    wanted = sorted({place for key in keys for _, place in named_places(key)})
    if not wanted:
        return {}
    found = here.store.columns(Query(layers=("building", "space"), ids=tuple(wanted)), ("ids", "names"))
    return dict(zip(found.ids, found.names, strict=True))
