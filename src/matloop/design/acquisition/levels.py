"""Where a value passes a limit: to find the border, to tell both sides apart, or to keep away from it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.design.acquisition.aims import (
    closed_aims,
    edges,
    floored,
    log_chance,
    log_softplus,
    softened,
    spread_of,
    wanted,
)
from matloop.design.contract import About, Belief

_SOFT = 0.1


@dataclass(frozen=True, slots=True)
class Straddle:
    """`kappa` standard deviations less the distance from the nearest limit, for the least known limit of all goals with
    an end; as a softened logarithm, in units of the spread of the known values.

    Bryan, Schneider, Nichol, Miller, Genovese, Wasserman, NeurIPS 18 (2005), "Active learning for identifying function
    threshold boundaries".

    Raises
    ------
    ConfigError : no goal has an end.
    """

    kappa: float = 1.96

    def worth(self, beliefs: Sequence[Belief], X: FloatArray, about: About) -> FloatArray:
        edges(about, "straddle")
        return log_softplus(_ambiguity(self.kappa, beliefs, X, about) / _SOFT)


@dataclass(frozen=True, slots=True)
class LevelSet:
    """The same, but nothing (-inf) where it is told apart already: the whole interval of `kappa` standard deviations
    lies on one side of every limit, or less than `accuracy` of the spread on the other. Where that is so everywhere, as
    `Straddle`.

    Gotovos, Casati, Hitz, Krause, IJCAI (2013) 1344, "Active learning for level set estimation". `told_apart` gives the
    sides.

    Raises
    ------
    ConfigError : no goal has an end.
    """

    kappa: float = 3.0
    accuracy: float = 0.02
    all_told: bool | None = field(default=None, repr=False)

    def prepare(self, beliefs: Sequence[Belief], X: FloatArray, about: About) -> LevelSet:
        """With whether anything is left to be told apart among candidates `X`."""
        edges(about, "level_set")
        left = _ambiguity(self.kappa, beliefs, X, about) > self.accuracy
        return LevelSet(self.kappa, self.accuracy, not bool(left.any()))

    def worth(self, beliefs: Sequence[Belief], X: FloatArray, about: About) -> FloatArray:
        if self.all_told is None:
            return self.prepare(beliefs, X, about).worth(beliefs, X, about)
        edges(about, "level_set")
        left = _ambiguity(self.kappa, beliefs, X, about)
        worth = log_softplus(left / _SOFT)
        return worth if self.all_told else np.where(left > self.accuracy, worth, -np.inf)


@dataclass(frozen=True, slots=True)
class Safe:
    """The optimistic gain of experiments that meet all goals with an end with a chance of at least `confidence`;
    nothing (-inf) for others, so that fewer experiments than asked for may be found, or none. Without an open goal, the
    doubt.

    Begin with known experiments that are safe. Sui, Gotovos, Burdick, Krause, ICML (2015), "Safe exploration for
    optimization with Gaussian processes"; without its expanders, as optimism leads to the border by itself.

    Raises
    ------
    ConfigError : no goal has an end.
    """

    confidence: float = 0.95
    kappa: float = 2.0

    def worth(self, beliefs: Sequence[Belief], X: FloatArray, about: About) -> FloatArray:
        edges(about, "safe")
        chance, goal = log_chance(beliefs, X, about), wanted(beliefs, about)
        safe = np.ones(len(X), dtype=np.bool_) if chance is None else chance >= math.log(self.confidence)
        if goal is None:
            worth = np.zeros(len(X))
            for aim in closed_aims(about):
                spread = spread_of(about.values[aim.belief])
                worth = worth + np.log(floored(beliefs[aim.belief].predict(X)[1], spread) / spread)
        else:
            mean, std = goal.belief.predict(X)
            worth = softened(mean + self.kappa * std, goal)
        return np.where(safe, worth, -np.inf)


def told_apart(
    belief: Belief, X: FloatArray, *, low: float = -np.inf, high: float = np.inf, kappa: float = 3.0
) -> IntArray:
    """On which side experiments are: 1 surely from `low` to `high`, -1 surely not, 0 not known; shape (n,)."""
    mean, std = belief.predict(X)
    inside = (mean - kappa * std >= low) & (mean + kappa * std <= high)
    outside = (mean + kappa * std < low) | (mean - kappa * std > high)
    return np.where(inside, 1, np.where(outside, -1, 0)).astype(np.int64)


def _ambiguity(kappa: float, beliefs: Sequence[Belief], X: FloatArray, about: About) -> FloatArray:
    """How far the interval reaches beyond the nearest limit, of the goal of which this is largest."""
    worst = np.full(len(X), -np.inf)
    for aim in closed_aims(about):
        mean, std = beliefs[aim.belief].predict(X)
        limits = [limit for limit in (aim.low, aim.high) if math.isfinite(limit)]
        apart = np.min([np.abs(mean - limit) for limit in limits], axis=0) if limits else np.full(len(X), np.inf)
        worst = np.maximum(worst, (kappa * std - apart) / spread_of(about.values[aim.belief]))
    return np.maximum(worst, -1e12)
