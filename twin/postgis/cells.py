"""Cells of longitude and latitude, so that one plain index serves a value and a box together.

An index by value and another by box, each with thousands of entries, have to be intersected. With the cell behind the
value in the same index, only those few entries are read that have the value and lie in a cell of the box.
"""

from math import floor

from twin.answer import bounds
from twin.filter import Compare, Condition, Every
from twin.query import Query

_SIDE_DEG = 0.003
"""Some 300 m: wider than most that has an indexed field, and a box of 2 km has 70 of them."""
_ROWS = 200_000  # more than there are cells from pole to pole
_MOST_CELLS = 120
_LARGE = -1
_MARGIN_DEG = 1e-7  # what a division may round away

CELL = (
    f"(CASE WHEN ST_XMax(geom) - ST_XMin(geom) > {_SIDE_DEG} OR ST_YMax(geom) - ST_YMin(geom) > {_SIDE_DEG}"
    f" THEN {_LARGE} ELSE floor((ST_XMin(geom) + ST_XMax(geom)) / {2 * _SIDE_DEG})::bigint * {_ROWS}"
    f" + floor((ST_YMin(geom) + ST_YMax(geom)) / {2 * _SIDE_DEG})::bigint END)"
)
"""The cell that the middle of a geometry's box lies in; another for all that is larger than a cell."""


def cells_of(query: Query) -> list[int] | None:
    """Return the cells of all that a query can find; ``None`` when it names no indexed value, or too many cells."""
    around = bounds(query)
    if around is None or query.known_at is not None or len(query.layers) != 1 or not _is_cut(query.where):
        return None
    west, south, east, north = around
    columns, rows = _numbers(west, east), _numbers(south, north)
    if len(columns) * len(rows) > _MOST_CELLS:
        return None
    return [_LARGE, *(column * _ROWS + row for column in columns for row in rows)]


def _numbers(low: float, high: float) -> range:
    """Return the rows or columns of cells where the middle lies of what is no larger than one and touches this.

    >>> _numbers(0.0031, 0.0032)
    range(0, 2)
    """
    reach = _SIDE_DEG / 2 + _MARGIN_DEG
    return range(floor((low - reach) / _SIDE_DEG), floor((high + reach) / _SIDE_DEG) + 1)


def _is_cut(condition: Condition | None) -> bool:
    """Tell whether all that meets a condition has one value of a field that has an index."""
    match condition:
        case Compare(named, "=", _):
            return named.indexed
        case Every(of):
            return any(_is_cut(part) for part in of)
    return False
