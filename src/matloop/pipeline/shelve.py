"""A table into a store: which column is the key, the matter, a property, a condition; every value with its origin."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from matloop.core import units
from matloop.core.errors import ConfigError, DataError
from matloop.core.files import sha256
from matloop.core.progress import SILENT, Progress
from matloop.data.collect import collect
from matloop.data.crystals import read_structure_column
from matloop.data.dataset import Provenance
from matloop.data.licensed import Licensed, whose
from matloop.data.measurements.files import attach, columns_in
from matloop.data.share.receive import Received, is_crate, receive
from matloop.data.sources import is_named
from matloop.data.store.address import address
from matloop.data.store.interchange import record_from_json
from matloop.data.store.store import Store, open_store
from matloop.data.store.values import Origin, Property, Record, Version
from matloop.data.store.write import Mode, now
from matloop.data.stream import Stream, stream, whole
from matloop.data.table import RawTable, no_column
from matloop.data.values import read_numbers
from matloop.matter.structures import Structures
from matloop.pipeline.columns import Facts, look
from matloop.problem.fault import did_you_mean
from matloop.problem.question import Source

ROWS = 50_000
"""Rows that are read at once."""
_SEEN = 2_000
_KEY = re.compile(r"^(id|key|ids|material[_ ]?id|mp[_-]?id|mbid|jid|entry[_ ]?id|identifier|uid|uuid)$", re.I)
_ERROR = re.compile(r"^(?P<name>.+?)[\s_.-]*(?:\(?)(?:err|error|std|stdev|sd|sigma|unc|uncertainty)\)?$", re.I)
_RECORD = {"key", "formula", "structure", "properties", "origin", "metadata"}


@dataclass(frozen=True, slots=True)
class Reading:
    """How a table is to be understood; what is empty is found out by looking at it.

    key, formula, structure : columns. units : {column: unit}. conditions : columns that say what the others hold for.
    metadata : columns that say how it was measured (operator, batch, sample), kept with the record and no properties.
    files : files of instruments, "spectra/{sample}.csv": path, size and hash are kept with the record.
    columns : those that become properties (all, by default). method : of the numbers. origin : `provider`, `licence`,
    `citation`, `shareable` of the rows.
    """

    key: str = ""
    formula: str = ""
    structure: str = ""
    units: Mapping[str, str] = field(default_factory=dict)
    conditions: tuple[str, ...] = ()
    metadata: tuple[str, ...] = ()
    files: str = ""
    columns: tuple[str, ...] = ()
    method: str = ""
    origin: Origin = field(default_factory=Origin)


@dataclass(frozen=True, slots=True)
class Shelved:
    """What was stored: the version, how columns were understood, and what could not be read."""

    place: str
    version: Version
    said: tuple[str, ...]

    def lines(self) -> list[str]:
        """For the screen."""
        v = self.version
        counts = f"{v.added:,} added, {v.changed:,} changed, {v.removed:,} removed, {v.n_records:,} in all"
        return [*self.said, f"{self.place}#{v.dataset}@{v.number}: {counts}"]


@dataclass(frozen=True, slots=True)
class _Roles:
    key: str
    formula: str
    structure: str
    conditions: tuple[str, ...]
    metadata: tuple[str, ...]
    numbers: Mapping[str, tuple[str, str]]
    errors: Mapping[str, str]
    texts: tuple[str, ...]
    file_columns: tuple[str, ...]

    @property
    def used(self) -> tuple[str, ...]:
        some = (self.key, self.formula, self.structure, *self.conditions, *self.metadata, *self.numbers, *self.errors,
                *self.texts, *self.file_columns)  # fmt: skip
        return tuple(dict.fromkeys(name for name in some if name))


@dataclass(slots=True)
class _Account:
    """What is noticed while the rows go by."""

    rows: int = 0
    unread: dict[str, int] = field(default_factory=dict)
    first: dict[str, str] = field(default_factory=dict)
    no_file: list[str] = field(default_factory=list)
    private: dict[str, int] = field(default_factory=dict)

    def note(self, column: str, row: int, why: str) -> None:
        self.unread[column] = self.unread.get(column, 0) + 1
        self.first.setdefault(column, f"row {row}: {why}")

    def lines(self) -> list[str]:
        said = [f"{n:,} records come from {owner}: marked as not to be shared" for owner, n in self.private.items()]
        if self.no_file:
            said = [*said, f"files that are not there: {len(self.no_file):,} ({', '.join(self.no_file[:5])})"]
        return said + [f'column "{name}": {n:,} values could not be read and are kept as text ({self.first[name]})'
                       for name, n in self.unread.items()]  # fmt: skip


def reading(
    *, columns: str = "", unit: Sequence[str] = (), condition: Sequence[str] = (),
    metadata: Sequence[str] = (), files: str = "", provider: str = "",
    licence: str = "", citation: str = "", doi: str = "", shareable: bool = True, **plain: str,
) -> Reading:  # fmt: skip
    """A `Reading` from what stands on a command line.

    Raises
    ------
    ConfigError : a unit is not given as COLUMN=UNIT.
    """
    units_of = {}
    for entry in unit:
        column, equals, name = entry.rpartition("=")
        if not equals:
            raise ConfigError(f"--unit {entry!r}: write COLUMN=UNIT, such as band_gap=eV")
        units_of[column.strip()] = name.strip()
    kept = tuple(name.strip() for name in columns.split(",") if name.strip())
    origin = Origin(provider, licence=licence, citation=citation, doi=doi, shareable=shareable)
    return Reading(
        units=units_of, conditions=tuple(condition), metadata=tuple(metadata), files=files, columns=kept, origin=origin,
        **plain,
    )  # fmt: skip


def add_table(
    table: str, to: str, how: Reading | None = None, *, mode: Mode = "add", base: int | None = None,
    message: str = "", author: str = "", progress: Progress = SILENT,
) -> Shelved:  # fmt: skip
    """Store a table of any length, records as JSON lines, a shared folder, or a dataset of another store as a version.

    Parameters
    ----------
    table : path, carried data set, folder of `matloop data export`, or "store:STORE#DATASET@VERSION".
    to : "STORE#DATASET". mode, base : see `matloop.data.store.store.Store.add`.

    Raises
    ------
    ConfigError, DataError, RunError, VersionConflict : nothing was stored; the message says why.
    """
    where = address(to, dataset=True)
    if mode not in get_args(Mode):
        raise ConfigError(f"--mode {mode}: {did_you_mean(mode, get_args(Mode), otherwise='There are')}")
    if where.version or not where.query.everything:
        raise ConfigError(f"{to}: a new version is made by what is stored. Write {where.place}#{where.dataset}")
    account = _Account()
    folder = Path(table).expanduser()
    said: tuple[str, ...]
    shared = receive(folder) if is_crate(folder) else None
    with open_store(where.place) as store:
        if shared is not None:
            records, said = shared.records(), (f"{shared.n_files:,} files are as they were shared",)
        else:
            records, said = _records(table, how or Reading(), account, progress)
        version = store.add(
            where.dataset, records, mode=mode, base=base, message=message or f"from {table}", author=author
        )
        if shared is not None:
            _describe(store, where.dataset, shared)
    return Shelved(store.place, version, (*said, *account.lines()))


def _describe(store: Store, dataset: str, shared: Received) -> None:
    """What a shared folder says of itself, as far as the dataset says nothing yet."""
    card = store.card(dataset)
    names = ("title", "about", "licence", "citation")
    new = {name: shared.facts[name] for name in names if shared.facts.get(name) and not getattr(card, name)}
    if new:
        store.describe(dataset, **new)


def _records(
    table: str, reading: Reading, account: _Account, progress: Progress
) -> tuple[Iterator[Record], tuple[str, ...]]:
    if table.startswith("store:"):
        return _copied(table), ("records are copied with their origins",)
    source = Source(table)
    rows, known, reading = _opened(table, source, reading)
    if {"key"} <= set(rows.names) <= _RECORD:
        return _written(rows, table), ("the lines are records",)
    roles = _roles(rows, reading)
    return _read(rows, roles, reading, known, account, progress), tuple(_told(roles))


def _opened(table: str, source: Source, reading: Reading) -> tuple[Stream, Provenance, Reading]:
    """The rows, where they come from, and how to read them: a published set says the units of its columns."""
    if table.startswith("sql:") and is_named(table):  # may be longer than the memory; a hash would need all rows
        rows = stream(source)
        asked = table.partition("#")[2]
        return rows, Provenance(rows.source, "", -1, len(rows.names), retrieved=now(), query=asked), reading
    if is_named(table):
        raw = collect(source)
        stated = {name: card.unit for name, card in raw.describe.items() if card.unit}
        return whole(raw), raw.provenance, replace(reading, units={**stated, **reading.units})
    return stream(source), _provenance(table), reading


def _provenance(table: str) -> Provenance:
    path = Path(table).expanduser()
    return Provenance(str(path), sha256(path) if path.is_file() else "", 0, 0, retrieved=now())


def _copied(table: str) -> Iterator[Record]:
    where = address(table.removeprefix("store:"), dataset=True)
    with open_store(where.place, create=False) as store:
        yield from store.records(where.dataset, where.query, version=where.version)


def _written(rows: Stream, table: str) -> Iterator[Record]:
    number = 0
    for chunk in rows.chunks(rows.names, 1_000):
        for values in zip(*chunk.values(), strict=True):
            number += 1
            entry = dict(zip(chunk, values, strict=True))
            try:
                yield record_from_json({k: _parsed(k, v) for k, v in entry.items() if v is not None})
            except (DataError, ValueError) as error:
                raise DataError(f"{table}, record {number}: {error}") from error


def _parsed(name: str, value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) and name not in ("key", "formula") else value


# ---- what the columns are ----


def _roles(rows: Stream, reading: Reading) -> _Roles:
    facts = {fact.name: fact for fact in look(_head(rows))}
    in_pattern = columns_in(reading.files)
    for name in (reading.key, reading.formula, reading.structure, *reading.units, *reading.conditions,
                 *reading.metadata, *in_pattern, *reading.columns):  # fmt: skip
        if name and name not in facts:
            raise DataError(f"{rows.source}: {no_column(name, rows.names)}")
    for unit in reading.units.values():
        if not units.known(unit):
            raise ConfigError(f"{unit!r} is not a known unit. Write it like 'eV', 'W/(m*K)' or 'degC'.")
    key = reading.key or next((name for name in facts if _KEY.fullmatch(name.strip())), "")
    formula = reading.formula or _of_kind(facts, "composition", key)
    structure = reading.structure or _of_kind(facts, "structure", key)
    taken = {key, formula, structure, *reading.conditions, *reading.metadata}
    chosen = [name for name in (reading.columns or facts) if name not in taken and facts[name].kind != "empty"]
    numbers = {
        name: _named(facts[name], reading) for name in chosen if name in reading.units or _is_number(facts[name])
    }
    errors = {name: of for name in numbers if (of := _error_of(name, numbers))}
    plain = {name: entry for name, entry in numbers.items() if name not in errors}
    texts = tuple(name for name in chosen if name not in numbers)
    return _Roles(
        key, formula, structure, reading.conditions, reading.metadata, plain, errors, texts, tuple(in_pattern)
    )


def _head(rows: Stream) -> RawTable:
    first = next(iter(rows.chunks(rows.names, _SEEN)), None)
    if first is None:
        raise DataError(f"{rows.source}: there is no row of data. Choose a table with rows.")
    columns = {name: _array(values) for name, values in first.items()}
    n_rows = len(next(iter(columns.values())))
    return RawTable(columns, Provenance(rows.source, rows.hash, n_rows, len(columns)), folder=rows.folder)


def _array(values: Sequence[Any]) -> NDArray:
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def _of_kind(facts: Mapping[str, Facts], kind: str, key: str) -> str:
    return next((name for name, fact in facts.items() if fact.kind == kind and name != key), "")


def _is_number(fact: Facts) -> bool:
    if fact.kind == "number":
        return True
    there = fact.texts != ""
    return fact.kind in ("constant", "id") and bool(there.any()) and bool(np.isfinite(fact.numbers[there]).all())


def _named(fact: Facts, reading: Reading) -> tuple[str, str]:
    return (fact.short or fact.name, reading.units.get(fact.name, fact.unit))


def _error_of(name: str, numbers: Mapping[str, tuple[str, str]]) -> str:
    """The column whose standard deviation a column holds by its name, "" for none."""
    found = _ERROR.fullmatch(name)
    if found is None:
        return ""
    return next((other for other in numbers if other != name and numbers[other][0] == found["name"]), "")


def _told(roles: _Roles) -> list[str]:
    said = [f'key: column "{roles.key}"' if roles.key else "key: the number of the row (name a column with --key)"]
    said += [
        f'{what}: column "{name}"'
        for what, name in (("formula", roles.formula), ("structure", roles.structure))
        if name
    ]
    shown = [f"{name} ({unit or 'no unit'})" for name, unit in roles.numbers.values()]
    if shown:
        said.append(f"numbers: {', '.join(shown[:20])}{' ...' if len(shown) > 20 else ''}")
    if roles.errors:
        said.append("errors: " + ", ".join(f'"{name}" of "{of}"' for name, of in roles.errors.items()))
    if roles.texts:
        said.append(f"texts: {', '.join(roles.texts[:20])}")
    if roles.metadata:
        said.append(f"kept with the record: {', '.join(roles.metadata)}")
    return said


# ---- records ----


def _read(
    rows: Stream, roles: _Roles, reading: Reading, known: Provenance, account: _Account, progress: Progress
) -> Iterator[Record]:
    given = reading.origin
    citation, doi = given.citation or known.citation, given.doi or known.doi
    licence, retrieved = given.licence or known.licence, known.retrieved or now()
    provider = given.provider or ("file" if known.n_rows == 0 else known.source)
    for chunk in rows.chunks(roles.used or rows.names, ROWS):
        n = len(next(iter(chunk.values())))
        columns = {name: _array(values) for name, values in chunk.items()}
        structures = _structures(columns, roles, rows, account)
        values = _values(columns, roles, reading.method, account)
        attached = _files(columns, reading, rows, account)
        for i in range(n):
            number = account.rows + i + 1
            key = _text(columns[roles.key][i]) if roles.key else f"row {number}"
            if not key:
                raise DataError(f'{rows.source}, row {number}: the key (column "{roles.key}") is empty.')
            conditions = {name: _setting(columns[name][i]) for name in roles.conditions if _text(columns[name][i])}
            origin = Origin(provider, key if roles.key else "", known.source, retrieved, licence, known.sha256,
                            f"row {number}", citation, doi, given.note, given.shareable)  # fmt: skip
            structure, why, owner = structures[i] if structures else (None, "", None)
            if owner is not None:
                account.private[whose(owner)] = account.private.get(whose(owner), 0) + 1
                origin = replace(
                    origin, provider=owner.provider, id=owner.code or origin.id, licence=owner.licence, shareable=False
                )
            yield Record(
                key, _text(columns[roles.formula][i]) if roles.formula else "", structure,
                tuple([_with(one, conditions) for one in values(i)]), origin,
                {**_metadata(columns, roles, i), **attached.get(i, {}), **({"structure": why} if why else {})},
            )  # fmt: skip
        account.rows += n
        progress.tell(f"{account.rows:,} rows", rows.done)


def _metadata(columns: Mapping[str, NDArray], roles: _Roles, i: int) -> dict[str, Any]:
    return {name: _setting(columns[name][i]) for name in roles.metadata if _text(columns[name][i])}


def _files(
    columns: Mapping[str, NDArray], reading: Reading, rows: Stream, account: _Account
) -> dict[int, dict[str, Any]]:
    """{row of the chunk: its file}, with the path from the folder of the table."""
    if not reading.files:
        return {}
    n = len(next(iter(columns.values())))
    raw = RawTable(columns, Provenance(rows.source, rows.hash, n, len(columns)), folder=rows.folder)
    found = attach(raw, reading.files)
    for row, path in found.missing:
        account.no_file.append(f"row {account.rows + row}: {path}")
    return {row - 1: {"file": one.path, "file size": one.size, "file sha256": one.sha256}
            for one in found.files for row in one.rows}  # fmt: skip


def _with(one: Property, conditions: Mapping[str, Any]) -> Property:
    if not conditions:
        return one
    return Property(one.name, one.value, one.unit, one.error, one.method, {**conditions, **one.conditions})


def _values(columns: Mapping[str, NDArray], roles: _Roles, method: str, account: _Account) -> Any:
    """A function that gives the properties of a row of the chunk."""
    spread = {of: read_numbers(columns[name], name=name).values.tolist() for name, of in roles.errors.items()}
    parts = [_numbers(column, columns[column], *named, method, spread.get(column), account)
             for column, named in roles.numbers.items()]  # fmt: skip
    texts = [(name, columns[name].tolist()) for name in roles.texts]

    def of_row(i: int) -> list[Property]:
        found = [one for part in parts if (one := part[i]) is not None]
        for name, cells in texts:
            value = cells[i] if isinstance(cells[i], bool | int | float) else _text(cells[i])
            if value != "" and value == value:
                found.append(Property(name, value))
        return found

    return of_row


def _numbers(
    column: str, cells: NDArray, name: str, unit: str, method: str, errors: Sequence[float] | None, account: _Account
) -> list[Property | None]:
    read = read_numbers(cells, unit=unit, name=column)
    values, own = read.values.tolist(), read.errors
    known = own.tolist() if errors is None else np.where(np.isnan(errors), own, errors).tolist()
    found: list[Property | None] = [
        None if value != value else Property(name, value, unit or read.unit, error if error == error else None, method)
        for value, error in zip(values, known, strict=True)
    ]
    for row in np.flatnonzero(read.censored).tolist():
        limit = "the true value is above" if read.censored[row] > 0 else "the true value is below"
        found[row] = Property(name, values[row], unit or read.unit, None, method, {"limit": limit})
    for row, why in read.faults.items():
        account.note(column, account.rows + row + 1, why)
        found[row] = Property(name, _text(cells[row]), "")
    return found


def _structures(
    columns: Mapping[str, NDArray], roles: _Roles, rows: Stream, account: _Account
) -> list[tuple[Structures | None, str, Licensed | None]]:
    """Structure, why there is none, and the licensed database that it comes from, of each row."""
    if not roles.structure:
        return []
    column = columns[roles.structure]
    raw = RawTable({roles.structure: column}, Provenance(rows.source, rows.hash, len(column), 1), folder=rows.folder)
    read = read_structure_column(raw, roles.structure)
    found: list[tuple[Structures | None, str, Licensed | None]] = []
    for i in range(len(column)):
        why = read.unreadable.get(i)
        if why is None:
            found.append((read.batch.take(np.array([i])), "", read.licensed.get(i)))
            continue
        if _text(column[i]):
            account.note(roles.structure, account.rows + i + 1, why.reason)
        said = f"could not be read: {why.reason}" if _text(column[i]) else ""
        found.append((None, said, read.licensed.get(i)))
    return found


def _text(value: object) -> str:
    if value is None or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value).strip()


def _setting(value: Any) -> str | float:
    text = _text(value)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else text
