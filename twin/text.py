"""How text is cut for full-text search: Chinese by character, everything else by word, case and accents left out."""

import re
import unicodedata
from collections.abc import Iterable

_TOKEN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]|[^\W_\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+")
_PLAIN = re.compile("[\x00-\x7f\u3400-\u4dbf\u4e00-\u9fff]*")
"""Text without accents."""
_LONGEST = 100  # characters of a token that are kept; nobody types more


def tokens(text: str) -> list[str]:
    """Return what a text is found by, in order.

    >>> tokens("安和里3幢 Tour_Élysée")
    ['安', '和', '里', '3', '幢', 'tour', 'elysee']
    >>> tokens(" -- ")
    []
    """
    plain = text.lower()
    if not _PLAIN.fullmatch(plain):
        letters = unicodedata.normalize("NFD", plain)
        bare = "".join(letter for letter in letters if unicodedata.category(letter) != "Mn")
        plain = unicodedata.normalize("NFC", bare)
    return [token[:_LONGEST] for token in _TOKEN.findall(plain)]


def document(parts: Iterable[str | None]) -> list[str]:
    """Return the tokens of a feature from its names, codes and address."""
    return tokens(" ".join(part for part in parts if part))


def phrases(text: str) -> list[list[str]]:
    """Return what a person typed as phrases: each must occur, the last token of the last one may be a beginning.

    >>> phrases("安和里 N51H-0  room")
    [['安', '和', '里'], ['n51h', '0'], ['room']]
    >>> phrases("  --  ")
    []
    """
    return [found for word in text.split() if (found := tokens(word))]
