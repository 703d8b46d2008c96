"""Near twins: rows so alike that one in training gives the other away; they never straddle a split."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.elements import MAX_Z
from matloop.core.errors import ConfigError, DataError
from matloop.matter.compositions import Compositions
from matloop.problem.question import Task
from matloop.split.chemistry import read_chemistry
from matloop.split.folds import make_folds
from matloop.split.groups import joined
from matloop.split.space import as_features, standardised
from matloop.split.splitter import Held, Rows, Splitter, folds_held

AXES = 32
"""Principal axes on which pairs are looked for first; their distance is never larger than the full one."""
BLOCK, CHUNK = 4_000_000, 20_000
"""Pairs looked at, and pairs checked exactly, at a time (16 MB; up to 60 MB)."""


def near_twins(X: FloatArray, threshold: float = 0.1) -> IntArray:
    """Groups of rows that are near in their features, shape (n,), 0..n_groups-1.

    Two rows are twins when the root mean square difference of their standardised features is at most `threshold`
    (standard deviations); twins of twins are in one group, too (connected components, that is single linkage).

    Parameters
    ----------
    X : shape (n, n_features); NaN counts as the column's median.

    Notes
    -----
    Exact, and bounded in memory: all pairs are compared on 32 principal axes in blocks, only those near enough there
    on all features.

    Examples
    --------
    >>> near_twins(np.array([[0.0], [0.01], [5.0], [9.0]])).tolist()
    [0, 0, 1, 2]
    """
    _check(threshold)
    points = standardised(as_features(X))
    if not points.shape[1]:
        return np.zeros(len(points), dtype=np.int64)  # no feature tells the rows apart
    reach = threshold * np.sqrt(points.shape[1])
    return _linked(points, reach, lambda a, b: ((a - b) ** 2).sum(axis=1) <= reach**2)


def composition_twins(compositions: Any, threshold: float = 0.05) -> IntArray:
    """Groups of rows that are near in composition, shape (n,), 0..n_groups-1.

    Two rows are twins when at most the share `threshold` of their atoms must be exchanged to turn one into the other
    (half the sum of the absolute differences of atomic fractions); twins of twins are in one group, too.

    Parameters
    ----------
    compositions : as for `read_chemistry`.

    Examples
    --------
    >>> composition_twins(["La0.70Sr0.30MnO3", "La0.67Sr0.33MnO3", "LaMnO3", "NaCl"]).tolist()
    [0, 0, 1, 2]
    """
    _check(threshold)
    fractions = atomic_fractions(read_chemistry(compositions))
    fractions = fractions[:, fractions.any(axis=0)]
    # what one has more of sums to at most the threshold, and so does what it has less of: the Euclidean distance is at
    # most sqrt(2) thresholds
    return _linked(fractions, np.sqrt(2.0) * threshold, lambda a, b: np.abs(a - b).sum(axis=1) <= 2 * threshold + 1e-9)


def atomic_fractions(compositions: Compositions) -> FloatArray:
    """Atomic fractions, shape (n, 118), by atomic number less one."""
    matrix = np.zeros((len(compositions), MAX_Z))
    matrix[compositions.rows, compositions.elements - 1] = compositions.fractions
    return matrix


class NearTwinFolds(Splitter):
    """Folds of equal size in which near twins are never on both sides; groups whole and the target spread evenly.

    The score of a model on these folds beside that on random ones says how much of it is recognising near twins.

    Parameters
    ----------
    threshold : see `near_twins`, or `composition_twins` where `compositions` is given.
    compositions : as for `read_chemistry`, a row per row of X: twins are told by composition instead of features.
    """

    def __init__(
        self,
        n_splits: int = 5,
        *,
        threshold: float = 0.1,
        compositions: Any = None,
        seed: int = 0,
        task: Task = "regression",
    ) -> None:
        self.n_splits, self.threshold, self.compositions = n_splits, threshold, compositions
        self.seed, self.task = seed, task

    def _held(self, rows: Rows) -> Iterator[Held]:
        if self.compositions is None:
            twins = near_twins(rows.X, self.threshold)
        else:
            twins = composition_twins(read_chemistry(self.compositions, len(rows)), self.threshold)
        whole = joined(twins, rows.group)
        n_groups = int(whole.max()) + 1
        if n_groups < 2:
            raise DataError(
                f"at a threshold of {self.threshold:g} all rows are twins of one another. Set a smaller threshold."
            )
        fold = make_folds(rows.numbers(self.task), whole, n_folds=self.n_splits, seed=self.seed, task=self.task)
        yield from folds_held(fold)


def _check(threshold: float) -> None:
    if not 0.0 <= threshold < np.inf:
        raise ConfigError(f"threshold = {threshold}: a distance of 0 or more is needed, such as 0.1.")


def _linked(points: FloatArray, reach: float, close: Callable[[FloatArray, FloatArray], Any]) -> IntArray:
    """Connected components of the rows that are `close`; those farther apart than `reach` are known not to be."""
    distinct, place = np.unique(points, axis=0, return_inverse=True)
    axes = _principal(distinct).astype(np.float32)
    half = 0.5 * (axes**2).sum(axis=1)
    # single precision: what is a little farther than the reach is looked at, too
    most = np.float32(0.5 * reach**2 + 1e-5 * (1.0 + 2 * float(half.max(initial=0.0))))
    label, n = np.arange(len(distinct)), len(distinct)
    step = max(1, BLOCK // max(n, 1))
    for start in range(0, n, step):
        rows = slice(start, min(start + step, n))
        apart = half[rows, None] + half[start:] - axes[rows] @ axes[start:].T
        one, other = np.nonzero(apart <= most)
        new = label[one + start] != label[other + start]
        label = _merged(distinct, label, one[new] + start, other[new] + start, close)
    return _in_order(label[place.reshape(-1)])


def _in_order(label: IntArray) -> IntArray:
    """The groups numbered by their first rows."""
    _, first, place = np.unique(label, return_index=True, return_inverse=True)
    number = np.empty(len(first), dtype=np.int64)
    number[np.argsort(first, kind="stable")] = np.arange(len(first))
    return number[place.reshape(-1)]


def _merged(
    points: FloatArray, label: IntArray, one: IntArray, other: IntArray, close: Callable[[FloatArray, FloatArray], Any]
) -> IntArray:
    for start in range(0, len(one), CHUNK):
        a, b = one[start : start + CHUNK], other[start : start + CHUNK]
        still = label[a] != label[b]  # joined by an earlier chunk
        a, b = a[still], b[still]
        found = np.flatnonzero(close(points[a], points[b]))
        if len(found):
            links = (np.ones(len(found)), (label[a[found]], label[b[found]]))
            label = connected_components(coo_array(links, shape=(len(points), len(points))), directed=False)[1][label]
    return label


def _principal(points: FloatArray) -> FloatArray:
    """Coordinates on the first principal axes: an orthogonal projection, so no distance grows."""
    centred = points - points.mean(axis=0)
    if centred.shape[1] <= AXES:
        return centred
    axes = np.linalg.eigh(centred.T @ centred)[1][:, -AXES:]
    return np.asarray(centred @ axes)
