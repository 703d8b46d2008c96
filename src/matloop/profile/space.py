"""The space that maps and clusters start from: standardised features on their principal axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import FloatArray
from matloop.core.errors import DataError
from matloop.represent.standard import Standard, fit_standard
from matloop.represent.table import Columns

OUTLYING = 8.0
"""Standardised features are clipped here, so that one odd row does not take an axis for itself."""
FIT_ROWS = 5000
"""Rows that the axes are learnt from where there are more."""
MOST_AXES = 50
"""Neighbour maps are made from at most so many axes (van der Maaten & Hinton 2008)."""
CLUSTER_AXES, CLUSTER_VARIANCE = 20, 0.95
"""Clusters are looked for in the first axes that hold this share of the variance, 20 of them at most."""


@dataclass(frozen=True, slots=True)
class FeatureSpace:
    """Principal axes of standardised features, learnt from rows; it places other rows, too.

    standard : imputation at the median, scaling, one column per word of a category; constant columns are left out.
    mean : shape (n_used,). axes : shape (n_used, n_axes), orthonormal; the largest loading of each is positive.
    shares : shape (n_axes,), share of the variance along each axis.
    """

    standard: Standard
    mean: FloatArray
    axes: FloatArray
    shares: FloatArray
    n_fit: int

    @property
    def n_columns(self) -> int:
        """How many columns vary and are used."""
        return len(self.mean)

    @property
    def how(self) -> str:
        """The space in words."""
        if not self.n_columns:
            return "no feature varies"
        share = min(100.0 * float(self.shares.sum()), 100.0)
        return f"{len(self.shares)} principal axes ({share:.0f} % of the variance) of {self.n_columns} features"

    def place(self, X: FloatArray) -> FloatArray:
        """Rows on the axes, shape (n, n_axes)."""
        return (_clipped(self.standard, X) - self.mean) @ self.axes

    def for_clusters(self) -> int:
        """How many of the first axes clusters are looked for in."""
        if not len(self.shares):
            return 0
        enough = 1 + int(np.searchsorted(np.cumsum(self.shares), CLUSTER_VARIANCE))
        return min(enough, CLUSTER_AXES, len(self.shares))


def plain_columns(X: FloatArray) -> Columns:
    """Columns of an array without names: all are numbers."""
    names = tuple(f"feature {i}" for i in range(X.shape[1]))
    return Columns(names, names, {})


def as_rows(X: ArrayLike) -> FloatArray:
    """A table of numbers, shape (n_rows, n_features).

    Raises
    ------
    DataError : it has words in it, is no table, or has no row.
    """
    try:
        values = np.asarray(X, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"a map needs a table of numbers ({error}). Represent the rows first, for instance with MagpieFeaturizer, "
            "or pass categories as codes and say so in `columns`."
        ) from error
    if values.ndim != 2:
        raise DataError(f"X has shape {values.shape}; one row per sample and one column per feature is needed.")
    if not len(values):
        raise DataError("X has no rows; there is nothing to draw.")
    return values


def fit_space(X: FloatArray, columns: Columns | None = None, *, seed: int = 0) -> FeatureSpace:
    """Learn the space from rows.

    Parameters
    ----------
    X : shape (n_rows, n_features); NaN becomes the median of its column.
    columns : which of them are categories (codes); None: all are numbers.
    seed : which 5,000 rows the axes are learnt from where there are more.

    Examples
    --------
    >>> fit_space(np.column_stack([np.arange(6.0), np.arange(6.0) ** 2, np.ones(6)])).n_columns
    2
    """
    values = as_rows(X)
    standard = fit_standard(values, columns or plain_columns(values))
    rows = np.arange(len(values))
    if len(values) > FIT_ROWS:
        rows = np.sort(np.random.default_rng(seed).choice(len(values), FIT_ROWS, replace=False))
    known = _clipped(standard, values[rows])
    mean = known.mean(axis=0)
    if len(rows) < 2 or not known.shape[1]:
        return FeatureSpace(standard, mean, np.zeros((known.shape[1], 0)), np.zeros(0), len(rows))
    variances, axes = _principal(known - mean)
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    return FeatureSpace(standard, mean, axes, variances, len(rows))


def _principal(centred: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Shares of the variance, largest first, and the axes as columns; none that only rounding errors span."""
    n, width = centred.shape
    if width <= n:
        variances, axes = np.linalg.eigh(centred.T @ centred)
        variances, axes = variances[::-1][:MOST_AXES], axes[:, ::-1][:, :MOST_AXES]
    else:
        _, sizes, rows = np.linalg.svd(centred, full_matrices=False)
        variances, axes = sizes[:MOST_AXES] ** 2, rows[:MOST_AXES].T
    total = float((centred**2).sum())
    kept = variances > 1e-12 * total
    return variances[kept] / total, axes[:, kept]


def _clipped(standard: Standard, X: FloatArray) -> FloatArray:
    return np.clip(standard.apply(X), -OUTLYING, OUTLYING)
