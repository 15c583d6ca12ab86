"""How text is cut for full-text search: Chinese by character, everything else by word."""

import re
from collections.abc import Iterable

_CJK = re.compile(r"([\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff])")
_WORD = re.compile(r"\w+")


def spaced(text: str) -> str:
    """Return the text with every Chinese character standing alone.

    >>> spaced("安和里3幢 Tower")
    '安 和 里 3 幢 Tower'
    """
    return " ".join(_CJK.sub(r" \1 ", text).split())


def document(parts: Iterable[str | None]) -> str:
    """Return the searchable text of a feature from its names, codes and address."""
    return spaced(" ".join(part for part in parts if part))


def expression(text: str) -> str | None:
    """Return the FTS5 query for what a person typed: every word must occur, the last one may be a beginning.

    >>> expression("安和里 3")
    '"安" + "和" + "里" AND "3"*'
    >>> expression("N51H-0  room")
    '"N51H" + "0" AND "room"*'
    >>> expression("  --  ") is None
    True
    """
    phrases = [_WORD.findall(spaced(word)) for word in text.split()]
    quoted = [" + ".join(f'"{token}"' for token in tokens) for tokens in phrases if tokens]
    return " AND ".join(quoted) + "*" if quoted else None
