"""Tables of a PostGIS database, read-only, block by block through a cursor on the server."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from gis.errors import BadInput, Unavailable
from gis.read.row import OnWarning, Row, Unplaced
from gis.read.values import geometries_of, plain

if TYPE_CHECKING:
    import psycopg
    from psycopg.sql import Composed

_BLOCK_ROWS = 5_000
_CONNECT_S = 10
_STATEMENT_MS = 600_000

# Every column with shapes that this user may read, tables of the search path first.
_TABLES = """
SELECT f_table_schema, f_table_name, f_geometry_column, srid, f_table_schema = ANY (current_schemas(false))
FROM (SELECT f_table_schema, f_table_name, f_geometry_column, srid FROM geometry_columns
      UNION ALL
      SELECT f_table_schema, f_table_name, f_geography_column, srid FROM geography_columns) AS shapes
WHERE has_table_privilege(format('%I.%I', f_table_schema, f_table_name), 'SELECT')
ORDER BY 5 DESC, 1, 2, 3
"""
_FRAME = "SELECT auth_name || ':' || auth_srid, srtext FROM spatial_ref_sys WHERE srid = %s"


class _Table(NamedTuple):
    schema: str
    name: str
    column: str
    srid: int
    near: bool

    @property
    def title(self) -> str:
        return self.name if self.near else f"{self.schema}.{self.name}"


def read_table(url: str, name: str, layer: str | None, on_warning: OnWarning) -> Unplaced:
    """Read one table or view.

    Args:
        url: ``postgresql://USER@HOST/DATABASE``; the password also from PGPASSWORD or ~/.pgpass.
        name: The address without secrets, for messages.
        layer: ``table`` or ``schema.table``; not needed when there is only one.
        on_warning: Gets each fault of one row.

    Raises:
        Unavailable: ``gis.no_psycopg``, ``gis.source_unreachable``, ``gis.source_refused``.
        BadInput: ``gis.source_address``, ``gis.which_layer``, ``gis.unreadable``.
    """
    try:
        import psycopg
    except ImportError as error:
        raise Unavailable(
            "gis.no_psycopg",
            "Tables of PostGIS need the package psycopg, which is not installed.",
            "Install it: pip install 'lifang[postgis]'.",
        ) from error
    with _connected(url, name) as connection:
        try:
            table = _chosen(connection.execute(_TABLES).fetchall(), name, layer, on_warning)
            frame = _frame(connection, table)
            return Unplaced(_rows(connection, table, name, on_warning), frame)
        except psycopg.Error as error:
            words = str(error).strip().splitlines()[:1]
            raise BadInput(
                "gis.unreadable",
                f"PostgreSQL cannot read from {name}: {words[0] if words else type(error).__name__}.",
                "See that PostGIS is there and that the user may read the table.",
                file=name,
            ) from error


def _connected(url: str, name: str) -> "psycopg.Connection":
    import psycopg

    try:
        connection = psycopg.Connection.connect(
            url,
            connect_timeout=_CONNECT_S,
            application_name="lifang import",
            client_encoding="UTF8",
        )
    # The driver's words may hold pieces of the address, and so of the password: they are not repeated.
    except psycopg.ProgrammingError:
        raise BadInput(
            "gis.source_address",
            f"The address {name} cannot be read.",
            "Write it as postgresql://USER@HOST:PORT/DATABASE; write @ : / of a password as %40 %3A %2F.",
        ) from None
    except psycopg.OperationalError as error:
        if "password" in str(error) or "authentication" in str(error):
            raise Unavailable(
                "gis.source_refused", f"{name} did not accept user and password.", "Set PGPASSWORD or ~/.pgpass."
            ) from None
        raise Unavailable(
            "gis.source_unreachable",
            f"{name} does not answer, or has no such database.",
            "See that it runs and that host, port and database are right.",
        ) from None
    connection.read_only = True
    connection.execute(f"SET statement_timeout = {_STATEMENT_MS}")
    return connection


def _chosen(found: Sequence[tuple[Any, ...]], name: str, layer: str | None, on_warning: OnWarning) -> _Table:
    tables = [_Table(*one) for one in found]
    wanted = [table for table in tables if layer in (None, table.title, f"{table.schema}.{table.name}")]
    names = list(dict.fromkeys(table.title for table in wanted))
    if len(names) != 1:
        every = ", ".join(dict.fromkeys(table.title for table in tables)) or "(none with shapes)"
        raise BadInput(
            "gis.which_layer",
            f"{name} has the tables {every}.",
            "Name one of them with --table.",
            file=name,
            parameter="layer",
        )
    if len(wanted) > 1:
        on_warning(
            BadInput(
                "gis.several_shapes",
                f"{names[0]} has the shapes {', '.join(table.column for table in wanted)}; {wanted[0].column} is read.",
                file=name,
                field=wanted[0].column,
            )
        )
    return wanted[0]


def _frame(connection: "psycopg.Connection", table: _Table) -> str | None:
    from psycopg import sql

    srid = table.srid
    if not srid:
        asked = sql.SQL("SELECT ST_SRID({0}::geometry) FROM {1} WHERE {0} IS NOT NULL LIMIT 1").format(
            sql.Identifier(table.column), sql.Identifier(table.schema, table.name)
        )
        srid = (connection.execute(asked).fetchone() or (0,))[0]
    stated = connection.execute(_FRAME, (srid,)).fetchone()
    return None if stated is None else str(stated[0] or stated[1])


def _rows(connection: "psycopg.Connection", table: _Table, name: str, on_warning: OnWarning) -> list[Row]:
    rows: list[Row] = []
    with connection.cursor(name="lifang_import") as cursor:
        cursor.itersize = _BLOCK_ROWS
        cursor.execute(_question(table, _columns(connection, table)))
        while block := cursor.fetchmany(_BLOCK_ROWS):
            columns = [column.name for column in cursor.description or ()][:-1]
            shapes = geometries_of([line[-1] for line in block], name, on_warning)
            for line, shape in zip(block, shapes, strict=True):
                properties = {column: plain(value) for column, value in zip(columns, line[:-1], strict=True)}
                rows.append(Row(len(rows) + 1, shape, None, properties))
    return rows


def _columns(connection: "psycopg.Connection", table: _Table) -> list[str]:
    """Return the columns that hold no shape."""
    asked = """
        SELECT attname FROM pg_attribute
        WHERE attrelid = format('%%I.%%I', %s::text, %s::text)::regclass AND attnum > 0 AND NOT attisdropped
          AND format_type(atttypid, NULL) !~ '(geometry|geography|raster)$'
        ORDER BY attnum"""
    return [name for (name,) in connection.execute(asked, (table.schema, table.name))]


def _question(table: _Table, columns: Sequence[str]) -> "Composed":
    from psycopg import sql

    return sql.SQL("SELECT {} FROM {}").format(
        sql.SQL(", ").join(
            [
                *map(sql.Identifier, columns),
                # Arcs become lines of 32 pieces a quarter circle.
                sql.SQL("ST_AsBinary(ST_CurveToLine({}::geometry))").format(sql.Identifier(table.column)),
            ]
        ),
        sql.Identifier(table.schema, table.name),
    )
