"""The text of an IFC file, before any parser sees it: what it is, where it ends, and repairs of known slips.

Everything works on bytes, because a STEP file is ASCII by ISO 10303-21 and real ones are anything at all.
"""

import re
from dataclasses import dataclass

from bim_import.model import Notice
from bim_import.names import decode_raw
from gis.errors import BadInput

SCHEMAS = {
    "IFC2X3": "IFC2X3", "IFC2X2": "IFC2X3", "IFC2X": "IFC2X3", "IFC4": "IFC4", "IFC4X1": "IFC4", "IFC4X2": "IFC4",
    "IFC4X3": "IFC4X3_ADD2",
}  # fmt: skip
"""Family of a schema identifier → the nearest schema the parser has."""

_SCHEMA = re.compile(rb"FILE_SCHEMA\s*\(\s*\(\s*'([^']*)'", re.IGNORECASE)
_FAMILY = re.compile(r"(IFC4X[123]|IFC4|IFC2X[23]?)(?![0-9])")
_DATA = re.compile(rb"\bDATA\s*;")
_INSTANCE = re.compile(rb"(?:^|;)\s*#\d+\s*=", re.MULTILINE)
_ROOTED_STAR = re.compile(rb"=\s*IFC\w+\s*\(\s*'[^'\r\n]{22}'[^;]*?[,(]\s*\*\s*[,)][^;]*;", re.IGNORECASE)
_TOKEN = re.compile(rb"'(?:[^']|'')*'|\*")
_OPEN_X2 = re.compile(rb"(\\X2\\(?:[0-9A-Fa-f]{4})+)(?!\\X0\\|[0-9A-Fa-f]{4})(?:\\X:?0?:?\\?|\\)?")
_STRING = re.compile(rb"'(?:[^'\r\n]|'')*'")
_ESCAPE = re.compile(rb"(\\\\|\\S\\.|\\P[A-I]\\|\\X\\[0-9A-Fa-f]{2}|\\X2\\[0-9A-Fa-f]*\\X0\\|\\X4\\[0-9A-Fa-f]*\\X0\\)")
_STATEMENT = re.compile(rb";[ \t]*[\r\n]+[ \t]*(#[^;]{0,80})")
_HIGH = re.compile(rb"[\x80-\xff]")
_FOREIGN = re.compile(r"[\x80-\U0010ffff]+")
_BARE_SI_UNIT = re.compile(rb"(IFCSIUNIT\s*\()\s*\.", re.IGNORECASE)
_DEEP = re.compile(rb"\({200}")


@dataclass(frozen=True, slots=True)
class Text:
    """The bytes to parse, the schema they claim, and what was changed to get them."""

    data: bytes
    schema: str
    notices: tuple[Notice, ...] = ()
    changed: bool = False


def prepare(data: bytes, file: str) -> Text:
    """Return parsable text of an IFC file, repaired where a repair cannot change the meaning.

    Raises:
        BadInput: ``ifc.empty``, ``ifc.xml``, ``ifc.not_step``, ``ifc.wrong_schema``, ``ifc.truncated``,
            ``ifc.too_deep``.

    >>> prepare(b"", "a.ifc")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: ifc.empty: a.ifc is empty. Export the model again.
    """
    body, notices = _without_preamble(data, file)
    _check_end(body, file)
    if deep := _DEEP.search(body):
        raise BadInput(
            "ifc.too_deep", f"{file} nests lists 200 deep.", "Export the model again.",
            file=file, line=line_of(body, deep.start()),
        )  # fmt: skip
    body, schema, aliased = _with_known_schema(body, file)
    body, starred = _without_stars(body)
    body, encoded = _without_raw_bytes(body)
    notices += aliased + starred + encoded
    return Text(body, schema, tuple(notices), changed=body is not data)


def _without_preamble(data: bytes, file: str) -> tuple[bytes, list[Notice]]:
    if not data.strip(b"\x00 \t\r\n"):
        raise BadInput("ifc.empty", f"{file} is empty.", "Export the model again.", file=file)
    head = data[:65536]
    if re.match(rb"(?:\xef\xbb\xbf)?\s*<(?:\?xml|ifc|\w+:)", head, re.IGNORECASE):
        raise BadInput("ifc.xml", f"{file} is ifcXML.", "Export it as IFC-SPF (.ifc).", file=file)
    magic = re.search(rb"(?<!END-)ISO-10303-21", head)
    if magic is None:
        raise BadInput(
            "ifc.not_step", f"{file} does not start as an IFC file (ISO-10303-21).", "Export it as IFC-SPF (.ifc).",
            file=file, line=1,
        )  # fmt: skip
    start = magic.start()
    if not data[:start].strip():
        return data, []
    notice = Notice(code="ifc.preamble", message=f"{start} bytes before ISO-10303-21 were skipped.")
    return data[start:], [notice]


def _check_end(data: bytes, file: str) -> None:
    # One that lost only its last line is whole: nothing but the end of its data stands after the last instance.
    start = _DATA.search(data)
    tail = data[max(start.end() if start else len(data), len(data) - 4096) :]
    if b"END-ISO-10303-21" in data[-4096:] or b"ENDSEC" in tail[tail.rfind(b"#") + 1 :]:
        return
    raise BadInput(
        "ifc.truncated",
        f"{file} breaks off before its end (END-ISO-10303-21 is missing).",
        "Copy or upload the whole file again.",
        file=file,
        line=line_of(data, len(data)),
    )


