"""What many records share: origins, quantities, structures and systems, stored once and found by content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from matloop.core.errors import DataError, all_faults
from matloop.core.optional import require
from matloop.data.store import schema
from matloop.data.store.bulk import insert_missing
from matloop.data.store.connect import Database
from matloop.data.store.interchange import compressed
from matloop.data.store.rows import Prepared, unstorable
from matloop.data.store.search import among, one_by_one
from matloop.data.store.values import Origin, Property

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy import Connection
else:
    sa = require("sqlalchemy", extra=schema.EXTRA)

MOST = 100_000
"""Entries that are remembered while writing; then all are forgotten and looked up again."""
FIELDS = ("provider", "url", "retrieved", "licence", "sha256", "citation", "doi", "note", "shareable")
OriginKey = tuple[Any, ...]


@dataclass(slots=True)
class Shared:
    """Ids of shared things, for one writer."""

    connection: Connection
    origins: dict[OriginKey, int] = field(default_factory=dict)
    quantities: dict[tuple[str, str, str], int] = field(default_factory=dict)
    systems: set[str] = field(default_factory=set)

    def origin(self, origin: Origin) -> int:
        return self.origins[_origin_key(origin)]

    def quantity(self, one: Property) -> int:
        return self.quantities[one.name, one.unit, one.method]

    def keep(self, batch: Sequence[Prepared]) -> None:
        """Store what the records of a batch share, as far as it is not there; then all their ids are known."""
        for known in (self.origins, self.quantities, self.systems):
            if len(known) > MOST:
                known.clear()
        own = (item.origin for one in batch for item in one.record.properties if item.origin is not None)
        self._keep_origins({_origin_key(o) for o in (*(one.record.origin for one in batch), *own)})
        self._keep_quantities({(p.name, p.unit, p.method) for one in batch for p in one.record.properties})
        self._keep_systems(batch)
        self._keep_structures({one.structure[0]: one for one in batch if one.structure})

    def _keep_origins(self, wanted: set[OriginKey]) -> None:
        hashes = {_hash(key): key for key in wanted if key not in self.origins}
        if not hashes:
            return
        faults = [why for key in hashes.values() for text in key[:-1] if (why := unstorable(text))]
        if faults:
            raise DataError(all_faults("these texts of origins cannot be stored:", faults))
        rows = [(h, *hashes[h]) for h in sorted(hashes)]
        insert_missing(self.connection, schema.origins, ("hash", *FIELDS), rows)
        t = schema.origins.c
        for row in self.connection.execute(one_by_one(self.connection, (t.id, t.hash), t.hash, list(hashes))):
            self.origins[hashes[row.hash]] = row.id

    def _keep_quantities(self, wanted: set[tuple[str, str, str]]) -> None:
        new = sorted(key for key in wanted if key not in self.quantities)
        if not new:
            return
        insert_missing(self.connection, schema.quantities, ("name", "unit", "method"), new)
        t = schema.quantities.c
        names = list(dict.fromkeys(name for name, _, _ in new))
        found = sa.select(t.id, t.name, t.unit, t.method).where(among(self.connection, t.name, names))
        for row in self.connection.execute(found):
            self.quantities[row.name, row.unit, row.method] = row.id

    def _keep_systems(self, batch: Sequence[Prepared]) -> None:
        new = {one.names.system: one.names.elements for one in batch if one.names.system not in self.systems}
        new.pop("", None)
        names = sorted(new)
        insert_missing(self.connection, schema.systems, ("name", "n_elements"), [(n, len(new[n])) for n in names])
        elements = sorted([(z, name, len(new[name])) for name in names for z in new[name]])
        insert_missing(self.connection, schema.system_elements, ("element", "system", "n_elements"), elements)
        self.systems.update(names)

    def _keep_structures(self, wanted: dict[str, Prepared]) -> None:
        if not wanted:
            return
        t = schema.structures.c
        there = one_by_one(self.connection, (t.hash,), t.hash, list(wanted))
        known = set(self.connection.execute(there).scalars())
        rows = [_structure_row(h, wanted[h]) for h in sorted(wanted) if h not in known]
        insert_missing(self.connection, schema.structures, ("hash", "n_sites", "packed"), rows)


def _structure_row(name: str, one: Prepared) -> tuple[str, int, bytes]:
    structure, packed = one.record.structure, one.structure
    n_sites = 0 if structure is None else len(structure.coordinates)
    return name, n_sites, compressed(packed[1] if packed else b"")


def _origin_key(origin: Origin) -> OriginKey:
    return (origin.provider, origin.url, origin.retrieved, origin.licence, origin.sha256, origin.citation, origin.doi,
            origin.note, origin.shareable)  # fmt: skip


def _hash(key: OriginKey) -> str:
    text = "\x1f".join(map(str, key))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


@contextmanager
def shared(database: Database, connection: Connection) -> Iterator[Shared]:
    """Shared things are written by the writer itself on SQLite; on PostgreSQL by a connection of their own that commits
    at once, so that two writers of different datasets do not wait for each other (what is left over by a writer that
    dies is harmless and used by the next one)."""
    if database.is_sqlite:
        yield Shared(connection)
        return
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as own:
        yield Shared(own)
