"""Noise that depends on where one measures: a second Gaussian process for its logarithm."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import DataError
from matloop.design.contract import Axes, Belief
from matloop.design.surrogates.coupling import Alone
from matloop.design.surrogates.draws import draw_joint
from matloop.design.surrogates.evidence import Evidence, choose, usual_prior
from matloop.design.surrogates.gp import GaussianProcess, usual_form
from matloop.design.surrogates.kernel import Shape
from matloop.design.surrogates.measured import Measured, check_own, check_points, single, standardised
from matloop.design.surrogates.process import Process, conditioned, extended, loo_of, measured_variance

_ROUNDS = 3
_BIAS, _SCATTER = 1.2704, np.pi**2 / 2.0
"""of the logarithm of a squared normal number: minus its mean, and its variance"""
_KNOWN = 0.25
"""deviation of the logarithm of a variance that was told: errors are told roughly"""
_NARROWEST, _WIDEST = 1e-7, 10.0
"""variances of noise, in parts of that of the values"""


@dataclass(frozen=True, slots=True)
class Uneven:
    """A process whose noise follows `log_noise`, a belief about the logarithm of its standardised variance."""

    process: Process
    log_noise: Belief

    @property
    def noise(self) -> float:
        """Median of the standard deviations at the measured points."""
        return float(np.median(self.noise_at(self.process.rows.X)))

    @property
    def words(self) -> str:
        spread = self.noise_at(self.process.rows.X)
        times = spread.max() / max(float(spread.min()), 1e-300)
        return f"{self.process.words}; noise is {times:.2g} times as large at some points as at others"

    def noise_at(self, X: FloatArray) -> FloatArray:
        """Standard deviation of a repeated measurement, shape (n,)."""
        return np.asarray(np.sqrt(self._variance(X)) * self.process.scale.scale[0])

    def predict(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation without the noise of a measurement, each shape (n,)."""
        return self.process.predict(X)

    def joint(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean, shape (n,), and covariance, shape (n, n)."""
        return self.process.joint(X)

    def draw(self, X: FloatArray, n: int, seed: int) -> FloatArray:
        """Joint samples, shape (n, len(X))."""
        return draw_joint(self.joint, X, n, seed)

    def believing(self, X: FloatArray, y: FloatArray) -> Uneven:
        """As if these had been measured too, with the noise that is expected there."""
        process, y = self.process, np.asarray(y, np.float64)
        X = check_points(process.axes, X)
        if y.shape != (len(X),) or not np.isfinite(y).all():
            raise DataError(f"{len(X)} believed points need as many finite values; found shape {y.shape}.")
        z = (y - process.scale.shift[0]) / process.scale.scale[0]
        weight = process.numbers.noise[0] / self._variance(X)
        none = np.zeros(len(X))
        rows = Measured(X, z, none.astype(np.int64), none, none + 1.0, none, weight)
        group = np.concatenate([process.group, len(process.rows) + np.arange(len(X))])
        return Uneven(replace(extended(process, rows), group=group), self.log_noise)

    def _variance(self, X: FloatArray) -> FloatArray:
        # relative to the learnt level, by which the weights of the rows are multiplied
        return self.process.numbers.noise[0] * np.exp(np.clip(self.log_noise.predict(X)[0], *np.log(_LIMITS)))


_LIMITS = (1e-4, 1e4)
"""how much the variance of noise may differ from its usual level"""


@dataclass(frozen=True, slots=True)
class Heteroscedastic:
    """Settings: none but the shape of the kernel.

    Where errors are told, the noise is learnt from them; elsewhere from squared residuals of rows left out, which say
    little each (a factor of nine either way) and enough together. Kersting et al. (2007), doi:10.1145/1273496.1273546.
    """

    axes: Axes
    shape: Shape = "matern52"

    def fit(
        self,
        X: FloatArray,
        y: FloatArray,
        *,
        seed: int,
        noise: FloatArray | None = None,
        task: IntArray | None = None,
    ) -> Uneven:
        """Learn from the rows of task 0; those of other tasks are left out."""
        X, y, errors, tasks = check_own(self.axes, X, y, noise, task)
        z, scale = standardised(y, tasks)
        told = (errors / scale.scale[0]) ** 2
        form, group, alone = usual_form(self.axes, self.shape, "joint", trend=False), np.arange(len(z)), Alone(1)
        prior = usual_prior(form, alone, 1)
        weight, logs, level = np.ones(len(z)), None, 0.0
        for step in range(_ROUNDS + 1):
            rows = single(X, z, np.zeros(len(z)), tasks, weight)
            evidence = Evidence(form, alone, rows, prior, 1)
            numbers, logs, value = choose(evidence, starts=1, seed=seed, first=logs)
            label = "Gaussian process with uneven noise"
            process = conditioned(self.axes, numbers, rows, group, scale, value=value, label=label)
            level = float(np.log(numbers.noise[0]))
            if step == _ROUNDS:
                break
            log_noise = self._noise(X, *_log_variances(process, told), level, seed)
            weight = np.exp(-np.clip(log_noise.predict(X)[0], *np.log(_LIMITS)))
        return Uneven(process, log_noise)

    def _noise(self, X: FloatArray, logs: FloatArray, doubt: FloatArray, level: float, seed: int) -> Belief:
        smooth = GaussianProcess(self.axes, "rbf", members=1)
        return smooth.fit(X, logs - level, seed=seed, noise=doubt)


def _log_variances(process: Process, told: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Logarithm of the variance of noise of each row as its residual, or its told error, says it; and how sure."""
    rows = process.rows
    mean, std = loo_of(process)
    shift, scale = process.scale.shift[0], process.scale.scale[0]
    residual = ((shift + scale * rows.y - mean) / scale) ** 2
    # of a left-out residual only this share is noise, the rest is doubt about the function
    share = measured_variance(process.numbers, rows) / (std / scale) ** 2
    residual = np.maximum(residual * share, 1e-4 * np.median(residual * share))
    logs = np.log(np.clip(residual * np.exp(_BIAS), _NARROWEST, _WIDEST))
    known = told > 0
    logs[known] = np.log(np.clip(told[known], _NARROWEST, _WIDEST))
    return logs, np.where(known, _KNOWN, np.sqrt(_SCATTER))


def make(axes: Axes, *, shape: Shape = "matern52") -> Heteroscedastic:
    """`Heteroscedastic`."""
    return Heteroscedastic(axes, shape)
