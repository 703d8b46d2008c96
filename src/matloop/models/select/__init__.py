"""Which columns to keep, learnt from training rows alone and inside each fold; a method is a function that ranks."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.registry import Registry

SELECTORS = Registry(
    "matloop.selectors",
    telling="matloop.models.select.single:by_telling",
    variance="matloop.models.select.single:by_variance",
    pearson="matloop.models.select.correlation:by_pearson",
    spearman="matloop.models.select.correlation:by_spearman",
    mrmr="matloop.models.select.information:by_mrmr",
    redundancy="matloop.models.select.information:by_redundancy",
    forest="matloop.models.select.forest:by_forest",
    l1="matloop.models.select.linear:by_l1",
    forward="matloop.models.select.linear:by_forward",
)
"""Ways to choose columns by name."""


class Ranking(Protocol):
    """A way to choose columns."""

    def __call__(self, Z: FloatArray, y: FloatArray, k: int, *, classes: int, seed: int) -> IntArray:
        """Places of at most `k` columns, the one to keep first first.

        Parameters
        ----------
        Z : shape (n_rows, n_columns), finite. y : shape (n_rows,), value, or class index 0..classes-1.
        classes : number of classes, 0 for a regression. seed : of methods that draw.
        """
        ...


def chosen(method: str, Z: FloatArray, y: FloatArray, k: int, *, classes: int = 0, seed: int = 0) -> IntArray:
    """Places of at most `k` columns that `method` keeps, ascending.

    Raises
    ------
    ConfigError : there is no such method.
    """
    ranking: Ranking = SELECTORS.load(method)
    return np.sort(ranking(Z, y, k, classes=classes, seed=seed)[:k])


def ranked(score: FloatArray) -> IntArray:
    """Places from the highest score to the lowest; equal to ten digits counts as equal, the earlier column first."""
    largest = float(np.abs(score[np.isfinite(score)]).max(initial=0.0)) or 1.0
    return np.argsort(-np.round(np.where(np.isfinite(score), score, -np.inf) / largest, 10), kind="stable")


def standardised(Z: FloatArray) -> FloatArray:
    """Columns with mean zero and variance one; constant ones are zero."""
    off = Z - Z.mean(axis=0)
    size = np.sqrt((off**2).mean(axis=0))
    flat = size <= 1e-12 * np.abs(Z).max(axis=0, initial=0.0)
    return np.asarray(np.where(flat, 0.0, off / np.where(flat, 1.0, size)))


def targets_of(y: FloatArray, classes: int) -> FloatArray:
    """What columns have to tell, centred, shape (n_rows, n_targets): the value, or a flag per class."""
    targets = np.eye(classes)[y.astype(np.int64)] if classes else y[:, None].astype(np.float64)
    return np.asarray(targets - targets.mean(axis=0))


def some_rows(n: int, most: int) -> slice:
    """At most about `most` rows, evenly taken."""
    return slice(None, None, max(1, -(-n // most)))
