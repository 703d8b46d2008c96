"""From rows of a table back to what they were made of: records of a store with their origins, or lines of a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from matloop.core.errors import MatloopError
from matloop.data.dataset import Provenance
from matloop.data.store.address import Address, address
from matloop.data.store.source import content_hash
from matloop.data.store.store import Store, open_store
from matloop.data.store.values import Origin, Property, Record
from matloop.deploy.registry.registry import Registry


@dataclass(frozen=True, slots=True)
class FromRecord:
    """A record that a training row was made of. row : 1-based, of the table. key : in its dataset, "" where the table
    was no dataset. origin : of the record, or of the value that was learnt where that has one of its own."""

    row: int
    key: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Traced:
    """Records by row of the table, and in words what could not be followed."""

    records: dict[int, FromRecord]
    gaps: tuple[str, ...] = ()


def traced(registry: Registry, known: Provenance, rows: Iterable[int], targets: Iterable[str] = ()) -> Traced:
    """What rows of the table that `known` tells of were made of.

    Parameters
    ----------
    rows : 1-based. targets : columns that were learnt, whose own origins count where they have some.
    """
    wanted = sorted(set(rows))
    if not known.source.startswith("store:"):
        return Traced({row: FromRecord(row, "", _of_table(known, row)) for row in wanted})
    query = f"?{known.query}" if known.query else ""
    where = address(known.source.removeprefix("store:") + query, dataset=True)
    try:
        with _store(registry, where) as store:
            version = store.version(where.dataset, where.version)
            changed = content_hash(version, where.query) != known.sha256
            found = store.of_rows(where.dataset, wanted, where.query, version=where.version)
    except MatloopError as error:
        return Traced({}, (f"{known.source} cannot be looked at from here: {error}",))
    records = {row: FromRecord(row, record.key, _origin(record, targets)) for row, record in found.items()}
    gaps = [f"{known.source} is not what it was when the model was trained; the rows may be others"] if changed else []
    missing = [row for row in wanted if row not in records]
    if missing:
        gaps.append(f"{len(missing)} rows have no record in {known.source} any more, the first is row {missing[0]}")
    return Traced(records, tuple(gaps))


@contextmanager
def _store(registry: Registry, where: Address) -> Iterator[Store]:
    """The store of a dataset: often the one that the model is registered in."""
    if where.place == registry.place or ("://" not in where.place and _same_file(where.place, registry.place)):
        yield Store(registry.database)
        return
    with open_store(where.place, create=False) as other:
        yield other


def _same_file(one: str, other: str) -> bool:
    return "://" not in other and Path(one).exists() and Path(other).exists() and Path(one).samefile(other)


def _origin(record: Record, targets: Iterable[str]) -> Origin:
    """That of a value that was learnt, if it differs from that of its record."""
    wanted = set(targets)

    def named(one: Property) -> bool:
        return one.name in wanted or f"{one.name} ({one.method or 'no method'})" in wanted

    own = next((one.origin for one in record.properties if one.origin is not None and named(one)), None)
    return own or record.origin


def _of_table(known: Provenance, row: int) -> Origin:
    return Origin(
        provider=known.source, retrieved=known.retrieved, licence=known.licence, sha256=known.sha256,
        place=f"row {row}", citation=known.citation, doi=known.doi,
    )  # fmt: skip
