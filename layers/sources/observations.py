"""Our own JSON: one observation, a list of them, or ``{"observations": [...]}``."""

from typing import Any

from gis.errors import BadInput, LifangError
from layers.sources.payload import Decoded, Item, Said, listed, numbered, owned, parse


def decode_observations(payload: bytes, said: Said) -> Decoded:
    """Return the observations in a message; what the address says need not be said again.

    Raises:
        BadInput: What :func:`layers.sources.payload.parse` raises, ``source.too_many``.

    >>> found = decode_observations(b'{"property": "pm25", "result": 9, "phenomenonTime": "2026-11-21T08:00:00Z"}',
    ...                             {"device": "D-1"})
    >>> found[0]["device"], found[0]["source"], found[0]["source_seq"]
    ('D-1', 'D-1', 'pm25@2026-11-21T08:00:00Z')
    >>> [error.code for error in decode_observations(b'[7, {"device": "D-2"}]', {"device": "D-1"})]
    ['observation.malformed', 'observation.foreign_device']
    """
    return [_one(value, said) for value in listed(parse(payload), "observations")]


def _one(value: Any, said: Said) -> Item | LifangError:
    if not isinstance(value, dict):
        return BadInput(
            "observation.malformed", "An observation is a JSON object.", "Send {device, property, result, …}."
        )
    try:
        item = owned(value, said)
    except LifangError as error:
        return error
    if "property" in said:
        item.setdefault("property", said["property"])
    return numbered(item)
