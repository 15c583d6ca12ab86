"""What a shapefile leaves unsaid: whether its parts are all there, and in which alphabet its table is written."""

import itertools
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gis.errors import BadInput
from gis.read.encoding import decode_cut, decodes, detect_encoding, known_encoding
from gis.read.row import OnWarning

# GDAL refuses a table whose column names break off within a character. Every byte is lawful here and comes back as it
# was, so GDAL reads the table as this and the real decoding is done by `decoded`.
ANY_BYTES = "ISO-8859-1"

_NAME_BYTES = 10  # of a column; writers cut longer names there, wherever that is within a character

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


@contextmanager
def with_plain_frame(path: Path) -> Iterator[Path]:
    """Give the shapefile, or, when its .prj is not UTF-8, a copy of links to its parts where the .prj is.

    Frames made in China often bear Chinese names in GBK, which GDAL's binding cannot take.

    Raises:
        BadInput: ``gis.encoding``.
    """
    part = _part(path, ".prj")
    written = part.read_bytes() if part else b""
    if part is None or decodes(written, "utf-8"):
        yield path
        return
    encoding = detect_encoding(written)
    if encoding is None:
        raise BadInput(
            "gis.encoding",
            f"The text of {part.name} is in no encoding that is known here.",
            "Send it again, or remove it and name the frame with --crs.",
            file=part.name,
        )
    with tempfile.TemporaryDirectory(prefix="lifang-") as folder:
        for suffix in (".shp", ".shx", ".dbf", ".cpg"):
            if found := _part(path, suffix):
                (Path(folder) / f"{path.stem}{suffix}").symlink_to(found.resolve())
        (Path(folder) / f"{path.stem}.prj").write_text(written.decode(encoding), "utf-8")
        yield Path(folder) / f"{path.stem}.shp"


def table_encoding(path: Path, on_warning: OnWarning) -> str:
    """Return the encoding of a shapefile's table.

    What the .cpg or the language driver id says is believed only if the whole table decodes with it.

    Raises:
        BadInput: ``gis.encoding`` when nothing fits.
    """
    part = _part(path, ".dbf")
    table = part.read_bytes() if part else b""

    def fits(encoding: str) -> bool:
        try:
            for name in _names(table):
                _decoded_name(name, encoding)
            # Cells one by one, padded as they are: only one cut at the column's width may end within a character.
            for cell in _text_cells(table):
                decode_cut(cell, encoding)
        except UnicodeDecodeError:
            return False
        return True

    stated = _stated_encoding(path, table)
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


def decoded(
    path: Path, names: Iterable[str], columns: Sequence[Any], encoding: str, on_warning: OnWarning
) -> tuple[list[str], list[Any]]:
    """Return the column names and columns of a table that was read as ``ANY_BYTES`` in their real encoding.

    Names and cells that were cut within a character lose what is left of it. Names that are then the same are
    numbered, and reported as ``gis.column_twice``.

    Raises:
        UnicodeDecodeError: When the table is not in this encoding.

    >>> cut = "建筑编号".encode()[:10].decode(ANY_BYTES)
    >>> decoded(Path("x.shp"), [cut, cut], [], "utf-8", lambda warning: print(warning.message))
    x.shp has two columns named 建筑编; one is read as 建筑编_2.
    (['建筑编', '建筑编_2'], [])
    """
    plain = [_decoded_name(name.encode(ANY_BYTES), encoding) for name in names]
    return _distinct(path, plain, on_warning), [_decoded_column(column, encoding) for column in columns]


def _decoded_column(column: Any, encoding: str) -> Any:
    if column.dtype != object:
        return column
    return [decode_cut(cell.encode(ANY_BYTES), encoding) if isinstance(cell, str) else cell for cell in column]


def _decoded_name(name: bytes, encoding: str) -> str:
    if len(name) < _NAME_BYTES or decodes(name, encoding):
        return name.decode(encoding)
    # GDAL tells cut names apart by _1, _2 ..., and cuts them further to make room.
    stem = re.sub(rb"_\d+\Z", b"", name)
    return decode_cut(stem, encoding) + name[len(stem) :].decode("ascii")


def _distinct(path: Path, names: Sequence[str], on_warning: OnWarning) -> list[str]:
    found: list[str] = []
    for name in names:
        if name not in found:
            found.append(name)
            continue
        numbered = (f"{name}_{number}" for number in itertools.count(2))
        found.append(next(other for other in numbered if other not in {*names, *found}))
        on_warning(
            BadInput(
                "gis.column_twice",
                f"{path.name} has two columns named {name}; one is read as {found[-1]}.",
                "Rename one of them; a shapefile keeps ten bytes of a name.",
                file=path.name,
                field=name,
            )
        )
    return found


def _part(path: Path, suffix: str) -> Path | None:
    candidates = (path.with_suffix(suffix), path.with_suffix(suffix.upper()))
    return next((part for part in candidates if part.exists()), None)


def _stated_encoding(path: Path, table: bytes) -> str | None:
    page = _part(path, ".cpg")
    if page is not None:
        name = page.read_text("ascii", errors="replace").strip()
        return known_encoding(name if not name.isdigit() else f"cp{name}")
    return _LANGUAGE_DRIVERS.get(int.from_bytes(table[29:30]))


def _descriptors(table: bytes) -> Iterator[bytes]:
    # dBASE III: records from byte 8-9 on; field descriptors of 32 bytes from byte 32 to a 0x0D.
    for position in range(32, int.from_bytes(table[8:10], "little") - 1, 32):
        if table[position : position + 1] == b"\r":
            return
        yield table[position : position + 32]


def _names(table: bytes) -> Iterator[bytes]:
    return (descriptor[:11].split(b"\0", 1)[0] for descriptor in _descriptors(table))


def _text_cells(table: bytes) -> Iterator[bytes]:
    start, size = int.from_bytes(table[8:10], "little"), int.from_bytes(table[10:12], "little")
    columns, offset = [], 1
    for descriptor in _descriptors(table):
        if descriptor[11:12] == b"C":
            columns.append((offset, offset + descriptor[16]))
        offset += descriptor[16]
    for record in range(start, len(table) - size + 1, size or len(table)):
        for first, last in columns:
            yield table[record + first : record + last]
