"""The words of addresses as patterns; the words themselves stand in ``address.yaml``."""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

CJK = "[\u3400-\u4dbf\u4e00-\u9fff]"


def number(text: str) -> str:
    """Return a number as it is kept: Arabic, without leading zeros; letters stay.

    >>> number("廿三"), number("0502"), number("B03"), number("五〇二"), number("一百零一"), number("甲")
    ('23', '502', 'B3', '502', '101', '甲')
    """
    if not text.isascii() and re.fullmatch(numeral(), text):
        return str(_value(text))
    return re.sub(r"(?<![0-9])0+(?=[0-9])", "", text)


def _value(text: str) -> int:
    """Return the value of a Chinese numeral: with tens and hundreds, or digit by digit."""
    digits, tens = table()["numerals"], table()["tens"]
    if not set(text) & {"百", *tens}:
        return int("".join(str(digits[letter]) for letter in text))
    value, ones = 0, 0
    for letter in text:
        if letter in digits:
            ones = digits[letter]
        else:
            value += 100 * (ones or 1) if letter == "百" else tens[letter] * (ones or 1)
            ones = 0
    return value + ones


@cache
def table() -> Mapping[str, Any]:
    """Return the words by what they mean."""
    words: Mapping[str, Any] = yaml.safe_load(files("twin").joinpath("address.yaml").read_text("utf-8"))
    return words


@cache
def numeral() -> str:
    """Return the pattern of a whole number in either script."""
    return f"(?:[0-9]+|[百{''.join([*table()['numerals'], *table()['tens']])}]+)"


@cache
def marks() -> str:
    """Return the pattern of any word that says what a number counts."""
    return _any(word for level in table()["marks"].values() for word in (*level, "号"))


@cache
def absent() -> re.Pattern[str]:
    """Return the pattern of an absent part: the word alone, or before the word of a level."""
    word = table()["absent"]
    return re.compile(rf"(?<![^ ]){word}(?![^ ])|{word}(?:{marks()})")


@cache
def names() -> Mapping[str, re.Pattern[str]]:
    """Return level → pattern of the names whose ending tells it."""
    return {kind: re.compile(pattern.replace(".", CJK, 1)) for kind, pattern in table()["names"].items()}


@cache
def name() -> re.Pattern[str]:
    """Return the pattern of what may be the name of a compound: not one letter, not words of levels alone."""
    return re.compile(rf"(?!(?:{marks()}|-)+$)(?=.*(?:{CJK}.|.{CJK}|[A-Z]{{2}}))")


@cache
def first() -> re.Pattern[str]:
    """Return the pattern of the letters a number may begin with."""
    below = [word[0] for word in table()["below"] if word != "-"]
    return re.compile(f"[0-9A-Z百第{''.join([*table()['numerals'], *table()['tens'], *below])}{table()['letters']}]")


@cache
def plate() -> re.Pattern[str]:
    """Return the pattern of a door plate 门牌 after its street."""
    return re.compile(rf"(?:{numeral()}弄)?{numeral()}(?:-[0-9]+)?号{_house()}|{numeral()}弄")


@cache
def bare() -> re.Pattern[str]:
    """Return the pattern of a number that bears no word."""
    return re.compile(rf"-?([A-Z]?[0-9]{{1,5}}[A-Z]?|[A-Z]|{numeral()})(?![0-9A-Z]|{marks()})")


@cache
def marked() -> tuple[tuple[str, re.Pattern[str], bool], ...]:
    """Return the level of a number with its word, the pattern, and whether it is read so only after another number."""
    mark = {level: _any(words) for level, words in table()["marks"].items()}
    letter = f"[A-Z]{{1,2}}|[{table()['letters']}]"
    label = f"[A-Z]{{0,2}}[0-9]+[A-Z]?|{letter}|{numeral()}"
    below, stairs = _any(table()["below"]), "".join(table()["not_after_storey"])
    patterns = (
        ("building", rf"-?第?(?P<value>[0-9]+-[0-9]+|{label})(?:{mark['building']})", False),
        ("unit", rf"-?第?(?P<value>{numeral()}|{letter})(?:{mark['unit']})", False),
        (
            "storey",
            rf"(?:-?(?P<below>{below})|-)?第?(?P<value>{numeral()})(?:{mark['storey']})(?![{stairs}])",
            False,
        ),
        ("storey", r"-?(?:(?P<below>B)|F)(?P<value>[0-9]{1,2})F?(?![0-9A-Z])", True),
        ("room", rf"-?(?P<value>{label})(?:{mark['room']})", False),
        ("room", rf"-?(?P<value>{label})号{_house()}", True),
        ("door_plate", rf"(?P<value>{numeral()})号{_house()}", False),
    )
    return tuple((level, re.compile(pattern), inner) for level, pattern, inner in patterns)


def _house() -> str:
    return f"(?![{''.join(table()['not_after_number'])}])"


def _any(words: Iterable[str]) -> str:
    return "|".join(map(re.escape, words))
