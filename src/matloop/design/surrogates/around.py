"""A Gaussian process around a mean with unknown constants: what is known goes into the mean, the rest is learnt.

values = mean(X; constants) + process + noise. The constants have their best values given all rows; predictions take the
mean as linear in its constants around these, so that doubt of the constants is part of the doubt of a prediction.
Rasmussen & Williams (2006), section 2.7.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.design.contract import Axes
from matloop.design.surrogates.draws import draw_joint, root
from matloop.design.surrogates.likeness import Part, all_squares
from matloop.design.surrogates.measured import check_points
from matloop.models.kernels import shape_and_slope

_PROBED = 250
"""rows that choose lengths and noise: the likelihood costs the cube of them, dozens of times"""
_JITTER = 1e-8
_AMPLITUDE, _LENGTH, _NOISE = (0.0, 1.5), 1.0, (-4.0, 2.0)
"""mean and deviation of the logarithm of amplitude and noise, for values of variance one; deviation of that of a length
from the usual one: loose forms of the priors of Hvarfner et al. 2024, doi:10.48550/arXiv.2402.02229"""


class Mean(Protocol):
    """What is expected before anything is measured."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the constants."""

    def values(self, X: FloatArray, constants: FloatArray) -> FloatArray:
        """Shape (n,)."""

    def slopes(self, X: FloatArray, constants: FloatArray) -> FloatArray:
        """Derivative of the values by each constant, shape (n, n_constants)."""


@dataclass(frozen=True, slots=True)
class Level:
    """The mean is an unknown number."""

    @property
    def names(self) -> tuple[str, ...]:
        return ("level",)

    def values(self, X: FloatArray, constants: FloatArray) -> FloatArray:
        return np.full(len(X), float(constants[0]))

    def slopes(self, X: FloatArray, constants: FloatArray) -> FloatArray:
        return np.ones((len(X), 1))


@dataclass(frozen=True, slots=True)
class Kernel:
    """amplitude * Matern-5/2 of the distance over all parts, each in units of its length."""

    parts: tuple[Part, ...]
    lengths: FloatArray
    amplitude: float

    def __call__(self, A: FloatArray, B: FloatArray) -> FloatArray:
        """Shape (n_a, n_b)."""
        squares = all_squares(self.parts, self.lengths, A, B)
        return self.amplitude * shape_and_slope("matern52", squares)[0]

    @property
    def words(self) -> str:
        """Which part matters most: the one with the shortest length, in units of the usual one."""
        relative = [length / part.usual for part, length in zip(self.parts, self.lengths, strict=True)]
        if len(relative) < 2:
            return ""
        return f"; {self.parts[int(np.argmin(relative))].name} matters most"


@dataclass(frozen=True, slots=True)
class Constants:
    """Values of the constants of a mean, and what was known of them before: precision 0 where nothing was."""

    values: FloatArray
    expected: FloatArray
    precision: FloatArray

    def given(self, values: FloatArray) -> Constants:
        return replace(self, values=values)


@dataclass(frozen=True, slots=True)
class _Solved:
    """lower : Cholesky factor of the covariance of the rows. half_slopes : its inverse times the slopes. step : of the
    constants away from where they were linearised. doubt : root of their covariance. rest : what the mean leaves over.
    weights : of the rows."""

    lower: FloatArray
    half_slopes: FloatArray
    step: FloatArray
    doubt: FloatArray
    rest: FloatArray
    weights: FloatArray