def _with_known_schema(data: bytes, file: str) -> tuple[bytes, str, list[Notice]]:
    match = _SCHEMA.search(data[:1_000_000])
    stated = match[1].decode("latin-1").strip() if match else ""
    known = SCHEMAS.get(family(stated))
    if match is None or known is None:
        raise BadInput(
            "ifc.wrong_schema", f"{file} is of schema {stated or 'unknown'!r}.", "Export it as IFC2X3, IFC4 or IFC4X3.",
            file=file, line=line_of(data, match.start()) if match else None,
        )  # fmt: skip
    if stated.upper() == known:
        return data, stated, []
    notice = Notice(code="ifc.schema_alias", message=f"Schema {stated} was read as {known}.")
    return data[: match.start(1)] + known.encode() + data[match.end(1) :], stated, [notice]


def family(schema: str) -> str:
    """Return the family a schema identifier belongs to, a key of :data:`SCHEMAS`; empty when it belongs to none.

    >>> family("IFC4X3_RC2"), family("IFC2X_FINAL"), family("IFC20_LONGFORM")
    ('IFC4X3', 'IFC2X', '')
    """
    match = _FAMILY.match(schema.upper())
    return match[1] if match else ""


def _without_stars(data: bytes) -> tuple[bytes, list[Notice]]:
    """Write ``$`` for ``*`` in rooted entities: they have no derived attributes, and the kernel drops such products."""
    count = 0

    def unstar(statement: re.Match[bytes]) -> bytes:
        nonlocal count
        count += 1
        return _TOKEN.sub(lambda token: b"$" if token[0] == b"*" else token[0], statement[0])

    repaired = _ROOTED_STAR.sub(unstar, data) if re.search(rb"[,(]\s*\*\s*[,)]", data) else data
    if not count:
        return data, []
    return repaired, [
        Notice(code="ifc.derived_star", message=f"{count} elements wrote * where $ is meant; read as $.", count=count)
    ]


def _without_raw_bytes(data: bytes) -> tuple[bytes, list[Notice]]:
    """Write strings of raw UTF-8, GB 18030, Shift-JIS or Latin-1 bytes as ISO 10303-21 asks; the parser drops some."""
    if not _HIGH.search(data):
        return data, []
    count = 0

    def encode(string: re.Match[bytes]) -> bytes:
        nonlocal count
        if not _HIGH.search(string[0]):
            return string[0]
        count += 1
        return _FOREIGN.sub(_escaped, decode_raw(string[0])).encode("ascii")

    encoded = _STRING.sub(encode, data)
    message = f"{count} texts hold raw bytes instead of the escapes of ISO 10303-21; they were decoded."
    return encoded, [Notice(code="ifc.raw_text", message=message, count=count)] if count else []


def _escaped(characters: re.Match[str]) -> str:
    wide = any(character > "\uffff" for character in characters[0])
    codes = characters[0].encode("utf-32-be" if wide else "utf-16-be").hex().upper()
    return f"\\X{4 if wide else 2}\\{codes}\\X0\\"


def repair_strings(data: bytes) -> bytes:
    r"""Return the text with unterminated ``\X2\`` escapes closed, stray backslashes doubled, bare SI units completed.

    >>> repair_strings(rb"IFCWALL('\X2\4E2D:','C:\wall'); IFCSIUNIT(.LENGTHUNIT.")
    b"IFCWALL('\\X2\\4E2D\\X0\\:','C:\\\\wall'); IFCSIUNIT(*,.LENGTHUNIT."
    >>> repair_strings(b"")
    b''
    """
    closed = _STRING.sub(lambda string: _OPEN_X2.sub(rb"\1\\X0\\", string[0]), data)
    doubled = _STRING.sub(lambda string: _escape_strays(string[0]), closed)
    return _BARE_SI_UNIT.sub(rb"\1*,.", doubled)


def _escape_strays(string: bytes) -> bytes:
    if b"\\" not in string:
        return string
    return b"".join(
        part if index % 2 else part.replace(b"\\", b"\\\\") for index, part in enumerate(_ESCAPE.split(string))
    )


def rebuild_header(data: bytes, schema: str) -> bytes:
    """Return the text with a minimal header of this schema in place of one that cannot be parsed."""
    start = _DATA.search(data)
    header = (
        "ISO-10303-21;\nHEADER;\nFILE_DESCRIPTION((''),'2;1');\n"
        f"FILE_NAME('','',(''),(''),'','','');\nFILE_SCHEMA(('{schema}'));\nENDSEC;\n"
    )
    return header.encode() + data[start.start() if start else len(data) :]


def count_instances(data: bytes) -> int:
    """Count the instances a text defines; comments and strings that look like one are counted too."""
    return sum(1 for _ in _INSTANCE.finditer(data))


def odd_line(data: bytes) -> int | None:
    r"""Return the line of the first statement that is no instance of a readable number; ``None`` when all look sound.

    >>> odd_line(b"DATA;\n#1=IFCWALL();\n#2147483648=IFCWALL();\n"), odd_line(b"")
    (3, None)
    """
    start = _DATA.search(data)
    for statement in _STATEMENT.finditer(data, start.end() if start else 0):
        sound = re.match(rb"#(\d+)\s*=\s*[A-Za-z]\w*\s*\(", statement[1])
        if sound is None or int(sound[1]) >= 2**31:
            return line_of(data, statement.start(1))
    return None


def line_of(data: bytes, offset: int) -> int:
    """Return the line, from 1, that holds a byte offset."""
    return data.count(b"\n", 0, offset) + 1
