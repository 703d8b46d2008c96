"""Leverage: how much pull a row would have on a linear model of the training rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import Arrays, FloatArray, number, taken
from matloop.core.errors import BundleError
from matloop.doubt.domains.method import Foreignness, Measure, Method, fit_foreignness
from matloop.doubt.domains.space import Places

RIDGE = 1e-3
"""Share of the mean variance that is added to every axis: directions without spread do not shoot off."""


@dataclass(frozen=True, slots=True)
class Leverage:
    """Hat value of a linear model on the axes, in units of Williams' warning limit 3 (p + 1) / n.

    A score of 1 is that limit. middle : shape (n_axes,). inverse : shape (n_axes, n_axes), inverse covariance.
    n_rows : learnt from.
    """

    middle: FloatArray
    inverse: FloatArray
    n_rows: int

    def score(self, places: Places) -> FloatArray:
        """Shape (n,)."""
        away = places.astype(np.float64) - self.middle
        hat = (1.0 + np.einsum("ij,jk,ik->i", away, self.inverse, away, optimize=True)) / self.n_rows
        return np.asarray(np.maximum(hat, 0.0) * self.n_rows / (3.0 * (len(self.middle) + 1)))

    def to_arrays(self) -> Arrays:
        return {"middle": self.middle, "inverse": self.inverse, "n_rows": np.array(self.n_rows)}


def read_leverage(arrays: Arrays, n_axes: int) -> Leverage:
    """The measure from its arrays, checked (BundleError)."""
    middle, inverse = taken(arrays, "middle").astype(np.float64), taken(arrays, "inverse", ndim=2).astype(np.float64)
    n_rows = int(number(arrays, "n_rows"))
    if middle.shape != (n_axes,) or inverse.shape != (n_axes, n_axes) or n_rows < 1:
        raise BundleError("the leverage of the domain does not fit its axes. The bundle is not trusted.")
    return Leverage(middle, inverse, n_rows)


def fit_hat(places: Places, seed: int) -> Measure:
    """Middle and regularised inverse covariance of training places (n, n_axes)."""
    del seed
    rows = places.astype(np.float64)
    middle = rows.mean(axis=0)
    spread = (rows - middle).T @ (rows - middle) / len(rows)
    floor = max(RIDGE * float(np.trace(spread)) / len(spread), 1e-12)
    return Leverage(middle, np.linalg.inv(spread + floor * np.eye(len(spread))), len(rows))


METHOD = Method(
    "leverage",
    "Leverage",
    "leverage",
    "Gramatica, QSAR Comb. Sci. 26 (2007) 694 (Williams plot, limit 3 (p + 1) / n), doi:10.1002/qsar.200610151",
    fit_hat,
    read_leverage,
)


def fit_leverage(X: FloatArray, *, seed: int = 0) -> Foreignness:
    """Hat value on the principal axes over Williams' limit; see `fit_foreignness`.

    Axes instead of columns: with more columns than rows a hat value on columns is 1 for every row and says nothing.
    """
    return fit_foreignness("leverage", X, seed=seed)
