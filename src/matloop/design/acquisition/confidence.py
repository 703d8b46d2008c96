"""Optimism: the highest value that would not surprise, by a rule or by a draw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.design.acquisition.aims import closed_aims, log_chance, softened, wanted
from matloop.design.contract import About, Acquisition, Belief

_MOST_DRAWN = 2_000


@dataclass(frozen=True, slots=True)
class UpperConfidence:
    """Mean plus `kappa` standard deviations, in the unit of the values.

    With goals that have an end, the logarithm of the softened gain over the best known (see `aims.softened`) times the
    chance that they are met; without an open goal that chance alone.

    Cox & John, Proc. IEEE SMC (1992) 1241, doi:10.1109/ICSMC.1992.271617. On fifteen tables of real
    experiments in batches of five 1.5 and 1.0 did equally well.
    """

    kappa: float = 1.5

    def worth(self, beliefs: Sequence[Belief], X: FloatArray, about: About) -> FloatArray:
        return _optimistic(self.kappa, beliefs, X, about)

    def logarithmic(self, about: About) -> bool:
        return bool(closed_aims(about))


@dataclass(frozen=True, slots=True)
class ScheduledConfidence:
    """The same with a `kappa` that grows with the number t of known experiments, slowly enough that regret vanishes and
    fast enough that no region is given up: `share` of sqrt(2 log(t^(d / 2 + 2) pi^2 / (3 delta))) in d variables.

    Srinivas, Krause, Kakade, Seeger, IEEE Trans. Inf. Theory 58 (2012) 3250, doi:10.1109/TIT.2011.2182033, whose
    authors divide the square by 5 in practice.
    """

    share: float = 1.0 / math.sqrt(5.0)
    delta: float = 0.1

    def kappa_of(self, about: About) -> float:
        t = max(len(about.known), 1)
        variables = about.known.shape[1] if about.axes is None else len(np.unique(about.axes.variable))
        exponent = variables / 2 + 2
        return self.share * math.sqrt(2 * (exponent * math.log(t) + math.log(math.pi**2 / (3 * self.delta))))

    def worth(self, beliefs: Sequence[Belief], X: FloatArray, about: About) -> FloatArray:
        return _optimistic(self.kappa_of(about), beliefs, X, about)

    def logarithmic(self, about: About) -> bool:
        return bool(closed_aims(about))


@dataclass(frozen=True, slots=True)
class Thompson:
    """One joint draw of what the values may be; another one after each experiment.

    Where there are more than 2,000 candidates, the most hopeful of them are drawn and the others keep their mean. Goals
    with an end count as in `UpperConfidence`.

    Thompson, Biometrika 25 (1933) 285, doi:10.1093/biomet/25.3-4.285.
    """

    scout: ClassVar[Acquisition] = UpperConfidence(2.0)
    joint: ClassVar[bool] = True
    """Its worth can be compared within one call only; `scout` finds those that are worth a draw."""

    def worth(self, beliefs: Sequence[Belief], X: FloatArray, about: About) -> FloatArray:
        goal, chance = wanted(beliefs, about), log_chance(beliefs, X, about)
        if goal is None:
            return np.zeros(len(X)) if chance is None else chance
        seed = about.seed + len(about.known)
        if len(X) <= _MOST_DRAWN:
            value = goal.belief.draw(X, 1, seed)[0]
        else:
            mean, std = goal.belief.predict(X)
            some = np.sort(np.argsort(-(mean + 3.0 * std), kind="stable")[:_MOST_DRAWN])
            value = mean.copy()
            value[some] = goal.belief.draw(X[some], 1, seed)[0]
        return value if chance is None else softened(value, goal) + chance

    def logarithmic(self, about: About) -> bool:
        return bool(closed_aims(about))


def _optimistic(kappa: float, beliefs: Sequence[Belief], X: FloatArray, about: About) -> FloatArray:
    goal, chance = wanted(beliefs, about), log_chance(beliefs, X, about)
    if goal is None:
        return np.zeros(len(X)) if chance is None else chance
    mean, std = goal.belief.predict(X)
    value = mean + kappa * std
    return value if chance is None else softened(value, goal) + chance
