"""Standard addresses: what people write, taken apart, and the one way the twin writes it.

Names are taken as they stand in the text; no table of real divisions, streets or compounds is needed or shipped.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from typing import Any

from gis.errors import BadInput
from twin import address_words as words

_END = "end"
_LEFT_OUT = "is left out."
_LEVELS = ("door_plate", "building", "unit", "storey", "room", _END)
_PLAIN = re.compile(f"(?:[0-9A-Z#〇]|{words.CJK})*")
"""Text that has nothing to fold."""
_DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212~_/\\"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A standard address, from the province down to the room; a part that is absent or not certain is ``None``.

    Numbers are Arabic and without leading zeros: 三幢, 3号楼 and 03栋 are all building ``3``.

    Attributes:
        town: 街道, 镇 or 乡.
        street: The road, lane or alley of the door plate 门牌.
        compound: 小区; or the name of a building that has no number.
        storey: 1, 2, … above ground, -1, -2, … below.
        notes: What was read with doubt or left out, one sentence each; not part of what the address says.
    """

    province: str | None = None
    city: str | None = None
    county: str | None = None
    town: str | None = None
    community: str | None = None
    street: str | None = None
    door_plate: str | None = None
    compound: str | None = None
    building: str | None = None
    unit: str | None = None
    storey: int | None = None
    room: str | None = None
    notes: tuple[str, ...] = field(default=(), compare=False)

    @property
    def is_whole(self) -> bool:
        """Tell whether nothing that was written had to be left out."""
        return not any(note.endswith(_LEFT_OUT) for note in self.notes)

    def text(self) -> str:
        """Return the standard text: 数字+幢, 数字+单元, 数字+层, 数字+室.

        >>> Address(compound="安和里", building="21", unit="2", storey=-1, room="3").text()
        '安和里21幢2单元地下1层3室'
        >>> Address().text()
        ''
        """
        plate = self.door_plate and (self.door_plate if self.door_plate.endswith("弄") else f"{self.door_plate}号")
        storey = self.storey and (f"{self.storey}层" if self.storey > 0 else f"地下{-self.storey}层")
        site = (self.street, plate, self.compound) if self.street else (self.compound, plate)
        marked = [(self.building, "幢"), (self.unit, "单元"), (storey, ""), (self.room, "室")]
        parts = [self.province, self.city, self.county, self.town, self.community, *site]
        return "".join([part for part in parts if part] + [f"{part}{mark}" for part, mark in marked if part])


@lru_cache(maxsize=4096)  # an import reads the name of a building again for every place in it
def normalise(text: str) -> Address:
    """Return the address that a text says, however it is written.

    A number without its word is read by convention (building-unit-room), and ``notes`` says what is in doubt.

    Raises:
        BadInput: ``address.unreadable`` with the ``position`` in the text, from 0, where it stops making sense.

    >>> normalise("杭州市西湖区里坊路２１号 安和里二十一号楼负一层").text()
    '杭州市西湖区里坊路21号安和里21幢地下1层'
    >>> normalise("12#1-0301") == normalise("十二栋1梯301户")
    True
    >>> address = normalise("3-502")
    >>> address.text(), address.notes
    ('3幢502室', ('3 is read as the building.',))
    >>> normalise("3幢?")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: address.unreadable: '?' at position 2 of '3幢?' is no part of an address. ...
    """
    address = _read(text)
    standard = address.text()
    # What its own standard text would not say again was not understood.
    if not standard or (standard != text and _read(standard) != address):
        raise _unreadable(_fold(text), 0)
    return address


def _read(text: str) -> Address:
    folded = _fold(text)
    names, start = _heads(folded.letters)
    address = Address(**names)
    return _tail(folded, start, address) if start < len(folded.letters) else address


@dataclass(frozen=True, slots=True)
class _Folded:
    """A text without what does not matter, and where each of its letters came from."""

    original: str
    letters: str
    origins: Sequence[int]


@dataclass(frozen=True, slots=True)
class _Item:
    """A number and the level its word gives it; ``None`` without a word."""

    level: str | None
    value: str
    end: int


