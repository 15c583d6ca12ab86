"""Indexes of the fields that layers declare as indexed: by value, then by cell of the map."""

from collections.abc import Iterable, Iterator

from twin.declaration import Layer
from twin.filter import indexed
from twin.postgis.cells import CELL
from twin.postgis.condition import value_of
from twin.postgis.connection import Connection

_OURS = "by "


def index_fields(connection: Connection, layers: Iterable[Layer]) -> None:
    """Make the indexes of declared fields that are missing, and drop those of fields no longer declared so.

    Only the versions now believed are in them: what was believed once is rarely filtered.

    Args:
        connection: Inside a transaction.
        layers: The declared layers.
    """
    wanted = dict(_wanted(layers))
    sql = "SELECT relname FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE indrelid = 'feature'::regclass"
    standing = {row["relname"] for row in connection.execute(sql)}
    for name in wanted.keys() - standing:
        connection.execute(wanted[name].encode())
    for name in standing - wanted.keys():
        if name.startswith(_OURS):
            connection.execute(f'DROP INDEX "{name}"'.encode())


def _wanted(layers: Iterable[Layer]) -> Iterator[tuple[str, str]]:
    """Yield name and statement of each index; both names are of letters, digits and underscores."""
    for layer, named in indexed(layers):
        name = f"{_OURS}cell {layer.name}.{named.name}"[:63]
        value = value_of(named, f"'{named.name}'")
        believed = f"layer = '{layer.name}' AND superseded_at IS NULL"
        yield name, f'CREATE INDEX "{name}" ON feature (({value}), {CELL}) WHERE {believed}'
