"""Excel workbooks to fill in: one for each layer that takes rows of tables."""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gis.errors import BadInput
from gis.read.tables import IMPORT_SHEET
from layers.columns import guess_columns, place_words
from twin.declaration import FieldDeclaration, Layer

ROWS = 2000
"""Rows of the sheet to fill that offer lists and checks; more may be filled."""

FILL, EXAMPLE, NOTES, LISTS = "填写 Fill in", "示例 Example", "说明 Notes", "代码 Lists"

_COMPUTED = ("address_source", "height_source", "ground_source")  # written by the import itself
_POINT = ("经度 Longitude", "纬度 Latitude", "高程 Elevation (m)")
_OUTLINE = "轮廓 WKT (经度 纬度)"
_EXAMPLES: Mapping[str, Any] = {
    "code": None, "building_no": "1", "unit": 1, "storey": 5, "room": "0501", "height_m": None, "address": None,
    _POINT[0]: 120.153612, _POINT[1]: 30.287459, _POINT[2]: 7.5,
}  # fmt: skip
_SHAPES = {
    "polygon": "POLYGON((120.15 30.28, 120.1504 30.28, 120.1504 30.2801, 120.15 30.2801, 120.15 30.28))",
    "line": "LINESTRING(120.15 30.28, 120.1504 30.2801)",
    "any": "POINT(120.15 30.28)",
}
_TYPES = {"string": "文字 text", "integer": "整数 whole number", "number": "数字 number", "boolean": "是/否 yes/no",
          "datetime": "日期 date (2026-01-31)", "json": "JSON"}  # fmt: skip
