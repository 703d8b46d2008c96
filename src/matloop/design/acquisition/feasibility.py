"""Whether an experiment works at all, learnt from those that failed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, log_expit

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.core.errors import DataError
from matloop.design.acquisition.likeness import squares
from matloop.design.contract import Axes, Chance

PRIOR_WORKED, PRIOR_FAILED = 3.0, 1.0
"""Experiments that are thought of beside the known ones: before anything is known, three of four work."""
LEAST = 0.02
"""No experiment is given up wholly."""
MOST = 400
"""More rows than this are thinned, failures last."""
_ROOT_5 = math.sqrt(5.0)
_CHUNK = 1_000
_STEPS = 30


@dataclass(frozen=True, slots=True)
class AlwaysAlike:
    """The same chance everywhere: nothing has failed, or nothing else."""

    chance: float

    def __call__(self, X: FloatArray) -> FloatArray:
        return np.full(len(X), self.chance)


@dataclass(frozen=True, slots=True)
class LearntChance:
    """A Gaussian process classifier. X : shape (n, width). pull : shape (n,), what each row pulls its surroundings to.
    root : Cholesky factor of I + W^1/2 K W^1/2. weight : shape (n,), W^1/2. settings : see `_Logs`."""

    axes: Axes
    X: FloatArray
    pull: FloatArray
    root: FloatArray
    weight: FloatArray
    settings: FloatArray
    mean: float

    def __call__(self, X: FloatArray) -> FloatArray:
        """Shape (n,), from `LEAST` to 1; averaged over the doubt of the classifier."""
        found = [self._of(X[begin : begin + _CHUNK]) for begin in range(0, len(X), _CHUNK)]
        return np.concatenate(found) if found else np.zeros(0)

    def _of(self, X: FloatArray) -> FloatArray:
        from scipy.linalg import solve_triangular

        K = _kernel(squares(self.axes, self.X, X), self.settings)[0]
        half = solve_triangular(self.root, self.weight[:, None] * K, lower=True)
        mean = self.mean + K.T @ self.pull
        variance = np.maximum(np.exp(self.settings[-1]) - (half**2).sum(axis=0), 0.0)
        # the mean of a logistic function of a normal value, MacKay, Neural Comput. 4 (1992) 720
        return LEAST + (1.0 - LEAST) * np.asarray(expit(mean / np.sqrt(1.0 + math.pi * variance / 8.0)))


def learn_feasibility(X: FloatArray, failed: BoolArray, axes: Axes, seed: int) -> Chance:
    """How probable it is that an experiment works.

    A Gaussian process classifier (Matern 5/2, a length for each variable, Laplace's approximation, most probable
    settings) around a base rate that thinks of three more experiments that worked and one that failed: few data move it
    little, it never gives a region up (the chance is at least 2 %), and where everything failed so far it leads away
    from what was tried. Rasmussen & Williams, Gaussian Processes for Machine Learning (2006), algorithms 3.1 and 5.1.

    Parameters
    ----------
    X : shape (n, width), encoded. failed : shape (n,). seed : of the choice among more than 400 rows.

    Raises
    ------
    DataError : X and failed are not of the same length.
    """
    X, failed = np.asarray(X, np.float64), np.asarray(failed, np.bool_)
    if len(X) != len(failed):
        raise DataError(f"{len(X)} experiments, but {len(failed)} flags whether they failed. Give one flag for each.")
    n_failed = int(failed.sum())
    rate = (len(X) - n_failed + PRIOR_WORKED) / (len(X) + PRIOR_WORKED + PRIOR_FAILED)
    if not n_failed:
        return AlwaysAlike(rate)
    rows = _thinned(failed, seed)
    X, sign = X[rows], np.where(failed[rows], -1.0, 1.0)
    mean = math.log(rate / (1.0 - rate))
    D = squares(axes, X, X)
    settings = _most_probable(D, sign, mean)
    mode = _laplace(_kernel(D, settings)[0], sign, mean)
    return LearntChance(axes, X, mode.slope, mode.root, mode.weight, settings, mean)


def _thinned(failed: BoolArray, seed: int) -> IntArray:
    """All rows, or as many as can be afforded: failures and successes, each at most half unless the other is few."""
    if len(failed) <= MOST:
        return np.arange(len(failed))
    order = np.random.default_rng(seed).permutation(len(failed))
    bad, good = order[failed[order]], order[~failed[order]]
    n_bad = min(len(bad), max(MOST // 2, MOST - len(good)))
    return np.sort(np.concatenate([bad[:n_bad], good[: MOST - n_bad]]))


@dataclass(frozen=True, slots=True)
class _Mode:
    """slope : gradient of the likelihood at the mode, which is K^-1 (mode - mean)."""

    value: float
    latent: FloatArray
    slope: FloatArray
    weight: FloatArray
    root: FloatArray


def _kernel(D: FloatArray, settings: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Kernel, and what its derivatives by the squared distances have in common."""
    square = np.tensordot(np.exp(-2.0 * settings[:-1]), D, axes=1)
    r = np.sqrt(square)
    decay = np.exp(settings[-1] - _ROOT_5 * r)
    return (1.0 + _ROOT_5 * r + 5.0 / 3.0 * square) * decay, 5.0 / 3.0 * (1.0 + _ROOT_5 * r) * decay


