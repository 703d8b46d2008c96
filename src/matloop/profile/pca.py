"""Principal axes as a map: linear, exact for every row, and the only one whose distances mean something."""

from __future__ import annotations

from typing import Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from matloop.core.arrays import FloatArray


class PrincipalAxes(TransformerMixin, BaseEstimator):
    """The first principal axes of points: straight shadows of the cloud along its widest directions.

    Parameters
    ----------
    n_components : axes kept; missing ones (fewer directions than asked for) are zeros.
    seed : not used, there is no chance in it; every map has one.

    Attributes
    ----------
    embedding_ : shape (n, n_components). shares_ : share of the variance along each axis.

    References
    ----------
    Jolliffe & Cadima, Phil. Trans. R. Soc. A 374 (2016) 20150202. doi:10.1098/rsta.2015.0202
    """

    new_rows = "exactly"

    def __init__(self, n_components: int = 2, seed: int = 0) -> None:
        self.n_components = n_components
        self.seed = seed

    def fit(self, X: FloatArray, y: None = None) -> Self:
        """Learn the axes of points (n, d)."""
        self.mean_ = X.mean(axis=0)
        centred = X - self.mean_
        total = float((centred**2).sum())
        width = min(self.n_components, X.shape[1])
        variances, axes = np.linalg.eigh(centred.T @ centred)
        axes, variances = axes[:, ::-1][:, :width], np.clip(variances[::-1][:width], 0.0, None)
        if width:
            axes = axes * np.where(axes[np.abs(axes).argmax(axis=0), np.arange(width)] < 0, -1.0, 1.0)
        self.axes_ = np.hstack([axes, np.zeros((X.shape[1], self.n_components - width))])
        self.shares_ = np.zeros(self.n_components)
        self.shares_[:width] = variances / total if total > 0 else 0.0
        self.embedding_ = self.transform(X)
        self.how_ = "principal axes"
        return self

    def transform(self, X: FloatArray) -> FloatArray:
        """Places of points (n, d), shape (n, n_components)."""
        return np.asarray((X - self.mean_) @ self.axes_, dtype=np.float64)
