"""Cells of planners' tables as values of the declared types."""

import json
import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from layers.names import folded
from layers.units import quantity
from twin.declaration import FieldDeclaration

_YES = frozenset({"是", "有", "true", "yes", "y", "t", "1", "√"})
_NO = frozenset({"否", "无", "false", "no", "n", "f", "0", "×"})
_DAY = re.compile(r"(\d{4})[-/.年]?(\d{1,2})[-/.月]?(\d{1,2})日?")
_STOREY = re.compile(r"(?P<below>-|b|地下|负)?f?(?P<number>\d{1,3})(?:层|楼|f)?")


def typed(field: FieldDeclaration, cell: Any, unit: str | None = None) -> Any:
    """Return a cell as a value of the field's type, JSON only; ``None`` for an empty cell.

    A code list accepts the code or its Chinese or English label. A moment is ISO 8601 text; one without a zone
    stays without one, because nobody said which. A number may carry its unit; it is converted to the field's.

    Args:
        field: The field.
        cell: What the file holds.
        unit: Unit of numbers that come without one, as the column's heading names it; ``None``: the field's.

    Raises:
        ValueError: The cell cannot be read so; the message says why.

    >>> from twin.declaration import Text
    >>> field = FieldDeclaration(name="built", type="integer", title=Text(zh="年", en="Year"))
    >>> typed(field, " １９８７ "), typed(field, 1987.0), typed(field, "")
    (1987, 1987, None)
    >>> typed(FieldDeclaration(name="h", type="number", unit="m", title=Text(zh="高", en="h")), "350 cm")
    3.5
    >>> typed(field, "about 1987")
    Traceback (most recent call last):
        ...
    ValueError: 'about 1987' is not an integer
    """
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return None
    value = _READERS[field.type](cell, field.unit, unit)
    return _code(field, value) if field.values else value


def storey_number(cell: Any) -> int:
    """Return the storey number a cell names: 1 is the lowest above ground, -1 the first basement.

    Raises:
        ValueError: It names none; there is no storey 0.

    >>> storey_number("5层"), storey_number("B1"), storey_number("地下2层"), storey_number(3.0)
    (5, -1, -2, 3)
    >>> storey_number("0")
    Traceback (most recent call last):
        ...
    ValueError: '0' is no storey
    """
    found = _STOREY.fullmatch(re.sub(r"\s", "", unicodedata.normalize("NFKC", cell_text(cell))).casefold())
    if not found or int(found["number"]) == 0:
        raise ValueError(f"{cell!r} is no storey")
    return -int(found["number"]) if found["below"] else int(found["number"])


def unit_number(cell: Any) -> int:
    """Return the number of a unit (单元), 1 to 99.

    >>> unit_number("2单元"), unit_number(1)
    (2, 1)
    """
    found = re.fullmatch(r"u?(\d{1,2})(?:单元)?", folded(cell_text(cell)))
    if not found or int(found[1]) == 0:
        raise ValueError(f"{cell!r} is no unit number")
    return int(found[1])


def cell_text(cell: Any) -> str:
    """Return a cell as text; a whole number has no decimals, because spreadsheets turn the text 101 into 101.0.

    >>> cell_text(101.0), cell_text(" 0101 ")
    ('101', '0101')
    """
    whole = isinstance(cell, float) and cell.is_integer()
    return str(int(cell) if whole else cell).strip()


def _number(cell: Any, unit: str | None, column_unit: str | None) -> float:
    if column_unit is None and type(cell) in (int, float) and math.isfinite(cell):
        return float(cell)
    return quantity(cell_text(cell), unit, column_unit)


def _integer(cell: Any, unit: str | None, column_unit: str | None) -> int:
    try:
        number = _number(cell, unit, column_unit)
    except ValueError:
        raise ValueError(f"{cell!r} is not an integer") from None
    if not number.is_integer():
        raise ValueError(f"{cell!r} is not an integer")
    return int(number)


def _boolean(cell: Any) -> bool:
    word = folded(cell_text(cell))
    if word not in _YES | _NO:
        raise ValueError(f"{cell!r} is neither yes nor no")
    return word in _YES


def _moment(cell: Any) -> str:
    text = cell_text(cell)
    day = _DAY.fullmatch(text)
    try:
        if day:
            return date(*(int(part) for part in day.groups())).isoformat()
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{cell!r} is no date or time") from None
    midnight = moment.tzinfo is None and moment.time() == datetime.min.time()
    # Excel knows no days, only midnights.
    return moment.date().isoformat() if midnight else moment.isoformat()


def _json(cell: Any) -> Any:
    try:
        return json.loads(cell) if isinstance(cell, str) else cell
    except json.JSONDecodeError:
        raise ValueError(f"{cell!r} is not JSON") from None


def _code(field: FieldDeclaration, value: Any) -> Any:
    if str(value) in field.values:
        return value
    wanted = folded(str(value))
    for code, label in field.values.items():
        if wanted in (folded(code), folded(label.zh), folded(label.en)):
            return code if field.type == "string" else type(value)(code)
    known = ", ".join(label.zh for label in list(field.values.values())[:15])
    raise ValueError(f"{value!r} is not in the list ({known})")


_READERS: Mapping[str, Callable[[Any, str | None, str | None], Any]] = {
    "string": lambda cell, _unit, _column: cell_text(cell),
    "integer": _integer,
    "number": _number,
    "boolean": lambda cell, _unit, _column: _boolean(cell),
    "datetime": lambda cell, _unit, _column: _moment(cell),
    "json": lambda cell, _unit, _column: _json(cell),
}

PLACE_READERS: Mapping[str, Callable[[Any], Any]] = {
    "storey": storey_number,
    "unit": unit_number,
    "height_m": lambda cell: quantity(cell_text(cell), "m"),
}
"""How words about the place are read; those not named here are text."""
