"""Correlated columns belong together: shuffling one alone says little while its twin still carries the message."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray, IntArray

TOGETHER = 0.5
"""Mean |Spearman| above which columns count as one (average linkage): descriptors of compositions say much the same
thing many times, and what is split too finely seems to matter nowhere."""
GROUPING_ROWS = 2000


def correlated_groups(X: FloatArray, seed: int) -> list[IntArray]:
    """Columns of `X` (n_rows, n_features) in groups of correlated ones; columns that do not vary are in none.

    Average-linkage clustering on 1 - |Spearman|, over at most 2,000 rows; missing values count as the column's median.
    Groups come in the order of their first column.
    """
    varying = varying_columns(X)
    if len(varying) < 2:
        return [np.array([column]) for column in varying]
    rows = np.arange(len(X))
    if len(X) > GROUPING_ROWS:
        rows = np.sort(np.random.default_rng(seed).choice(len(X), GROUPING_ROWS, replace=False))
    distance = 1.0 - np.abs(_correlation(ranks(X[np.ix_(rows, varying)])))
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    np.fill_diagonal(distance, 0.0)
    tree = linkage(squareform((distance + distance.T) / 2, checks=False), method="average")
    label = fcluster(tree, t=1.0 - TOGETHER, criterion="distance")
    groups = [varying[label == one] for one in np.unique(label)]
    return sorted(groups, key=lambda group: int(group[0]))


def varying_columns(X: FloatArray) -> IntArray:
    """Positions of the columns with at least two different values (a missing one counts as a value)."""
    finite = np.isfinite(X)
    low = np.where(finite, X, np.inf).min(axis=0)
    high = np.where(finite, X, -np.inf).max(axis=0)
    some_missing = finite.any(axis=0) & ~finite.all(axis=0)
    return np.flatnonzero((low < high) | some_missing)


def ranks(X: FloatArray) -> FloatArray:
    """Average ranks down each column, missing values as the column's median."""
    from scipy.stats import rankdata

    filled = X.copy()
    for column in np.flatnonzero(~np.isfinite(X).all(axis=0)):
        known = np.isfinite(X[:, column])
        filled[~known, column] = np.median(X[known, column]) if known.any() else 0.0
    return np.asarray(rankdata(filled, axis=0), dtype=np.float64)


def association(X: FloatArray, value: FloatArray) -> FloatArray:
    """|Spearman| of each column of `X` with `value`, shape (n_features,); 0 for columns that do not vary."""
    return np.abs(_correlation(np.column_stack([ranks(X), ranks(value[:, None])]))[-1, :-1])


def _correlation(ranked: FloatArray) -> FloatArray:
    centred = ranked - ranked.mean(axis=0)
    size = np.sqrt((centred**2).sum(axis=0))
    unit = np.divide(centred, size, out=np.zeros_like(centred), where=size > 0)
    return np.clip(unit.T @ unit, -1.0, 1.0)
