"""Records as a table: a column per property, its method, error and conditions beside it, one unit per column."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matloop.core import units
from matloop.core.errors import ConfigError, DataError
from matloop.data.store.values import Property, Record
from matloop.data.table import ColumnCard
from matloop.matter.structures import joined
from matloop.matter.structures_write import to_optimade

ID, FORMULA, STRUCTURE = "id", "formula", "structure"
PROVIDER, PROVIDER_ID, LICENCE = "provider", "provider id", "licence"
_BATCH = 1_000
Label = tuple[str, str]
"""A property and its method, "" where it stands for all methods."""


@dataclass(slots=True)
class _Column:
    """What is found for one label while the records go by; rows are in ascending order."""

    rows: list[int] = field(default_factory=list)
    values: list[Property] = field(default_factory=list)

    def add(self, row: int, value: Property) -> None:
        self.rows.append(row)
        self.values.append(value)


@dataclass(frozen=True, slots=True)
class Columns:
    """A table: {name: array of shape (n_rows,)}, and what is known about some of them."""

    columns: Mapping[str, NDArray]
    describe: Mapping[str, ColumnCard]
    notes: tuple[str, ...]


def to_columns(records: Iterable[Record]) -> Columns:
    """The table of some records.

    Columns: "id", "formula" and "structure" (JSON of OPTIMADE, which holds all of it) where there are any; a column per
    property in the unit that most of its values have, "NAME method" and "NAME error" beside it; a column per condition
    and per entry of the metadata that is a text, number or truth value; "provider", "provider id" and "licence". A
    record with values by several methods has a column for each, "NAME (METHOD)"; one with several values by the same
    method, under other conditions or repeated, has a row for each.

    Raises
    ------
    DataError : values of a property in units that cannot be converted into each other.
    """
    table = _Table()
    rest = iter(records)
    while batch := list(islice(rest, _BATCH)):
        table.add(batch)
    return table.finished()


class _Table:
    def __init__(self) -> None:
        self.n = 0
        self.plain: dict[str, list[Any]] = {
            name: [] for name in (ID, FORMULA, STRUCTURE, PROVIDER, PROVIDER_ID, LICENCE)
        }
        self.found: dict[str, dict[str, _Column]] = {}
        self.beside: dict[tuple[str, str], dict[int, Any]] = {}
        self.apart: set[str] = set()
        self.repeated = 0

    def add(self, batch: Sequence[Record]) -> None:
        texts = iter(_structures(batch))
        for record in batch:
            text = next(texts) if record.structure is not None else None
            rows = _rows(record)
            self.repeated += len(rows) > 1
            for row in rows:
                self._row(record, text, row)

    def _row(self, record: Record, structure: str | None, values: Sequence[Property]) -> None:
        origin = record.origin
        plain = (record.key, record.formula or None, structure, origin.provider or None, origin.id or None,
                 origin.licence or None)  # fmt: skip
        for name, value in zip(self.plain, plain, strict=True):
            self.plain[name].append(value)
        seen: dict[str, str] = {}
        for one in values:
            if seen.setdefault(one.name, one.method) != one.method:
                self.apart.add(one.name)
            self.found.setdefault(one.name, {}).setdefault(one.method, _Column()).add(self.n, one)
            for condition, setting in one.conditions.items():
                self._beside("condition", condition, setting, one.name)
        for name, value in record.metadata.items():
            if isinstance(value, str | int | float):
                self._beside("metadata", name, value, "")
        self.n += 1

    def _beside(self, kind: str, name: str, value: Any, of: str) -> None:
        known = self.beside.setdefault((kind, name), {})
        if known.setdefault(self.n, value) != value:
            self.beside.setdefault((kind, f"{of} {name}"), {})[self.n] = value

    def finished(self) -> Columns:
        columns: dict[str, NDArray] = {
            name: _objects(values)
            for name, values in self.plain.items()
            if name == ID or any(v is not None for v in values)
        }
        describe: dict[str, ColumnCard] = {}
        for name, methods in self.found.items():
            apart = name in self.apart
            groups = {method: [one] for method, one in methods.items()} if apart else {"": list(methods.values())}
            for method, parts in groups.items():
                label = _free(f"{name} ({method or 'no method'})" if apart else name, columns)
                self._property(label, name, parts, columns, describe, with_method=not apart)
        for (kind, name), values in self.beside.items():
            columns[_free(name, columns, kind)] = _spread(self.n, list(values), list(values.values()))
        said = f"{self.repeated} records have several values of one property by one method, and a row for each"
        return Columns({n: _closed(v) for n, v in columns.items()}, describe, (said,) if self.repeated else ())

    def _property(
        self, label: str, name: str, parts: Sequence[_Column], columns: dict[str, NDArray],
        describe: dict[str, ColumnCard], *, with_method: bool,
    ) -> None:  # fmt: skip
        rows = [row for part in parts for row in part.rows]
        values = [one for part in parts for one in part.values]
        unit = Counter(one.unit for one in values).most_common(1)[0][0]
        factors = {one.unit: None for one in values}
        numbers = [_number(one, unit, name) if len(factors) > 1 else one.value for one in values]
        columns[label] = _spread(self.n, rows, numbers)
        methods = sorted({one.method for one in values} - {""})
        by = f", by {', '.join(methods[:5])}" if methods else ""
        describe[label] = ColumnCard(unit, f"{name}{by}")
        if any(one.error is not None for one in values):
            errors = [_error(one, unit, name) for one in values]
            columns[_free(f"{label} error", columns)] = _spread(self.n, rows, errors)
        if with_method and methods:
            columns[_free(f"{label} method", columns)] = _spread(self.n, rows, [one.method or None for one in values])


def n_rows(record: Record) -> int:
    """Rows that a record has in a table."""
    return len(_rows(record))


def _rows(record: Record) -> list[list[Property]]:
    """Properties by row: one row, unless a property stands several times by one method."""
    labels = [(one.name, one.method) for one in record.properties]
    if len(set(labels)) == len(labels):
        return [list(record.properties)]
    often = {label for label, n in Counter(labels).items() if n > 1}
    rows: dict[tuple[str, int], list[Property]] = {}
    counts: Counter[tuple[Label, str]] = Counter()
    for one, label in zip(record.properties, labels, strict=True):
        if label in often:
            setting = json.dumps(dict(one.conditions), sort_keys=True, default=str)
            rows.setdefault((setting, counts[label, setting]), []).append(one)
            counts[label, setting] += 1
    alone = [one for one, label in zip(record.properties, labels, strict=True) if label not in often]
    return [[*alone, *row] for row in rows.values()]


def _structures(batch: Sequence[Record]) -> list[str]:
    some = [one.structure for one in batch if one.structure is not None]
    return [json.dumps(entry, allow_nan=False) for entry in to_optimade(joined(some))] if some else []


def _number(one: Property, unit: str, name: str) -> Any:
    if not isinstance(one.value, int | float) or isinstance(one.value, bool) or one.unit == unit:
        return one.value
    try:
        return float(units.convert(np.array([float(one.value)]), one.unit, unit)[0])
    except ConfigError as error:
        raise DataError(f'property "{name}" is stored in {one.unit!r} and in {unit!r}: {error}') from error


def _error(one: Property, unit: str, name: str) -> float | None:
    """The standard deviation in `unit`; a zero point such as that of degrees Celsius does not count."""
    if one.error is None or one.unit == unit:
        return one.error
    ends = [Property(name, end, one.unit) for end in (0.0, one.error)]
    return float(_number(ends[1], unit, name) - _number(ends[0], unit, name))


def _spread(n: int, rows: Sequence[int], values: Sequence[Any]) -> NDArray:
    """Values in their rows, missing elsewhere; an array of numbers where all are numbers, else of objects."""
    if all(type(value) in (float, int) or value is None for value in values):
        numbers = np.full(n, np.nan)
        numbers[list(rows)] = [np.nan if value is None else value for value in values]
        return numbers
    found = np.full(n, None, dtype=object)
    for row, value in zip(rows, values, strict=True):
        found[row] = json.dumps(value) if isinstance(value, tuple) else value
    return found


def _objects(values: Sequence[Any]) -> NDArray:
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def _closed(values: NDArray) -> NDArray:
    values.flags.writeable = False
    return values


def _free(name: str, columns: Mapping[str, NDArray], kind: str = "property") -> str:
    """A name that no column has yet."""
    name = " ".join(name.split())
    if name in columns:
        name = f"{name} ({kind})"
    while name in columns:
        name += "'"
    return name
