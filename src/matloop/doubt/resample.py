"""Out-of-fold predictions of any scikit-learn estimator, groups kept whole, and the fitted members where asked for."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import ConfigError, DataError
from matloop.models.family import FitTask
from matloop.split.folds import make_folds

HELD_OUT = 0.25
BOOTSTRAPS = 30


@dataclass(frozen=True, slots=True)
class Plan:
    """Which rows each member learns from and is asked about; `fold` (n,) is -1 where none is asked."""

    train: tuple[IntArray, ...]
    out: tuple[IntArray, ...]
    fold: IntArray


def checked_rows(X: Any, y: ArrayLike, groups: ArrayLike | None) -> IntArray:
    """Group index (n,) of each row.

    Raises
    ------
    DataError : lengths differ, fewer than four rows, or all rows belong to one group.
    """
    n, n_x = len(np.asarray(y)), _length(X)
    index = np.arange(n) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1].reshape(-1)
    if not n == n_x == len(index):
        raise DataError(f"{n_x} rows of X, {n} of y, {len(index)} group names.")
    if n < 4 or len(np.unique(index)) < 2:
        raise DataError(f"{n} rows in {len(np.unique(index))} groups; four rows and two groups are needed.")
    return index.astype(np.int64)


def _length(X: Any) -> int:
    return int(X.shape[0]) if hasattr(X, "shape") else len(X)


def rows_of(X: Any, rows: IntArray) -> Any:
    """The given rows of an array, data frame, sparse matrix or list."""
    from sklearn.utils import _safe_indexing

    return _safe_indexing(X, rows)


def folds_plan(y: FloatArray, groups: IntArray, folds: float, seed: int, task: FitTask) -> Plan:
    """Grouped folds (`folds` >= 2), or one part held out (`folds` a share below 1).

    Raises
    ------
    ConfigError : neither a share nor a whole number from 2.
    """
    if 0.0 < folds < 1.0:
        n_parts = max(round(1.0 / folds), 2)
        part = make_folds(y, groups, n_folds=min(n_parts, len(np.unique(groups))), seed=seed, task=task)
        out = np.flatnonzero(part == 0)
        return Plan((np.flatnonzero(part != 0),), (out,), np.where(part == 0, 0, -1))
    if folds < 2 or folds != int(folds):
        raise ConfigError(f"folds is a whole number from 2, or the share of rows held out (0 to 1), got {folds}.")
    part = make_folds(y, groups, n_folds=int(folds), seed=seed, task=task)
    names = np.unique(part)
    return Plan(tuple(np.flatnonzero(part != k) for k in names), tuple(np.flatnonzero(part == k) for k in names), part)


def bootstrap_plan(groups: IntArray, n_members: int, seed: int) -> Plan:
    """Whole groups drawn with replacement; each member is asked about the groups it did not draw."""
    rng, n_groups = np.random.default_rng(seed), int(groups.max()) + 1
    train, out = [], []
    for _ in range(n_members):
        times = np.bincount(rng.integers(0, n_groups, n_groups), minlength=n_groups)[groups]
        train.append(np.repeat(np.arange(len(groups)), times))
        out.append(np.flatnonzero(times == 0))
    return Plan(tuple(train), tuple(out), groups % 5)


def fitted_members(estimator: Any, X: Any, y: np.ndarray, plan: Plan) -> Iterator[tuple[Any, IntArray]]:
    """Each member, fitted, with the rows that it is to be asked about."""
    for train, out in zip(plan.train, plan.out, strict=True):
        yield clone(estimator).fit(rows_of(X, train), y[train]), out


def says(estimator: Any, X: Any) -> tuple[FloatArray, FloatArray]:
    """Value and spread (n,) of a fitted regressor; the spread is zero where it has none.

    The spread is what `predict(X, return_std=True)` gives (Gaussian processes, Bayesian ridge), else the standard
    deviation over the members that the estimator holds (forests, bagging).
    """
    last = estimator[-1] if hasattr(estimator, "steps") else estimator
    if "return_std" in inspect.signature(last.predict).parameters:
        value, std = estimator.predict(X, return_std=True)
        return _flat(value, X), _flat(std, X)
    value = _flat(estimator.predict(X), X)
    members = getattr(last, "estimators_", None)
    # the members of a boosting are corrections, not opinions
    if not isinstance(members, list) or not members or hasattr(last, "loss"):
        return value, np.zeros(len(value))
    inside = estimator[:-1].transform(X) if hasattr(estimator, "steps") and len(estimator) > 1 else X
    columns = getattr(last, "estimators_features_", None)
    table = np.asarray(inside)
    said = [
        np.asarray(member.predict(table if columns is None else table[:, columns[k]]), dtype=np.float64)
        for k, member in enumerate(members)
    ]
    return value, np.std(said, axis=0)


def _flat(values: ArrayLike, X: Any) -> FloatArray:
    found = np.asarray(values, dtype=np.float64)
    found = found.reshape(len(found), -1)[:, 0] if found.ndim == 2 and found.shape[1] == 1 else found
    if found.shape != (_length(X),):
        raise DataError(f"{_length(X)} rows, but the estimator predicts {found.shape}; one number per row is needed.")
    return found


def growth_of(plan: Plan) -> float:
    """Rows of a fit on everything over the mean number that a member learnt from."""
    mean = float(np.mean([len(train) for train in plan.train]))
    return max(len(plan.fold) / mean, 1.0) if math.isfinite(mean) and mean > 0 else 1.0
