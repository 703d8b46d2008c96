"""Records out of a store, page by page: a version never changes, so no transaction has to be held open meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matloop.core.errors import DataError
from matloop.core.optional import require
from matloop.data.store import schema
from matloop.data.store.connect import Database
from matloop.data.store.interchange import expanded, unpack_structure
from matloop.data.store.rows import value_of
from matloop.data.store.search import P, Plan, R, among, in_version
from matloop.data.store.values import DatasetCard, Difference, Origin, Property, Record, Version

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy import ColumnElement, Connection
else:
    sa = require("sqlalchemy", extra=schema.EXTRA)

PAGE = 1_000
"""Records that are read at once."""
_ORIGIN = ("provider", "url", "retrieved", "licence", "sha256", "citation", "doi", "note", "shareable")


@dataclass(frozen=True, slots=True)
class Part:
    """What is read of one version of a dataset."""

    dataset_id: int
    number: int
    plan: Plan

    @property
    def found(self) -> ColumnElement[bool]:
        return sa.and_(in_version(self.dataset_id, self.number), *self.plan.finds)

    @property
    def walked(self) -> ColumnElement[bool]:
        return sa.and_(in_version(self.dataset_id, self.number), *self.plan.checks)


# ---- which records ----


def pages(
    database: Database, part: Part, *, limit: int | None = None, after: int = 0
) -> Iterator[list[tuple[int, Record]]]:
    """Lists of (slot, record) in the order of slots, beginning behind slot `after`, `limit` records in all at most."""
    left = limit
    few = _few(database, part, after) if part.plan.few else None
    place = 0
    while left is None or left > 0:
        size = PAGE if left is None else min(PAGE, left)

        def read(size: int = size, after: int = after, place: int = place) -> list[tuple[int, Record]]:
            with database.engine.connect() as connection:
                if few is not None:
                    ids = few[place : place + size]
                else:
                    ids = _next(connection, part, after, size)
                return by_ids(connection, ids)

        found = database.repeated(read, again=True)
        if not found:
            return
        yield found
        after, place = found[-1][0], place + size
        left = None if left is None else left - len(found)


def _few(database: Database, part: Part, after: int) -> list[int]:
    """Ids of all matches in the order of slots."""

    def read() -> list[int]:
        with database.engine.connect() as connection:
            behind = (R.slot > after,) if after else ()
            found = connection.execute(sa.select(R.slot, R.id).where(part.found, *behind))
            return [number for _, number in sorted([(slot, number) for slot, number in found])]

    return database.repeated(read, again=True)


def _next(connection: Connection, part: Part, after: int, size: int) -> list[int]:
    found = sa.select(R.id).where(part.walked, R.slot > after).order_by(R.slot).limit(size)
    return list(connection.execute(found).scalars())


def ordered(connection: Connection, part: Part) -> list[int]:
    """Ids of all records, in their order."""
    return list(connection.execute(sa.select(R.id).where(part.found).order_by(R.slot)).scalars())


def count(connection: Connection, part: Part) -> int:
    """How many records."""
    return connection.execute(sa.select(sa.func.count()).select_from(schema.records).where(part.found)).scalar_one()


# ---- records from rows ----


def by_ids(connection: Connection, ids: Sequence[int]) -> list[tuple[int, Record]]:
    """(slot, record) for ids of rows, in this order."""
    if not ids:
        return []
    joined = schema.records.outerjoin(schema.structures, R.structure == schema.structures.c.hash)
    columns = (R.id, R.slot, R.key, R.formula, R.origin_id, R.origin_key, R.origin_place, R.metadata,
               schema.structures.c.packed)  # fmt: skip
    rows = connection.execute(sa.select(*columns).select_from(joined).where(among(connection, R.id, ids))).all()
    values = _values(connection, ids)
    wanted = {row[4] for row in rows} | {origin for some in values.values() for *_, origin, _, _ in some}
    origins = _origins(connection, wanted - {None})
    found = {}
    for number, slot, key, formula, origin, origin_key, origin_place, metadata, packed in rows:
        structure = None if packed is None else unpack_structure(expanded(packed))
        properties = tuple([_property(one, origins) for one in values.get(number, ())])
        where = Origin(id=origin_key, place=origin_place, **origins[origin])
        found[number] = slot, Record(key, formula, structure, properties, where, _object(metadata))
    return [found[one] for one in ids]


def _values(connection: Connection, ids: Sequence[int]) -> dict[int, list[Any]]:
    q = schema.quantities.c
    columns = (P.record_id, q.name, q.unit, q.method, P.kind, P.number, P.text, P.error, P.conditions, P.origin_id,
               P.origin_key, P.origin_place)  # fmt: skip
    joined = schema.properties.join(schema.quantities, P.quantity_id == q.id)
    found = sa.select(*columns).select_from(joined).where(among(connection, P.record_id, ids))
    values: dict[int, list[Any]] = {}
    for number, *row in connection.execute(found.order_by(P.record_id, P.place)):
        values.setdefault(number, []).append(row)
    return values


def _origins(connection: Connection, ids: set[int]) -> dict[int, dict[str, Any]]:
    t = schema.origins.c
    found = sa.select(t.id, *(t[name] for name in _ORIGIN)).where(among(connection, t.id, sorted(ids)))
    return {number: dict(zip(_ORIGIN, row, strict=True)) for number, *row in connection.execute(found)}


def _property(row: Sequence[Any], origins: Mapping[int, Mapping[str, Any]]) -> Property:
    name, unit, method, kind, number, text, error, conditions, origin_id, origin_key, origin_place = row
    origin = None
    if origin_id is not None:
        origin = Origin(id=origin_key, place=origin_place, **origins[origin_id])
    value = number if kind == "f" else value_of(kind, number, text)
    return Property(name, value, unit, error, method, _object(conditions), origin)


def _object(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        found = json.loads(text)
    except ValueError as error:
        raise DataError(f"a stored object is damaged ({error}). Restore the store from a copy.") from error
    return found if isinstance(found, dict) else {}


# ---- datasets and versions ----


def version_row(connection: Connection, dataset_id: int, dataset: str, number: int) -> Version:
    """One version."""
    t = schema.versions
    where = (t.c.dataset_id == dataset_id, t.c.number == number)
    return _version(connection.execute(sa.select(t).where(*where)).one(), dataset)


def all_versions(connection: Connection, dataset_id: int, dataset: str) -> tuple[Version, ...]:
    """All versions, the first one first."""
    t = schema.versions
    rows = connection.execute(sa.select(t).where(t.c.dataset_id == dataset_id).order_by(t.c.number))
    return tuple(_version(row, dataset) for row in rows)


def _version(row: Any, dataset: str) -> Version:
    fields = [name for name in Version.__slots__ if name != "dataset"]
    return Version(dataset=dataset, **{name: getattr(row, name) for name in fields})


def cards(connection: Connection) -> tuple[DatasetCard, ...]:
    """All datasets that have a version, by name."""
    t, v = schema.datasets, schema.versions
    joined = t.join(v, sa.and_(v.c.dataset_id == t.c.id, v.c.number == t.c.head))
    found = sa.select(t.c.name, t.c.title, t.c.about, t.c.licence, t.c.citation, t.c.created.label("made"), v)
    rows = connection.execute(found.select_from(joined).order_by(t.c.name))
    return tuple(
        DatasetCard(row.name, row.title, row.about, row.licence, row.citation, row.made, _version(row, row.name))
        for row in rows
    )


def difference(connection: Connection, dataset_id: int, dataset: str, old: int, new: int) -> Difference:
    """Keys that were added, changed or removed from version `old` to `new`; either may be the later one."""
    before, after = _differing(connection, dataset_id, old, new), _differing(connection, dataset_id, new, old)
    return Difference(
        dataset, old, new,
        added=tuple(key for key in after if key not in before),
        changed=tuple(key for key, content in after.items() if before.get(key, content) != content),
        removed=tuple(key for key in before if key not in after),
    )  # fmt: skip


def _differing(connection: Connection, dataset_id: int, number: int, other: int) -> dict[str, bytes]:
    """Key and content of the rows of one version that are not in the other."""
    outside = sa.or_(R.since > other, R.until <= other)
    found = sa.select(R.key, R.content).where(in_version(dataset_id, number), outside).order_by(R.slot)
    return {row.key: row.content for row in connection.execute(found)}


def sizes(connection: Connection) -> dict[str, Any]:
    """Kind of database, and its size in bytes."""
    if connection.dialect.name == "sqlite":
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        return {"kind": "SQLite", "bytes": pages * connection.exec_driver_sql("PRAGMA page_size").scalar_one()}
    whole = connection.exec_driver_sql(
        "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = 'matloop' AND c.relkind = 'r'"
    ).scalar_one()
    return {"kind": "PostgreSQL", "bytes": int(whole or 0)}
