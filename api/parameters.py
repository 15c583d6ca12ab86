"""Text parameters of requests and commands, turned into the query's nouns; every fault names its parameter."""

from collections.abc import Sequence
from datetime import datetime

from gis.errors import BadInput


def numbers(text: str, names: Sequence[str], parameter: str) -> tuple[float, ...]:
    """Return comma-separated numbers, exactly as many as there are names.

    >>> numbers("120.2,30.3,50", ("lon", "lat", "radius"), "near")
    (120.2, 30.3, 50.0)
    >>> numbers("120.2", ("lon", "lat"), "near")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: request.parameter: near='120.2' is not lon,lat. Separate the numbers by commas.
    """
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    if len(values) != len(names) or any(value != value or abs(value) == float("inf") for value in values):  # noqa: PLR0124
        wanted = ",".join(names)
        raise BadInput(
            "request.parameter",
            f"{parameter}={text!r:.60} is not {wanted}.",
            "Separate the numbers by commas.",
            parameter=parameter,
        )
    return values


def words(text: str | None) -> tuple[str, ...]:
    """Return comma-separated words without the empty ones.

    >>> words("building, space,"), words(None)
    (('building', 'space'), ())
    """
    return () if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def integers(text: str | None, parameter: str) -> tuple[int, ...]:
    """Return comma-separated whole numbers."""
    try:
        return tuple(int(part) for part in words(text))
    except ValueError:
        raise BadInput(
            "request.parameter", f"{parameter}={text!r:.60} is not whole numbers.", "Write 1,2,-1.", parameter=parameter
        ) from None


def moment(text: str | None, parameter: str) -> datetime | None:
    """Return an RFC 3339 moment; the zone is checked by the query."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text.replace(" ", "+"))  # '+' arrives as a space when not escaped
    except ValueError:
        raise BadInput(
            "request.parameter",
            f"{parameter}={text!r:.60} is not a time.",
            "Write 2026-11-21T08:00:00Z.",
            parameter=parameter,
        ) from None


def pairs(texts: Sequence[str], parameter: str) -> tuple[tuple[str, str], ...]:
    """Return ``field:value`` conditions.

    >>> pairs(["type:smoke_detector"], "filter")
    (('type', 'smoke_detector'),)
    """
    found = []
    for text in texts:
        name, colon, value = text.partition(":")
        if not colon or not name:
            raise BadInput(
                "request.parameter",
                f"{parameter}={text!r:.60} is not field:value.",
                "Write type:smoke_detector.",
                parameter=parameter,
            )
        found.append((name, value))
    return tuple(found)
