"""The text index of the PostGIS store."""

from collections.abc import Sequence

from twin.feature import Feature
from twin.postgis.connection import Connection
from twin.postgis.rows import COLUMNS, feature_of
from twin.postgis.select import rows
from twin.search import Clause

_NOW = "superseded_at IS NULL AND valid_to IS NULL"
_LAST = "\U0010ffff"


class PostgisIndex:
    """The :class:`twin.search.Index` of one PostgreSQL connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def matching(self, clauses: Sequence[Clause], layers: Sequence[str], limit: int) -> list[Feature]:
        """Return current features of some layers that meet any of the clauses, those with the shortest name first."""
        sql = (
            f"SELECT {COLUMNS} FROM feature"  # noqa: S608
            f" WHERE words @@ %s::tsquery AND layer = ANY(%s) AND {_NOW}"
            " ORDER BY length(coalesce(name, id)), layer, id LIMIT %s"
        )
        return [feature_of(row) for row in rows(self._connection, sql, expression(clauses), list(layers), limit)]

    def named(self, beginning: str, layers: Sequence[str], limit: int) -> list[tuple[str, Feature]]:
        """Return identifiers that begin so, in order, with the current places of some layers that bear them."""
        sql = (
            f"SELECT value, {COLUMNS} FROM feature"  # noqa: S608
            " JOIN (SELECT DISTINCT value, place AS bearer FROM identifier"
            f"  WHERE value >= %s AND value < %s AND {_NOW} ORDER BY value, place LIMIT %s) AS name"
            f" ON id = bearer WHERE layer = ANY(%s) AND {_NOW} ORDER BY value, id"
        )
        found = rows(self._connection, sql, beginning, beginning + _LAST, limit, list(layers))
        return [(row["value"], feature_of(row)) for row in found]


def expression(clauses: Sequence[Clause]) -> str:
    """Return clauses in PostgreSQL's notation of a text-search query.

    >>> expression([[["安", "和"], ["to*"]], [["3"]]])
    "('安' <-> '和' & 'to':*) | ('3')"
    """
    return " | ".join(f"({' & '.join(' <-> '.join(map(_token, phrase)) for phrase in clause)})" for clause in clauses)


def _token(token: str) -> str:
    return f"'{token.removesuffix('*')}':*" if token.endswith("*") else f"'{token}'"
