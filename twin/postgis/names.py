"""Other names of places in the PostGIS store."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg.rows import DictRow

from twin.names import NameKey
from twin.postgis.connection import Connection
from twin.postgis.rows import identifier_of
from twin.postgis.select import rows
from twin.store import Identifier

_SAID = (
    "unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[])"
    " AS said (community, scheme, value, place, source, valid_from, valid_to)"
)
_ADD = (
    "INSERT INTO identifier SELECT community, scheme, value, place, source, valid_from, valid_to, %s"  # noqa: S608
    f" FROM {_SAID} ON CONFLICT DO NOTHING"
)
# Each is looked up by its key, LIMIT 1: the planner does not know that few are asked for, and would read all names.
_KEEP = (
    "INSERT INTO identifier SELECT known.* FROM"  # noqa: S608
    f" {_SAID}, LATERAL (SELECT community, scheme, value, place, source, valid_from, valid_to, recorded_at, %s AS now"
    "  FROM identifier WHERE scheme = said.scheme AND value = said.value AND place = said.place"
    "  AND superseded_at IS NULL LIMIT 1) AS known WHERE known.recorded_at < known.now"
    " AND (known.source IS DISTINCT FROM said.source OR known.valid_to IS DISTINCT FROM said.valid_to"
    "  OR known.valid_from IS DISTINCT FROM coalesce(said.valid_from, known.valid_from))"
)
_RENEW = (
    "INSERT INTO identifier AS known SELECT community, scheme, value, place, source, valid_from, valid_to, %s"  # noqa: S608
    f" FROM {_SAID} ON CONFLICT (scheme, value, place) WHERE superseded_at IS NULL DO UPDATE"
    " SET source = excluded.source, valid_from = coalesce(excluded.valid_from, known.valid_from),"
    " valid_to = excluded.valid_to, recorded_at = excluded.recorded_at"
    " WHERE known.source IS DISTINCT FROM excluded.source OR known.valid_to IS DISTINCT FROM excluded.valid_to"
    " OR known.valid_from IS DISTINCT FROM coalesce(excluded.valid_from, known.valid_from)"
)
_ASKED = "unnest(%s::text[], %s::text[], %s::text[]) AS asked (of_scheme, of_value, of_place)"
_BELIEVED = "scheme = of_scheme AND value = of_value AND place = of_place AND superseded_at IS NULL"
_RETIRE = f"UPDATE identifier SET superseded_at = %s FROM {_ASKED} WHERE {_BELIEVED}"  # noqa: S608
_LAST = "\U0010ffff"


class PostgisNames:
    """The :class:`twin.names.Names` of one PostgreSQL connection.

    Args:
        connection: Inside a transaction.
        now: The moment it is recorded at.
    """

    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    def say(self, names: Sequence[Identifier]) -> None:
        """Record names, each once: said alike adds nothing, said otherwise supersedes what was believed."""
        given = _rows_of(names)
        # An import brings new names by the thousand: what was known of them is looked at only where some were.
        if given and self._execute(_ADD, self._now, *given) < len(names):
            self._execute(_KEEP, *given, self._now)
            self._execute(_RENEW, self._now, *given)

    def add(self, names: Sequence[Identifier]) -> None:
        """Believe names from now on, none of which is believed."""
        if names:
            self._execute(_ADD, self._now, *_rows_of(names))

    def _execute(self, sql: str, *values: Any) -> int:
        return self._connection.execute(sql.encode(), values).rowcount

    def believed(self, keys: Sequence[NameKey]) -> list[Identifier]:
        """Return those of these names that are believed, in no order."""
        sql = f"SELECT identifier.* FROM {_ASKED} JOIN identifier ON {_BELIEVED}"  # noqa: S608
        return [identifier_of(row) for row in rows(self._connection, sql, *_columns(keys))] if keys else []

    def retire(self, keys: Sequence[NameKey]) -> None:
        """Believe names until now and no longer; what this transaction itself recorded was never believed."""
        if keys:
            self._execute(_RETIRE, self._now, *_columns(keys))

    def left(self, moment: datetime) -> list[tuple[Identifier, bool]]:
        """Return the names that the transaction of this moment left as believed, and whether they still stand so."""
        return [(identifier_of(row), row["superseded_at"] is None) for row in self._of("recorded_at", moment)]

    def superseded(self, moment: datetime) -> list[Identifier]:
        """Return the names that were believed until this moment."""
        return [identifier_of(row) for row in self._of("superseded_at", moment)]

    def _of(self, clock: str, moment: datetime) -> list[DictRow]:
        sql = f"SELECT * FROM identifier WHERE {clock} = %s AND recorded_at IS DISTINCT FROM superseded_at"  # noqa: S608
        return rows(self._connection, sql, moment)


def _rows_of(names: Sequence[Identifier]) -> list[list[Any]]:
    return _columns(
        [(one.community, one.scheme, one.value, one.place, one.source, one.valid_from, one.valid_to) for one in names]
    )


def _columns(given: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*given, strict=True)]


def identifiers(connection: Connection, place: str, at: datetime | None, known_at: datetime | None) -> list[Identifier]:
    """Return all names a place has or had, or those it bore at a moment, by scheme and value."""
    known, values = _known(known_at)
    if at is not None:
        borne, moments = _borne(at)
        known, values = f"{known} AND {borne}", [*values, *moments]
    sql = f"SELECT * FROM identifier WHERE place = %s AND {known} ORDER BY scheme, value"  # noqa: S608
    return [identifier_of(row) for row in rows(connection, sql, place, *values)]


def lookup(
    connection: Connection, value: str, scheme: str | None, at: datetime | None, known_at: datetime | None
) -> list[str]:
    """Return the places that bear a name, in any scheme or in one; now or at a moment."""
    condition, values = _bears(at, known_at)
    sql = (
        "SELECT DISTINCT place FROM identifier"  # noqa: S608
        f" WHERE value = %s AND (%s::text IS NULL OR scheme = %s) AND {condition} ORDER BY place"
    )
    return [row["place"] for row in rows(connection, sql, value, scheme, scheme, *values)]


def bearers(
    connection: Connection, beginning: str, limit: int, *, at: datetime | None, known_at: datetime | None
) -> list[tuple[str, str]]:
    """Return identifiers that begin so, in order, with the keys of the places that bore them."""
    condition, values = _bears(at, known_at)
    sql = (
        f"SELECT DISTINCT value, place FROM identifier WHERE value >= %s AND value < %s AND {condition}"  # noqa: S608
        " ORDER BY value, place LIMIT %s"
    )
    return [(row["value"], row["place"]) for row in rows(connection, sql, beginning, beginning + _LAST, *values, limit)]


def _bears(at: datetime | None, known_at: datetime | None) -> tuple[str, list[datetime]]:
    """Return the condition that a name is borne, and the values bound in it."""
    (borne, moments), (known, values) = _borne(at), _known(known_at)
    return f"{borne} AND {known}", [*moments, *values]


def _borne(at: datetime | None) -> tuple[str, list[datetime]]:
    if at is None:
        return "valid_to IS NULL", []
    return "(valid_from IS NULL OR valid_from <= %s) AND (valid_to IS NULL OR valid_to > %s)", [at] * 2


def _known(known_at: datetime | None) -> tuple[str, list[datetime]]:
    if known_at is None:
        return "superseded_at IS NULL", []
    return "recorded_at <= %s AND (superseded_at IS NULL OR superseded_at > %s)", [known_at] * 2
