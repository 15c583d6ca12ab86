"""Characters that no store keeps: NUL, which PostgreSQL has no text for, and halves of surrogate pairs."""

import re

from gis.errors import BadInput

_ODD = re.compile("[\0\ud800-\udfff]").search
_ESCAPED = re.compile(r"(?<!\\)(?:\\\\)*\\u0000").search


def is_odd(text: str) -> bool:
    r"""Tell whether a text holds a character that no store keeps.

    >>> is_odd("安和里\t1幢"), is_odd("a\0"), is_odd("\ud800")
    (False, True, True)
    """
    return not text.isprintable() and _ODD(text) is not None


def is_odd_json(text: str) -> bool:
    r"""Tell the same of JSON, where NUL is escaped.

    >>> is_odd_json(r'"a\u0000"'), is_odd_json(r'"a\\u0000"'), is_odd_json('"\ud800"')
    (True, False, True)
    """
    return is_odd(text) or (r"\u0000" in text and _ESCAPED(text) is not None)


def kept(text: str, what: str) -> str:
    r"""Return a text that every store keeps.

    Raises:
        BadInput: ``store.bad_text``, with the text as Python writes it.

    >>> kept("D-1\0", "The id")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: store.bad_text: The id holds a character that cannot be stored: 'D-1\x00'. Leave out NUL ...
    """
    if is_odd(text):
        raise _bad(text, what)
    return text


def kept_json(text: str) -> str:
    """Return JSON that every store keeps; raises ``store.bad_text`` too."""
    if is_odd_json(text):
        raise _bad(text, "The content")
    return text


def _bad(text: str, what: str) -> BadInput:
    shown = ascii(text) if len(text) <= 80 else f"{text[:80]!a}…"
    return BadInput(
        "store.bad_text",
        f"{what} holds a character that cannot be stored: {shown}.",
        "Leave out NUL and halves of surrogate pairs.",
    )
