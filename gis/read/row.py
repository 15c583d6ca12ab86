"""The one shape every source is read into."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from shapely.geometry.base import BaseGeometry

from gis.errors import LifangError

OnWarning = Callable[[LifangError], None]
"""Called with each fault that does not stop the reading; the error is handed over, not raised."""


@dataclass(frozen=True, slots=True)
class Row:
    """One feature or table row.

    Attributes:
        number: Where to look: the feature's position from 1, or the line of a table as a spreadsheet counts it
            (the heading is line 1).
        geometry: CRS84 (longitude, latitude in degrees), valid, without Z; ``None`` when the source gave none.
        z: Height the source drew it at, metres above the source's own datum: of a point its height, of anything
            else its lowest vertex. ``None`` when there is no Z.
        properties: Column → value as the source wrote it: text, number, boolean, ISO 8601 text, JSON, or ``None``.
    """

    number: int
    geometry: BaseGeometry | None = None
    z: float | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unplaced:
    """What a reader gives: rows whose geometry is still in the source's frame, with Z, possibly invalid.

    Attributes:
        rows: In the source's order.
        crs: What the source says about its frame; ``None`` when it says nothing.
        north_first: The first number of a position points north, by what the source says; ``None`` when the
            reader has put east first already.
    """

    rows: list[Row]
    crs: str | None
    north_first: bool | None = None
