"""One column for each cluster of correlated ones: the one that goes best with the target."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.models.select import ranked, standardised, targets_of

ALIKE = 0.95
"""Mean absolute correlation from which columns say the same."""
MOST = 3000
"""Columns that are clustered: the most correlated with the target where there are more."""


def by_pearson(Z: FloatArray, y: FloatArray, k: int, *, classes: int, seed: int) -> IntArray:
    """Representatives of clusters by linear correlation, the one most correlated with the target first."""
    return _representatives(Z, targets_of(y, classes), k)


def by_spearman(Z: FloatArray, y: FloatArray, k: int, *, classes: int, seed: int) -> IntArray:
    """The same by correlation of ranks: any monotone relation counts, and no outlier does."""
    from scipy.stats import rankdata

    ranks = rankdata(y) if not classes else y
    return _representatives(rankdata(Z, axis=0), targets_of(ranks, classes), k)


def correlated_clusters(Z: FloatArray, alike: float = ALIKE) -> IntArray:
    """Clusters of columns by average linkage of 1 - |correlation|, shape (n_columns,), numbered from 0.

    A constant column is a cluster of its own.
    """
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    if Z.shape[1] < 2:
        return np.zeros(Z.shape[1], dtype=np.int64)
    S = standardised(Z)
    apart = 1.0 - np.clip(np.abs(S.T @ S) / len(S), 0.0, 1.0)
    apart = 0.5 * (apart + apart.T)
    np.fill_diagonal(apart, 0.0)
    clusters = fcluster(linkage(squareform(apart, checks=False), "average"), 1.0 - alike, criterion="distance")
    return np.asarray(clusters, dtype=np.int64) - 1


def _representatives(Z: FloatArray, targets: FloatArray, k: int) -> IntArray:
    order = ranked(_correlation(Z, targets))[:MOST]
    clusters = correlated_clusters(Z[:, order])
    first = np.unique(clusters, return_index=True)[1]
    return order[np.sort(first)][:k]


def _correlation(Z: FloatArray, targets: FloatArray) -> FloatArray:
    """Absolute correlation with the target; for classes the largest with any of their flags."""
    S, T = standardised(Z), standardised(targets)
    return np.abs(S.T @ T).max(axis=1, initial=0.0) / len(S)
