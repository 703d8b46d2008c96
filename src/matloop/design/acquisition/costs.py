"""What experiments cost, learnt from those that were paid for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.errors import DataError
from matloop.design.contract import Axes, Belief, Price
from matloop.design.surrogates.registry import make_surrogate

_FEWEST = 4


@dataclass(frozen=True, slots=True)
class SamePrice:
    """One cost for all experiments."""

    cost: float = 1.0

    def __call__(self, X: FloatArray) -> FloatArray:
        return np.full(len(X), self.cost)


@dataclass(frozen=True, slots=True)
class LearntPrice:
    """The expected cost of a log-normal belief; between a tenth of the least and ten times the largest cost known."""

    log_cost: Belief
    low: float
    high: float

    def __call__(self, X: FloatArray) -> FloatArray:
        mean, std = self.log_cost.predict(X)
        with np.errstate(over="ignore"):
            expected = np.exp(mean + 0.5 * (std**2 + self.log_cost.noise**2))
        return np.clip(expected, self.low / 10.0, self.high * 10.0)


def learn_costs(X: FloatArray, cost: FloatArray, axes: Axes, seed: int = 0) -> Price:
    """What experiments are expected to cost: a Gaussian process of the logarithm.

    Parameters
    ----------
    X : shape (n, width), encoded. cost : shape (n,), NaN where unknown. Zeros count as a hundredth of the least cost
    above zero. With fewer than four costs, or equal ones, the mean is taken everywhere.

    Raises
    ------
    DataError : lengths differ, or a cost is below zero or infinite; the row is named.
    """
    X, cost = np.asarray(X, np.float64), np.asarray(cost, np.float64)
    if len(X) != len(cost):
        raise DataError(f"{len(X)} experiments, but {len(cost)} costs. Give one cost for each, empty where unknown.")
    bad = np.flatnonzero((cost < 0) | np.isinf(cost))
    if len(bad):
        raise DataError(f"row {bad[0]}: the cost is {cost[bad[0]]:g}. Give a number that is zero or more.")
    known = ~np.isnan(cost)
    paid = cost[known]
    if not (paid > 0).any():
        return SamePrice()
    paid = np.maximum(paid, paid[paid > 0].min() / 100.0)
    if len(paid) < _FEWEST or np.ptp(paid) <= 1e-9 * paid.max():
        return SamePrice(float(paid.mean()))
    belief = make_surrogate("gp", axes).fit(X[known], np.log(paid), seed=seed)
    return LearntPrice(belief, float(paid.min()), float(paid.max()))
