"""The rows of one layer, in columns: what every flat format is written from."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from shapely.geometry.base import BaseGeometry

Kind = Literal["integer", "number", "boolean", "text"]
"""What a column of a flat file can hold."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: the declared type and a value a row, ``None`` where there is none.

    Attributes:
        type: ``string``, ``integer``, ``number``, ``boolean``, ``datetime`` or ``json``. A moment is ISO 8601 text, as
            precise as its source was.
    """

    type: str
    values: Sequence[Any]

    def flat(self) -> tuple[Kind, list[Any]]:
        """Return what kind of flat column this is, and its values; JSON becomes text.

        A value that is not of the declared type turns the whole column into text: nothing is lost.

        >>> Column("integer", [1, None]).flat()
        ('integer', [1, None])
        >>> Column("integer", [1, "2a", None]).flat()
        ('text', ['1', '2a', None])
        >>> Column("json", [{"门": 1}]).flat(), Column("number", []).flat()
        (('text', ['{"门":1}']), ('number', []))
        """
        fits = _FITS.get(self.type)
        if fits is not None and all(value is None or fits(value) for value in self.values):
            return _KINDS[self.type], list(self.values)
        return "text", [None if value is None else as_text(value) for value in self.values]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One layer.

    Attributes:
        name: Of the layer; becomes the name of the table.
        title: What people call it.
        ids: One a row.
        geometries: CRS84 (longitude, latitude in degrees), without Z, one a row; ``None`` for none.
        columns: Name → column, in order; as long as ``ids``.
    """

    name: str
    title: str
    ids: Sequence[str]
    geometries: Sequence[BaseGeometry | None]
    columns: Mapping[str, Column]


def as_text(value: Any) -> str:
    """Return a value as a cell of text: text as it is, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_FITS: Mapping[str, Callable[[Any], bool]] = {
    "integer": _is_integer,
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
}
_KINDS: Mapping[str, Kind] = {"integer": "integer", "number": "number", "boolean": "boolean"}
