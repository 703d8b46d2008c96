"""Several structures of one composition: which of them is kept."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from matloop.core.arrays import FloatArray, IntArray, TextArray
from matloop.data.words import Why

SAME_ENERGY = 1e-6
"""Per atom, in the unit of the column: rows of the same energy are one structure written several times."""


def not_lowest(energies: FloatArray, kinds: IntArray, ids: TextArray, column: str, *, tell: bool) -> dict[int, Why]:
    """{row: why it goes}: per kind the rows of the lowest energy stay, all of them where energies are equal.

    A kind without any energy stays whole; a row without one goes where another of its kind has one.

    Parameters
    ----------
    energies : per atom, shape (n_rows,), NaN where unknown. kinds : shape (n_rows,), -1 for rows that do not take part.
    tell : whether the energies may be told (not where they are what is asked for).
    """
    lowest: dict[int, int] = {}
    for row in np.flatnonzero((kinds >= 0) & np.isfinite(energies)).tolist():
        best = lowest.setdefault(int(kinds[row]), row)
        if energies[row] < energies[best]:
            lowest[int(kinds[row])] = row
    gone = {}
    for row in np.flatnonzero(kinds >= 0).tolist():
        best = lowest.get(int(kinds[row]), row)
        if np.isnan(energies[row]) and best != row:
            gone[row] = Why(column, "", f"has no energy to compare with that of row {best + 1} ({ids[best]})")
        elif energies[row] > energies[best] + SAME_ENERGY:
            above = f", by {energies[row] - energies[best]:.4g} per atom" if tell else ""
            found = f"{energies[row]:.10g}" if tell else ""
            gone[row] = Why(column, found, f"is a polymorph above row {best + 1} ({ids[best]}){above}")
    return gone


def joint(parts: Mapping[str, TextArray], rows: IntArray, n: int) -> IntArray:
    """A number per row that is equal where all `parts` are; -1 outside `rows`. Shape (n,)."""
    kinds = np.full(n, -1, dtype=np.int64)
    known: dict[tuple[str, ...], int] = {}
    for row in rows.tolist():
        kinds[row] = known.setdefault(tuple(str(part[row]) for part in parts.values()), len(known))
    return kinds
