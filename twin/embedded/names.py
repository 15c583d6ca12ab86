"""Other names of places in the embedded store."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from twin.embedded.rows import identifier_of, maybe_text, to_text
from twin.names import NameKey
from twin.store import Identifier
from twin.versions import dump

_ADD = "INSERT INTO identifier VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, NULL) ON CONFLICT DO NOTHING"
_SAID = (
    "json_each(?1) AS said CROSS JOIN identifier ON scheme = said.value ->> 1 AND identifier.value = said.value ->> 2"
    " AND place = said.value ->> 3 AND superseded_at IS NULL"
)
_OTHERWISE = (
    f"SELECT said.key FROM {_SAID} WHERE source IS NOT said.value ->> 4 OR valid_to IS NOT said.value ->> 6"  # noqa: S608
    " OR valid_from IS NOT coalesce(said.value ->> 5, valid_from)"
)
# Of all at once: to read a table while writing it costs SQLite a copy of what was read, each time.
_KEEP = (
    "INSERT INTO identifier SELECT community, scheme, identifier.value, place, source, valid_from, valid_to,"  # noqa: S608
    f" recorded_at, ?2 FROM {_SAID} WHERE recorded_at < ?2"
)
_RENEW = (
    "UPDATE identifier SET source = ?5, valid_from = coalesce(?6, valid_from), valid_to = ?7, recorded_at = ?8"
    " WHERE scheme = ?2 AND value = ?3 AND place = ?4 AND superseded_at IS NULL"
)
_BELIEVED = (
    "SELECT identifier.* FROM json_each(?) AS asked CROSS JOIN identifier ON scheme = asked.value ->> 0"
    " AND identifier.value = asked.value ->> 1 AND place = asked.value ->> 2 AND superseded_at IS NULL"
)
_RETIRE = (
    "UPDATE identifier SET superseded_at = ? WHERE scheme = ? AND value = ? AND place = ? AND superseded_at IS NULL"
)
_LAST = "\U0010ffff"


class SqliteNames:
    """The :class:`twin.names.Names` of one SQLite connection.

    Args:
        connection: Inside a transaction.
        now: The moment it is recorded at.
    """

    def __init__(self, connection: sqlite3.Connection, now: datetime) -> None:
        self._connection = connection
        self._now = to_text(now)

    def say(self, names: Sequence[Identifier]) -> None:
        """Record names, each once: said alike adds nothing, said otherwise supersedes what was believed."""
        given = list(map(self._row, names))
        # An import brings new names by the thousand: what was known of them is looked at only where some were.
        if given and self._connection.executemany(_ADD, given).rowcount < len(given):
            self._renew([given[at] for (at,) in self._connection.execute(_OTHERWISE, (dump(given),))])

    def _renew(self, otherwise: Sequence[tuple[str | None, ...]]) -> None:
        """Keep what was believed before this transaction of names, and believe what is said of them now."""
        self._connection.execute(_KEEP, (dump(otherwise), self._now))
        self._connection.executemany(_RENEW, otherwise)

    def add(self, names: Sequence[Identifier]) -> None:
        """Believe names from now on, none of which is believed."""
        self._connection.executemany(_ADD, map(self._row, names))

    def _row(self, one: Identifier) -> tuple[str | None, ...]:
        since, until = maybe_text(one.valid_from), maybe_text(one.valid_to)
        return one.community, one.scheme, one.value, one.place, one.source, since, until, self._now

    def believed(self, keys: Sequence[NameKey]) -> list[Identifier]:
        """Return those of these names that are believed, in no order."""
        return [identifier_of(row) for row in self._connection.execute(_BELIEVED, (dump(keys),))]

    def retire(self, keys: Sequence[NameKey]) -> None:
        """Believe names until now and no longer; what this transaction itself recorded was never believed."""
        self._connection.executemany(_RETIRE, ((self._now, *key) for key in keys))

    def left(self, moment: datetime) -> list[tuple[Identifier, bool]]:
        """Return the names that the transaction of this moment left as believed, and whether they still stand so."""
        return [(identifier_of(row), row["superseded_at"] is None) for row in self._of("recorded_at", moment)]

    def superseded(self, moment: datetime) -> list[Identifier]:
        """Return the names that were believed until this moment."""
        return [identifier_of(row) for row in self._of("superseded_at", moment)]

    def _of(self, clock: str, moment: datetime) -> sqlite3.Cursor:
        sql = f"SELECT * FROM identifier WHERE {clock} = ? AND recorded_at IS NOT superseded_at"  # noqa: S608
        return self._connection.execute(sql, (to_text(moment),))


def identifiers(
    connection: sqlite3.Connection, place: str, at: datetime | None, known_at: datetime | None
) -> list[Identifier]:
    """Return all names a place has or had, or those it bore at a moment, by scheme and value."""
    known, values = _known(known_at)
    if at is not None:
        borne, moments = _borne(at)
        known, values = f"{known} AND {borne}", [*values, *moments]
    sql = f"SELECT * FROM identifier WHERE place = ? AND {known} ORDER BY scheme, value"  # noqa: S608
    return [identifier_of(row) for row in connection.execute(sql, (place, *values))]


def lookup(
    connection: sqlite3.Connection, value: str, scheme: str | None, at: datetime | None, known_at: datetime | None
) -> list[str]:
    """Return the places that bear a name, in any scheme or in one; now or at a moment."""
    condition, values = _bears(at, known_at)
    sql = (
        f"SELECT DISTINCT place FROM identifier WHERE value = ? AND (? IS NULL OR scheme = ?) AND {condition}"  # noqa: S608
        " ORDER BY place"
    )
    return [row["place"] for row in connection.execute(sql, (value, scheme, scheme, *values))]


def bearers(
    connection: sqlite3.Connection, beginning: str, limit: int, *, at: datetime | None, known_at: datetime | None
) -> list[tuple[str, str]]:
    """Return identifiers that begin so, in order, with the keys of the places that bore them."""
    condition, values = _bears(at, known_at)
    sql = (
        f"SELECT DISTINCT value, place FROM identifier WHERE value >= ? AND value < ? AND {condition}"  # noqa: S608
        " ORDER BY value, place LIMIT ?"
    )
    return [tuple(row) for row in connection.execute(sql, (beginning, beginning + _LAST, *values, limit))]


def _bears(at: datetime | None, known_at: datetime | None) -> tuple[str, list[str]]:
    """Return the condition that a name is borne, and the values bound in it."""
    (borne, moments), (known, values) = _borne(at), _known(known_at)
    return f"{borne} AND {known}", [*moments, *values]


def _borne(at: datetime | None) -> tuple[str, list[str]]:
    if at is None:
        return "valid_to IS NULL", []
    return "(valid_from IS NULL OR valid_from <= ?) AND (valid_to IS NULL OR valid_to > ?)", [to_text(at)] * 2


def _known(known_at: datetime | None) -> tuple[str, list[str]]:
    if known_at is None:
        return "superseded_at IS NULL", []
    return "recorded_at <= ? AND (superseded_at IS NULL OR superseded_at > ?)", [to_text(known_at)] * 2
