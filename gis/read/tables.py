"""Tables: CSV and Excel sheets, with a position in two columns or with none at all."""

import csv
import io
import itertools
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import shapely
import yaml
from shapely import Point

from gis.errors import BadInput
from gis.read.encoding import detect_encoding, known_encoding
from gis.read.row import OnWarning, Row

_LONGITUDE_LATITUDE = ("longitude", "latitude")
_EASTING_NORTHING = ("easting", "northing")
# The library that reads workbooks checks little: what is broken inside comes out as any of these.
_BROKEN_WORKBOOK = (
    *(zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, SyntaxError, RuntimeError),
    *(ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError),
)
IMPORT_SHEET = "import_sheet"
"""Name that a workbook of several sheets gives to the one that is to be read."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table's rows as read, positions still in the source's frame.

    Attributes:
        rows: Points have x (east) first, in the frame of ``in_degrees`` or the CRS the caller must name.
        in_degrees: The position columns are longitude and latitude.
        positioned: There are position columns at all.
    """

    rows: list[Row]
    in_degrees: bool
    positioned: bool


def read_csv(path: Path, encoding: str | None, on_warning: OnWarning) -> Table:
    """Read comma, semicolon or tab separated text in UTF-8, UTF-16, GB 18030 or Big5."""
    content = path.read_bytes()
    name = known_encoding(encoding) if encoding else detect_encoding(content)
    try:
        text = content.decode(name or "utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(
            "gis.encoding",
            f"The text of {path.name} is not {name or 'in any encoding that is known here'}.",
            "Name the right one with --encoding, or save the table as UTF-8.",
            file=path.name,
        ) from error
    reader = csv.reader(io.StringIO(text), delimiter=_delimiter(text))
    # line_num, not a count of records: a quoted cell may span lines and an editor counts lines.
    lines = ((reader.line_num, [cell.strip() or None for cell in cells]) for cells in reader)
    return _table(path, lines, on_warning)


def read_excel(path: Path, sheet: str | None, on_warning: OnWarning) -> Table:
    """Read one sheet of an .xlsx workbook; formulas give their last computed value."""
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with closing(openpyxl.load_workbook(path, read_only=True, data_only=True)) as book:
            page = book[_sheet(path, book.sheetnames, sheet or _named_sheet(book))]
            lines = [(number, [_plain(value) for value in values]) for number, values in enumerate(page.values, 1)]
    except (*_BROKEN_WORKBOOK, InvalidFileException) as error:
        raise BadInput(
            "gis.unreadable",
            f"{path.name} is no whole Excel workbook.",
            "Open it in Excel and save it as .xlsx again.",
            file=path.name,
        ) from error
    return _table(path, lines, on_warning)


def _named_sheet(book: Any) -> str | None:
    name = book.defined_names.get(IMPORT_SHEET)
    return None if name is None else next((title for title, _ in name.destinations), None)


def _sheet(path: Path, names: Sequence[str], wanted: str | None) -> str:
    if wanted is None and len(names) == 1:
        return names[0]
    if wanted in names:
        return str(wanted)
    raise BadInput(
        "gis.which_layer",
        f"{path.name} has the sheets {', '.join(names)}.",
        "Name one of them with --table.",
        file=path.name,
        parameter="layer",
    )


def _delimiter(text: str) -> str:
    heading = text[: text.find("\n")] if "\n" in text else text
    return max(",;\t", key=heading.count)


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    # Excel has no integers: 12 is stored as 12.0.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _table(path: Path, lines: Iterable[tuple[int, list[Any]]], on_warning: OnWarning) -> Table:
    filled = [(number, cells) for number, cells in lines if any(cell is not None for cell in cells)]
    # Sheets often carry a merged title above the headings: one filled cell alone in its row.
    start = next((at for at, (_, cells) in enumerate(filled) if sum(cell is not None for cell in cells) > 1), 0)
    if len(filled) < start + 2:
        raise BadInput(
            "gis.empty", f"{path.name} has no rows.", "Send a table with a heading and rows.", file=path.name
        )
    columns = _headings(path, filled[start][1])
    position = _position_columns(path, [name for name in columns if name])
    rows = [_row(path, number, columns, cells, position, on_warning) for number, cells in filled[start + 1 :]]
    return Table(rows, "longitude" in position or "outline" in position, bool(position))


