"""The text index of the embedded store."""

import sqlite3
from collections.abc import Sequence

from twin.embedded.rows import COLUMNS, feature_of
from twin.feature import Feature
from twin.search import Clause

_NOW = "superseded_at IS NULL AND valid_to IS NULL"
_MOST = 2000  # more than that match only words that tell nothing apart; comparing all of them would take long
_LAST = "\U0010ffff"


class SqliteIndex:
    """The :class:`twin.search.Index` of one SQLite connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def matching(self, clauses: Sequence[Clause], layers: Sequence[str], limit: int) -> list[Feature]:
        """Return current features of some layers that meet any of the clauses, those with the shortest name first."""
        rows = self._connection.execute(
            f"SELECT {COLUMNS} FROM feature"  # noqa: S608
            f" WHERE fid IN (SELECT rowid FROM feature_text WHERE feature_text MATCH ? LIMIT {_MOST})"
            f" AND +layer IN ({_marks(layers)}) AND {_NOW}"  # the plus: few match, a layer holds all there are
            " ORDER BY length(coalesce(name, id)), layer, id LIMIT ?",
            (expression(clauses, layers), *layers, limit),
        )
        return [feature_of(row) for row in rows]

    def named(self, beginning: str, layers: Sequence[str], limit: int) -> list[tuple[str, Feature]]:
        """Return identifiers that begin so, in order, with the current places of some layers that bear them."""
        rows = self._connection.execute(
            f"SELECT value, {COLUMNS} FROM"  # noqa: S608
            " (SELECT DISTINCT value, place AS bearer FROM identifier"
            f"  WHERE value >= ? AND value < ? AND {_NOW} ORDER BY value, place LIMIT ?)"
            " CROSS JOIN feature ON id = bearer"  # in this order: each of a few bearers is looked up
            f" WHERE layer IN ({_marks(layers)}) AND {_NOW} ORDER BY value, id",
            (beginning, beginning + _LAST, limit, *layers),
        )
        return [(row["value"], feature_of(row)) for row in rows]


def expression(clauses: Sequence[Clause], layers: Sequence[str]) -> str:
    """Return the FTS5 query of clauses in some layers.

    >>> expression([[["安", "和"], ["to*"]]], ["building"])
    'text : (("安" + "和" AND "to" *)) AND layer : ("building")'
    """
    either = " OR ".join(f"({' AND '.join(_phrase(phrase) for phrase in clause)})" for clause in clauses)
    names = " OR ".join(f'"{layer}"' for layer in layers)
    return f"text : ({either}) AND layer : ({names})"


def _phrase(tokens: Sequence[str]) -> str:
    quoted = " + ".join(f'"{token.removesuffix("*")}"' for token in tokens)
    return f"{quoted} *" if tokens[-1].endswith("*") else quoted


def _marks(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))
