"""Random folds, hold-outs and left-out clusters for any estimator: `cross_val_score(model, X, y, cv=splitter)`.

Splits by chemistry are in `split.chemical`, by order in `split.ordered`, near twins in `split.twins`, molecules in
`split.molecules`, samplers in `split.samplers`; `split.SPLITTERS` lists them all by name.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import ConfigError, MatloopWarning
from matloop.problem.question import Task
from matloop.split.clusterings import Clusterer, agglomerative, kmeans, mixture_by_bic
from matloop.split.folds import cluster_folds, fold_count, make_folds
from matloop.split.space import as_features
from matloop.split.splitter import Held, Part, Rows, Splitter, folds_held, n_rows
from matloop.split.vault import choose_sealed

ClusterMethod = Literal["k_means", "gaussian_mixture", "agglomerative"]
CLUSTERERS: dict[str, Clusterer] = {
    "k_means": kmeans,
    "gaussian_mixture": mixture_by_bic,
    "agglomerative": agglomerative,
}


class RandomFolds(Splitter):
    """K folds of equal size at random, groups whole; the target is not looked at.

    Examples
    --------
    >>> [len(test) for _, test in RandomFolds(5).split(np.zeros((10, 1)))]
    [2, 2, 2, 2, 2]
    """

    def __init__(self, n_splits: int = 5, *, seed: int = 0) -> None:
        self.n_splits, self.seed = n_splits, seed

    def _held(self, rows: Rows) -> Iterator[Held]:
        flat = np.zeros(len(rows))
        yield from folds_held(make_folds(flat, rows.group, n_folds=self.n_splits, seed=self.seed, task="regression"))

    def get_n_splits(self, X: Any = None, y: Any = None, groups: ArrayLike | None = None) -> int:
        """Number of folds; fewer than `n_splits` where there are fewer groups."""
        return _n_folds(self.n_splits, X, groups)


class StratifiedGroupFolds(Splitter):
    """Grouped folds of equal size with the target spread evenly, also a continuous one; see `make_folds`.

    Parameters
    ----------
    task : "regression" spreads slices of the sorted target, "classification" the classes (any labels), rare ones first;
        a class of fewer groups than folds is missing from some of them, and a warning says so.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.arange(20.0)
    >>> splitter = StratifiedGroupFolds(n_splits=4, seed=1)
    >>> [len(test) for _, test in splitter.split(y[:, None], y, groups=np.arange(20) // 2)]
    [4, 6, 4, 6]
    """

    def __init__(self, n_splits: int = 5, *, seed: int = 0, task: Task = "regression") -> None:
        self.n_splits, self.seed, self.task = n_splits, seed, task

    def _held(self, rows: Rows) -> Iterator[Held]:
        yield from folds_held(_stratified(rows, self.n_splits, self.seed, self.task))

    def get_n_splits(self, X: Any = None, y: Any = None, groups: ArrayLike | None = None) -> int:
        """Number of folds; fewer than `n_splits` where there are fewer groups."""
        return _n_folds(self.n_splits, X, groups)


class RepeatedFolds(Splitter):
    """`StratifiedGroupFolds` again and again with other seeds: what differs between repeats is the luck of the draw."""

    def __init__(self, n_splits: int = 5, n_repeats: int = 10, *, seed: int = 0, task: Task = "regression") -> None:
        self.n_splits, self.n_repeats, self.seed, self.task = n_splits, n_repeats, seed, task

    def _held(self, rows: Rows) -> Iterator[Held]:
        for repeat, seed in enumerate(_seeds(self.seed, self.n_repeats)):
            for held in folds_held(_stratified(rows, self.n_splits, seed, self.task)):
                yield Held(f"repeat {repeat + 1}, {held.name}", held.test)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: ArrayLike | None = None) -> int:
        """Folds times repeats."""
        return self.n_repeats * _n_folds(self.n_splits, X, groups)


class ShuffledHoldOut(Splitter):
    """A share of the rows held out at random, again and again (Monte-Carlo cross-validation).

    Groups stay whole and the target is spread evenly. Unlike folds, the held-out sets of two draws overlap.
    """

    def __init__(
        self, n_splits: int = 10, test_fraction: float = 0.2, *, seed: int = 0, task: Task = "regression"
    ) -> None:
        self.n_splits, self.test_fraction, self.seed, self.task = n_splits, test_fraction, seed, task

    def _held(self, rows: Rows) -> Iterator[Held]:
        for draw, seed in enumerate(_seeds(self.seed, self.n_splits)):
            yield Held(f"draw {draw + 1}", _hold_out(rows, self.test_fraction, seed, self.task))

    def get_n_splits(self, X: Any = None, y: Any = None, groups: ArrayLike | None = None) -> int:
        """The number of draws."""
        return self.n_splits


class GroupHoldOut(Splitter):
    """One held-out share with whole groups and the target spread evenly, as the vault chooses it."""

    def __init__(self, test_fraction: float = 0.2, *, seed: int = 0, task: Task = "regression") -> None:
        self.test_fraction, self.seed, self.task = test_fraction, seed, task

    def _held(self, rows: Rows) -> Iterator[Held]:
        yield Held("held out", _hold_out(rows, self.test_fraction, self.seed, self.task))

    def get_n_splits(self, X: Any = None, y: Any = None, groups: ArrayLike | None = None) -> int:
        """Always one."""
        return 1


@dataclass(frozen=True, slots=True)
class NestedPart:
    """An outer pair, and inner pairs that share out its training rows; all positions are in the whole table."""

    outer: Part
    inner: tuple[Part, ...]


class NestedFolds(Splitter):
    """Folds within folds: inner ones choose a model, outer ones judge the choice, no row does both.

    `split` gives the outer pairs (for `cross_val_score` around a search of its own); `nested` gives both.

    References
    ----------
    Varma & Simon, BMC Bioinformatics 7 (2006) 91 (the bias of choosing and judging on the same folds).
    doi:10.1186/1471-2105-7-91
    """

    def __init__(self, n_outer: int = 5, n_inner: int = 4, *, seed: int = 0, task: Task = "regression") -> None:
        self.n_outer, self.n_inner, self.seed, self.task = n_outer, n_inner, seed, task

    def _held(self, rows: Rows) -> Iterator[Held]:
        yield from folds_held(_stratified(rows, self.n_outer, self.seed, self.task))

    def get_n_splits(self, X: Any = None, y: Any = None, groups: ArrayLike | None = None) -> int:
        """Number of outer folds; fewer than `n_outer` where there are fewer groups."""
        return _n_folds(self.n_outer, X, groups)

    def nested(self, X: Any, y: Any, groups: ArrayLike | None = None) -> Iterator[NestedPart]:
        """Each outer pair with its inner pairs."""
        values = np.asarray(y)
        names = np.arange(len(values)) if groups is None else np.asarray(groups)
        inside = StratifiedGroupFolds(self.n_inner, seed=self.seed + 1, task=self.task)
        for outer in self.parts(X, y, groups):
            known = outer.train
            inner = inside.parts(known[:, None], values[known], names[known])
            yield NestedPart(outer, tuple(Part(one.name, known[one.train], known[one.test]) for one in inner))


class LeaveOneClusterOut(Splitter):
    """Each held-out set is a region of the feature space, the largest first; see `split.folds.clusters`.

    Parameters
    ----------
    n_clusters : how many; with "gaussian_mixture" the most, the number of lowest BIC from two on is taken.
    method : "k_means", "gaussian_mixture" or "agglomerative" (Ward).

    References
    ----------
    Meredig et al., Mol. Syst. Des. Eng. 3 (2018) 819. doi:10.1039/C8ME00012C

    Examples
    --------
    >>> X = np.repeat([[0.0], [1.0], [9.0]], 5, axis=0)
    >>> [len(test) for _, test in LeaveOneClusterOut(3).split(X)]
    [5, 5, 5]
    """

    def __init__(self, n_clusters: int = 5, *, seed: int = 0, method: ClusterMethod = "k_means") -> None:
        self.n_clusters, self.seed, self.method = n_clusters, seed, method

    def _held(self, rows: Rows) -> Iterator[Held]:
        if self.method not in CLUSTERERS:
            raise ConfigError(f"there is no clustering {self.method!r}. Known: {', '.join(CLUSTERERS)}.")
        by = CLUSTERERS[self.method]
        fold = cluster_folds(as_features(rows.X), rows.group, n_clusters=self.n_clusters, seed=self.seed, by=by)
        yield from folds_held(fold, "cluster")


def _n_folds(n_splits: int, X: Any, groups: ArrayLike | None) -> int:
    if X is None:
        return n_splits
    return fold_count(np.arange(n_rows(X)) if groups is None else groups, n_splits)


def _seeds(seed: int, n: int) -> list[int]:
    """Seeds of repeats; the first is `seed` itself."""
    later = np.random.default_rng(seed).integers(0, 2**31, max(n - 1, 0))
    return [seed, *later.tolist()][:n]


def _stratified(rows: Rows, n_splits: int, seed: int, task: Task) -> IntArray:
    y = rows.numbers(task)
    fold = make_folds(y, rows.group, n_folds=n_splits, seed=seed, task=task)
    if task == "classification":
        _warn_of_rare(rows, y, fold)
    return fold


def _warn_of_rare(rows: Rows, y: FloatArray, fold: IntArray) -> None:
    n_folds = int(fold.max()) + 1
    held = np.zeros((int(y.max()) + 1, n_folds), dtype=bool)
    held[y.astype(np.int64), fold] = True
    missing = np.flatnonzero(~held.all(axis=1))
    if len(missing):
        names = np.unique(np.asarray(rows.y))[missing]
        shown = ", ".join(
            f"{name!s} (in {int(n)})" for name, n in zip(names[:5], held[missing].sum(axis=1), strict=False)
        )
        message = f"classes missing from some of {n_folds} folds: {shown}. Use fewer folds, or add rows of them."
        warnings.warn(message, MatloopWarning, stacklevel=5)


def _hold_out(rows: Rows, fraction: float, seed: int, task: Task) -> IntArray:
    if not 0.0 < fraction < 1.0:
        raise ConfigError(f"test_fraction = {fraction}: a share between 0 and 1 is needed, such as 0.2.")
    y = rows.numbers(task)[:, None]
    held = choose_sealed(y, rows.group, fraction=fraction, classify=task == "classification", seed=seed)
    return np.flatnonzero(held)
