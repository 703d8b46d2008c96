"""Effects of known direction: the value rises, or falls, with a column wherever the others are.

A Gaussian process that has seen, beside the measurements, that its slopes have the known sign at many places: where it
was most in doubt of it, place after place. Riihimaki & Vehtari, AISTATS 9 (2010) 645; the slopes are sampled as in Da
Veiga & Marrel, Ann. Fac. Sci. Toulouse 21 (2012) 529, doi:10.5802/afst.1344, and places chosen as by Agrell, J. Mach.
Learn. Res. 20 (2019) 135.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.design.contract import Axes
from matloop.design.knowledge.slopes import Slopes, positive, slope_slope, slope_variance, value_slope
from matloop.design.surrogates.around import Kernel, learnt_kernel
from matloop.design.surrogates.draws import root
from matloop.design.surrogates.forest import directions
from matloop.design.surrogates.likeness import usual_parts
from matloop.design.surrogates.measured import check_points, spread_of
from matloop.design.surrogates.rows import Rows, own_rows

_FIRST, _MORE, _ROUNDS, _PROBED = 12, 8, 4, 400
"""places for each column at first and for each later round, rounds, places that are looked at in between"""
_LEVEL = 10.0
"""variance of the unknown level, in parts of that of the values"""
_SURE = 1e-6


def make(axes: Axes, *, rising: tuple[str, ...] = (), falling: tuple[str, ...] = ()) -> Monotonic:
    """A surrogate that knows directions.

    Parameters
    ----------
    rising, falling : columns of numbers with which the value can only go up, or only down.

    Raises
    ------
    ConfigError : a column does not exist, holds words, or is said to do both.
    """
    return Monotonic(axes, directions(axes, tuple(rising), tuple(falling)))


@dataclass(frozen=True, slots=True)
class Monotonic:
    """See `make`; direction : shape (width,), +1, -1 or 0."""

    axes: Axes
    direction: tuple[int, ...]
    sign: float = 1.0

    def turned(self, sign: float) -> Monotonic:
        """For values that are `sign` times the user's: what rises then falls."""
        return replace(self, sign=sign)

    def fit(
        self, X: FloatArray, y: FloatArray, *, seed: int, noise: FloatArray | None = None, task: IntArray | None = None
    ) -> MonotonicBelief:
        """Learn the kernel from the rows, then where slopes have to be told."""
        rows = own_rows(self.axes, X, y, noise, task)
        shift, scale = float(rows.y.mean()), spread_of(rows.y)
        z, known = (rows.y - shift) / scale, rows.noises / scale**2
        kernel, variance = learnt_kernel(usual_parts(self.axes), rows.X, z, known, seed)
        noises = np.where(np.isnan(known), variance, known)
        signs = self.sign * np.array(self.direction, np.float64)
        pairs = zip(self.axes.names, self.direction, strict=True)
        told = [f"{'rising' if d > 0 else 'falling'} with {name}" for name, d in pairs if d]
        label = f"Gaussian process, {len(z)} rows; {', '.join(told) or 'no direction known'}{rows.told}"
        at = Slopes(np.zeros((0, self.axes.width)), np.zeros(0, np.int64))
        belief = MonotonicBelief(self.axes, kernel, signs, at, rows.X, z, noises, variance, (shift, scale), label, seed)
        return _with_places(belief, rows, seed) if told else belief


