"""Folds: random ones that keep groups whole and look alike, and ones that leave a whole region of matter out."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import DataError, MatloopWarning
from matloop.problem.question import Task
from matloop.split.clusterings import Clusterer, kmeans
from matloop.split.groups import group_index
from matloop.split.space import feature_space

logger = logging.getLogger(__name__)
STRATA = 20
"""Most slices of a continuous target that are spread over the folds."""


def fold_count(groups: ArrayLike, n_folds: int) -> int:
    """How many folds these groups allow: `n_folds`, or one per group where there are fewer.

    Raises
    ------
    DataError : there is one group only, nothing can be held out.
    """
    n_groups = len(np.unique(np.asarray(groups)))
    if n_groups < 2:
        raise DataError(
            f"all rows belong to {n_groups} group; two are needed to hold one out. "
            "Add rows of other materials, or choose another column as [roles] group."
        )
    return min(n_folds, n_groups)


def make_folds(y: FloatArray, groups: ArrayLike, *, n_folds: int, seed: int, task: Task) -> IntArray:
    """The fold of each row: groups whole, sizes equal, the target spread evenly.

    Parameters
    ----------
    y : shape (n,), target values or class indices, without NaN.
    groups : shape (n,), rows with equal names stay in one fold.
    n_folds : at least 2; with fewer groups than folds there is a fold per group, and a warning says so.

    Returns
    -------
    shape (n,), 0..n_folds-1; every fold has rows. The same input and seed give the same folds.

    Notes
    -----
    Large groups are placed first; each goes to the fold that has fewest rows of its stratum among those with room. The
    stratum of a group is the slice of the sorted group means (numbers) or the rarest class it holds (classes).
    """
    values, index = np.asarray(y, dtype=np.float64), group_index(groups)
    if len(values) != len(index):
        raise DataError(f"{len(values)} target values, but {len(index)} group names.")
    if np.isnan(values).any():
        raise DataError(
            f"row {int(np.flatnonzero(np.isnan(values))[0])} has no target value. Leave unlabelled rows out of folds."
        )
    if n_folds < 2:
        raise DataError(f"{n_folds} folds; at least 2 are needed to hold rows out.")
    allowed = fold_count(index, n_folds)
    if allowed < n_folds:
        message = f"only {allowed} groups of rows: {allowed} folds are used instead of {n_folds}."
        warnings.warn(message, MatloopWarning, stacklevel=2)
    stratum = _rarest_class(values, index) if task == "classification" else _slices(values, index, allowed)
    return _spread(np.bincount(index), stratum, allowed, np.random.default_rng(seed))[index]


def _slices(y: FloatArray, index: IntArray, n_folds: int) -> IntArray:
    """The slice of each group by its mean target; equal numbers of groups, equal means together."""
    means = np.bincount(index, weights=y) / np.bincount(index)
    n_strata = int(np.clip(len(means) // (2 * n_folds), 1, STRATA))
    place = np.searchsorted(np.sort(means), means, side="left")
    return (place * n_strata // len(means)).astype(np.int64)


def _rarest_class(y: FloatArray, index: IntArray) -> IntArray:
    """Per group the class that fewest rows have among those it holds."""
    classes, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
    order = np.argsort(np.argsort(counts, kind="stable"), kind="stable")
    rarest = np.full(int(index.max()) + 1, len(classes), dtype=np.int64)
    np.minimum.at(rarest, index, order[codes.reshape(-1)])
    return rarest


def _spread(sizes: IntArray, stratum: IntArray, n_folds: int, rng: np.random.Generator) -> IntArray:
    """The fold of each group; greedy, largest group first, equals in random order."""
    room = -(-int(sizes.sum()) // n_folds)
    strata = [[0] * n_folds for _ in range(int(stratum.max()) + 1)]
    total, groups = [0] * n_folds, [0] * n_folds
    fold = np.empty(len(sizes), dtype=np.int64)
    shuffled = rng.permutation(len(sizes))
    order = shuffled[np.argsort(-sizes[shuffled], kind="stable")]
    turns = rng.permutation(n_folds).tolist()
    left = len(sizes)
    for group in order.tolist():
        size, held = int(sizes[group]), strata[int(stratum[group])]
        empty = [f for f in turns if groups[f] == 0]
        open_folds = [f for f in turns if total[f] + size <= room] or [min(turns, key=lambda f: total[f])]
        choices = empty if empty and len(empty) >= left else open_folds
        best = min(choices, key=lambda f: (held[f], total[f]))
        fold[group] = best
        held[best] += size
        total[best] += size
        groups[best] += 1
        left -= 1
    return fold


@dataclass(frozen=True, slots=True)
class Clusters:
    """Regions of the feature space.

    fold : shape (n,), the cluster of each row; 0 is the largest.
    how : the number, space and sizes, in words for the report.
    """

    fold: IntArray
    how: str


def cluster_folds(X: FloatArray, groups: ArrayLike, *, n_clusters: int, seed: int, by: Clusterer = kmeans) -> IntArray:
    """The cluster of each row for leave-one-cluster-out, shape (n,); see `clusters`."""
    return clusters(X, groups, n_clusters=n_clusters, seed=seed, by=by).fold


def clusters(X: FloatArray, groups: ArrayLike, *, n_clusters: int, seed: int, by: Clusterer = kmeans) -> Clusters:
    """Regions of the principal components of standardised features; a group goes with most of its rows.

    Parameters
    ----------
    X : shape (n, n_features); NaN becomes the column's median, columns without spread are left out.
    n_clusters : fewer are made where there are fewer distinct groups or points; none is empty.
    by : `kmeans`, `agglomerative` or `mixture_by_bic` (`n_clusters` is then the largest number it may choose).

    Raises
    ------
    DataError : one group only, or all rows have the same features.

    References
    ----------
    Meredig et al., Mol. Syst. Des. Eng. 3 (2018) 819 (leave-one-cluster-out). doi:10.1039/C8ME00012C
    """
    index = group_index(groups)
    most = fold_count(index, n_clusters)
    space = feature_space(np.asarray(X, dtype=np.float64), seed)
    most = min(most, len(np.unique(np.round(space.points, 9), axis=0)))
    if most < 2:
        raise DataError("all rows have the same features; no cluster can be left out. List more inputs.")
    found = by(space.points, most, seed=seed)
    fold = _majority(found.labels, index)[index]
    names, fold, sizes = np.unique(fold, return_inverse=True, return_counts=True)
    rank = np.empty(len(names), dtype=np.int64)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(len(names))
    if len(names) < 2:
        raise DataError("the groups are so large that all rows fall into one cluster; nothing can be left out.")
    how = (
        f"{len(names)} clusters by {found.how} in {space.how}; groups whole; "
        f"{', '.join(str(s) for s in sorted(sizes.tolist(), reverse=True))} rows"
    )
    return Clusters(rank[fold.reshape(-1)], how)


def _majority(cluster: IntArray, index: IntArray) -> IntArray:
    """The cluster most rows of each group are in; equal votes go to the lower number."""
    n_clusters = int(cluster.max()) + 1
    votes = np.bincount(index * n_clusters + cluster, minlength=(int(index.max()) + 1) * n_clusters)
    return votes.reshape(-1, n_clusters).argmax(axis=1).astype(np.int64)
