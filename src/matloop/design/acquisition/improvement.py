"""How much, or how probably, an experiment is better than the best known one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.design.acquisition.aims import floored, log_chance, wanted
from matloop.design.contract import About, Belief
from matloop.design.merit import log_expected_gain


@dataclass(frozen=True, slots=True)
class LogExpectedImprovement:
    """log E[max(value - best, 0)], times the chance that goals with an end are met (constrained expected improvement).

    Exact also where the improvement is far below what a float can hold. Without an open goal, the chance alone.

    Jones, Schonlau, Welch, J. Glob. Optim. 13 (1998) 455, doi:10.1023/A:1008306431147; logarithms: Ament et al.,
    NeurIPS 36 (2023), doi:10.48550/arXiv.2310.20708; with conditions: Gardner et al., Bayesian optimization with
    inequality constraints, ICML (2014).
    """

    def worth(self, beliefs: Sequence[Belief], X: FloatArray, about: About) -> FloatArray:
        goal, chance = wanted(beliefs, about), log_chance(beliefs, X, about)
        if goal is None:
            return np.zeros(len(X)) if chance is None else chance
        mean, std = goal.belief.predict(X)
        gain = log_gain(mean, floored(std, goal.spread), goal.best, goal.spread)
        return gain if chance is None else gain + chance


def log_gain(mean: FloatArray, std: FloatArray, best: float, spread: float) -> FloatArray:
    """log of the expected improvement, computed in units of `spread` so that scales do not matter."""
    return log_expected_gain((mean - best) / spread, std / spread, 0.0) + math.log(spread)
