"""Which kernel the data speak for: the marginal likelihood of a Gaussian process, its gradient, and its maximum.

The kernel is a sum of terms, each an amplitude times a product of shapes over distances; beside them a linear trend and
noise whose variance is divided by the weight of the row, so that stated errors of single rows count here, too.
Rasmussen & Williams, Gaussian Processes for Machine Learning (2006), equations 5.8 and 5.9.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.models.kernels import KernelName, shape_and_slope

_JITTER = 1e-8
_AMPLITUDES = (1e-2, 1e2)
_NOISE = (1e-4, 2.0)
_TREND = (1e-6, 1e2)
_LENGTHS = (0.05, 50.0)
"""bounds of amplitudes, noise and trend (variances, of a target of variance one), and of lengths against their start"""
_PRIOR = 1.0
"""deviation of the logarithm of one of many lengths from where it starts: without it every column of a wide table would
find a length by which it explains noise (as Hvarfner et al. 2024, doi:10.48550/arXiv.2402.02229)"""


@dataclass(frozen=True, slots=True)
class Part:
    """One shape: columns whose distances it bends. start : the first length. ard : a length for every column."""

    Z: FloatArray
    start: float
    ard: bool = False

    @property
    def n_lengths(self) -> int:
        return self.Z.shape[1] if self.ard else 1


@dataclass(frozen=True, slots=True)
class Found:
    """The best kernel: amplitude of each term, lengths of each part, trend and noise."""

    amplitudes: FloatArray
    lengths: tuple[FloatArray, ...]
    trend: float
    noise: float
    value: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """The marginal likelihood as a function of the logarithms of (amplitudes, lengths of each part, trend, noise).

    terms : per term the positions of its parts. gram : shape (n, n), of the linear trend at strength one.
    Y : shape (n, n_outputs), each a process of its own with the same kernel. weights : shape (n,).
    """

    name: KernelName
    parts: tuple[Part, ...]
    terms: tuple[tuple[int, ...], ...]
    gram: FloatArray
    Y: FloatArray
    weights: FloatArray

    def __call__(self, logs: FloatArray) -> tuple[float, FloatArray]:
        """The negative logarithm (with the prior of many lengths) and its gradient."""
        from scipy.linalg import LinAlgError, cho_factor, cho_solve

        amplitudes, lengths, trend, noise = self.split(np.exp(logs))
        squares = [_squares(part.Z / length) for part, length in zip(self.parts, lengths, strict=True)]
        shapes, slopes = zip(*(shape_and_slope(self.name, square) for square in squares), strict=True)
        pure = [np.prod([shapes[p] for p in term], axis=0) for term in self.terms]
        K = sum((a * term for a, term in zip(amplitudes, pure, strict=True)), trend * self.gram)
        K[np.diag_indices_from(K)] += noise / self.weights + _JITTER
        try:
            factor = cho_factor(K, lower=True, check_finite=False)
        except LinAlgError:
            return 1e25, np.zeros_like(logs)
        alpha, inverse = cho_solve(factor, self.Y), cho_solve(factor, np.eye(len(K)))
        n, outputs = self.Y.shape
        value = 0.5 * float((self.Y * alpha).sum())
        value += outputs * (float(np.log(np.diag(factor[0])).sum()) + 0.5 * n * np.log(2.0 * np.pi))
        pull = alpha @ alpha.T - outputs * inverse
        gradient = [0.5 * a * float((pull * term).sum()) for a, term in zip(amplitudes, pure, strict=True)]
        for p, (part, length) in enumerate(zip(self.parts, lengths, strict=True)):
            outer = sum(
                a * np.prod([shapes[q] for q in term if q != p] or [np.ones(())], axis=0)
                for a, term in zip(amplitudes, self.terms, strict=True)
                if p in term
            )
            gradient += _length_gradient(pull * outer * slopes[p], part, length, squares[p])
        gradient.append(0.5 * trend * float((pull * self.gram).sum()))
        gradient.append(0.5 * noise * float((np.diag(pull) / self.weights).sum()))
        prior, slope = self._prior(logs)
        return value + prior, slope - np.array(gradient)

    def split(self, found: FloatArray) -> tuple[FloatArray, list[FloatArray], float, float]:
        """Amplitudes, lengths of each part, trend and noise of one line of parameters."""
        ends = np.cumsum([len(self.terms), *(part.n_lengths for part in self.parts)])
        amplitudes, *lengths = np.split(found[:-2], ends[:-1])
        return amplitudes, lengths, float(found[-2]), float(found[-1])

    def _prior(self, logs: FloatArray) -> tuple[float, FloatArray]:
        value, slope, at = 0.0, np.zeros_like(logs), len(self.terms)
        for part in self.parts:
            if part.ard:
                away = logs[at : at + part.n_lengths] - np.log(part.start)
                value += 0.5 * float((away**2).sum()) / _PRIOR**2
                slope[at : at + part.n_lengths] = away / _PRIOR**2
            at += part.n_lengths
        return value, slope

    def best(self) -> Found:
        """The maximum, from one start: equal amplitudes, the given lengths, a tenth of noise."""
        from scipy.optimize import minimize

        starts = [np.full(len(self.terms), 1.0 / len(self.terms))]
        bounds = [_AMPLITUDES] * len(self.terms)
        for part in self.parts:
            starts.append(np.full(part.n_lengths, part.start))
            bounds += [(part.start * _LENGTHS[0], part.start * _LENGTHS[1])] * part.n_lengths
        start = np.log(np.concatenate([*starts, [0.05, 0.1]]))
        limits = np.log([*bounds, _TREND, _NOISE])
        found = minimize(self, start, jac=True, method="L-BFGS-B", bounds=limits, options={"maxiter": 200})
        amplitudes, lengths, trend, noise = self.split(np.exp(found.x))
        return Found(amplitudes, tuple(lengths), trend, noise, -float(found.fun))


def _squares(Z: FloatArray) -> FloatArray:
    from scipy.spatial.distance import cdist

    return np.asarray(cdist(Z, Z, "sqeuclidean"))


def _length_gradient(pull: FloatArray, part: Part, length: FloatArray, squares: FloatArray) -> list[float]:
    """Of the logarithm of each length: the square of a scaled distance falls as -2 times its share."""
    if not part.ard:
        return [-float((pull * squares).sum())]
    Z = part.Z / length
    # the sum of pull_ab (z_a - z_b)^2 over all pairs, without a matrix per column
    own = 2.0 * (pull.sum(axis=1) @ Z**2 - np.einsum("nd,nd->d", Z, pull @ Z))
    return (-own).tolist()
