"""Every sentence a person reads is in the dictionaries, in both languages."""

import json
import re
from pathlib import Path

import pytest

STATIC = Path(__file__).resolve().parents[2] / "dashboard" / "static"
DICTIONARIES = {path.stem: json.loads(path.read_text("utf-8")) for path in (STATIC / "i18n").glob("*.json")}
MODULES = sorted(STATIC.glob("*.js"))


def _code(path):
    """The module without its comments."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text("utf-8"), flags=re.DOTALL)
    return re.sub(r"(?m)(?:^|\s)//.*$", "", text)


def _used_keys():
    """Keys as they are written; a key with a computed end stands for all that begin so."""
    text = "".join(_code(path) for path in MODULES)
    fixed = set(re.findall(r'\bwords(?:\(\))?\.t\("([\w.]+)"', text))
    either = re.findall(r'\bwords\.t\(\w+(?:\.\w+)? \? "([\w.]+)" : "([\w.]+)"', text)
    fixed |= {key for pair in either for key in pair}
    return fixed, set(re.findall(r"\bwords\.t\(`([\w.]+)\$\{", text))


def test_both_languages_have_the_same_words():
    assert set(DICTIONARIES) == {"zh", "en"}
    assert DICTIONARIES["zh"].keys() == DICTIONARIES["en"].keys()


@pytest.mark.parametrize("language", sorted(DICTIONARIES))
def test_no_word_is_empty(language):
    assert all(DICTIONARIES[language].values())


def test_both_languages_fill_in_the_same_values():
    for key, text in DICTIONARIES["zh"].items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", DICTIONARIES["en"][key])), key


def test_every_word_that_is_asked_for_exists_and_every_word_is_asked_for():
    fixed, beginnings = _used_keys()
    known = set(DICTIONARIES["zh"])
    assert fixed <= known
    assert all(any(key.startswith(start) for key in known) for start in beginnings)
    unused = {key for key in known - fixed if not key.startswith(tuple(beginnings))}
    assert unused == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_no_chinese_stands_in_a_module(path):
    assert not re.search(r"[\u3400-\u9fff]", path.read_text("utf-8"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_no_english_sentence_stands_in_a_module(path):
    errors = re.sub(r"new Error\([^;]*", "", _code(path))
    assert re.findall(r"[\"'`][A-Z][a-z]+(?: [a-z]+)+[.!?]?[\"'`]", errors) == []
