"""Whether a store is whole: every version counted and hashed again, every reference followed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from matloop.core.optional import require
from matloop.data.store import schema
from matloop.data.store.rows import prepared
from matloop.data.store.search import P, R, in_version
from matloop.data.store.store import Store
from matloop.data.store.values import Version

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy import Connection
else:
    sa = require("sqlalchemy", extra=schema.EXTRA)

_MODULUS = 2**128
_BATCH = 1_000


def verify(store: Store) -> Iterator[str]:
    """What is wrong, a line each; nothing for a store that is whole.

    Looked at: that each version holds as many records as it says and has the fingerprint that it says; that each record
    of the latest version has the content that its hash says; that records and properties refer to what is there.

    Raises
    ------
    DataError : a record is so damaged that it cannot be read. RunError : the database cannot be reached.
    """
    with store.database.reading() as connection:
        yield from _references(connection)
        table = schema.datasets.c
        known = {row.name: row.id for row in connection.execute(sa.select(table.name, table.id))}
    for card in store.datasets():
        for version in store.history(card.name):
            with store.database.reading() as connection:
                yield from _version(connection, known[card.name], version)
        yield from _contents(store, card.name, known[card.name])


def _version(connection: Connection, dataset_id: int, version: Version) -> Iterator[str]:
    total = n = 0
    found = connection.execute(sa.select(R.content).where(in_version(dataset_id, version.number)))
    for content in found.scalars():
        total += int.from_bytes(content, "little")
        n += 1
    where = f'"{version.dataset}", version {version.number}'
    if n != version.n_records:
        yield f"{where}: holds {n} records, not {version.n_records}"
    elif f"{total % _MODULUS:032x}" != version.fingerprint:
        yield f"{where}: its records do not have the fingerprint {version.fingerprint}"


def _contents(store: Store, dataset: str, dataset_id: int) -> Iterator[str]:
    with store.database.reading() as connection:
        where = sa.and_(R.dataset_id == dataset_id, R.until == schema.FOREVER)
        stored = {row.key: row.content for row in connection.execute(sa.select(R.key, R.content).where(where))}
    batch = []
    for record in store.records(dataset):
        batch.append(record)
        if len(batch) == _BATCH:
            yield from _changed(batch, stored, dataset)
            batch = []
    yield from _changed(batch, stored, dataset)


def _changed(batch: list, stored: dict[str, bytes], dataset: str) -> Iterator[str]:
    for one in prepared(batch)[0]:
        if stored.get(one.record.key) != one.content:
            yield f'"{dataset}", record "{one.record.key}": what is stored is not what was once written'


def _references(connection: Connection) -> Iterator[str]:
    shared = (
        ("records", R.origin_id, schema.origins.c.id), ("records", R.structure, schema.structures.c.hash),
        ("records", R.dataset_id, schema.datasets.c.id), ("properties", P.record_id, R.id),
        ("properties", P.quantity_id, schema.quantities.c.id), ("properties", P.origin_id, schema.origins.c.id),
    )  # fmt: skip
    for table, column, target in shared:
        missing = sa.and_(column.is_not(None), sa.not_(sa.exists().where(target == column)))
        n = connection.execute(sa.select(sa.func.count()).select_from(column.table).where(missing)).scalar_one()
        if n:
            yield f"{n} {table} refer by {column.name} to what is not there"