def _fold(text: str) -> _Folded:
    if _PLAIN.fullmatch(text) and not words.absent().search(text):
        return _Folded(text, text, range(len(text)))
    letters = [
        (_folded_letter(letter, at, text), at)
        for at, whole in enumerate(text)
        for letter in unicodedata.normalize("NFKC", whole).upper()
    ]
    line = "".join(letter for letter, _ in letters)
    absent = {at for gap in words.absent().finditer(line) for at in range(*gap.span())}
    kept = [at for at in range(len(line)) if at not in absent]
    line, origins = "".join(line[at] for at in kept), [letters[at][1] for at in kept]
    dropped, dashes = set[int](), set[int]()
    for gap in re.finditer("[ -]+", line):
        before, after = line[: gap.start()][-1:], line[gap.end() :][:1]
        joins = before.isalnum() and before.isascii() and after.isalnum() and after.isascii()
        negative = bool(before) and "-" in gap[0] and after.isdigit()
        dropped |= set(range(gap.start() + (joins or negative), gap.end()))
        dashes |= {gap.start()} if joins or negative else set()
    kept = [at for at in range(len(line)) if at not in dropped]
    return _Folded(text, "".join("-" if at in dashes else line[at] for at in kept), [origins[at] for at in kept])


def _folded_letter(letter: str, at: int, text: str) -> str:
    if re.match(rf"[0-9A-Z#]|〇|{words.CJK}", letter):
        return letter
    if letter in _DASHES:
        return "-"
    if letter.isspace() or letter in ",.;:、。·()[]{}<>《》【】\"'“”‘’":
        return " "
    raise BadInput(
        "address.unreadable",
        f"{text[at]!r} at position {at} of {text!r} is no part of an address.",
        "Write it like 安和里21幢2单元502室.",
        position=at,
    )


def _heads(line: str) -> tuple[dict[str, Any], int]:
    """Return the names that their endings tell, and where they end."""
    found: dict[str, Any] = {}
    at = 0
    for slot, kind in _HEADS:
        name = None if slot in found else _name(kind, line, at)
        if name and _believable(kind, found, line, at + len(name)):
            found[slot] = name.removesuffix("办事处")
            at += len(name)
    plate = words.plate().match(line, at) if "street" in found else None
    if plate:
        found["door_plate"] = _plate_number(plate[0])
        at = plate.end()
    return found, at


_HEADS = (
    ("province", "province"),
    ("city", "city"),
    ("city", "prefecture"),
    ("county", "county"),
    ("town", "office"),
    ("town", "town"),
    ("community", "community"),
    ("community", "village"),
    ("street", "street"),
)


def _name(kind: str, line: str, at: int) -> str | None:
    found = words.names()[kind].match(line, at)
    return found[0] if found else None


def _believable(kind: str, found: Mapping[str, str], line: str, end: int) -> bool:
    """Tell whether a name may be meant so: 东区 and 水乡 are compounds unless something stands around them."""
    if kind == "prefecture":
        return "province" in found
    if kind == "county":
        below = ("office", "town", "community", "street")
        return not found.keys().isdisjoint(("province", "city")) or any(_name(one, line, end) for one in below)
    if kind == "town":
        return bool(found) or any(_name(one, line, end) for one in ("community", "street"))
    return kind != "village" or "town" in found


def _tail(folded: _Folded, start: int, address: Address) -> Address:
    """Return the address with the compound and the numbers that follow the names."""
    line = folded.letters
    for at in _boundaries(line, start):
        items, end = _run(line, at, address.door_plate)
        name, rest = line[start:at].strip("-"), line[end:].strip("-")
        if _reads(items, name, rest) and not _ends_with_item(name):
            notes = (f"{rest} {_LEFT_OUT}",) if rest else ()
            filled = _assign(items, replace(address, compound=name or None, notes=notes))
            if filled is not None:
                return filled
    name = line[start:].strip("-")
    if not _is_name(name) or _levels_in(name):
        read = _run(line, start, address.door_plate)[1]
        raise _unreadable(folded, read if read < len(line) else start)
    return replace(address, compound=name)


def _boundaries(line: str, start: int) -> Iterator[int]:
    """Yield where numbers may begin: never inside a number or a word of letters."""
    for found in words.first().finditer(line, start):
        at = found.start()
        before = line[at - 1] if at > start else ""
        inside = before.isascii() and before.isalnum() and line[at].isascii()
        if not inside or (before.isalpha() and line[at].isdigit()):
            yield at


def _run(line: str, at: int, plate: str | None) -> tuple[list[_Item], int]:
    """Return the numbers that follow one another from here on, and where they end."""
    items: list[_Item] = []
    while at < len(line):
        item = _item(line, at, items, plate)
        if item is None:
            break
        items.append(item)
        at = item.end
    return items, at