@dataclass(frozen=True, slots=True)
class MonotonicBelief:
    """Values z at X, standardised by `scale` (shift, scale), and slopes with the sign of their column at `at`."""

    axes: Axes
    kernel: Kernel
    signs: FloatArray
    at: Slopes
    X: FloatArray
    z: FloatArray
    noises: FloatArray
    variance: float
    scale: tuple[float, float]
    label: str
    seed: int
    _solved: list[_Solved] = field(default_factory=list, compare=False, repr=False)

    @property
    def noise(self) -> float:
        return float(np.sqrt(self.variance)) * self.scale[1]

    @property
    def words(self) -> str:
        return f"{self.label}, held at {len(self.at)} places" if len(self.at) else self.label

    def predict(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        mean, half, swing = self._pieces(X)
        own = self.kernel.amplitude + _LEVEL - np.einsum("mn,mn->n", half, half) + (swing**2).sum(axis=0)
        return self._back(mean), np.sqrt(np.maximum(own, 1e-10)) * self.scale[1]

    def joint(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        mean, half, swing = self._pieces(X)
        cov = self.kernel(X, X) + _LEVEL - half.T @ half + swing.T @ swing
        cov = 0.5 * (cov + cov.T)
        cov[np.diag_indices_from(cov)] = np.maximum(np.diag(cov), 1e-10)
        return self._back(mean), cov * self.scale[1] ** 2

    def draw(self, X: FloatArray, n: int, seed: int) -> FloatArray:
        """Each with slopes of its own that have the right signs."""
        mean, half, swing = self._pieces(X)
        rng = np.random.default_rng([seed, 23])
        cov = self.kernel(X, X) + _LEVEL - half.T @ half
        drawn = mean + rng.standard_normal((n, len(X))) @ root(0.5 * (cov + cov.T)).T
        if len(swing):
            drawn += np.sqrt(len(swing)) * swing[rng.integers(0, len(swing), n)]
        return self._back(drawn)

    def believing(self, X: FloatArray, y: FloatArray) -> MonotonicBelief:
        z = (np.asarray(y, np.float64) - self.scale[0]) / self.scale[1]
        more = np.full(len(z), self.variance)
        return replace(
            self, X=np.vstack([self.X, check_points(self.axes, X)]), z=np.concatenate([self.z, z]),
            noises=np.concatenate([self.noises, more]), _solved=[],
        )  # fmt: skip

    @property
    def solved(self) -> _Solved:
        if not self._solved:
            self._solved.append(_solve(self))
        return self._solved[0]

    def slopes(self, at: Slopes) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation of slopes of the standardised value, turned so that they should not be below
        zero."""
        found = self.solved
        cross = np.vstack([value_slope(self.kernel, self.X, at), slope_slope(self.kernel, self.at, at)])
        half, signs = _forward(found.lower, cross), self.signs[at.column]
        own = slope_variance(self.kernel, at)
        swing = found.swing @ half
        left = own - (half**2).sum(axis=0) + (swing**2).sum(axis=0)
        return signs * (half.T @ found.centre), np.sqrt(np.maximum(left, 0.0))

    def _pieces(self, X: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Mean; the kernel over the factor; how the mean swings with samples of the slopes, shape (n_samples, n)."""
        X, found = check_points(self.axes, X), self.solved
        cross = np.vstack([self.kernel(self.X, X) + _LEVEL, value_slope(self.kernel, X, self.at).T])
        half = _forward(found.lower, cross)
        return half.T @ found.centre, half, found.swing @ half

    def _back(self, z: FloatArray) -> FloatArray:
        return self.scale[0] + self.scale[1] * z


@dataclass(frozen=True, slots=True)
class _Solved:
    """lower : factor of the covariance of values and slopes. centre : its inverse times values and mean slopes. swing :
    the same for each sample of the slopes less their mean, over the root of their number, shape (n_samples, n)."""

    lower: FloatArray
    centre: FloatArray
    swing: FloatArray


def _solve(belief: MonotonicBelief) -> _Solved:
    n, kernel, at = len(belief.z), belief.kernel, belief.at
    K = np.empty((n + len(at),) * 2)
    K[:n, :n] = kernel(belief.X, belief.X) + _LEVEL + np.diag(belief.noises)
    K[:n, n:] = value_slope(kernel, belief.X, at)
    K[n:, :n] = K[:n, n:].T
    K[n:, n:] = slope_slope(kernel, at, at)
    slopes = np.arange(n, len(K))
    K[slopes, slopes] *= 1.0 + _SURE
    lower = root(K)
    first = _forward(lower[:n, :n], belief.z)
    if not len(at):
        return _Solved(lower, first, np.zeros((0, n)))
    # given the values, slopes have this mean and covariance; given their signs, they are sampled
    signs = belief.signs[at.column]
    mean, inner = lower[n:, :n] @ first, lower[n:, n:]
    sampled = signs * positive(signs * mean, signs[:, None] * (inner @ inner.T) * signs, belief.seed)
    away = _forward(inner, (sampled - mean).T).T
    centre = np.concatenate([first, away.mean(axis=0)])
    swing = np.hstack([np.zeros((len(away), n)), (away - away.mean(axis=0)) / np.sqrt(len(away))])
    return _Solved(lower, centre, swing)


def _with_places(belief: MonotonicBelief, rows: Rows, seed: int) -> MonotonicBelief:
    """The belief with slopes told at places spread over the space, then where it doubted them most."""
    from scipy.stats import qmc

    columns = np.flatnonzero(belief.signs)
    words = np.flatnonzero(belief.axes.categorical)
    rng = np.random.default_rng([seed, 29])
    spread = qmc.Sobol(belief.axes.width, seed=rng).random_base2(9)
    spread[:, words] = rows.X[rng.integers(0, len(rows.X), len(spread))][:, words]
    belief = replace(belief, at=_along(spread[:_FIRST], columns), _solved=[])
    for _ in range(_ROUNDS):
        probed = _along(np.vstack([spread[_FIRST:_PROBED], rows.X[:100]]), columns)
        mean, std = belief.slopes(probed)
        worst = np.argsort(mean / np.maximum(std, 1e-9 + 1e-3 * std.max()), kind="stable")[: _MORE * len(columns)]
        worst = worst[mean[worst] < 0.5 * std[worst]]
        if not len(worst):
            break
        belief = replace(belief, at=belief.at.joined(Slopes(probed.X[worst], probed.column[worst])), _solved=[])
    return belief


def _along(X: FloatArray, columns: IntArray) -> Slopes:
    """Every place with every column."""
    return Slopes(np.repeat(X, len(columns), axis=0), np.tile(columns, len(X)))


def _forward(lower: FloatArray, B: FloatArray) -> FloatArray:
    from scipy.linalg import solve_triangular

    return np.asarray(solve_triangular(lower, B, lower=True, check_finite=False))
