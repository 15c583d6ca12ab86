"""What names say: broken encodings mended, unit and door numbers read."""

import re
from collections.abc import Iterable

_DIGITS = {character: value for value, character in enumerate("零一二三四五六七八九")}
_NUMBER = r"(\d{1,2}|[一二三四五六七八九十]{1,3})"
_UNIT = (
    re.compile(rf"{_NUMBER}\s*单元"),
    re.compile(rf"单元\s*{_NUMBER}"),
    re.compile(r"\bunit\s*(\d{1,2})\b", re.IGNORECASE),
)
_BUILDING_NUMBER = re.compile(r"(\d{1,3})\s*(?:号楼|幢|栋|#)")
_DOOR = re.compile(r"[0-9A-Za-z]{1,4}")
_PLACEHOLDERS = {
    "", "undefined", "default", "default building", "default site", "default project", "building", "site", "project",
    "xyz", "project number", "project name", "project status", "enter address here", "项目编号", "项目名称", "项目状态",
    "请在此处输入地址",
}  # fmt: skip
_LEGACY = ("gb2312", "shift_jis")
_LEAST_PLAUSIBLE = 0.8


def unit_number(*texts: str | None) -> int | None:
    """Return the number of the 单元 that the first telling text names, 1 to 99; ``None`` when none does.

    >>> unit_number("3幢十二单元"), unit_number(None, "Unit 2"), unit_number("走廊"), unit_number("0单元")
    (12, 2, None, None)
    """
    for text in texts:
        for pattern in _UNIT:
            if (match := pattern.search(text or "")) and (number := _number(match[1])):
                return number
    return None


def door_number(name: str | None) -> str | None:
    """Return the number painted on the door, at most 4 letters and digits; ``None`` when the name is no such number.

    >>> door_number("1单元-0501室"), door_number("A101"), door_number("1 - Living room"), door_number("楼梯间")
    ('0501', 'A101', '1', None)
    >>> door_number("Kitchen"), door_number(None), door_number("12345")
    (None, None, None)
    """
    text = name or ""
    for pattern in _UNIT:
        text = pattern.sub(" ", text)
    text = re.split(r"\s+-\s+", text.strip(" -_"))[0].strip(" -_室房号#")
    return text if _DOOR.fullmatch(text) and any(character.isdigit() for character in text) else None


def building_number(name: str | None) -> str | None:
    """Return the number of a building as people say it.

    >>> building_number("里坊3号楼"), building_number("12幢"), building_number("FZK-Haus"), building_number(None)
    ('3', '12', None, None)
    """
    match = _BUILDING_NUMBER.search(name or "")
    return match[1].lstrip("0") or None if match else None


def first_name(candidates: Iterable[str | None]) -> str | None:
    """Return the first name that names something; tools write placeholders when nobody does.

    >>> first_name([None, " ", "Default Building", "Haus 3"]), first_name([])
    ('Haus 3', None)
    """
    return next((text for candidate in candidates if not is_placeholder(text := clean(candidate))), None)


def is_placeholder(text: str | None) -> bool:
    """Tell whether a text is what tools write when nobody wrote anything.

    >>> is_placeholder(None), is_placeholder("Enter address here"), is_placeholder("项目名称"), is_placeholder("Haus 3")
    (True, True, True, False)
    """
    return text is None or text.lower().strip("<>$ ") in _PLACEHOLDERS


def clean(text: str | None) -> str | None:
    """Return the text on one line, trimmed and with a legacy East Asian encoding mended; ``None`` when nothing is left.

    Raw GB 2312 or Shift-JIS bytes arrive as characters U+0080 to U+00FF. They are decoded again only when the result
    is common Chinese or Japanese writing, so that Western names stay as they are.

    >>> clean("日本語用".encode("shift_jis").decode("latin-1")), clean("三号楼".encode("gb2312").decode("latin-1"))
    ('日本語用', '三号楼')
    >>> clean("Küche"), clean("  "), clean(None)
    ('Küche', None, None)
    """
    stripped = " ".join((text or "").split())
    if stripped.isascii() or not any("\x80" <= character <= "\xff" for character in stripped):
        return stripped or None
    try:
        return _decode_legacy(stripped.encode("latin-1"))
    except UnicodeEncodeError:
        return stripped


def decode_raw(raw: bytes) -> str:
    r"""Return text of raw bytes: UTF-8 if it is that, else a legacy encoding if that is plausible, else Latin-1.

    >>> decode_raw("三号楼".encode()), decode_raw("三号楼".encode("gb18030")), decode_raw(b"K\xfcche"), decode_raw(b"")
    ('三号楼', '三号楼', 'Küche', '')
    """
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return _decode_legacy(raw)


def _decode_legacy(raw: bytes) -> str:
    readings = {codec: _plausibility(raw, codec) for codec in _LEGACY}
    best = max(_LEGACY, key=lambda codec: readings[codec])
    if readings[best] < _LEAST_PLAUSIBLE:
        return raw.decode("latin-1")
    return raw.decode("gb18030" if best == "gb2312" else best)


def _plausibility(raw: bytes, codec: str) -> float:
    """Return the share of common characters among those that are not ASCII; 0 when the bytes are not of this codec."""
    try:
        foreign = [character for character in raw.decode(codec) if character > "\x7f"]
    except UnicodeDecodeError:
        return 0.0
    common = sum(_is_common(character, codec) for character in foreign)
    return common / len(foreign) if foreign else 0.0


def _is_common(character: str, codec: str) -> bool:
    """First-level characters are the everyday ones: lead bytes B0-D7 of GB 2312, 88-97 of Shift-JIS; and the kana."""
    lead, *trail = character.encode(codec)
    if codec == "gb2312":
        return 0xA1 <= lead <= 0xA3 or 0xB0 <= lead <= 0xD7
    return bool(trail) and 0x81 <= lead <= 0x97


def _number(text: str) -> int:
    if text.isdigit():
        return int(text)
    tens, _, ones = text.rpartition("十")
    if "十" not in text:
        return _DIGITS.get(text, 0)
    return (_DIGITS.get(tens, 1) if tens else 1) * 10 + _DIGITS.get(ones, 0)
