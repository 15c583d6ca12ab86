"""What a shapefile leaves unsaid: whether its parts are all there, and in which alphabet its table is written."""

from collections.abc import Iterator
from pathlib import Path

from gis.errors import BadInput
from gis.read.encoding import decodes, detect_encoding, known_encoding
from gis.read.row import OnWarning

# Language driver ids (byte 29 of the .dbf) of the alphabets met in China; the others are not trusted.
_LANGUAGE_DRIVERS = {0x4D: "gb18030", 0x7A: "gb18030", 0x4F: "big5", 0x78: "big5"}


def check_parts(path: Path) -> None:
    """Refuse a shapefile whose .shx or .dbf is missing, or whose .shp breaks off: GDAL reads that as empty shapes.

    Raises:
        BadInput: ``gis.missing_part``, naming the part; ``gis.truncated``.
    """
    _check_length(path)
    for suffix in (".shx", ".dbf"):
        if _part(path, suffix) is None:
            raise BadInput(
                "gis.missing_part",
                f"{path.name} comes without its {suffix} file.",
                f"Copy {path.stem}{suffix} beside it; a shapefile is .shp, .shx, .dbf and .prj together.",
                file=path.name,
            )


def _check_length(path: Path) -> None:
    with path.open("rb") as shapes:
        stated = 2 * int.from_bytes(shapes.read(28)[24:], "big")  # bytes 24 to 27 count the file's 16-bit words
    if path.stat().st_size < stated:
        raise BadInput(
            "gis.truncated",
            f"{path.name} breaks off: it should have {stated:,} bytes.",
            "Copy or send the whole file again.",
            file=path.name,
        )


def table_encoding(path: Path, on_warning: OnWarning) -> str:
    """Return the encoding of a shapefile's table.

    What the .cpg or the language driver id says is believed only if the whole table decodes with it.

    Raises:
        BadInput: ``gis.encoding`` when nothing fits.
    """
    table = _part(path, ".dbf")
    cells = list(_text_cells(table.read_bytes())) if table else []

    def fits(encoding: str) -> bool:
        # Cells are tested one by one: some writers cut a character in half at the column's width.
        return all(decodes(cell, encoding) or decodes(cell[:-1], encoding) for cell in cells)

    stated = _stated_encoding(path)
    if stated and fits(stated):
        return stated
    found = detect_encoding(b"", fits)
    if found is None:
        raise BadInput(
            "gis.encoding",
            f"The text of {path.stem}.dbf is in no encoding that is known here.",
            "Name it with --encoding.",
            file=path.name,
        )
    if stated:
        on_warning(
            BadInput(
                "gis.encoding",
                f"{path.name} says its text is {stated}, but it is not; read as {found}.",
                f"Write {found} into {path.stem}.cpg.",
                file=path.name,
            )
        )
    return found


def _part(path: Path, suffix: str) -> Path | None:
    candidates = (path.with_suffix(suffix), path.with_suffix(suffix.upper()))
    return next((part for part in candidates if part.exists()), None)


def _stated_encoding(path: Path) -> str | None:
    page = _part(path, ".cpg")
    if page is not None:
        name = page.read_text("ascii", errors="replace").strip()
        return known_encoding(name if not name.isdigit() else f"cp{name}")
    table = _part(path, ".dbf")
    return _LANGUAGE_DRIVERS.get(table.read_bytes()[29]) if table else None


def _text_cells(table: bytes) -> Iterator[bytes]:
    # dBASE III: records from byte 10-11 on; field descriptors of 32 bytes from byte 32 to a 0x0D.
    start, size = int.from_bytes(table[8:10], "little"), int.from_bytes(table[10:12], "little")
    columns, offset = [], 1
    for position in range(32, start - 1, 32):
        descriptor = table[position : position + 32]
        if descriptor[:1] == b"\r":
            break
        yield descriptor[:11].split(b"\0", 1)[0]
        if descriptor[11:12] == b"C":
            columns.append((offset, offset + descriptor[16]))
        offset += descriptor[16]
    for record in range(start, len(table) - size + 1, size or len(table)):
        for first, last in columns:
            yield table[record + first : record + last].rstrip(b" \0")
