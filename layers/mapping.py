"""What an importer would make of a file's columns, shown before anything is imported."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gis.errors import BadInput
from layers.columns import Guess, Match, Sample
from layers.units import unit_of_heading
from layers.values import PLACE_READERS, cell_text, typed
from twin.declaration import FieldDeclaration, Layer

SAMPLE = 1000
"""Rows that are looked at; a file's beginning tells enough."""

_SHOWN = 3


def preview(guess: Guess, sample: Sample) -> dict[str, Any]:
    """Return, JSON only, each column of a file with what it is taken for and how its values would be read.

    Args:
        guess: What :func:`layers.columns.guess_columns` found.
        sample: The rows it was found with; at most ``SAMPLE`` are looked at.

    Returns:
        ``columns`` in the file's order, each with its target (``null`` when there is none), how it was understood,
        confidence, candidates where in doubt, share of rows filled, number of cells that cannot be read, and up to
        three different values with what they become or why they cannot; ``missing`` required fields; ``unmapped``
        and ``personal`` columns; ``ready``: whether the import would start.

    >>> from layers.catalogue import load_catalogue
    >>> from layers.columns import guess_columns
    >>> rows = [{"绿地编号": "G1", "面积(公顷)": "0.5", "类型": "公共绿地"}, {"绿地编号": "G2", "面积(公顷)": "?"}]
    >>> shown = preview(guess_columns(load_catalogue()["green"], list(rows[0]), None, rows), rows)
    >>> [(one["column"], one["target"], one["how"], one["unreadable"]) for one in shown["columns"]]
    [('绿地编号', 'green_no', 'title', 0), ('面积(公顷)', 'area_m2', 'title', 1), ('类型', 'green_class', 'alias', 0)]
    >>> shown["columns"][1]["values"]
    [{'written': '0.5', 'read': 5000.0}, {'written': '?', 'error': "'?' is not a number"}]
    >>> preview(guess_columns(load_catalogue()["green"], []), [])["ready"]
    False
    """
    rows = sample[:SAMPLE]
    columns = [_column(guess, name, [row.get(name) for row in rows]) for name in guess.headers]
    return {
        "layer": guess.layer.name,
        "rows": len(rows),
        "columns": columns,
        "missing": [_titled(guess.layer, one.name) for one in guess.missing],
        "unmapped": [name for name in guess.others if name not in guess.personal],
        "personal": list(guess.personal),
        "ready": not guess.missing and not guess.claims and not any(one["fault"] for one in columns),
    }


def preview_lines(shown: Mapping[str, Any]) -> list[str]:
    """Return a preview as lines for a terminal: column, target, why and how sure, values and what they become.

    >>> preview_lines({"columns": [], "missing": [{"field": "green_no", "title": {"zh": "绿地编号", "en": "No"}}]})
    ['! missing: 绿地编号 (green_no)']
    """
    missing = [f"! missing: {one['title']['zh']} ({one['field']})" for one in shown["missing"]]
    return [*(_line(one) for one in shown["columns"]), *missing]


def _line(shown: Mapping[str, Any]) -> str:
    values = ", ".join(
        f"{one['written']!r} → {one['read']!r}" if "read" in one else f"{one['written']!r} ✗" for one in shown["values"]
    )
    if shown["target"]:
        said = f"{shown['target']} {shown['title']['zh']}  [{shown['how']} {shown['confidence']:.0%}]"
    elif shown["personal"]:
        said = "— personal, not imported"
    else:
        said = "? " + " | ".join(shown["candidates"]) if shown["candidates"] else "— kept under its own name"
    return f"{shown['column']} → {said}" + (f"  {values}" if values else "")


def _column(guess: Guess, name: str, cells: Sequence[Any]) -> dict[str, Any]:
    match = next((one for one in guess.matches if one.column == name), None)
    unit, fault = _unit(guess.layer, match)
    read = _reader(guess.layer, match, unit)
    filled = [cell for cell in cells if cell is not None and cell != ""]
    distinct = list(dict.fromkeys(str(cell) for cell in filled))
    first = {str(cell): cell for cell in reversed(filled)}
    tried = {text: _tried(read, first[text]) for text in distinct}
    personal = name in guess.personal
    return {
        "column": name,
        "kind": match.kind if match else None,
        "target": match.target if match else None,
        "title": _titled(guess.layer, match.target)["title"] if match else None,
        "how": match.how if match else None,
        "confidence": match.confidence if match else 0.0,
        "candidates": _candidates(guess, name),
        "unit": unit,
        "fault": fault,
        "personal": personal,
        "filled": round(len(filled) / len(cells), 3) if cells else 0.0,
        "unreadable": sum("error" in tried[str(cell)] for cell in filled),
        "values": [] if personal or _is_masked(guess.layer, match) else _shown(tried),
    }


def _shown(tried: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a few values; one that cannot be read is always among them."""
    good = [one for one in tried.values() if "read" in one]
    bad = [one for one in tried.values() if "error" in one]
    return [*good[: _SHOWN - min(1, len(bad))], *bad][:_SHOWN]


def _tried(read: Callable[[Any], Any], cell: Any) -> dict[str, Any]:
    try:
        return {"written": cell, "read": read(cell)}
    except ValueError as error:
        return {"written": cell, "error": str(error)}


def _reader(layer: Layer, match: Match | None, unit: str | None) -> Callable[[Any], Any]:
    if match is None:
        return lambda cell: cell
    field = layer.field(match.target) if match.kind == "field" else None
    return PLACE_READERS.get(match.target, cell_text) if field is None else lambda cell: typed(field, cell, unit)


def _unit(layer: Layer, match: Match | None) -> tuple[str | None, str | None]:
    """Return the unit that a heading names, and what is wrong with it."""
    field = _field(layer, match)
    if field is None or match is None:
        return None, None
    try:
        return unit_of_heading(match.column, field), None
    except BadInput as error:
        return None, error.message


def _field(layer: Layer, match: Match | None) -> FieldDeclaration | None:
    return None if match is None or match.kind == "place" else layer.field(match.target)


def _is_masked(layer: Layer, match: Match | None) -> bool:
    field = _field(layer, match)
    return field is not None and field.grade in ("P2", "P3")


def _candidates(guess: Guess, name: str) -> list[str]:
    """Return what a column may be: by its cut name, by a claim that another column shares, or by likeness."""
    claimed = [target for target, columns in guess.claims.items() if name in columns]
    like = [one.target for one in guess.proposals if one.column == name]
    return [*guess.doubts.get(name, ()), *claimed, *like]


def _titled(layer: Layer, target: str) -> dict[str, Any]:
    field = layer.field(target)
    title = {"zh": _PLACE_TITLES.get(target, target), "en": target} if field is None else field.title.model_dump()
    return {"field": target, "title": title}


_PLACE_TITLES: Mapping[str, str] = {
    "code": "空间编码", "building_no": "楼栋编号", "unit": "单元", "storey": "楼层",
    "room": "房号", "height_m": "高程", "address": "地址",
}  # fmt: skip
