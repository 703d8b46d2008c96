"""Outliers: noise of a Student-t distribution, so that a single wrong value does not drag the mean."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import ConfigError
from matloop.design.contract import Axes, Belief
from matloop.design.surrogates.coupling import Alone
from matloop.design.surrogates.evidence import MOST, Evidence, Numbers, choose, usual_prior
from matloop.design.surrogates.gp import usual_form
from matloop.design.surrogates.kernel import Shape
from matloop.design.surrogates.measured import Scale, check_own, scaled, single, spread_of
from matloop.design.surrogates.process import Process, conditioned, loo_of, measured_variance

_ROUNDS, _STEPS = 4, 5
SUSPECT = 0.1
"""weight below which a value is called an outlier: about seven deviations off"""


@dataclass(frozen=True, slots=True)
class StudentT:
    """Settings.

    freedom : degrees of freedom of the noise; fewer forgive more. Variational inference with one weight per value: the
    noise of a value is the common one over its weight, and the weight follows how far the value lies from what the
    others say (Tipping & Lawrence 2005, doi:10.1016/j.neucom.2005.02.016).
    """

    axes: Axes
    freedom: float = 4.0
    shape: Shape = "matern52"

    def fit(
        self,
        X: FloatArray,
        y: FloatArray,
        *,
        seed: int,
        noise: FloatArray | None = None,
        task: IntArray | None = None,
    ) -> Process:
        """Learn from the rows of task 0; those of other tasks are left out."""
        X, y, errors, tasks = check_own(self.axes, X, y, noise, task)
        scale = steady_scale(y)
        z, known = scaled(y, tasks, scale), errors / scale.scale[0]
        form = usual_form(self.axes, self.shape, "joint", trend=False)
        alone = Alone(1)
        prior = usual_prior(form, alone, 1, errors_known=bool((errors > 0).all()))
        evidence = Evidence(form, alone, single(X, z, known, tasks, np.ones(len(z))), prior, 1)
        found = [self._settled(weighed(evidence, start), scale, seed) for start in self._starts(evidence, scale, seed)]
        process = min(found, key=lambda each: each.value)
        odd = suspects(process)
        told = f", {len(odd)} of them outliers" if len(odd) else ", no outliers"
        words = replace(process, label="Gaussian process with Student-t noise").words
        return replace(process, told=words.replace(" measurements", f" measurements{told}", 1))

    def _starts(self, evidence: Evidence, scale: Scale, seed: int) -> list[FloatArray]:
        """Weights by how far values lie from a smooth and noisy first guess, and by how badly the usual process
        foresees each without it. In sample, a flexible mean runs through an outlier and would not see it."""
        calm = evidence.prior.mean.copy()
        calm[evidence.ends[1]] = np.log(0.3)
        smooth = self._held(evidence, evidence.numbers(calm), scale)
        for _ in range(_STEPS):
            smooth = self._reweighted(smooth)
        if len(evidence.rows) > MOST // 2:
            return [smooth.rows.weight]
        usual = self._held(evidence, choose(evidence, starts=1, seed=seed)[0], scale)
        mean, std = loo_of(usual)
        y = scale.shift[0] + scale.scale[0] * evidence.rows.y
        return [smooth.rows.weight, self._weights(((y - mean) / std) ** 2)]

    def _settled(self, evidence: Evidence, scale: Scale, seed: int) -> Process:
        """Numbers of the kernel and weights in turn; `value` is the negative variational bound, so far as it varies."""
        numbers, logs, _ = choose(evidence, starts=1, seed=seed)
        for _ in range(_ROUNDS if len(evidence.rows) <= MOST else 2):
            process = self._held(evidence, numbers, scale)
            for _ in range(_STEPS):
                process = self._reweighted(process)
            evidence = weighed(evidence, process.rows.weight)
            logs[evidence.ends[1]] = np.log(process.numbers.noise[0])
            numbers, logs, _ = choose(evidence, starts=1, seed=seed, first=logs)
        process = self._held(evidence, numbers, scale)
        rate = 0.5 * (self.freedom + _surprise(process))
        shape, prior = 0.5 * (self.freedom + 1.0), 0.5 * self.freedom
        bound = evidence(logs)[0] + float((prior * np.log(rate) + shape * prior / rate).sum())
        return replace(process, value=bound)

    def _held(self, evidence: Evidence, numbers: Numbers, scale: Scale) -> Process:
        return conditioned(self.axes, numbers, evidence.rows, np.arange(len(evidence.rows)), scale)

    def _weights(self, surprise: FloatArray) -> FloatArray:
        """Expected weight of each value."""
        return (self.freedom + 1.0) / (self.freedom + surprise)

    def _reweighted(self, process: Process) -> Process:
        """Weights for the function as it is, and the common noise for these weights, over their mean: without that it
        would creep (Liu, Rubin & Wu 1998, doi:10.1093/biomet/85.4.755)."""
        surprise, numbers = _surprise(process), process.numbers
        weights = self._weights(surprise)
        if not process.rows.known.any():
            level = float(weights @ surprise / weights.sum())
            numbers = replace(numbers, noise=np.clip(numbers.noise * level, *_NOISE))
        rows = replace(process.rows, weight=weights)
        return conditioned(process.axes, numbers, rows, process.group, process.scale)


_NOISE = (1e-5, 2.0)
"""bounds of the variance of common noise, in parts of that of the values"""


def weighed(evidence: Evidence, weight: FloatArray) -> Evidence:
    """The same for rows with these weights."""
    return replace(evidence, rows=replace(evidence.rows, weight=weight))


def steady_scale(y: FloatArray) -> Scale:
    """Median, and the deviation that the median distance from it would have were the values normal; the usual deviation
    where half of the values are equal."""
    centre = float(np.median(y))
    spread = 1.4826 * float(np.median(np.abs(y - centre)))
    usable = spread > 1e-13 * float(np.abs(y).max())
    return Scale(np.array([centre]), np.array([spread if usable else spread_of(y)]))


def _surprise(process: Process) -> FloatArray:
    """Expected squared distance between value and function over the common variance of noise, shape (n,)."""
    from scipy.linalg.lapack import dpotri

    rows = process.rows
    inverse, _ = dpotri(process.factor, lower=1)
    variance = measured_variance(process.numbers, rows)
    residual = variance * process.alpha
    spread = variance - variance**2 * np.diag(inverse)
    expected = residual**2 + np.maximum(spread, 0.0)
    return np.asarray(expected / (process.numbers.noise[0] + rows.known))


def suspects(belief: Belief) -> IntArray:
    """Which measurements "student_t" takes for outliers, worst first.

    Raises
    ------
    ConfigError : the belief is of another surrogate.
    """
    if not isinstance(belief, Process):
        raise ConfigError(f"{belief.words!r} weighs no outliers: learn with the surrogate 'student_t'.")
    weights = belief.rows.weight[belief.group]
    return np.argsort(weights, kind="stable")[: int((weights < SUSPECT).sum())]


def make(axes: Axes, *, freedom: float = 4.0, shape: Shape = "matern52") -> StudentT:
    """`StudentT` with checked settings.

    Raises
    ------
    ConfigError : degrees of freedom not above zero.
    """
    if not freedom > 0:
        raise ConfigError(f"Student-t: freedom = {freedom}, must be above 0 (4 forgives outliers, 100 is normal).")
    return StudentT(axes, freedom, shape)
