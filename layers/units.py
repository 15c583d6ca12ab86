"""Numbers as people write them: with thousands marks, full-width digits and a unit behind."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import yaml

from gis.errors import BadInput
from twin.declaration import FieldDeclaration

_QUANTITY = re.compile(r"([+-]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d*)?(?:e[+-]?\d+)?)\s*(.*)")
_COUNT = "1"


def quantity(text: str, unit: str | None, column_unit: str | None = None) -> float:
    """Return the number a text states, in the wanted unit.

    Args:
        text: The number, with or without a unit.
        unit: UCUM code of the wanted unit; ``None`` for a number that counts.
        column_unit: Unit of numbers that come without one, as the heading names it; ``None``: the wanted one.

    Raises:
        ValueError: It is no number, or its unit is not known or is of another kind.

    >>> quantity("54.5 米", "m"), quantity("1,200㎡", "m2"), quantity("18层", None), quantity("350", "m", "cm")
    (54.5, 1200.0, 18.0, 3.5)
    >>> quantity("12 kg", "m")
    Traceback (most recent call last):
        ...
    ValueError: '12 kg' is not in m
    >>> quantity("", "m")
    Traceback (most recent call last):
        ...
    ValueError: '' is not a number
    """
    plain = unicodedata.normalize("NFKC", text).casefold().strip()
    found = _QUANTITY.fullmatch(plain)
    try:
        number = float(found[1].replace(",", "") if found else plain)
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None
    written = (found[2] if found else "") or column_unit
    factor = 1.0 if not written else factor_between(written, unit)
    if factor is None:
        raise ValueError(f"{text!r} is not in {unit}" if unit else f"{text!r} is not a number")
    return number if factor == 1 else float(f"{number * factor:.12g}")


def factor_between(written: str, wanted: str | None) -> float | None:
    """Return how many of the wanted unit the written one is; ``None`` when they cannot be compared.

    >>> factor_between("厘米", "m"), factor_between("公顷", "m2"), factor_between("kg", "m"), factor_between("户", None)
    (0.01, 10000.0, None, 1.0)
    """
    sizes, wanted_sizes = _units().get(_name(written), {}), _units().get(_name(wanted or _COUNT), {})
    shared = next((kind for kind in sizes if kind in wanted_sizes), None)
    if shared is not None:
        return sizes[shared] / wanted_sizes[shared]
    return 1.0 if _name(written) == _name(wanted or _COUNT) else None


def unit_of_heading(column: str, field: FieldDeclaration) -> str | None:
    """Return the unit that a heading names in brackets at its end; ``None`` when it names none.

    Raises:
        BadInput: ``layer.wrong_unit`` when it is not one the field can be counted in.

    >>> from twin.declaration import Text
    >>> height = FieldDeclaration(name="height_m", type="number", unit="m", title=Text(zh="高度", en="Height"))
    >>> unit_of_heading("高度（cm）", height), unit_of_heading("高度（檐口）", height), unit_of_heading("高度", height)
    ('cm', None, None)
    >>> unit_of_heading("高度(MPa)", height)
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: layer.wrong_unit: The column 高度(MPa) cannot be read as height_m, which is in m. ...
    """
    found = re.search(r"[(\[]([^()\[\]]+)[)\]]\s*\*?$", unicodedata.normalize("NFKC", column).strip())
    if found is None or field.type not in ("number", "integer"):
        return None
    written = _name(found[1])
    if written not in _units() and written != _name(field.unit or ""):
        return None
    if factor_between(written, field.unit) is None:
        raise BadInput(
            "layer.wrong_unit",
            f"The column {column} cannot be read as {field.name}, which is in {field.unit or 'no unit'}.",
            "Rename the column if it is something else, or state its numbers in that unit.",
            field=field.name,
        )
    return written


@cache
def _units() -> Mapping[str, Mapping[str, float]]:
    """Return name → kind → size: 年 is a unit of time, and also the word behind the number of a year."""
    table = yaml.safe_load(files("layers").joinpath("units.yaml").read_text("utf-8"))
    units: dict[str, dict[str, float]] = defaultdict(dict)
    for kind, members in table.items():
        for code, (size, *names) in members.items():
            for name in (code, *names):
                units[_name(name)][kind] = float(size)
    return units


def _name(unit: str) -> str:
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", unit)).casefold()
