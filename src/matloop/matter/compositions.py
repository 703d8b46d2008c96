"""Compositions as a batch of flat arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray, IntArray, TextArray


@dataclass(frozen=True, slots=True)
class Compositions:
    """Amounts of elements, compressed by rows (CSR).

    offsets : shape (n_rows + 1,); row i holds entries offsets[i]:offsets[i+1]. A row without entries could not be read.
    elements : shape (n_entries,), atomic number 1..118, ascending within a row.
    amounts : shape (n_entries,), atoms per formula as written, > 0.
    charges : shape (n_rows,), net charge in e as written (0 if none).
    formulas : shape (n_rows,), the original strings.
    """

    offsets: IntArray
    elements: IntArray
    amounts: FloatArray
    charges: FloatArray
    formulas: TextArray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def rows(self) -> IntArray:
        """The row of each entry, shape (n_entries,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    @property
    def fractions(self) -> FloatArray:
        """Atomic fractions, shape (n_entries,); they sum to one within each row."""
        totals = np.bincount(self.rows, weights=self.amounts, minlength=len(self))
        return self.amounts / totals[self.rows]

    def take(self, rows: IntArray) -> Compositions:
        """The given rows, in the given order."""
        counts = np.diff(self.offsets)[rows]
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        entries = np.repeat(self.offsets[:-1][rows] - offsets[:-1], counts) + np.arange(offsets[-1])
        return Compositions(offsets, self.elements[entries], self.amounts[entries], self.charges[rows], self.formulas[rows])
