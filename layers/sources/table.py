"""Rows of readings as people keep them: Chinese or English headings, local times, numbers as text."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from functools import cache
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

from gis.errors import BadInput, LifangError
from layers.declaration_file import parse_yaml
from layers.names import folded, readings
from layers.sources.payload import Item

_NEEDED = ("device", "property", "value", "time")
_YES = frozenset({"是", "有", "开", "true", "yes", "y", "t", "1", "on"})
_NO = frozenset({"否", "无", "关", "false", "no", "n", "f", "0", "off"})
_LOCAL = re.compile(
    r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?[ T]*(\d{1,2})[:时点](\d{1,2})(?:[:分](\d{1,2})(?:\.(\d{1,9}))?秒?|分)?"
)
_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableReading:
    """How the rows of one file are read.

    Attributes:
        columns: What a cell means → its column, as :func:`columns_of` finds them.
        kind: Kind of a device's property (``number``, ``boolean`` …); ``None`` when nobody knows it.
        zone: Of times that do not name theirs; ``None``: such times are refused.
        source: Who sends the rows; with their numbers they are known again.
    """

    columns: Mapping[str, str]
    kind: Callable[[str, str], str | None]
    zone: tzinfo | None
    source: str


def columns_of(headings: Sequence[str]) -> dict[str, str]:
    """Return what is meant → the column.

    Raises:
        BadInput: ``reading.missing_column``, ``reading.ambiguous_column``.

    >>> columns_of(["设备编号", "监测项", "数值（Cel）", "采集时间", "备注"])
    {'device': '设备编号', 'property': '监测项', 'value': '数值（Cel）', 'time': '采集时间'}
    >>> columns_of(["设备编号", "device"])
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: reading.ambiguous_column: The columns 设备编号 and device all mean device. ...
    """
    found: dict[str, str] = {}
    for meant, names in _names().items():
        columns = [one for one in headings if not names.isdisjoint(readings(one))]
        if len(columns) > 1:
            raise BadInput(
                "reading.ambiguous_column",
                f"The columns {' and '.join(columns)} all mean {meant}.",
                "Leave one of them out.",
                field=meant,
            )
        if columns:
            found[meant] = columns[0]
    for meant in _NEEDED:
        if meant not in found:
            raise BadInput(
                "reading.missing_column",
                f"No column says the {meant}.",
                f"Head it with one of: {', '.join(sorted(_written()[meant]))}.",
                field=meant,
            )
    return found


@cache
def _written() -> Mapping[str, list[str]]:
    text = files("layers.sources").joinpath("reading_columns.yaml").read_text("utf-8")
    found: Mapping[str, list[str]] = parse_yaml(text, "layers/sources/reading_columns.yaml")
    return found


@cache
def _names() -> Mapping[str, frozenset[str]]:
    return {meant: frozenset(folded(name) for name in names) for meant, names in _written().items()}


def zone_of(text: str) -> tzinfo:
    """Return a time zone: an offset or a name.

    Raises:
        BadInput: ``reading.zone``.

    >>> str(zone_of("+08:00")), str(zone_of("Asia/Shanghai"))
    ('UTC+08:00', 'Asia/Shanghai')
    >>> zone_of("Beijing")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: reading.zone: 'Beijing' is no time zone. Say +08:00 or Asia/Shanghai.
    """
    offset = _OFFSET.fullmatch(text)
    try:
        if offset is None:
            return ZoneInfo(text)
        ahead = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
        return timezone(ahead if offset[1] == "+" else -ahead)
    except (ValueError, OSError, LookupError):
        raise BadInput(
            "reading.zone", f"{text!r:.60} is no time zone.", "Say +08:00 or Asia/Shanghai.", parameter="zone"
        ) from None


def decode_rows(
    rows: Iterable[tuple[int, Mapping[str, Any]]], how: TableReading
) -> Iterator[tuple[int, Item | LifangError]]:
    """Yield each row's line and its item, or why it is none.

    >>> columns = columns_of(["设备编号", "指标", "读数", "时间"])
    >>> how = TableReading(columns=columns, kind=lambda *_: "number", zone=zone_of("+08:00"), source="file:1")
    >>> row = {"设备编号": "R-1", "指标": "temperature", "读数": " ２１.5 ", "时间": "2026年11月21日 8:05"}
    >>> (line, item), = decode_rows([(2, row)], how)
    >>> item["result"], item["phenomenonTime"], item["source_seq"]
    (21.5, '2026-11-21T08:05:00+08:00', '2')
    >>> [error.code for _, error in decode_rows([(2, {**row, "读数": "about 20"}), (3, {**row, "时间": "noon"})], how)]
    ['reading.value', 'reading.time']
    """
    unit = _unit_of(how.columns["value"])
    for line, row in rows:
        cells = {meant: row.get(column) for meant, column in how.columns.items()}
        try:
            yield line, _item(line, cells, unit, how)
        except LifangError as error:
            yield line, error


def _item(line: int, cells: Mapping[str, Any], unit: str | None, how: TableReading) -> Item:
    device, name = (_text(cells, meant) for meant in ("device", "property"))
    given, made = cells.get("source_seq"), cells.get("result_time")
    return {
        "device": device,
        "property": name,
        "result": _value(cells.get("value"), how.kind(device, name)),
        "phenomenonTime": moment_of(cells.get("time"), how.zone),
        "resultTime": None if made in (None, "") else moment_of(made, how.zone),
        "unit": cells.get("unit") or unit,
        "source": str(cells.get("source") or how.source),
        "source_seq": str(line if given is None else given),
    }


def _text(cells: Mapping[str, Any], meant: str) -> str:
    cell = cells.get(meant)
    if cell is None or not str(cell).strip():
        raise BadInput("reading.empty", f"The {meant} is empty.", "Fill it in.", field=meant)
    return str(cell).strip()


def _unit_of(column: str) -> str | None:
    found = re.search(r"\(([^()]+)\)$", unicodedata.normalize("NFKC", column).strip())
    return found[1] if found else None


def _value(cell: Any, kind: str | None) -> Any:
    if cell is None or cell == "":
        raise BadInput("reading.empty", "The value is empty.", "Fill it in.", field="value")
    if kind in ("number", "count"):
        return _number(cell)
    if kind == "boolean":
        return _boolean(cell)
    return str(cell) if kind == "text" else cell


def _number(cell: Any) -> float | int:
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return cell
    plain = unicodedata.normalize("NFKC", str(cell)).strip()
    try:
        number = float(plain.replace(",", ""))
    except ValueError:
        raise BadInput("reading.value", f"{cell!r:.60} is no number.", "Write digits.", field="value") from None
    return int(number) if plain.lstrip("+-").isdigit() and abs(number) < 2**53 else number


def _boolean(cell: Any) -> bool:
    word = unicodedata.normalize("NFKC", str(cell)).strip().casefold()
    if word in _YES or word in _NO:
        return word in _YES
    raise BadInput("reading.value", f"{cell!r:.60} is neither yes nor no.", "Write 1 or 0.", field="value")


def moment_of(cell: Any, zone: tzinfo | None) -> str:
    """Return a time of day on a day, RFC 3339 with its zone.

    Args:
        cell: As a table writes it: ISO 8601, with slashes, or in Chinese.
        zone: Of times that name none; ``None`` refuses them.

    Raises:
        BadInput: ``reading.time``, ``reading.no_zone``.

    >>> moment_of("2026/1/2 3:04:05", zone_of("+08:00")), moment_of("2026-01-02T03:04:05Z", None)
    ('2026-01-02T03:04:05+08:00', '2026-01-02T03:04:05+00:00')
    >>> moment_of("2026-01-02 03:04", None)
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: reading.no_zone: '2026-01-02 03:04' names no time zone. Say which one the file means: ...
    >>> moment_of("2026-01-02", None)
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: reading.time: '2026-01-02' is no moment. Write day and time: 2026-11-21 08:00:00.
    """
    text = unicodedata.normalize("NFKC", "" if cell is None else str(cell)).strip()
    moment = _moment(text)
    if moment is None:
        raise BadInput(
            "reading.time", f"{text!r:.60} is no moment.", "Write day and time: 2026-11-21 08:00:00.", field="time"
        )
    if moment.tzinfo is None and zone is None:
        raise BadInput(
            "reading.no_zone",
            f"{text!r:.60} names no time zone.",
            "Say which one the file means: --zone +08:00, or zone=+08:00 over HTTP.",
            field="time",
        )
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)).isoformat()


def _moment(text: str) -> datetime | None:
    try:
        if len(text) > 10:
            return datetime.fromisoformat(text)
    except ValueError:
        pass  # not ISO 8601; the ways people write follow
    found = _LOCAL.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    try:
        return datetime(year, month, day, hour, minute, second, int((found[7] or "0").ljust(6, "0")[:6]))  # noqa: DTZ001 - its zone comes from the file's reader
    except ValueError:
        return None
