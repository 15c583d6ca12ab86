"""Tables of official names: which code of which scheme is which place."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from gis.errors import BadInput, LifangError
from gis.read import Row, read_features
from twin.feature import Feature
from twin.spacecode import SpaceCode
from twin.store import Identifier, Store, Transaction

_CHINA = timezone(timedelta(hours=8))
"""A bare date in an official table is a day in China, which has one time zone."""

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "place": ("place", "空间编码", "建筑编号", "楼栋编号", "场所"),
    "scheme": ("scheme", "编码类别", "类别"),
    "value": ("value", "编码值", "编码", "值"),
    "valid_from": ("valid_from", "生效日期", "起始日期"),
    "valid_to": ("valid_to", "失效日期", "终止日期"),
}
_PATTERNS: Mapping[str, str] = {
    # Official codes stay opaque; a pattern only warns of a slip of the hand.
    "zhejiang_building": r"[0-9A-Z]{27}",
    "real_estate_unit": r"[0-9A-Z]{28}",
}


@dataclass(slots=True)
class Named:
    """How many names were taken in, and what was wrong with the others."""

    taken: int = 0
    problems: list[str] = field(default_factory=list)


def import_identifiers(store: Store, path: Path, encoding: str | None = None) -> Named:
    """Take in a CSV or Excel table with the columns place, scheme and value, and optionally valid_from and valid_to.

    ``place`` is a space code or any other name of a place. A row that cannot be used is reported; the rest goes on.

    Raises:
        BadInput: ``identifier.columns`` and what reading raises; nothing is stored then.
    """
    notices: list[LifangError] = []
    rows = read_features(path, encoding=encoding, on_warning=notices.append)
    columns = _columns(list(rows[0].properties) if rows else [], path.name)

    def work(transaction: Transaction) -> Named:
        named = Named(problems=[str(notice) for notice in notices])
        for row in rows:
            problem = _take(transaction, row, columns, path.name)
            named.taken += problem is None or problem.startswith("warning")
            named.problems += [f"row {row.number}: {problem}"] if problem else []
        return named

    return store.write(work).result()


def _columns(headers: Sequence[str], file: str) -> Mapping[str, str]:
    found = {
        role: header for role, names in _COLUMNS.items() for header in headers if header.strip().casefold() in names
    }
    missing = [role for role in ("place", "scheme", "value") if role not in found]
    if missing:
        names = "; ".join(f"{role}: {', '.join(_COLUMNS[role])}" for role in missing)
        raise BadInput(
            "identifier.columns", f"{file} lacks {', '.join(missing)}.", f"Name the columns {names}.", file=file
        )
    return found


def _take(transaction: Transaction, row: Row, columns: Mapping[str, str], source: str) -> str | None:
    """Record one row; return what is wrong with it, ``None`` when nothing is."""
    cells = {role: _text(row.properties.get(column)) for role, column in columns.items()}
    if not cells["place"] or not cells["scheme"] or not cells["value"]:
        return "place, scheme and value must all be given"
    place = _place(transaction, cells["place"])
    if place is None:
        return f"no place is called {cells['place']!r}"
    bearer = transaction.lookup(cells["scheme"], cells["value"])
    if bearer not in (None, place.id):
        return f"{cells['scheme']} {cells['value']} is the name of {bearer} already"
    try:
        since, until = (_date(cells.get(role)) for role in ("valid_from", "valid_to"))
    except ValueError as error:
        return str(error)
    transaction.identify(
        Identifier(
            community=place.community,
            place=place.id,
            scheme=cells["scheme"],
            value=cells["value"],
            source=source,
            valid_from=since,
            valid_to=until,
        )
    )
    pattern = _PATTERNS.get(cells["scheme"], ".*")
    return (
        None if re.fullmatch(pattern, cells["value"]) else f"warning: {cells['value']!r} does not look like {pattern}"
    )


def _place(transaction: Transaction, name: str) -> Feature | None:
    try:
        code = SpaceCode.parse(name)
    except BadInput:
        key = transaction.lookup("building_no", name)
        return None if key is None else transaction.current("building", key)
    return transaction.current(code.kind, code.key)


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _date(text: str | None) -> datetime | None:
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=_CHINA)
