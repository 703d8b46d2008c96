"""The space that distances are measured in: standardised features on their principal axes."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import Arrays, FloatArray, IntArray, taken, within
from matloop.core.errors import BundleError, DataError

CLIP = 8.0
"""Standardised features are clipped here; farther is far."""
VARIANCE = 0.95
Places = NDArray[np.float32]
"""Rows on the axes of a space, shape (n, n_axes)."""


@dataclass(frozen=True, slots=True)
class Space:
    """Standardised features and their principal axes.

    columns : shape (n_used,), feature columns with spread. centre, scale : shape (n_used,), median and spread.
    axes : shape (n_used, n_axes).
    """

    columns: IntArray
    centre: FloatArray
    scale: FloatArray
    axes: FloatArray

    def standard(self, X: FloatArray) -> FloatArray:
        """Standardised features, shape (n, n_used); a missing value is taken at the median."""
        z = X[:, self.columns]
        z -= self.centre
        z /= self.scale
        np.clip(z, -CLIP, CLIP, out=z)
        z[np.isnan(z)] = 0.0
        return z

    def project(self, X: FloatArray) -> Places:
        """Rows on the principal axes, shape (n, n_axes), float32."""
        return (self.standard(X) @ self.axes).astype(np.float32)

    @property
    def n_axes(self) -> int:
        return self.axes.shape[1]

    def to_arrays(self) -> Arrays:
        """Plain arrays; `from_arrays` gives the same places again."""
        return {"columns": self.columns, "centre": self.centre, "scale": self.scale, "axes": self.axes}

    @classmethod
    def from_arrays(cls, arrays: Arrays, n_features: int) -> Space:
        """The value that `to_arrays` gave, every index and shape checked (BundleError)."""
        columns = within(arrays, "columns", 0, n_features).astype(np.int64)
        centre, scale = (taken(arrays, name).astype(np.float64) for name in ("centre", "scale"))
        axes = taken(arrays, "axes", ndim=2).astype(np.float64)
        if not len(columns) == len(centre) == len(scale) == len(axes) or (scale <= 0).any() or axes.shape[1] == 0:
            raise BundleError(
                "the arrays of the distance to the training rows do not fit each other. The bundle is not trusted."
            )
        return cls(columns, centre, scale, axes)


def fit_space(X: FloatArray, rows: IntArray, *, n_axes: int, weights: FloatArray | None = None) -> Space:
    """Centre and spread from all rows, axes from `rows` of them.

    The spread of a column is that of a normal one with its 5 and 95 % quantiles, or its standard deviation if larger
    (an element in few rows). There are as many axes as hold 95 % of the variance, at most `n_axes`. Where no column
    varies all rows have the same place. `weights` (n_features,) stretch columns that matter more.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column without any value has no median
        finite = np.where(np.isfinite(X), X, np.nan)
        centre = np.nan_to_num(np.nanmedian(finite, axis=0)) if len(X) else np.zeros(X.shape[1])
        filled = np.where(np.isfinite(X), X, centre)
    low, high = np.quantile(filled, [0.05, 0.95], axis=0)
    deviation = filled.std(axis=0)
    scale = np.maximum((high - low) / 3.29, deviation)
    columns = np.flatnonzero(deviation > 1e-12 * np.maximum(np.abs(filled).max(axis=0), 1e-300)).astype(np.int64)
    stretch = np.ones(len(columns)) if weights is None else weights[columns]
    scale = scale[columns] / np.maximum(stretch, 1e-6)
    blank = Space(columns, centre[columns], scale, np.eye(len(columns)))
    return Space(columns, centre[columns], scale, _axes(blank.standard(X[rows]), n_axes))


def drawn_rows(n: int, most: int, seed: int) -> IntArray:
    """At most `most` of `n` rows, drawn without replacement, in rising order."""
    return np.sort(np.random.default_rng(seed).permutation(n)[:most])


def squared_distances(rows: Places, landmarks: Places) -> FloatArray:
    """Squared distances, shape (n_rows, n_landmarks), in double precision."""
    a, b = rows.astype(np.float64), landmarks.astype(np.float64)
    away = np.einsum("ij,ij->i", a, a)[:, None] - 2.0 * (a @ b.T) + np.einsum("ij,ij->i", b, b)
    return np.maximum(away, 0.0)


def checked_rows(X: FloatArray, n_features: int | None = None) -> FloatArray:
    """A table of numbers as float64, with rows and (where known) the right number of columns.

    Raises
    ------
    DataError : it is not two-dimensional, has no row while none is known yet, or other columns than were learnt from.
    """
    X = np.asarray(X, dtype=np.float64)
    if X.ndim != 2 or (n_features is None and len(X) == 0):
        raise DataError(f"features of shape {X.shape}; expected (n_rows, n_features) with one row or more.")
    if n_features is not None and X.shape[1] != n_features:
        raise DataError(f"{X.shape[1]} feature columns; the domain was learnt from {n_features}.")
    return X


def _axes(standard: FloatArray, n_axes: int) -> FloatArray:
    if standard.shape[1] == 0:
        return np.zeros((0, 1))
    if len(standard) > 1:
        variance, vectors = _principal(standard)
    else:
        variance, vectors = np.ones(standard.shape[1]), np.eye(standard.shape[1])
    share = np.cumsum(np.maximum(variance, 0.0)) / max(float(np.maximum(variance, 0.0).sum()), 1e-300)
    kept = min(n_axes, 1 + int(np.searchsorted(share, VARIANCE)), len(variance))
    signs = np.sign(vectors[np.abs(vectors[:, :kept]).argmax(axis=0), np.arange(kept)])
    return np.ascontiguousarray(vectors[:, :kept] * np.where(signs == 0, 1.0, signs))


def _principal(standard: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Variance along each principal axis, largest first, and the axes as columns."""
    if standard.shape[1] > 2 * len(standard):  # thousands of features, few rows: the covariance would not fit
        away = standard - standard.mean(axis=0)
        _, singular, rows = np.linalg.svd(away, full_matrices=False)
        return singular**2 / (len(standard) - 1), np.ascontiguousarray(rows.T)
    spread = np.cov(standard, rowvar=False).reshape(standard.shape[1], -1)
    variance, vectors = np.linalg.eigh(spread)
    return variance[::-1], vectors[:, ::-1]
