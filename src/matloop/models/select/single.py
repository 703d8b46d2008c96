"""Columns judged one by one: how much each varies, how much each tells about the target."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.models.select import ranked, targets_of


def by_variance(Z: FloatArray, y: FloatArray, k: int, *, classes: int, seed: int) -> IntArray:
    """The columns that vary most over their range: the variance when the range is from 0 to 1, so that units do not
    count. Reads no target; a column that is the same but for one stray row comes last."""
    low, high = Z.min(axis=0), Z.max(axis=0)
    spread = np.where(high > low, high - low, 1.0)
    return ranked(((Z - low) / spread).var(axis=0))[:k]


def by_telling(Z: FloatArray, y: FloatArray, k: int, *, classes: int, seed: int) -> IntArray:
    """The columns that by themselves tell most about the target, see `telling`."""
    return np.argsort(-telling(Z, y, classes=classes), kind="stable")[:k]


def telling(Z: FloatArray, y: FloatArray, *, classes: int = 0, bins: int = 10) -> FloatArray:
    """How much each column tells about the target, shape (n_features,), 0 (nothing) to 1.

    The share of the variance of `y` that lies between quantile bins of the column (correlation ratio), corrected for
    the number of bins as in adjusted R2; it sees bent and peaked relations that a correlation misses. For classes the
    variance of all class indicators together.
    """
    n = len(Z)
    targets = targets_of(y, classes)
    total = float((targets**2).sum())
    bins = max(2, min(bins, n // 10))
    if n < 4 or total == 0.0:
        return np.zeros(Z.shape[1])
    edges = np.nanquantile(Z, np.linspace(0, 1, bins + 1)[1:-1], axis=0)
    return np.array([_between(Z[:, j], edges[:, j], targets, total) for j in range(Z.shape[1])])


def _between(column: FloatArray, edges: FloatArray, targets: FloatArray, total: float) -> float:
    place = np.searchsorted(np.unique(edges), column, side="left")
    counts = np.bincount(place)
    used = counts > 0
    sums = np.stack([np.bincount(place, weights=t) for t in targets.T])
    between = float((sums[:, used] ** 2 / counts[used]).sum())
    n, filled = len(column), int(used.sum())
    if n <= filled:
        return between / total
    return 1.0 - (1.0 - between / total) * (n - 1) / (n - filled)
