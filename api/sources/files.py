"""Files of readings into the twin: CSV, Excel and JSON Lines, row by row, the same file twice once."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from itertools import islice
from pathlib import Path
from typing import Any

from api.live import Live
from gis.errors import BadInput, LifangError
from gis.read.tables import read_csv, read_excel
from layers.device.types import DeviceType
from layers.sources.payload import Item, numbered, parse
from layers.sources.table import TableReading, columns_of, decode_rows

AT_ONCE = 2000
SHOWN = 1000
"""Rejected rows that a report names; more are counted."""

JSON_LINES = frozenset({".jsonl", ".ndjson"})
TABLES = frozenset({".csv", ".tsv", ".txt", ".xlsx"})
_Line = tuple[int, Item | LifangError]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOptions:
    """What a file does not say about itself.

    Attributes:
        zone: Of times that name none.
        source: Who sends it; ``None``: the file itself, by its content.
        encoding: Of a CSV file; ``None``: found out.
        sheet: Of a workbook with several.
    """

    zone: tzinfo | None = None
    source: str | None = None
    encoding: str | None = None
    sheet: str | None = None


@dataclass(slots=True)
class FileReport:
    """What became of a file's rows; ``rejected`` names the first :data:`SHOWN` by their line."""

    accepted: int = 0
    duplicates: int = 0
    unchanged: int = 0
    rejected_count: int = 0
    seq: int = 0
    rejected: list[Mapping[str, Any]] = field(default_factory=list)

    def reject(self, line: int, fault: Mapping[str, Any]) -> None:
        """Note a row that was not taken."""
        self.rejected_count += 1
        if len(self.rejected) < SHOWN:
            self.rejected.append({"line": line, **{name: said for name, said in fault.items() if name != "index"}})


def read_file(path: Path, live: Live, types: Mapping[str, DeviceType], options: FileOptions) -> Iterator[_Line]:
    """Yield each line of a file and its item, or why it is none; nothing is stored.

    Raises:
        BadInput: ``reading.format``, what :func:`layers.sources.table.columns_of` and the readers of tables raise.
    """
    kind = path.suffix.casefold()
    if kind in JSON_LINES:
        return _json_lines(path, options)
    if kind not in TABLES:
        raise BadInput(
            "reading.format",
            f"{path.name} is no file of readings.",
            f"Send one of {', '.join(sorted(JSON_LINES | TABLES))}.",
            file=path.name,
        )
    return _table(path, live, types, options)


def take(lines: Iterable[_Line], live: Live, progress: Callable[[int], None] = lambda _: None) -> FileReport:
    """Store lines as they come; each :data:`AT_ONCE` of them are durable before the next are read.

    Args:
        lines: Of :func:`read_file`.
        live: Takes them.
        progress: Called with the last line done.
    """
    report, rest = FileReport(), iter(lines)
    while part := list(islice(rest, AT_ONCE)):
        _take_part(part, live, report)
        progress(part[-1][0])
    return report


def _take_part(part: list[_Line], live: Live, report: FileReport) -> None:
    items: list[tuple[int, Item]] = []
    for line, one in part:
        if isinstance(one, LifangError):
            report.reject(line, {"code": one.code, "message": one.message, "cure": one.cure, **one.facts})
        else:
            items.append((line, one))
    receipt = live.ingest.observe([item for _, item in items]).result()
    report.accepted += receipt.accepted
    report.duplicates += receipt.duplicates
    report.unchanged += receipt.unchanged
    report.seq = max(report.seq, receipt.seq)
    for fault in receipt.rejected:
        report.reject(items[fault["index"]][0], fault)


def _table(path: Path, live: Live, types: Mapping[str, DeviceType], options: FileOptions) -> Iterator[_Line]:
    excel = path.suffix.casefold() == ".xlsx"
    table = read_excel(path, options.sheet, _skip) if excel else read_csv(path, options.encoding, _skip)
    headings = list(dict.fromkeys(name for row in table.rows for name in row.properties))
    devices = live.registry.devices()

    def kind(device: str, name: str) -> str | None:
        known = devices.get(device)
        return None if known is None else _kind(types[known.attributes["device_type"]], name)

    how = TableReading(columns=columns_of(headings), kind=kind, zone=options.zone, source=_source(path, options))
    return decode_rows(((row.number, row.properties) for row in table.rows), how)


def _kind(known: DeviceType, name: str) -> str | None:
    measure = known.measures.get(name)
    return measure.kind if measure is not None else "boolean" if name in known.alarms else None


def _skip(_: LifangError) -> None:
    """Pass over what a reader of maps says of a position: a reading is where its device stands."""


def _json_lines(path: Path, options: FileOptions) -> Iterator[_Line]:
    source = _source(path, options)
    with path.open("rb") as file:
        for line, text in enumerate(file, 1):
            if text.strip():
                yield line, _json_line(line, text, source)


def _json_line(line: int, text: bytes, source: str) -> Item | LifangError:
    try:
        value = parse(text)
    except BadInput as error:
        return error
    if not isinstance(value, dict):
        return BadInput(
            "observation.malformed", "An observation is a JSON object.", "Send {device, property, result, …}."
        )
    return numbered({"source": source, "source_seq": line, **value})


def _source(path: Path, options: FileOptions) -> str:
    if options.source is not None:
        return options.source
    with path.open("rb") as file:
        return f"file:{hashlib.file_digest(file, 'sha256').hexdigest()[:32]}"
