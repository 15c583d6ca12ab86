"""The space code: the permanent name of every building, unit, storey and room.

    KEY   GRID "-" D [ "-U" nn [ "-" (F|B) nn [ "-" (R|G) xxxx ]]]
    TEXT  [ ADMIN "." ] KEY "-" C

    330106001012001.N51H0429733232-0-U01-F05-R0501-X

======  ==========================================================================================================
GRID    BeiDou plane code, level 7, of the area centroid of the footprint (GB/T 39409-2020, clause 5)
D       discriminator 0-9 A-Z of the buildings of one grid cell
Unn     unit 单元 01 to 99; 00: the whole building, not divided
Fnn     storey above ground, F01 the lowest; Bnn: storey below ground, B01 the uppermost
Rxxxx   door number, four alphanumerics, padded with zeros on the left
Gxxxx   a space without door number: how far its centroid lies from the building's, in grid cells of 1/32″:
        coarse east, coarse north (eight cells each, A-G are 1-7 west or south), fine east, fine north
C       check character over KEY without hyphens, ISO 7064 MOD 37,36 (GB/T 17710)
ADMIN   6, 9, 12 or 15 digits of administrative division; neither part of the identity nor of the check
======  ==========================================================================================================

The KEY is what the twin stores. It is minted once (:mod:`twin.minting`), frozen, and never computed again: a thing
surveyed anew keeps its code because it is recognised (:mod:`twin.matching`).
This is an open code; it is not the Zhejiang 建筑物空间编码, whose structure is unpublished.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from gis import beidou
from gis.errors import BadInput

KINDS = ("building", "unit", "storey", "space")

GRID_LEVEL = 7
OFFSET_DIGITS = "01234567ABCDEFG"
"""0 to 7 east or north, A to G for 1 to 7 west or south (GB/T 39409-2020, clause 7)."""

_DIGITS = "0123456789"
_ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LEGAL = frozenset(_ALPHANUMERIC + _ALPHANUMERIC.lower() + "-.")
_GRID_LENGTH = 14
_ADMIN_LENGTHS = (6, 9, 12, 15)

_UNIT = ("U", _DIGITS, _DIGITS)
_STOREY = ("FB", _DIGITS, _DIGITS)
_DOOR = ("R", *[_ALPHANUMERIC] * 4)
_OFFSET = ("G", *[OFFSET_DIGITS] * 4)


@dataclass(frozen=True, slots=True)
class SpaceCode:
    """A space code taken apart; equal when the keys are equal.

    Attributes:
        key: Identity, upper case, without administrative prefix and check character.
        admin: Administrative digits that stood before it; ``None`` without. They do not count for equality.

    >>> code = SpaceCode.parse("330106001012001.n51h0429733232-0-u01-b02-r0501")
    >>> code.kind, code.unit, code.storey, code.room, code.offset
    ('space', 1, -2, '0501', None)
    >>> code.text
    '330106001012001.N51H0429733232-0-U01-B02-R0501-S'
    >>> SpaceCode.parse("N51H0429733232-0-１")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: code.bad_character: '１' at position 17 cannot stand in a space code. ...
    """

    key: str
    admin: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Refuse a key that breaks the grammar, so that every object of this class is a valid code."""
        _check_key(self.key, self.key.split("-"), 0)

    @classmethod
    def parse(cls, text: str) -> "SpaceCode":
        """Return the code that a text names, with or without prefix and check character, in either case.

        Raises:
            BadInput: ``code.bad_character`` or ``code.bad_structure`` with the ``position`` in the text, from 0;
                ``code.bad_check`` when the check character does not fit the rest.
        """
        _refuse_foreign(text)
        admin, point, body = text.upper().rpartition(".")
        if point:
            _check_admin(text, admin)
        segments = body.split("-")
        check = segments.pop() if len(segments) > 2 and len(segments[-1]) == 1 else None
        _check_key(text, segments, len(admin) + len(point))
        code = cls("-".join(segments), admin or None)
        if check not in (None, code.check):
            raise BadInput(
                "code.bad_check",
                f"The check character {check} does not fit {code.key}.",
                "Read the whole code again from its source; some character of it is wrong.",
                position=len(text) - 1,
            )
        return code

    @property
    def text(self) -> str:
        """The code as people write it: prefix if there is one, key, check character."""
        prefix = f"{self.admin}." if self.admin else ""
        return f"{prefix}{self.key}-{self.check}"

    @property
    def check(self) -> str:
        """The check character of the key."""
        return check_character(self.key.replace("-", ""))

    @property
    def kind(self) -> str:
        """``building``, ``unit``, ``storey`` or ``space``."""
        return KINDS[len(self._segments) - 2]

    @property
    def grid(self) -> str:
        """BeiDou code of the cell in which the building was anchored when its code was minted."""
        return self._segments[0]

    @property
    def unit(self) -> int | None:
        """Unit number, 0 for the whole building; ``None`` for a building."""
        return int(self._segments[2][1:]) if len(self._segments) > 2 else None

    @property
    def storey(self) -> int | None:
        """Storey number: 5 for F05, -1 for B01, never 0; ``None`` above storey level."""
        if len(self._segments) < 4:
            return None
        number = int(self._segments[3][1:])
        return number if self._segments[3][0] == "F" else -number

    @property
    def room(self) -> str | None:
        """Padded door number; ``None`` when the code has none."""
        return self._last[1:] if self._last[0] == "R" and self.kind == "space" else None

    @property
    def offset(self) -> tuple[int, int] | None:
        """Cells of 1/32″ east and north of the building's centroid; ``None`` when the code has no offset."""
        if self._last[0] != "G" or self.kind != "space":
            return None
        east, north, fine_east, fine_north = (_signed(digit) for digit in self._last[1:])
        return 8 * east + fine_east, 8 * north + fine_north

    @property
    def parent(self) -> "SpaceCode | None":
        """The code of the place above; ``None`` for a building."""
        if self.kind == "building":
            return None
        return SpaceCode(self.key.rpartition("-")[0], self.admin)

    @property
    def ancestors(self) -> tuple["SpaceCode", ...]:
        """The codes of the places above, building first."""
        above = self.parent
        return (*above.ancestors, above) if above else ()

    def contains(self, other: "SpaceCode") -> bool:
        """Tell whether a place is this one or stands in it.

        >>> SpaceCode("N51H0429733232-0-U01").contains(SpaceCode("N51H0429733232-0-U01-F05"))
        True
        >>> SpaceCode("N51H0429733232-0").contains(SpaceCode("N51H0429733232-1"))
        False
        """
        return other.key == self.key or other.key.startswith(self.key + "-")

    def parts(self) -> dict[str, Any]:
        """Return everything the code says, as JSON values; the cell is that of the anchor, not of the footprint.

        >>> SpaceCode("N51H0429733232-0").parts()["centre"]
        [120.1535763888889, 30.287395833333335]
        """
        cell = beidou.decode(self.grid)
        return {
            "text": self.text,
            "key": self.key,
            "check": self.check,
            "kind": self.kind,
            "admin": self.admin,
            "grid": self.grid,
            "discriminator": self._segments[1],
            "unit": self.unit,
            "storey": self.storey,
            "room": self.room,
            "offset_cells": list(self.offset) if self.offset else None,
            "ancestors": [code.key for code in self.ancestors],
            "bounds": list(cell.bounds),
            "centre": list(cell.centre),
        }

    @property
    def _segments(self) -> list[str]:
        return self.key.split("-")

    @property
    def _last(self) -> str:
        return self.key.rpartition("-")[2]


