"""Directions in which the values vary: partial least squares to begin with, then those of the largest evidence."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.design.surrogates.evidence import FAILED
from matloop.design.surrogates.kernel import bent_and_slope
from matloop.design.surrogates.measured import spread_of

_ENOUGH = 8
"""rows below which no direction can be learnt; then the columns that vary most stand for them"""
_CONSTANT = 0.25
_NOISE = (-4.0, 1.5)
"""mean and deviation of the prior of the logarithm of the variance of noise, as of the usual process"""


@dataclass(frozen=True, slots=True)
class Map:
    """Negative logarithm of the posterior of a linear map W, shape (d, k), under a Matern 5/2 process of Z W.

    Garnett, Osborne & Hennig (2014), doi:10.48550/arXiv.1310.6740. Numbers: W row by row, logarithms of amplitude and
    noise. The entries of W have a normal prior under which mapped rows vary by about one.
    """

    Z: FloatArray
    y: FloatArray
    k: int

    def __call__(self, numbers: FloatArray) -> tuple[float, FloatArray]:
        from scipy.linalg.lapack import dpotrf, dpotri

        n, d = self.Z.shape
        W, (log_amplitude, log_noise) = numbers[:-2].reshape(d, self.k), numbers[-2:]
        U = self.Z @ W
        own = np.einsum("nk,nk->n", U, U)
        squared = np.maximum(own[:, None] + own - 2.0 * U @ U.T, 0.0)
        shape, slope = bent_and_slope("matern52", squared)
        amplitude, noise = np.exp(log_amplitude), np.exp(log_noise)
        factor, failed = dpotrf(amplitude * shape + _CONSTANT + (noise + 1e-6) * np.eye(n), lower=1)
        if failed:
            return FAILED, np.zeros_like(numbers)
        inverse, _ = dpotri(factor, lower=1)
        inverse = np.tril(inverse) + np.tril(inverse, -1).T
        alpha = inverse @ self.y
        pull = 0.5 * (inverse - np.outer(alpha, alpha))
        weights = amplitude * pull * slope
        # the squared distance of two rows by W is 2 (z - z')(z - z')^T W
        tilt = 4.0 * self.Z.T @ (weights.sum(axis=1)[:, None] * U - weights @ U)
        width = 12.0 / d
        value = 0.5 * float(self.y @ alpha) + float(np.log(np.diag(factor)).sum())
        away = (log_noise - _NOISE[0]) / _NOISE[1]
        value += 0.5 * (float((W**2).sum()) / width + log_amplitude**2 + away**2)
        rest = [amplitude * float((pull * shape).sum()) + log_amplitude, noise * np.trace(pull) + away / _NOISE[1]]
        return value, np.concatenate([(tilt + W / width).ravel(), rest])


def directions(Z: FloatArray, y: FloatArray, k: int, *, refined: bool) -> FloatArray:
    """At most `k` directions, shape (d, <= k), of partial least squares; `refined`: of the largest posterior that is
    found from these. With very few rows, or values that never vary, single columns."""
    from scipy.optimize import minimize

    if len(y) < _ENOUGH or y.std() <= 1e-13 * np.abs(y).max(initial=0.0):
        varied = np.argsort(-Z.std(axis=0), kind="stable")[:k]
        return np.eye(Z.shape[1])[:, varied]
    z = (y - y.mean()) / spread_of(y)
    centred = Z - Z.mean(axis=0)
    first = least_squares_directions(centred, z, k)
    if not refined:
        return first
    first = first / np.maximum((centred @ first).std(axis=0), 1e-9)
    energy = Map(centred, z, first.shape[1])
    bounds = [(-30.0, 30.0)] * first.size + [(-5.0, 4.0), (-10.0, 2.0)]
    start = np.concatenate([first.ravel(), [0.0, -3.0]])
    best = minimize(energy, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 80})
    W = np.asarray(best.x[:-2]).reshape(first.shape)
    # any turn of W gives the same distances: by singular values the widest direction comes first
    left, sizes, _ = np.linalg.svd(W, full_matrices=False)
    used = sizes > 1e-3 * max(float(sizes[0]), 1e-9)
    return np.asarray(left[:, used] * sizes[used]) if sizes[0] > 1e-6 else first


def least_squares_directions(Z: FloatArray, z: FloatArray, k: int) -> FloatArray:
    """Of partial least squares, each of length one."""
    from sklearn.cross_decomposition import PLSRegression

    with warnings.catch_warnings():
        # fewer directions than asked for carry the values: the rest are zero, and are dropped
        warnings.simplefilter("ignore")
        found = PLSRegression(k, scale=False).fit(Z, z).x_rotations_
    sizes = np.linalg.norm(found, axis=0)
    return np.asarray(found[:, sizes > 1e-12] / sizes[sizes > 1e-12])
