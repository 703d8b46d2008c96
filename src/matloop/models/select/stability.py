"""How much the chosen columns depend on which rows there were."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import FloatArray
from matloop.core.errors import DataError

POOR, EXCELLENT = 0.4, 0.75
"""Below, chosen columns should not be read; above, they can be (Nogueira et al., after Fleiss)."""


@dataclass(frozen=True, slots=True)
class Stability:
    """How alike sets of columns are that were chosen from different rows.

    value : 1 the same columns each time, 0 as alike as columns drawn by chance (and a little below); `low`, `high` are
    its 95 % interval. frequency : shape (n_columns,), share of the sets that hold each column.
    n_sets : how many sets. mean_size : columns in a set.
    """

    value: float
    low: float
    high: float
    frequency: FloatArray
    n_sets: int
    mean_size: float

    @property
    def words(self) -> str:
        """In a word: "poor" below 0.4, "excellent" from 0.75, "fair" between."""
        return "poor" if self.value < POOR else "excellent" if self.value >= EXCELLENT else "fair"


def selection_stability(sets: ArrayLike | Sequence[Sequence[int]], n_columns: int | None = None) -> Stability:
    """The stability of sets of chosen columns, with its interval.

    Parameters
    ----------
    sets : shape (n_sets, n_columns) of truth values; or, with `n_columns`, the places of the chosen columns of each
        set.

    Raises
    ------
    DataError : fewer than two sets, a place that is no column.

    References
    ----------
    Nogueira, Sechidis & Brown, J. Mach. Learn. Res. 18 (2018) 174, definition 4 and theorem 7.
    https://jmlr.org/papers/v18/17-514.html

    Examples
    --------
    >>> selection_stability([[0, 1], [0, 1], [0, 2]], n_columns=4).frequency.round(2).tolist()
    [1.0, 0.67, 0.33, 0.0]
    """
    from scipy.special import ndtri

    Z = _flags(sets, n_columns)
    m, d = Z.shape
    if m < 2 or d < 1:
        raise DataError(f"{m} sets of {d} columns; at least two sets are needed to see how alike they are.")
    share = Z.mean(axis=0)
    sizes = Z.sum(axis=1) / d
    size = float(sizes.mean())
    by_chance = size * (1.0 - size)
    if by_chance == 0.0:  # all columns or none, each time
        return Stability(1.0, 1.0, 1.0, share, m, size * d)
    value = 1.0 - m / (m - 1) * float((share * (1.0 - share)).mean()) / by_chance
    own = (Z * share).mean(axis=1) - sizes * size + 0.5 * value * (2.0 * sizes * size - sizes - size + 1.0)
    own = own / by_chance
    half = float(ndtri(0.975)) * 2.0 / m * math.sqrt(float(((own - own.mean()) ** 2).sum()))
    return Stability(value, value - half, min(value + half, 1.0), share, m, size * d)


def _flags(sets: ArrayLike | Sequence[Sequence[int]], n_columns: int | None) -> FloatArray:
    if n_columns is None:
        found = np.asarray(sets, dtype=np.float64)
        if found.ndim != 2 or not np.isin(found, (0.0, 1.0)).all():
            raise DataError("sets are a table of truth values, a row per set; for places give n_columns, too.")
        return found
    flags = np.zeros((len(sets), n_columns))  # type: ignore[arg-type]
    for row, places in enumerate(sets):  # type: ignore[arg-type]
        at = np.asarray(places, dtype=np.int64)
        if len(at) and (at.min() < 0 or at.max() >= n_columns):
            raise DataError(f"set {row} holds column {int(at.max())}; there are {n_columns}.")
        flags[row, at] = 1.0
    return flags
