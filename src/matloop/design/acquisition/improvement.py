"""How much, or how probably, an experiment is better than the best known one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import log_ndtr, logsumexp, ndtri

from matloop.core.arrays import FloatArray
from matloop.design.acquisition.aims import Wanted, floored, log_chance, meets, wanted
from matloop.design.acquisition.confidence import UpperConfidence
from matloop.design.acquisition.crossing import crossing
from matloop.design.contract import About, Acquisition, Belief
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


@dataclass(frozen=True, slots=True)
class LogProbabilityOfImprovement:
    """log of the chance to be better than the best known value by `margin` of the spread of the known values.

    Times the chance that goals with an end are met; without an open goal, that chance alone.

    Kushner, J. Basic Eng. 86 (1964) 97, doi:10.1115/1.3653121.
    """

    margin: float = 0.01

    def worth(self, beliefs: Sequence[Belief], X: FloatArray, about: About) -> FloatArray:
        goal, chance = wanted(beliefs, about), log_chance(beliefs, X, about)
        if goal is None:
            return np.zeros(len(X)) if chance is None else chance
        mean, std = goal.belief.predict(X)
        better = log_ndtr((mean - goal.best - self.margin * goal.spread) / floored(std, goal.spread))
        return better if chance is None else better + chance


@dataclass(frozen=True, slots=True)
class LogNoisyExpectedImprovement:
    """log of the improvement over the best latent value of the known experiments, averaged over what that may be.

    Measured values carry noise, so that the best of them is too good: the values without noise are drawn jointly for
    the `rivals` known experiments that may be the best, and the candidates' beliefs are narrowed by each draw. Goals
    with an end count as in `LogExpectedImprovement`; without known experiments it is that.

    Letham, Karrer, Ottoni, Bakshy, Bayesian Anal. 14 (2019) 495, doi:10.1214/18-BA1110.
    """

    draws: int = 64
    rivals: int = 16
    scout: ClassVar[Acquisition] = UpperConfidence(2.0)

    def worth(self, beliefs: Sequence[Belief], X: FloatArray, about: About) -> FloatArray:
        goal, chance = wanted(beliefs, about), log_chance(beliefs, X, about)
        rivals = None if goal is None else self._rivals(goal, about)
        if goal is None or rivals is None:
            return LogExpectedImprovement().worth(beliefs, X, about)
        gain = self._gain(goal, rivals, X, about.seed)
        return gain if chance is None else gain + chance

    def _rivals(self, goal: Wanted, about: About) -> FloatArray | None:
        """The known experiments that may be the best of those that do what they must."""
        rows = np.flatnonzero(np.isfinite(goal.values) & meets(about))
        if not len(rows):
            return None
        mean, std = goal.belief.predict(about.known[rows])
        hope = np.round((mean + 2.0 * std) / goal.spread, 9)
        found = about.known[rows[np.argsort(-hope, kind="stable")]]
        _, first = np.unique(found, axis=0, return_index=True)  # replicates have one latent value
        return found[np.sort(first)][: self.rivals]

    def _gain(self, goal: Wanted, rivals: FloatArray, X: FloatArray, seed: int) -> FloatArray:
        mean, covariance = goal.belief.joint(rivals)
        values, vectors = np.linalg.eigh(covariance)
        kept = values > 1e-10 * max(float(values.max()), (1e-6 * goal.spread) ** 2)
        root, values = vectors[:, kept] * np.sqrt(values[kept]), values[kept]
        z = _even_normals(self.draws, len(values), seed)
        latent = mean + z @ root.T
        between = crossing(goal.belief, rivals, X)
        weights = (vectors[:, kept] / np.sqrt(values)).T @ between.covariance
        left = np.maximum(between.variance - (weights**2).sum(axis=0), 0.0)
        std = floored(np.sqrt(left), goal.spread)
        shifted = between.mean + z @ weights
        found = log_gain(shifted, std[None, :], latent.max(axis=1)[:, None], goal.spread)
        return np.asarray(logsumexp(found, axis=0)) - math.log(self.draws)


def _even_normals(n: int, width: int, seed: int) -> FloatArray:
    """Normal draws that fill their space evenly (scrambled Sobol points), so that few are enough; shape (n, width)."""
    from scipy.stats.qmc import Sobol

    points = Sobol(width, scramble=True, seed=seed).random(1 << max(n - 1, 1).bit_length())[:n]
    return np.asarray(ndtri(np.clip(points, 1e-10, 1.0 - 1e-10)))


def log_gain(mean: FloatArray, std: FloatArray, best: FloatArray | float, spread: float) -> FloatArray:
    """log of the expected improvement, computed in units of `spread` so that scales do not matter."""
    return log_expected_gain((mean - best) / spread, std / spread, 0.0) + math.log(spread)