def _item(line: str, at: int, before: Sequence[_Item], plate: str | None) -> _Item | None:
    """Return the number that begins here; its level never stands above one already read."""
    deepest = max((_LEVELS.index(item.level) for item in before if item.level), default=0 if plate else -1)
    for level, pattern, inner in words.marked():
        found = pattern.match(line, at)
        if found is None or _LEVELS.index(level) <= deepest or (inner and not before):
            continue
        if level == "building" and len(before) > sum(item.level == "door_plate" for item in before):
            continue
        value = ("-" if found.groupdict().get("below") else "") + words.number(found["value"])
        return _Item(level, value, found.end())
    bare = words.bare().match(line, at)
    if bare is None or deepest == _LEVELS.index("room") or (not before and not bare[1].isascii()):
        return None
    return _Item(None, words.number(bare[1]), bare.end())


def _reads(items: Sequence[_Item], name: str, rest: str) -> bool:
    """Tell whether these numbers, after this name and before this rest, are how the text is meant."""
    levels = [item.level for item in items if item.level]
    if not levels:
        return not rest and len(items) <= 4 and (_is_name(name) or (len(items) > 1 and not name))
    if name and not _is_name(name):
        return False
    if levels == ["door_plate"]:
        return not rest
    return not _levels_in(rest) or ("building" in levels and "building" not in _levels_in(rest))


def _assign(items: Sequence[_Item], address: Address) -> Address | None:
    """Return the address with every number at its level; ``None`` when they do not fit."""
    above, bare = 0, list[str]()
    filled: Address | None = address
    for item in (*items, _Item(_END, "", 0)):
        if item.level is None:
            bare.append(item.value)
            continue
        below = _LEVELS.index(item.level)
        filled = filled and _fill(bare, above, below, filled)
        if item.level != _END:
            filled = filled and _with(filled, item.level, item.value)
        above, bare = below, []
    return filled


def _fill(values: Sequence[str], above: int, below: int, address: Address) -> Address | None:
    """Return the address with numbers that bear no word, at the levels between those that do."""
    slots = list(_LEVELS[above + 1 : below])
    for dispensable in ("storey", "unit"):
        if len(slots) > len(values) and dispensable in slots:
            slots.remove(dispensable)
    if slots == ["building", "room"] and len(values) == 1:
        slots = ["room"] if _looks_like_room(values[0]) else ["building"]
    if values and len(slots) != len(values):
        return None
    if slots == ["room"] and above == _LEVELS.index("building") and values and not _looks_like_room(values[0]):
        return _noted(address, f"{values[0]} may be a unit, a storey or a room; it {_LEFT_OUT}")
    filled: Address | None = address
    for slot, value in zip(slots, values, strict=False):
        filled = filled and _with(_noted(filled, *_doubts(slot, value, values)), slot, value)
    return filled


def _doubts(slot: str, value: str, values: Sequence[str]) -> list[str]:
    if slot == "building":
        return [f"{value} is read as the building."]
    if slot == "unit" and values[-1][:-2] == value:
        return [f"{value} is read as the unit; it may be the storey."]
    return []


def _noted(address: Address, *notes: str) -> Address:
    return replace(address, notes=(*address.notes, *notes))


def _with(address: Address, level: str, value: str) -> Address | None:
    """Return the address with one more part; ``None`` when there is no such storey."""
    if level != "storey":
        return replace(address, **{level: value})  # type: ignore[arg-type]  # all of them are text
    known = re.fullmatch("-?[1-9][0-9]?", value)
    return replace(address, storey=int(value)) if known else None


def _looks_like_room(value: str) -> bool:
    return len(re.sub("[^0-9]", "", value)) >= 3


def _is_name(text: str) -> bool:
    return words.name().match(text) is not None


def _levels_in(text: str) -> set[str]:
    """Return the levels of the numbers in a text, those in doubt apart."""
    return {level for level, pattern in _certain() if pattern.search(text)}


def _ends_with_item(name: str) -> bool:
    return any(found.end() == len(name) for _, pattern in _certain() for found in pattern.finditer(name))


@cache
def _certain() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((level, pattern) for level, pattern, inner in words.marked() if level != "door_plate" and not inner)


def _plate_number(text: str) -> str:
    lane, mark, rest = text.rpartition("弄")
    house = rest.removesuffix("号")
    return (f"{words.number(lane)}弄" if mark else "") + (words.number(house) if house else "")


def _unreadable(folded: _Folded, at: int) -> BadInput:
    position = folded.origins[at] if at < len(folded.origins) else len(folded.original)
    return BadInput(
        "address.unreadable",
        f"{folded.original[position:]!r} at position {position} of {folded.original!r} is no address.",
        "Write it like 安和里21幢2单元502室.",
        position=position,
    )