def building_of(key: str) -> str:
    """Return the key of the building that a key of a place lies in; keys are taken as they are, not checked.

    >>> building_of("N51H0429733232-0-U01-F05-R0501"), building_of("N51H0429733232-0")
    ('N51H0429733232-0', 'N51H0429733232-0')
    """
    return "-".join(key.split("-")[:2])


def check_character(body: str) -> str:
    """Return the ISO 7064 MOD 37,36 check character of upper-case alphanumerics.

    >>> check_character("A12425GABC1234002")
    'M'
    >>> check_character("")
    '1'
    """
    product = 36
    for letter in body:
        total = (product + _ALPHANUMERIC.index(letter)) % 36 or 36
        product = total * 2 % 37
    return _ALPHANUMERIC[(37 - product) % 36]


def offset_segment(east: int, north: int) -> str | None:
    """Return the G segment for cells of 1/32″ east and north; ``None`` outside -56 to 63.

    >>> offset_segment(10, -19), offset_segment(0, -1), offset_segment(64, 0)
    ('G1C25', 'G0A07', None)
    """
    if not (-56 <= east <= 63 and -56 <= north <= 63):
        return None
    coarse = [cells // 8 for cells in (east, north)]
    letters = [str(step) if step >= 0 else OFFSET_DIGITS[7 - step] for step in coarse]
    return f"G{''.join(letters)}{east % 8}{north % 8}"


def door_segment(door: str) -> str | None:
    """Return the R segment for a door number as painted; ``None`` when no letters fit, or more than four do.

    >>> door_segment(" 5-01室"), door_segment("a12"), door_segment("大厅"), door_segment("10001")
    ('R0501', 'R0A12', None, None)
    """
    letters = re.sub("[^0-9A-Z]", "", door.upper())
    return f"R{letters:0>4}" if 1 <= len(letters) <= 4 else None


def _signed(digit: str) -> int:
    value = OFFSET_DIGITS.index(digit)
    return value if value <= 7 else 7 - value


def _refuse_foreign(text: str) -> None:
    for position, letter in enumerate(text):
        if letter not in _LEGAL:
            wide = "！" <= letter <= "～"
            raise BadInput(
                "code.bad_character",
                f"{letter!r} at position {position} cannot stand in a space code.",
                "Type it again with the input method at half width." if wide else "Use A-Z, 0-9, hyphen and point.",
                position=position,
            )


def _check_admin(text: str, admin: str) -> None:
    position = next((at for at, digit in enumerate(admin) if digit not in _DIGITS), len(admin))
    if position < len(admin) or len(admin) not in _ADMIN_LENGTHS:
        raise BadInput(
            "code.bad_structure",
            f"{text!r} does not begin with an administrative division: 6, 9, 12 or 15 digits before the point.",
            "Mend or leave out what stands before the point.",
            position=position,
        )


def _check_key(text: str, segments: Sequence[str], start: int) -> None:
    """Check segments that begin at ``start`` of ``text``; errors name the position in ``text``."""
    _check_grid(text, segments[0], start)
    start += _GRID_LENGTH + 1
    if not 2 <= len(segments) <= 5:
        raise _bad_structure(text, start if len(segments) < 2 else start + sum(map(len, segments[1:5])) + 4)
    rules: Iterator[Sequence[str]] = iter(((_ALPHANUMERIC,), _UNIT, _STOREY, _DOOR))
    for segment, rule in zip(segments[1:], rules, strict=False):
        fault = _first_fault(segment, _OFFSET if rule is _DOOR and segment[:1] == "G" else rule)
        if fault is None and rule is _STOREY and segment.endswith("00"):
            fault = 1
        if fault is not None:
            raise _bad_structure(text, start + fault)
        start += len(segment) + 1


def _check_grid(text: str, grid: str, start: int) -> None:
    try:
        level = beidou.decode(grid).level
    except BadInput as error:
        raise _bad_structure(text, start + int(str(error.facts.get("position", len(grid))))) from error
    if level != GRID_LEVEL:
        raise _bad_structure(text, start + min(len(grid), _GRID_LENGTH))


def _first_fault(segment: str, rule: Sequence[str]) -> int | None:
    """Index of the first character that breaks the rule, the end when it is too short; ``None`` when it is kept."""
    for at, (letter, legal) in enumerate(zip(segment, rule, strict=False)):
        if letter not in legal:
            return at
    return None if len(segment) == len(rule) else min(len(segment), len(rule))


def _bad_structure(text: str, position: int) -> BadInput:
    return BadInput(
        "code.bad_structure",
        f"{text!r} is not a space code: it goes wrong at position {position}.",
        "Write GRID-D[-Unn[-Fnn or -Bnn[-Rxxxx or -Gxxxx]]], for example N51H0429733232-0-U01-F05-R0501.",
        position=position,
    )
