"""Covariances of a Gaussian process with its slopes, and slopes that are known to have one sign."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr, ndtri_exp

from matloop.core.arrays import FloatArray, IntArray
from matloop.design.surrogates.around import Kernel
from matloop.design.surrogates.likeness import all_squares
from matloop.models.kernels import shape_and_slope

_CHAINS, _SWEEPS, _KEPT = 64, 90, 3


@dataclass(frozen=True, slots=True)
class Slopes:
    """Places where the slope along one column counts. X : shape (n, width). column : shape (n,)."""

    X: FloatArray
    column: IntArray

    def __len__(self) -> int:
        return len(self.column)

    def joined(self, other: Slopes) -> Slopes:
        return Slopes(np.vstack([self.X, other.X]), np.concatenate([self.column, other.column]))


def lengths_of(kernel: Kernel, column: IntArray) -> FloatArray:
    """The length of each column's part, shape (n,)."""
    own = {int(k): length for part, length in zip(kernel.parts, kernel.lengths, strict=True) for k in part.columns}
    return np.array([own[int(k)] for k in column])


def value_slope(kernel: Kernel, A: FloatArray, at: Slopes) -> FloatArray:
    """Covariance of values at A with slopes, shape (n_a, n_slopes)."""
    bend = shape_and_slope("matern52", all_squares(kernel.parts, kernel.lengths, A, at.X))[1]
    apart = A[:, at.column] - at.X[np.arange(len(at)), at.column]
    return np.asarray(-2.0 * kernel.amplitude * bend * apart / lengths_of(kernel, at.column) ** 2)


def slope_slope(kernel: Kernel, at: Slopes, to: Slopes) -> FloatArray:
    """Covariance of slopes with slopes, shape (n_at, n_to).

    For Matern-5/2 of the square s, with u = sqrt(5 s): g' = -5/6 (1 + u) e^-u, g'' = 25/12 e^-u.
    """
    square = all_squares(kernel.parts, kernel.lengths, at.X, to.X)
    bend = shape_and_slope("matern52", square)[1]
    second = 25.0 / 12.0 * np.exp(-np.sqrt(5.0 * square))
    one, other = lengths_of(kernel, at.column), lengths_of(kernel, to.column)
    first_apart = at.X[np.arange(len(at)), at.column][:, None] - to.X[:, at.column].T
    second_apart = at.X[:, to.column] - to.X[np.arange(len(to)), to.column][None, :]
    both = -4.0 * second * first_apart * second_apart / (one[:, None] * other[None, :]) ** 2
    same = (at.column[:, None] == to.column[None, :]) * (-2.0 * bend / one[:, None] ** 2)
    return np.asarray(kernel.amplitude * (both + same))


def slope_variance(kernel: Kernel, at: Slopes) -> FloatArray:
    """The diagonal of `slope_slope`, shape (n_slopes,): 5/3 of the amplitude over the squared length."""
    return np.asarray(5.0 / 3.0 * kernel.amplitude / lengths_of(kernel, at.column) ** 2)


def positive(mean: FloatArray, covariance: FloatArray, seed: int) -> FloatArray:
    """Samples of a Gaussian of which every entry is at least zero, shape (n_samples, n), by Gibbs' sampler.

    Geweke, Computing Science and Statistics 23 (1991) 571.
    """
    rng = np.random.default_rng([seed, 19])
    precision = np.linalg.inv(covariance)
    width = 1.0 / np.sqrt(np.diag(precision))
    x = np.tile(np.maximum(mean, 0.1 * np.sqrt(np.diag(covariance))), (_CHAINS, 1))
    kept = []
    for sweep in range(_SWEEPS):
        for k in range(len(mean)):
            away = (x - mean) @ precision[k] - precision[k, k] * (x[:, k] - mean[k])
            centre = mean[k] - away * width[k] ** 2
            x[:, k] = centre + width[k] * _above(-centre / width[k], rng.random(_CHAINS))
        if sweep >= _SWEEPS - _KEPT * 10 and sweep % 10 == 9:
            kept.append(x.copy())
    return np.maximum(np.vstack(kept), 0.0)


def _above(low: FloatArray, uniform: FloatArray) -> FloatArray:
    """Standard normal numbers that are at least `low`, by the inverse of the upper tail, in logarithms."""
    return np.asarray(-ndtri_exp(log_ndtr(-low) + np.log1p(-uniform)))
