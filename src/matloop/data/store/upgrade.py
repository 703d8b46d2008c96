"""Bringing a store of an earlier release up to date, in one transaction; all datasets and versions stay."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from matloop.core.errors import DataError, RunError
from matloop.core.optional import require
from matloop.data.store import registered, schema
from matloop.data.store.connect import connect, layout
from matloop.data.store.guards import guarded

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy import Connection
else:
    sa = require("sqlalchemy", extra=schema.EXTRA)


def _models(connection: Connection) -> None:
    """Layout 1 to 2: registered models, which were not there before."""
    schema.metadata.create_all(connection, tables=list(registered.TABLES), checkfirst=True)
    guarded(connection)


STEPS: dict[int, Callable[[Connection], None]] = {1: _models}
"""Number of a layout -> what makes the next one of it."""


def upgrade(place: str | Path) -> str:
    """Bring the store at `place` up to the layout of this release; says what was done.

    Before a file of SQLite is changed, a copy of it is put beside it.

    Raises
    ------
    DataError : there is no store, or a later release made it. RunError : the disk is full, somebody is writing.
    """
    database = connect(place, create=False, current=False)
    try:
        old, release = layout(database)
        if old > schema.SCHEMA or any(number not in STEPS for number in range(old, schema.SCHEMA)):
            raise DataError(
                f"{database.place}: has layout {old}, made by matloop {release}, which this release cannot read."
            )
        if old == schema.SCHEMA:
            return f"{database.place}: is up to date (layout {old})."
        kept = f" The old one is kept as {_copied(database.place, old)}." if database.is_sqlite else ""

        def work() -> None:
            with database.writing() as connection:
                for number in range(old, schema.SCHEMA):
                    STEPS[number](connection)
                table = schema.about
                new = sa.update(table).where(table.c.name == "schema").values(value=str(schema.SCHEMA))
                connection.execute(new)

        database.repeated(work, again=False)
        return f"{database.place}: layout {old} is now layout {schema.SCHEMA}.{kept}"
    finally:
        database.engine.dispose()


def _copied(place: str, old: int) -> str:
    copy = Path(f"{place}.layout-{old}")
    if copy.exists():
        raise RunError(f"{copy}: is in the way; the copy of the store would be put there. Move or delete it.")
    database = connect(place, create=False, current=False)

    def work() -> None:
        with database.engine.connect() as connection:
            connection.connection.cursor().execute("VACUUM INTO ?", (str(copy),))

    database.repeated(work, again=False)
    database.engine.dispose()
    return str(copy)
