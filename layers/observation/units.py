"""Units of measure as UCUM writes them: which are the same kind, and the exact way from one to another."""

from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from importlib.resources import files

from gis.errors import BadInput
from layers.declaration_file import parse_yaml

_FILE = "layers/observation/units.yaml"
_Way = tuple[int, Fraction, Fraction]


def convert(value: float, unit: str, wanted: str | None) -> float:
    """Return a value in another unit; exact until the last rounding to a float.

    Args:
        value: In ``unit``.
        unit: UCUM code, letters as UCUM has them (``Cel``, not ``°C``).
        wanted: UCUM code; ``None`` for what has no unit.

    Raises:
        BadInput: ``observation.unknown_unit``, ``observation.incompatible_unit``.

    >>> convert(68, "[degF]", "Cel"), convert(1.01325, "bar", "hPa"), convert(-0.1, "Cel", "Cel")
    (20.0, 1013.25, -0.1)
    >>> convert(1, "kg", "Cel")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: observation.incompatible_unit: kg cannot be turned into Cel. Send Cel, or what measures ...
    """
    if unit == wanted:
        return value
    known = _table()
    if unit not in known:
        raise BadInput(
            "observation.unknown_unit",
            f"{unit!r:.40} is no unit the twin knows.",
            f"Send the UCUM code of {wanted or 'nothing: this has no unit'}.",
            field="unit",
        )
    kind, factor, offset = known[unit]
    if wanted is None or wanted not in known or known[wanted][0] != kind:
        raise BadInput(
            "observation.incompatible_unit",
            f"{unit} cannot be turned into {wanted or 'a value without unit'}.",
            f"Send {wanted or 'no unit'}, or what measures the same.",
            field="unit",
        )
    _, to_factor, to_offset = known[wanted]
    return float((Fraction(str(value)) * factor + offset - to_offset) / to_factor)


@cache
def _table() -> Mapping[str, _Way]:
    kinds = parse_yaml(files("layers.observation").joinpath("units.yaml").read_text("utf-8"), _FILE)
    return {unit: _way(kind, way) for kind, units in enumerate(kinds) for unit, way in units.items()}


def _way(kind: int, text: str) -> _Way:
    factor, offset = text.split()
    return kind, Fraction(factor), Fraction(offset)