@dataclass(frozen=True, slots=True)
class Around:
    """A belief: rows X, y with variances `noises` have been seen; `variance` is that of a new measurement."""

    axes: Axes
    kernel: Kernel
    mean: Mean
    constants: Constants
    X: FloatArray
    y: FloatArray
    noises: FloatArray
    variance: float
    label: str = "Gaussian process"
    _solved: list[_Solved] = field(default_factory=list, compare=False, repr=False)

    @property
    def noise(self) -> float:
        return float(np.sqrt(self.variance))

    @property
    def words(self) -> str:
        return f"{self.label}, {len(self.X)} rows{self.kernel.words}"

    @property
    def solved(self) -> _Solved:
        if not self._solved:
            self._solved.append(_solve(self))
        return self._solved[0]

    def predict(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        mean, half, loose = self._pieces(X)
        own = self.kernel.amplitude - np.einsum("mn,mn->n", half, half) + np.einsum("nk,nk->n", loose, loose)
        return mean, np.sqrt(np.maximum(own, self._least))

    def joint(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        mean, half, loose = self._pieces(X)
        cov = self.kernel(X, X) - half.T @ half + loose @ loose.T
        cov = 0.5 * (cov + cov.T)
        cov[np.diag_indices_from(cov)] = np.maximum(np.diag(cov), self._least)
        return mean, cov

    def draw(self, X: FloatArray, n: int, seed: int) -> FloatArray:
        return draw_joint(self.joint, check_points(self.axes, X), n, seed)

    def believing(self, X: FloatArray, y: FloatArray) -> Around:
        more = np.full(len(X), self.variance)
        return replace(
            self, X=np.vstack([self.X, check_points(self.axes, X)]), y=np.concatenate([self.y, y]),
            noises=np.concatenate([self.noises, more]), _solved=[],
        )  # fmt: skip

    def evidence(self) -> float:
        """Logarithm of the probability of the rows given the kernel and the constants where they are best."""
        found = self.solved
        half = _forward(found.lower, found.rest[:, None])[:, 0]
        size = float(np.log(np.diag(found.lower)).sum())
        return -0.5 * float(half @ half) - size - 0.5 * len(half) * float(np.log(2.0 * np.pi))

    @property
    def best_constants(self) -> tuple[FloatArray, FloatArray]:
        """Their values with one standard deviation each."""
        return self.constants.values + self.solved.step, np.sqrt((self.solved.doubt**2).sum(axis=1))

    @property
    def _least(self) -> float:
        return 1e-10 * self.kernel.amplitude

    def _pieces(self, X: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Mean; the kernel over the factor, shape (n_known, n); what doubt of the constants adds, shape (n, k)."""
        X, found = check_points(self.axes, X), self.solved
        K = self.kernel(self.X, X)
        half = _forward(found.lower, K)
        slopes = self.mean.slopes(X, self.constants.values)
        mean = self.mean.values(X, self.constants.values) + slopes @ found.step + K.T @ found.weights
        return mean, half, (slopes - half.T @ found.half_slopes) @ found.doubt


def _solve(around: Around) -> _Solved:
    from scipy.linalg import solve_triangular

    known = around.constants
    lower = root(around.kernel(around.X, around.X) + np.diag(around.noises))
    residual = around.y - around.mean.values(around.X, known.values)
    slopes = around.mean.slopes(around.X, known.values)
    half, half_slopes = _forward(lower, residual[:, None])[:, 0], _forward(lower, slopes)
    doubt = _root_of_inverse(half_slopes.T @ half_slopes + np.diag(known.precision))
    pull = half_slopes.T @ half + known.precision * (known.expected - known.values)
    step = doubt @ (doubt.T @ pull)
    weights = solve_triangular(lower, half - half_slopes @ step, lower=True, trans="T", check_finite=False)
    return _Solved(lower, half_slopes, step, doubt, residual - slopes @ step, weights)


def _root_of_inverse(precision: FloatArray) -> FloatArray:
    """R with R R^T the inverse, where rows determine anything; constants have units of very different size."""
    size = np.sqrt(np.maximum(np.diag(precision), 1e-300))
    values, axes = np.linalg.eigh(precision / np.outer(size, size))
    kept = values > 1e-10
    return np.asarray((axes[:, kept] / np.sqrt(values[kept])) / size[:, None])


def _forward(lower: FloatArray, B: FloatArray) -> FloatArray:
    from scipy.linalg import solve_triangular

    return np.asarray(solve_triangular(lower, B, lower=True, check_finite=False))


def learnt_kernel(
    parts: tuple[Part, ...], X: FloatArray, rest: FloatArray, noises: FloatArray, seed: int
) -> tuple[Kernel, float]:
    """Kernel, and variance of the noise, that explain `rest`, what the mean leaves over, best.

    noises : shape (n,), known variances, NaN where the noise is to be learnt.
    """
    scale = float(np.sqrt(np.mean(rest**2))) or 1.0
    some = np.arange(len(X))
    if len(X) > _PROBED:
        some = np.sort(np.random.default_rng([seed, 7]).permutation(len(X))[:_PROBED])
    likelihood = Likelihood(
        np.stack([part.squares(X[some], X[some]).ravel() for part in parts]), rest[some] / scale,
        noises[some] / scale**2, np.log([part.usual for part in parts]),
    )  # fmt: skip
    amplitude, lengths, noise = likelihood.best()
    return Kernel(parts, lengths, amplitude * scale**2), noise * scale**2


@dataclass(frozen=True, slots=True)
class Likelihood:
    """The marginal likelihood by the logarithms of amplitude, lengths and noise, with priors, and its gradient.

    squares : of each part, shape (n_parts, n * n). noises : shape (n,), known variances, NaN where unknown. usual :
    logarithms of the expected lengths.
    """

    squares: FloatArray
    y: FloatArray
    noises: FloatArray
    usual: FloatArray

    def __call__(self, logs: FloatArray) -> tuple[float, FloatArray]:
        """The negative logarithm and its gradient."""
        from scipy.linalg.lapack import dpotrf, dpotri, dpotrs

        n, unknown = len(self.y), np.isnan(self.noises)
        amplitude, noise, scales = np.exp(logs[0]), np.exp(logs[-1]), np.exp(-2.0 * logs[1:-1])
        shape, slope = shape_and_slope("matern52", (scales @ self.squares).reshape(n, n))
        K = amplitude * shape
        K[np.diag_indices_from(K)] += np.where(unknown, noise, self.noises) + _JITTER
        factor, failed = dpotrf(K.T, lower=1, clean=1)
        if failed:
            return 1e25, np.zeros_like(logs)
        alpha = dpotrs(factor, self.y, lower=1)[0]
        inverse = dpotri(factor, lower=1)[0]
        inverse += np.tril(inverse, -1).T
        pull = np.outer(alpha, alpha) - inverse
        value = 0.5 * float(self.y @ alpha) + float(np.log(np.diag(factor)).sum())
        gradient = [0.5 * amplitude * float(pull.ravel() @ shape.ravel())]
        gradient += (-scales * amplitude * (self.squares @ (pull * slope).ravel())).tolist()
        gradient.append(0.5 * noise * float(np.diag(pull)[unknown].sum()))
        centre = np.concatenate([[_AMPLITUDE[0]], self.usual, [_NOISE[0]]])
        spread = np.concatenate([[_AMPLITUDE[1]], np.full(len(self.usual), _LENGTH), [_NOISE[1]]])
        away = (logs - centre) / spread
        return value + 0.5 * float(away @ away), away / spread - np.array(gradient)

    def best(self) -> tuple[float, FloatArray, float]:
        """Amplitude, lengths and noise: the better of two starts, smooth with little noise and rough with much."""
        from scipy.optimize import minimize

        limits = [(-7.0, 5.0), *((u - 4.0, u + 5.0) for u in self.usual), (-13.0, 1.0)]
        found = []
        for shift, noise in ((0.0, -4.0), (-0.7, -1.0)):
            start = np.concatenate([[0.0], self.usual + shift, [noise]])
            found.append(
                minimize(self, start, jac=True, method="L-BFGS-B", bounds=limits, options={"maxiter": 60, "ftol": 1e-6})
            )
        best = min(found, key=lambda one: float(one.fun))
        return float(np.exp(best.x[0])), np.exp(best.x[1:-1]), float(np.exp(best.x[-1]))
