"""Which alphabet the bytes are in, decided by strict decoding; a wrong guess must never pass as text."""

import codecs
from collections.abc import Callable

from gis.errors import BadInput

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# GB 18030 contains GBK and GB 2312 entirely, so one name serves all three.
_CANDIDATES = ("utf-8", "gb18030", "big5")


def known_encoding(name: str) -> str:
    """Return Python's name of an encoding.

    Raises:
        BadInput: ``gis.unknown_encoding``.

    >>> known_encoding("CP936"), known_encoding("UTF8")
    ('gbk', 'utf-8')
    >>> known_encoding("Klingon")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: gis.unknown_encoding: There is no encoding 'Klingon'. Use utf-8, gb18030 or big5.
    """
    try:
        return codecs.lookup(name).name
    except (LookupError, ValueError) as error:
        raise BadInput(
            "gis.unknown_encoding",
            f"There is no encoding {name!r}.",
            "Use utf-8, gb18030 or big5.",
            parameter="encoding",
        ) from error


def decodes(text: bytes, encoding: str) -> bool:
    """Tell whether every byte is lawful in the encoding.

    >>> decodes("幢".encode("gb18030"), "utf-8"), decodes(b"", "utf-8")
    (False, True)
    """
    try:
        text.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def decode_cut(text: bytes, encoding: str) -> str:
    r"""Return a text that may break off within its last character; what is left of that one is dropped.

    Raises:
        UnicodeDecodeError: When the rest is unlawful in the encoding.

    >>> decode_cut("建筑编号".encode()[:10], "utf-8"), decode_cut("幢".encode("gbk")[:1], "gbk"), decode_cut(b"", "gbk")
    ('建筑编', '', '')
    >>> decode_cut("编号".encode("gbk"), "utf-8")
    Traceback (most recent call last):
        ...
    UnicodeDecodeError: 'utf-8' codec can't decode byte 0xb1 in position 0: invalid start byte
    """
    return codecs.getincrementaldecoder(encoding)().decode(text)


def detect_encoding(text: bytes, fits: Callable[[str], bool] | None = None) -> str | None:
    r"""Return the first encoding that fits all of the text, ``None`` when none does.

    A byte order mark decides at once. Otherwise UTF-8 comes first, because text of another alphabet almost never
    is lawful UTF-8, then GB 18030, then Big5. ISO 8859-1 accepts any bytes and is therefore no evidence.

    Args:
        text: The bytes.
        fits: How to test a candidate, when the text is not one run of bytes (cells of a table); strict decoding
            of ``text`` when ``None``.

    >>> detect_encoding("经度,纬度".encode("gbk")), detect_encoding("经度".encode("utf-8-sig")), detect_encoding(b"id")
    ('gb18030', 'utf-8-sig', 'utf-8')
    >>> detect_encoding(b"\xff\xff\xff") is None
    True
    """
    for mark, encoding in _MARKS:
        if text.startswith(mark):
            return encoding
    test = fits or (lambda encoding: decodes(text, encoding))
    return next((encoding for encoding in _CANDIDATES if test(encoding)), None)
