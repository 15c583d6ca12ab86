"""Cells and shapes of every source in plain form: text, numbers, booleans, ISO 8601, JSON; geometry from WKB."""

import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import shapely

from gis.errors import BadInput
from gis.read.row import OnWarning, Row


def plain(value: Any) -> Any:
    """Return a cell as text, number, boolean, ISO 8601 text, JSON or ``None``.

    >>> plain(" 1幢 "), plain(""), plain(float("nan")), plain(Decimal("3")), plain(Decimal("3.5")), plain(b"raw")
    ('1幢', None, None, 3, 3.5, None)
    >>> plain(date(2024, 2, 29)), plain({"a": (1, date(2024, 1, 1))})
    ('2024-02-29', {'a': [1, '2024-01-01']})
    """
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, list | tuple) else _named(value)


def _named(value: Any) -> Any:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return (int(value) if value == value.to_integral_value() else float(value)) if value.is_finite() else None
    return str(value) if isinstance(value, UUID | timedelta) else None


def geometries_of(wkb: Sequence[bytes | None], file: str, on_warning: OnWarning) -> list[Any]:
    """Return the geometry of each well-known binary; a ring left open is closed and reported.

    What cannot be read at all is reported as ``gis.bad_geometry`` and becomes ``None``.
    """
    array = np.array([*wkb, None], dtype=object)[:-1]
    geometries = shapely.from_wkb(array, on_invalid="ignore")
    present = np.array([part is not None for part in array], dtype=bool)
    for index in np.flatnonzero(present & (geometries == np.array(None))).tolist():
        geometries[index] = _closed(array[index], index + 1, file, on_warning)
    return list(geometries)


def _closed(wkb: bytes, number: int, file: str, on_warning: OnWarning) -> Any:
    # GEOS refuses rings of two points or rings left open; closing them lets the repair decide.
    try:
        geometry = shapely.from_wkb(wkb, on_invalid="fix")
    except (shapely.errors.GEOSException, ValueError) as error:
        on_warning(
            BadInput(
                "gis.bad_geometry",
                f"Feature {number} of {file} has a shape that is not read here ({error}).",
                "Draw it as point, line or polygon.",
                file=file,
                row=number,
            )
        )
        return None
    if shapely.is_valid(geometry):  # else it is reported with what the repair makes of it
        on_warning(
            BadInput(
                "gis.repaired",
                f"Feature {number} of {file} has a ring left open; it was closed.",
                file=file,
                row=number,
            )
        )
    return geometry


def uniform(rows: Sequence[Row]) -> list[Row]:
    """Return the rows with the same columns everywhere, in the order in which they first occur.

    >>> [dict(row.properties) for row in uniform([Row(1, None, None, {"a": 1}), Row(2, None, None, {"b": 2})])]
    [{'a': 1, 'b': None}, {'a': None, 'b': 2}]
    """
    names = list(dict.fromkeys(name for row in rows for name in row.properties))
    return [Row(row.number, row.geometry, row.z, {name: row.properties.get(name) for name in names}) for row in rows]
