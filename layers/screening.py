"""A planner's file without the columns that must not enter the twin."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from gis.errors import BadInput, LifangError
from gis.read import Row
from twin.unrelated import related_columns


def related_rows(rows: Sequence[Row], on_problem: Callable[[LifangError], None]) -> list[Row]:
    """Return the rows without columns on tax and police business (A 5.1.4c), telling which were left out.

    >>> rows = [Row(1, None, None, {"消火栓编号": "X1", "派出所": "翠苑", "tax_no": "913", "案件编号": None})]
    >>> [row.properties for row in related_rows(rows, print)]
    import.left_out: The columns tax_no (tax) were left out with 1 values. ...
    import.left_out: The columns 案件编号 (public_security) were left out with 0 values. ...
    [{'消火栓编号': 'X1', '派出所': '翠苑'}]
    >>> related_rows([], print)
    []
    """
    kept, left_out = related_columns([row.properties for row in rows])
    for one in left_out:
        on_problem(
            BadInput(
                "import.left_out",
                f"The columns {', '.join(one.names)} ({one.topic}) were left out with {one.count} values.",
                "A twin holds nothing of tax or police cases; nothing needs to be done.",
                field=one.names[0],
            )
        )
    if not left_out:
        return list(rows)
    return [replace(row, properties=properties) for row, properties in zip(rows, kept, strict=True)]
