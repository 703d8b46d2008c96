"""Many rows at once: the fastest way that each database has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from matloop.core.optional import require
from matloop.data.store import schema

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy import Connection
else:
    sa = require("sqlalchemy", extra=schema.EXTRA)


_KINDS = (
    (sa.Text, "text"), (sa.SmallInteger, "smallint"), (sa.BigInteger, "bigint"), (sa.Integer, "integer"),
    (sa.Boolean, "boolean"), (sa.LargeBinary, "bytea"),
)  # fmt: skip


def insert_all(connection: Connection, table: sa.Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows whose values stand in the order of the table's columns."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        places = ",".join("?" * len(table.columns))
        connection.exec_driver_sql(f"INSERT INTO {table.name} VALUES ({places})", list(rows))
        return
    names = ",".join(f'"{column.name}"' for column in table.columns)
    with _translated(connection), _cursor(connection).copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def insert_missing(
    connection: Connection, table: sa.Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert rows with values for `columns`; one that would break a unique constraint is there already and left out."""
    if not rows:
        return
    names = ",".join(f'"{name}"' for name in columns)
    if connection.dialect.name == "sqlite":
        places = ",".join("?" * len(columns))
        connection.exec_driver_sql(f"INSERT OR IGNORE INTO {table.name} ({names}) VALUES ({places})", list(rows))
        return
    kinds = [next(k for kind, k in _KINDS if isinstance(table.c[name].type, kind)) for name in columns]
    arrays = ",".join(f"%s::{kind}[]" for kind in kinds)
    statement = f"INSERT INTO {table.name} ({names}) SELECT * FROM unnest({arrays}) ON CONFLICT DO NOTHING"
    connection.exec_driver_sql(statement, tuple(list(column) for column in zip(*rows, strict=True)))


def _cursor(connection: Connection) -> Any:
    return connection.connection.cursor()


@contextmanager
def _translated(connection: Connection) -> Iterator[None]:
    """Errors of the driver in what is not said through SQLAlchemy, as those of SQLAlchemy."""
    driver = require("psycopg", extra=schema.EXTRA)
    try:
        yield
    except driver.Error as error:
        gone = bool(getattr(connection.connection.dbapi_connection, "closed", False))
        kind = sa.exc.OperationalError if isinstance(error, driver.OperationalError) else sa.exc.DatabaseError
        raise kind("COPY", None, error, connection_invalidated=gone) from error


def next_ids(connection: Connection, n: int) -> list[int]:
    """`n` ids for records, ascending, that nobody else uses. SQLite: the caller holds the lock for writing."""
    if connection.dialect.name == "sqlite":
        last = connection.execute(sa.select(sa.func.max(schema.records.c.id))).scalar() or 0
        return list(range(last + 1, last + 1 + n))
    found: list[int] = []
    while len(found) < n:
        start: int = connection.execute(sa.select(schema.blocks.next_value())).scalar_one()
        found.extend(range(start, start + min(schema.BLOCK, n - len(found))))
    return found


def closed(connection: Connection, ids: Sequence[int], version: int) -> None:
    """Let rows of records end before `version`."""
    if ids:
        table = schema.records
        where = table.c.id == sa.bindparam("number")
        statement = sa.update(table).where(where).values(until=sa.bindparam("version"))
        connection.execute(statement, [{"number": one, "version": version} for one in ids])


def stored_rows(connection: Connection) -> int:
    """About how many records a file holds, of all versions."""
    return connection.execute(sa.select(sa.func.max(schema.records.c.id))).scalar() or 0


def deferred(connection: Connection) -> None:
    """Drop the indices that only searches need."""
    for index in schema.SEARCH:
        index.drop(connection)
