"""Administrative divisions: the six levels from province to compound, and their digits (GB/T 2260, GB/T 10114).

Codes change when districts are merged; they say where a place belongs at a date and are never part of its identity.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from gis.errors import BadInput

LEVELS: Mapping[str, int] = {"province": 2, "city": 4, "county": 6, "town": 9, "community": 12, "compound": 15}
"""Level → number of digits that name it; a compound has three digits of its own inside its community."""


@dataclass(frozen=True, slots=True)
class AdminCode:
    """The code of a division.

    Attributes:
        digits: 2, 4, 6, 9, 12 or 15 digits, without the zeros that lists fill up with.

    >>> code = AdminCode.parse("330106099001")
    >>> code.level, code.kind, code.parent.text, [above.text for above in code.ancestors]
    ('community', '居民委员会', '330106099', ['330000', '330100', '330106', '330106099'])
    >>> AdminCode.parse("330100000000") == AdminCode.parse("330100")
    True
    >>> AdminCode.parse("441900003").parent.text   # a city without counties
    '441900'
    >>> AdminCode.parse("330106600")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: division.bad_segment: 600 at position 6 of '330106600' is no town. ...
    """

    digits: str

    @classmethod
    def parse(cls, text: str) -> "AdminCode":
        """Return the division that a code names; zeros at its end stand for all that is below.

        Raises:
            BadInput: ``division.bad_code``, ``division.bad_segment`` with the ``position`` in the text, from 0.
        """
        wrong = next((at for at, digit in enumerate(text) if digit not in "0123456789"), None)
        if wrong is not None or len(text) not in LEVELS.values():
            raise BadInput(
                "division.bad_code",
                f"{text!r} is no administrative code: 2, 4, 6, 9, 12 or 15 digits are.",
                "Write 6 digits of GB/T 2260, then 3 each for town, community and compound.",
                position=len(text) if wrong is None else wrong,
            )
        code = cls(_bare(text))
        for level in list(LEVELS)[: list(LEVELS).index(code.level) + 1]:
            _check(code.digits, level, text)
        return code

    @property
    def level(self) -> str:
        """``province``, ``city``, ``county``, ``town``, ``community`` or ``compound``."""
        return next(level for level, length in LEVELS.items() if length == len(self.digits))

    @property
    def kind(self) -> str | None:
        """What a town or community is by its number, such as 街道 or 村民委员会; ``None`` for other levels."""
        kinds = _kinds(self.level)
        number = int(self.digits[-3:]) if kinds else 0
        return next((kind for kind, (first, last) in kinds.items() if first <= number <= last), None)

    @property
    def text(self) -> str:
        """The code as it is written: at least six digits."""
        return self.digits.ljust(6, "0")

    @property
    def parent(self) -> "AdminCode | None":
        """The division above; ``None`` for a province."""
        shorter = [length for length in LEVELS.values() if length < len(self.digits)]
        return AdminCode(_bare(self.digits[: shorter[-1]])) if shorter else None

    @property
    def ancestors(self) -> tuple["AdminCode", ...]:
        """The divisions above, province first."""
        above = self.parent
        return (*above.ancestors, above) if above else ()

    def contains(self, other: "AdminCode") -> bool:
        """Tell whether a division is this one or lies in it.

        >>> AdminCode.parse("330100").contains(AdminCode.parse("330106099"))
        True
        >>> AdminCode.parse("330106").contains(AdminCode.parse("330110"))
        False
        """
        return other.digits.startswith(self.digits)


def _bare(digits: str) -> str:
    """Return the digits without the segments of zeros at their end."""
    above = max((length for length in LEVELS.values() if length < len(digits)), default=0)
    return digits if above == 0 or digits[above:].strip("0") else _bare(digits[:above])


def _check(digits: str, level: str, text: str) -> None:
    end = LEVELS[level]
    start = max((length for length in LEVELS.values() if length < end), default=0)
    segment = digits[start:end]
    if not _fits(level, segment, has_more=len(digits) > end):
        raise BadInput(
            "division.bad_segment",
            f"{segment} at position {start} of {text!r} is no {level}.",
            "Mend these digits.",
            position=start,
        )


def _fits(level: str, segment: str, *, has_more: bool) -> bool:
    if level == "province":
        return int(segment) in _table()["provinces"]
    kinds = _kinds(level)
    if kinds:
        return any(first <= int(segment) <= last for first, last in kinds.values())
    # A city may have towns and no counties: 441900003.
    return int(segment) > 0 or (level == "county" and has_more)


def _kinds(level: str) -> Mapping[str, tuple[int, int]]:
    kinds: Mapping[str, tuple[int, int]] = _table()["kinds"].get(level, {})
    return kinds


@cache
def _table() -> Mapping[str, Any]:
    table: Mapping[str, Any] = yaml.safe_load(files("twin").joinpath("division.yaml").read_text("utf-8"))
    return table