def _laplace(K: FloatArray, sign: FloatArray, mean: float) -> _Mode:
    """The most probable latent values, by Newton's method."""
    from scipy.linalg import cho_solve, cholesky

    a = np.zeros(len(sign))
    latent, value = np.full(len(sign), mean), -np.inf
    root, weight = np.eye(len(sign)), np.ones(len(sign))
    for _ in range(_STEPS):
        chance = expit(latent)
        weight = np.sqrt(chance * (1.0 - chance))
        slope = (sign + 1.0) / 2.0 - chance
        root = cholesky(np.eye(len(sign)) + weight[:, None] * K * weight, lower=True)
        b = weight**2 * (latent - mean) + slope
        a = b - weight * cho_solve((root, True), weight * (K @ b))
        latent = mean + K @ a
        before, value = value, float(-0.5 * a @ (latent - mean) + log_expit(sign * latent).sum())
        if abs(value - before) < 1e-9:
            break
    chance = expit(latent)
    slope = (sign + 1.0) / 2.0 - chance
    return _Mode(value - float(np.log(np.diag(root)).sum()), latent, slope, weight, root)


def _most_probable(D: FloatArray, sign: FloatArray, mean: float) -> FloatArray:
    """Logarithms of the lengths and of the variance, with priors: lengths about 0.7 sqrt(d), variance about 4."""
    from scipy.optimize import minimize

    d = len(D)
    middle = np.append(np.full(d, math.log(0.7 * math.sqrt(d))), math.log(4.0))
    width = np.append(np.full(d, 1.0), 0.7)

    def loss(settings: FloatArray) -> tuple[float, FloatArray]:
        value, gradient = _evidence(D, sign, mean, settings)
        off = (settings - middle) / width
        return -value + 0.5 * float(off @ off), -gradient + off / width

    bounds = [(middle[k] - 3.0 * width[k], middle[k] + 3.0 * width[k]) for k in range(d + 1)]
    found = minimize(loss, middle, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 25})
    return np.asarray(found.x)


def _evidence(D: FloatArray, sign: FloatArray, mean: float, settings: FloatArray) -> tuple[float, FloatArray]:
    """log of the approximate evidence and its gradient, Rasmussen & Williams, algorithm 5.1."""
    from scipy.linalg import cho_solve, solve_triangular

    K, common = _kernel(D, settings)
    mode = _laplace(K, sign, mean)
    R = mode.weight[:, None] * cho_solve((mode.root, True), np.diag(mode.weight))
    C = solve_triangular(mode.root, mode.weight[:, None] * K, lower=True)
    chance = expit(mode.latent)
    third = chance * (1.0 - chance) * (1.0 - 2.0 * chance)
    shift = 0.5 * (np.diag(K) - (C**2).sum(axis=0)) * third
    direct = 0.5 * (np.outer(mode.slope, mode.slope) - R)
    through = shift - R @ (K @ shift)
    W = direct - np.outer(through, mode.slope)
    by_length = np.tensordot(D, W * common, axes=2) * np.exp(-2.0 * settings[:-1])
    return mode.value, np.append(by_length, float((W * K).sum()))
