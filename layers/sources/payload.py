"""What every source shares: bytes as JSON, items or the reason why not, and a number for what came without one."""

import hashlib
from collections.abc import Mapping
from typing import Any, TypeAlias

import orjson

from gis.errors import BadInput, Forbidden, LifangError

Item: TypeAlias = dict[str, Any]
"""An observation as :func:`layers.observation.decode.decode` reads it."""

Decoded: TypeAlias = list[Item | LifangError]
"""What a message holds, in its order: items, and named errors in place of what is none."""

Said: TypeAlias = Mapping[str, str]
"""What the address of a message (its topic) says: ``community``, ``device`` …"""

MAX_BYTES = 2_000_000
MAX_ITEMS = 10_000


def parse(payload: bytes, most: int = MAX_BYTES) -> Any:
    r"""Return the JSON value in a message.

    Args:
        payload: UTF-8.
        most: Bytes that are still a message of a device.

    Raises:
        BadInput: ``source.too_large``, ``source.not_json``.

    >>> parse(b'{"device": "D-1"}')
    {'device': 'D-1'}
    >>> parse("烟感".encode("gb18030"))
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: source.not_json: The message is no JSON in UTF-8: ...
    >>> parse(b'{"result": NaN}')
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: source.not_json: The message is no JSON in UTF-8: ...
    """
    if len(payload) > most:
        raise BadInput(
            "source.too_large", f"The message has {len(payload)} bytes.", f"Send at most {most} at a time.", field=None
        )
    try:
        return orjson.loads(payload)
    except ValueError as error:
        raise BadInput("source.not_json", f"The message is no JSON in UTF-8: {error}.", "Send RFC 8259 JSON.") from None


def listed(value: Any, name: str) -> list[Any]:
    """Return one or many as a list: a list, the list under a name, or the value alone.

    Raises:
        BadInput: ``source.too_many``.

    >>> listed({"observations": [1, 2]}, "observations"), listed({"device": "D-1"}, "observations"), listed([], "x")
    ([1, 2], [{'device': 'D-1'}], [])
    """
    inner = value.get(name) if isinstance(value, dict) else value
    found = inner if isinstance(inner, list) else [value]
    if len(found) > MAX_ITEMS:
        raise BadInput("source.too_many", f"{len(found)} items in one message.", f"Send at most {MAX_ITEMS} at a time.")
    return found


def numbered(item: Item) -> Item:
    """Return an item that says who sends it and which it is.

    A device that counts nothing still says the same thing twice only by naming the same property at the same moment.

    >>> numbered({"device": "D-1", "property": "pm25", "phenomenonTime": "2026-11-21T08:00:00Z"})["source_seq"]
    'pm25@2026-11-21T08:00:00Z'
    >>> numbered({"device": "D-1", "source_seq": 7})["source_seq"]
    7
    """
    source = item.get("source", item.get("device"))
    return {"source_seq": f"{item.get('property')}@{item.get('phenomenonTime')}", **item, "source": source}


def owned(item: Item, said: Said) -> Item:
    """Return an item whose device is the one the address names.

    Raises:
        Forbidden: ``observation.foreign_device``.

    >>> owned({"property": "pm25"}, {"device": "D-1"})["device"]
    'D-1'
    >>> owned({"device": "D-2"}, {"device": "D-1"})
    Traceback (most recent call last):
        ...
    gis.errors.Forbidden: observation.foreign_device: D-1 may not speak for D-2. ...
    """
    own = said.get("device")
    if own is None or item.setdefault("device", own) == own:
        return item
    named = f"{item['device']!s:.200}"
    raise Forbidden(
        "observation.foreign_device",
        f"{own} may not speak for {named}.",
        "Let each device send its own observations.",
        device=named,
    )


def digest(*parts: str | bytes) -> str:
    """Return a short name for some content: the same content, the same name."""
    whole = hashlib.sha256()
    for part in parts:
        raw = part if isinstance(part, bytes) else part.encode()
        whole.update(len(raw).to_bytes(8, "big") + raw)
    return whole.hexdigest()[:32]
