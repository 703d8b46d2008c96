"""What later steps see: an immutable table of matter, numbers, categories and targets with stable row ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from matloop.core.arrays import FloatArray, IntArray, TextArray
from matloop.matter.compositions import Compositions
from matloop.matter.molecules import Molecules
from matloop.matter.structures import Structures


@dataclass(frozen=True, slots=True)
class Numbers:
    """A column of numbers in `unit`; NaN is missing."""

    values: FloatArray
    unit: str = ""

    def take(self, rows: IntArray) -> Numbers:
        return Numbers(self.values[rows], self.unit)


@dataclass(frozen=True, slots=True)
class Categories:
    """A column of words; the empty string is missing."""

    values: TextArray

    def take(self, rows: IntArray) -> Categories:
        return Categories(self.values[rows])


Column = Compositions | Structures | Molecules | Numbers | Categories


@dataclass(frozen=True, slots=True)
class Labels:
    """The values of one target.

    `values` are numbers in `unit`, or for a classification the index into `classes`; NaN is unlabelled (or sealed).
    `errors` is one standard deviation per row (NaN: unknown). `censored` is -1 where the true value is below `values`,
    +1 where it is above, else 0.
    """

    values: FloatArray
    errors: FloatArray
    censored: IntArray
    unit: str = ""
    classes: tuple[str, ...] = ()

    def take(self, rows: IntArray) -> Labels:
        return replace(self, values=self.values[rows], errors=self.errors[rows], censored=self.censored[rows])


@dataclass(frozen=True, slots=True)
class Dataset:
    """Rows with named inputs and targets. A change is a new one.

    ids : shape (n_rows,), unique, as text; stable under sorting and merging of the file.
    groups : shape (n_rows,), rows with equal text never straddle a split.
    weights : shape (n_rows,), relative, 1 by default.
    times : shape (n_rows,), seconds since 1970 or NaN.
    source_rows : per row the 1-based data-row numbers of the source file it came from (several after a merge).
    """

    ids: TextArray
    inputs: Mapping[str, Column]
    targets: Mapping[str, Labels]
    groups: TextArray
    weights: FloatArray
    times: FloatArray
    source_rows: tuple[tuple[int, ...], ...]

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: IntArray) -> Dataset:
        """The given rows, in the given order."""
        return Dataset(
            ids=self.ids[rows],
            inputs={name: column.take(rows) for name, column in self.inputs.items()},
            targets={name: labels.take(rows) for name, labels in self.targets.items()},
            groups=self.groups[rows],
            weights=self.weights[rows],
            times=self.times[rows],
            source_rows=tuple(self.source_rows[int(row)] for row in rows),
        )

    def unlabelled(self, rows: IntArray) -> Dataset:
        """The same rows with the labels of `rows` taken out of every target."""
        targets = {}
        for name, labels in self.targets.items():
            values, errors, censored = labels.values.copy(), labels.errors.copy(), labels.censored.copy()
            values[rows], errors[rows], censored[rows] = np.nan, np.nan, 0
            targets[name] = replace(labels, values=values, errors=errors, censored=censored)
        return replace(self, targets=targets)


@dataclass(frozen=True, slots=True)
class Removal:
    """A row of the source that is not used: its 1-based data row, id, column, what was found, why."""

    row: int
    id: str
    column: str
    found: str
    reason: str


@dataclass(frozen=True, slots=True)
class Repair:
    """A value that was changed on the way in: what it was, what it became, why."""

    row: int
    id: str
    column: str
    old: str
    new: str
    reason: str


@dataclass(frozen=True, slots=True)
class Flagged:
    """A row that stays and should be looked at: its 1-based data row, id, column, what was found, why.

    Its name in `[cleaning] remove` takes it out, in `keep` it is accepted and not told again.
    """

    row: int
    id: str
    column: str
    found: str
    reason: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the data came from."""

    source: str
    sha256: str
    n_rows: int
    n_columns: int
    retrieved: str = ""
    licence: str = ""
    citation: str = ""
    doi: str = ""
    query: str = ""