def _headings(path: Path, cells: Sequence[Any]) -> list[str | None]:
    names = [None if cell is None else str(cell) for cell in cells]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise BadInput(
            "gis.column_twice",
            f"{path.name} has two columns named {', '.join(twice)}.",
            "Rename one of them.",
            file=path.name,
            field=twice[0],
        )
    return names


@cache
def _position_names() -> Mapping[str, str]:
    table = yaml.safe_load(files("gis.read").joinpath("position_columns.yaml").read_text("utf-8"))
    return {name: role for role, names in table.items() for name in names}


def _position_columns(path: Path, columns: Iterable[str]) -> dict[str, str]:
    """Return role → column of the columns that hold the position; empty when the table has none."""
    roles: dict[str, str] = {}
    for column in columns:
        role = _position_names().get(re.sub(r"[\s_()（）\[\]./°]", "", column).casefold())
        if role:
            roles.setdefault(role, column)
    if "outline" in roles:
        return {role: column for role, column in roles.items() if role in ("outline", "height")}
    for pair in (_LONGITUDE_LATITUDE, _EASTING_NORTHING):
        present = [role for role in pair if role in roles]
        if len(present) == 2:
            return {role: column for role, column in roles.items() if role in (*pair, "height")}
        if present in (["longitude"], ["latitude"]):
            raise BadInput(
                "gis.half_position",
                f"{path.name} has a column for {present[0]} but not for its partner.",
                "Add the missing column: 经度 and 纬度.",
                file=path.name,
                field=roles[present[0]],
            )
    return {}


def _row(
    path: Path,
    number: int,
    columns: Sequence[str | None],
    cells: Sequence[Any],
    position: Mapping[str, str],
    on_warning: OnWarning,
) -> Row:
    named = itertools.zip_longest(columns, cells)
    properties = {name: value for name, value in named if name is not None}
    values = {role: properties.pop(column, None) for role, column in position.items()}
    try:
        shape = _outline(values["outline"]) if "outline" in values else _point(values)
        height = _number(values.get("height"))
    except ValueError as error:
        on_warning(
            BadInput(
                "gis.bad_position",
                f"Row {number} of {path.name}: {error}; the row is read without a position.",
                "Write both coordinates as decimal numbers, an outline as POLYGON((longitude latitude, …)).",
                file=path.name,
                row=number,
            )
        )
        return Row(number, None, None, properties)
    return Row(number, shape, height if shape else None, properties)


def _outline(text: Any) -> Any:
    """Return the shape that well-known text draws; it must be as its author meant it, so nothing is mended."""
    shape = None if text is None else shapely.from_wkt(str(text), on_invalid="ignore")
    if text is not None and (shape is None or shape.is_empty or not shape.is_valid):
        raise ValueError(f"{str(text)[:40]!r} is no valid outline")
    return shape


def _point(values: Mapping[str, Any]) -> Point | None:
    east, north = _pair(values)
    return None if east is None or north is None else Point(east, north)


def _pair(values: Mapping[str, Any]) -> Iterator[float | None]:
    pair = [_number(values.get(role)) for role in (*_LONGITUDE_LATITUDE, *_EASTING_NORTHING) if role in values]
    if len(pair) == 2 and (pair[0] is None) != (pair[1] is None):
        raise ValueError("only one of the two coordinates is filled")
    return iter(pair or (None, None))


def _number(value: Any) -> float | None:
    if value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{value!r} is not a number") from None