_GRADES = {
    "P0": "公开 public",
    "P1": "内部 internal",
    "P2": "个人信息 personal",
    "P3": "敏感个人信息 sensitive personal",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a template.

    Attributes:
        heading: Chinese and English, the unit in brackets, an asterisk where a value is required.
        field: The layer's field; ``None`` for where a row stands.
        example: What a cell may look like.
        about: For columns without a field, what they mean.
    """

    heading: str
    field: FieldDeclaration | None
    example: Any
    about: str = ""


def template_columns(layer: Layer) -> list[Column]:
    """Return the columns of a layer's template: its fields, then where a row stands.

    Raises:
        BadInput: ``layer.no_template`` for layers that files do not bring.

    >>> from layers.catalogue import load_catalogue
    >>> [one.heading for one in template_columns(load_catalogue()["green"])][:2]
    ['绿地编号 Green number*', '绿地名称 Name']
    >>> template_columns(load_catalogue()["population"])
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: layer.no_template: There is no template for the layer population. ...
    """
    if layer.id_field is None or layer.kind == "derived" or layer.access == "private":
        raise BadInput(
            "layer.no_template",
            f"There is no template for the layer {layer.name}.",
            "It is not imported from tables; units, storeys and rooms come with models.",
            layer=layer.name,
        )
    fields = [_column(layer, field) for field in layer.fields if field.name not in _COMPUTED]
    return [*fields, *_places(layer), *_positions(layer)]


def template(layer: Layer) -> bytes:
    """Return an .xlsx workbook: a sheet to fill, one with an example, one with notes, one with the code lists.

    The sheet to fill is the one that an import reads, so the example stays out.

    Raises:
        BadInput: ``layer.no_template``.
    """
    import openpyxl
    from openpyxl.workbook.defined_name import DefinedName

    columns = template_columns(layer)
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    sheet = book.create_sheet(FILL)
    _head(sheet, columns)
    example = book.create_sheet(EXAMPLE)
    _head(example, columns)
    example.append([one.example for one in columns])
    _notes(book.create_sheet(NOTES), layer, columns)
    _offer(sheet, book.create_sheet(LISTS), columns)
    book.defined_names[IMPORT_SHEET] = DefinedName(IMPORT_SHEET, attr_text=f"'{FILL}'!$A$1")
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def _column(layer: Layer, field: FieldDeclaration) -> Column:
    unit = f" ({field.unit})" if field.unit else ""
    required = field.required or (field.name == layer.id_field and layer.kind == "record")
    return Column(f"{field.title.zh} {field.title.en}{unit}{'*' if required else ''}", field, _example(layer, field))


def _places(layer: Layer) -> Iterator[Column]:
    """Yield what records may say about their place, unless a field of the layer is called so."""
    if layer.kind == "place":
        return
    for role, (heading, *_others) in place_words().items():
        (match,) = guess_columns(layer, [heading]).matches or (None,)
        if role != "height_m" and match is not None and match.kind == "place":
            yield Column(
                heading, None, _EXAMPLES[role], "所在位置，可只填一部分。 Where the row stands; any part will do."
            )


def _positions(layer: Layer) -> Iterator[Column]:
    about = "CGCS2000 或 WGS 84，单位为度；不是 GCJ-02 或 BD-09。 Degrees in CGCS2000 or WGS 84, not GCJ-02 or BD-09."
    if layer.geometry == "point":
        yield from (Column(heading, None, _EXAMPLES[heading], about) for heading in _POINT)
    elif layer.geometry != "none":
        yield Column(_OUTLINE, None, _SHAPES[layer.geometry], about)


def _example(layer: Layer, field: FieldDeclaration) -> Any:
    if field.values:
        return next(iter(field.values.values())).zh
    if field.name == layer.id_field:
        return "A-001"
    samples = {"integer": 1, "number": 12.5, "boolean": "是", "datetime": "2026-01-31", "json": "{}"}
    return samples.get(field.type, f"{field.title.zh}示例" if field.grade in ("P0", "P1") else None)


# --- sheets ---------------------------------------------------------------------------------------------------------


def _head(sheet: Any, columns: Sequence[Column]) -> None:
    from openpyxl.styles import Alignment, Font, PatternFill
    from openpyxl.utils import get_column_letter

    for number, one in enumerate(columns, 1):
        cell = sheet.cell(1, number, one.heading)
        cell.font = Font(bold=True)
        cell.alignment = Alignment(wrap_text=True, vertical="top")
        # Required columns stand out; those that say where a row stands are of another kind.
        tint = "FCE4B8" if one.heading.endswith("*") else "DCE6EA" if one.field else "E6E6E6"
        cell.fill = PatternFill("solid", fgColor=tint)
        sheet.column_dimensions[get_column_letter(number)].width = max(14, min(40, len(one.heading) + 4))
        # Text stays text: 0501 is a door, not five hundred and one.
        if one.field is not None and one.field.type == "string" and not one.field.values:
            sheet.column_dimensions[get_column_letter(number)].number_format = "@"
    sheet.freeze_panes = "A2"


def _notes(sheet: Any, layer: Layer, columns: Sequence[Column]) -> None:
    sheet.append(
        [f"{layer.title.zh} {layer.title.en}：请填写第一张表，带 * 的列必填。 Fill in the first sheet; * is required."]
    )
    heading = (
        "列 Column",
        "字段 Field",
        "类型 Type",
        "单位 Unit",
        "必填 Required",
        "分级 Grade",
        "取值 Values",
        "依据 Source",
    )
    sheet.append(heading)
    for one in columns:
        sheet.append(_note(one))
    for letter, width in zip("ABCDEFGH", (36, 24, 24, 10, 12, 26, 80, 28), strict=True):
        sheet.column_dimensions[letter].width = width
    sheet.freeze_panes = "A3"


def _note(one: Column) -> list[Any]:
    field = one.field
    if field is None:
        return [one.heading, "", "", "", "", "", one.about, ""]
    values = "；".join(f"{text.zh} {text.en}" for text in field.values.values())
    required = "是 yes" if one.heading.endswith("*") else ""
    grade = f"{field.grade} {_GRADES[field.grade]}"
    return [one.heading, field.name, _TYPES[field.type], field.unit or "", required, grade, values, field.source or ""]


def _offer(sheet: Any, lists: Any, columns: Sequence[Column]) -> None:
    """Offer the code lists in the cells, and check numbers and dates as they are typed."""
    from openpyxl.utils import get_column_letter

    for number, one in enumerate(columns, 1):
        field, letter = one.field, get_column_letter(number)
        if field is None:
            continue
        labels = [text.zh for text in field.values.values()] or (["是", "否"] if field.type == "boolean" else [])
        if labels:
            at = lists.max_column + 1 if lists.cell(1, 1).value else 1
            for row, text in enumerate((one.heading, *labels), 1):
                lists.cell(row, at, text)
            column = get_column_letter(at)
            rule: dict[str, Any] = {"type": "list", "formula1": f"'{LISTS}'!${column}$2:${column}${len(labels) + 1}"}
        elif field.type in ("integer", "number"):
            whole = field.type == "integer"
            rule = {
                "type": "whole" if whole else "decimal",
                "operator": "between",
                "formula1": "-1000000000",
                "formula2": "1000000000",
            }
        else:
            continue
        _add_rule(sheet, f"{letter}2:{letter}{ROWS + 1}", rule, one.heading)


def _add_rule(sheet: Any, cells: str, rule: Mapping[str, Any], heading: str) -> None:
    from openpyxl.worksheet.datavalidation import DataValidation

    check = DataValidation(
        **rule, allow_blank=True, showErrorMessage=True, errorTitle=heading[:31],
        error="请按说明填写。 Please fill in as the notes say.",
    )  # fmt: skip
    check.add(cells)
    sheet.add_data_validation(check)
