"""The same splits as scikit-learn splitters, for any estimator: `cross_val_score(model, X, y, cv=splitter)`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import FloatArray, IntArray
from matloop.problem.question import Task
from matloop.split.folds import cluster_folds, fold_count, make_folds
from matloop.split.vault import choose_sealed

Split = tuple[IntArray, IntArray]


def _each(fold: IntArray) -> Iterator[Split]:
    for number in range(int(fold.max()) + 1):
        yield np.flatnonzero(fold != number), np.flatnonzero(fold == number)


def _groups(X: ArrayLike, groups: ArrayLike | None) -> ArrayLike:
    return np.arange(len(np.asarray(X))) if groups is None else groups


class StratifiedGroupFolds:
    """Grouped folds of equal size with the target spread evenly, also a continuous one; see `make_folds`.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.arange(20.0)
    >>> splitter = StratifiedGroupFolds(n_splits=4, seed=1)
    >>> [len(test) for _, test in splitter.split(y[:, None], y, groups=np.arange(20) // 2)]
    [6, 6, 4, 4]
    """

    def __init__(self, n_splits: int = 5, *, seed: int = 0, task: Task = "regression") -> None:
        self.n_splits, self.seed, self.task = n_splits, seed, task

    def split(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Iterator[Split]:
        """Pairs of (training rows, held-out rows)."""
        known = _groups(X, groups)
        values = np.unique(np.asarray(y), return_inverse=True)[1] if self.task == "classification" else y
        numbers = np.asarray(values, dtype=np.float64)
        return _each(make_folds(numbers, known, n_folds=self.n_splits, seed=self.seed, task=self.task))

    def get_n_splits(self, X: ArrayLike | None = None, y: object = None, groups: ArrayLike | None = None) -> int:
        """Number of folds; fewer than `n_splits` where there are fewer groups."""
        return self.n_splits if X is None else fold_count(_groups(X, groups), self.n_splits)


class LeaveOneClusterOut:
    """Each held-out set is a region of the feature space; see `cluster_folds`."""

    def __init__(self, n_clusters: int = 5, *, seed: int = 0) -> None:
        self.n_clusters, self.seed = n_clusters, seed

    def split(self, X: ArrayLike, y: object = None, groups: ArrayLike | None = None) -> Iterator[Split]:
        """Pairs of (training rows, held-out rows), the largest cluster held out first."""
        return _each(self._fold(np.asarray(X, dtype=np.float64), groups))

    def get_n_splits(self, X: ArrayLike | None = None, y: object = None, groups: ArrayLike | None = None) -> int:
        """Number of clusters; with `X` the number that is found there."""
        if X is None:
            return self.n_clusters
        return int(self._fold(np.asarray(X, dtype=np.float64), groups).max()) + 1

    def _fold(self, X: FloatArray, groups: ArrayLike | None) -> IntArray:
        return cluster_folds(X, _groups(X, groups), n_clusters=self.n_clusters, seed=self.seed)


class GroupHoldOut:
    """One held-out share with whole groups and the target spread evenly, as the vault chooses it."""

    def __init__(self, test_fraction: float = 0.2, *, seed: int = 0, task: Task = "regression") -> None:
        self.test_fraction, self.seed, self.task = test_fraction, seed, task

    def split(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Iterator[Split]:
        """One pair of (training rows, held-out rows)."""
        values = np.unique(np.asarray(y), return_inverse=True)[1] if self.task == "classification" else y
        numbers = np.asarray(values, dtype=np.float64)[:, None]
        index = np.unique(np.asarray(_groups(X, groups)), return_inverse=True)[1].reshape(-1)
        held = choose_sealed(
            numbers, index, fraction=self.test_fraction, classify=self.task == "classification", seed=self.seed
        )
        yield np.flatnonzero(~held), np.flatnonzero(held)

    def get_n_splits(self, X: object = None, y: object = None, groups: object = None) -> int:
        """Always one."""
        return 1
