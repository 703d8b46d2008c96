"""All rows on one sheet: the two principal axes of the standardised features."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.represent.standard import fit_standard
from matloop.represent.table import Columns, FeatureTable

FIT_ROWS = 5000
DIGITS = 9
"""Decimals kept: what a picture shows, and the same on every machine and in every replay."""


def project(X: FloatArray | FeatureTable, seed: int) -> tuple[FloatArray, FloatArray]:
    """Principal component analysis of standardised, imputed features.

    Parameters
    ----------
    X : shape (n_rows, n_features), or a feature table, whose categories then count as words and not as numbers.
    seed : which 5,000 rows the axes are learnt from where there are more.

    Returns
    -------
    xy : shape (n_rows, 2); the sign of each axis is such that its largest loading is positive.
    explained : shape (2,), share of the variance along each axis, in [0, 1].
    """
    table = X if isinstance(X, FeatureTable) else None
    values = table.X if table is not None else np.asarray(X, dtype=np.float64)
    names = tuple(f"{i}" for i in range(values.shape[1]))
    columns = table.columns() if table is not None else Columns(names, names, {})
    standardised = fit_standard(values, columns).apply(values)
    n, width = standardised.shape
    if n < 2 or width == 0:
        return np.zeros((n, 2)), np.zeros(2)
    rng = np.random.default_rng(seed)
    known = standardised if n <= FIT_ROWS else standardised[np.sort(rng.choice(n, FIT_ROWS, replace=False))]
    mean = known.mean(axis=0)
    variances, axes = np.linalg.eigh(np.cov(known - mean, rowvar=False).reshape(width, width))
    axes = axes[:, ::-1][:, :2]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    xy, explained = np.zeros((n, 2)), np.zeros(2)
    xy[:, : axes.shape[1]] = (standardised - mean) @ axes
    shares = np.clip(variances[::-1][:2], 0.0, None) / max(float(np.clip(variances, 0.0, None).sum()), 1e-300)
    explained[: len(shares)] = shares
    return np.round(xy, DIGITS), np.round(explained, DIGITS)
