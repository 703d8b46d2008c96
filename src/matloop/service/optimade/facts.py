"""What OPTIMADE asks of a structure and the tables of a store do not say: worked out once, kept beside them.

A structure never changes, so what is known of it holds for ever; the table can be dropped at any time.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from matloop.core.errors import MatloopError
from matloop.core.optional import require
from matloop.data.store import schema
from matloop.data.store.bulk import insert_missing
from matloop.data.store.connect import Database
from matloop.data.store.interchange import expanded, unpack_structure
from matloop.matter.structures_write import to_optimade

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy import ColumnElement, Connection
else:
    sa = require("sqlalchemy", extra=schema.EXTRA)

logger = logging.getLogger(__name__)
BATCH = 500
metadata = sa.MetaData()
_Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
table = sa.Table(
    "optimade_structures",
    metadata,
    sa.Column("hash", _Text, primary_key=True),
    sa.Column("dimensions", sa.SmallInteger, nullable=False),
    sa.Column("dimension_types", _Text, nullable=False),
    sa.Column("ratios", _Text, nullable=False),
    sa.Column("features", _Text, nullable=False),
    sa.Column("species", _Text, nullable=False),
    sa.Column("n_features", sa.SmallInteger, nullable=False),
    sa.Column("n_species", sa.Integer, nullable=False),
)
"""Lists are JSON texts; `species` are the different names at the sites."""
_COLUMNS = [column.name for column in table.columns]


def fill(database: Database, wanted: ColumnElement[bool]) -> int:
    """Work out what is missing for the structures of some records; returns how many there were.

    Raises
    ------
    MatloopError : the store cannot be written.
    """
    with database.engine.connect() as connection:
        there = sa.inspect(connection).has_table(table.name, schema=None if database.is_sqlite else "matloop")
        if there and not _missing(connection, wanted, 1, ""):
            return 0
    if not there:
        database.repeated(lambda: _made(database), again=True)
    done, last = 0, ""
    while True:
        with database.engine.connect() as connection:
            rows = _missing(connection, wanted, BATCH, last)
        if not rows:
            return done
        found = [_row(name, packed) for name, packed in rows]
        database.repeated(lambda found=found: _kept(database, found), again=True)  # type: ignore[misc]
        done, last = done + len(rows), rows[-1][0]
        logger.info("looked at %d structures", done)


def _made(database: Database) -> None:
    with database.writing() as connection:
        metadata.create_all(connection, checkfirst=True)


def _kept(database: Database, rows: Sequence[tuple[Any, ...]]) -> None:
    with database.writing() as connection:
        insert_missing(connection, table, _COLUMNS, rows)


def _missing(connection: Connection, wanted: ColumnElement[bool], most: int, after: str) -> Sequence[Any]:
    r, s = schema.records.c, schema.structures.c
    used = s.hash.in_(sa.select(r.structure).where(wanted))
    known = sa.exists().where(table.c.hash == s.hash)
    found = sa.select(s.hash, s.packed).where(used, ~known, s.hash > after).order_by(s.hash).limit(most)
    return connection.execute(found).all()


def _row(name: str, packed: bytes) -> tuple[Any, ...]:
    (record,) = to_optimade(unpack_structure(expanded(packed)))
    own = record["attributes"]
    species = list(dict.fromkeys(own["species_at_sites"]))
    return (
        name, own["nperiodic_dimensions"], json.dumps(own["dimension_types"]), json.dumps(own["elements_ratios"]),
        json.dumps(own["structure_features"]), json.dumps(species), len(own["structure_features"]), len(species),
    )  # fmt: skip


def usable(database: Database, wanted: ColumnElement[bool]) -> bool:
    """Fill what is missing; False where the store cannot be written, so that these things cannot be asked for."""
    try:
        fill(database, wanted)
    except (MatloopError, sa.exc.DBAPIError) as error:
        with database.engine.connect() as connection:
            there = sa.inspect(connection).has_table(table.name, schema=None if database.is_sqlite else "matloop")
        logger.warning("%s: what OPTIMADE asks of structures cannot be kept (%s)", database.place, error)
        return bool(there)
    return True
