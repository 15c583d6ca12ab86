"""Indexes of the fields that layers declare as indexed."""

import sqlite3
from collections.abc import Iterable, Iterator

from twin.declaration import Layer
from twin.embedded.condition import value_of
from twin.filter import indexed

_OURS = "by "


def index_fields(connection: sqlite3.Connection, layers: Iterable[Layer]) -> None:
    """Make the indexes of declared fields that are missing or otherwise, and drop those no longer declared.

    Only the versions now believed are in them. Behind the value comes the id: things of one value come in the order
    of pages.

    Args:
        connection: Inside a transaction.
        layers: The declared layers.
    """
    wanted = dict(_wanted(layers))
    sql = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND name GLOB ?"
    standing = dict(connection.execute(sql, (f"{_OURS}*",)).fetchall())
    for name in standing.keys() - wanted.keys():
        connection.execute(f'DROP INDEX "{name}"')
    for name, statement in wanted.items():
        if standing.get(name) != statement:
            connection.execute(f'DROP INDEX IF EXISTS "{name}"')
            connection.execute(statement)


def _wanted(layers: Iterable[Layer]) -> Iterator[tuple[str, str]]:
    """Yield name and statement of each index; both names are of letters, digits and underscores."""
    for layer, named in indexed(layers):
        name = f"{_OURS}{layer.name}.{named.name}"
        believed = f"layer = '{layer.name}' AND superseded_at IS NULL"
        yield name, f'CREATE INDEX "{name}" ON feature (layer, {value_of(named)}, id) WHERE {believed}'
