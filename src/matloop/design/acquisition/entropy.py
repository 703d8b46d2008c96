"""What an experiment would tell of the best there is, in nats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from scipy.special import log_ndtr

from matloop.core.arrays import FloatArray
from matloop.design.acquisition.aims import Wanted, floored, log_chance, needed
from matloop.design.acquisition.confidence import UpperConfidence
from matloop.design.contract import About, Acquisition, Belief

_LOG_ROOT_2_PI = 0.5 * math.log(2 * math.pi)
_LEAST = 1e-300
_MAXIMA = 256


@dataclass(frozen=True, slots=True)
class MaxValueEntropy:
    """log of what the value of an experiment tells of the highest value there is (noise left out).

    What the highest value may be: a Gumbel distribution through the quartiles of the maxima of joint draws at the
    `size` most hopeful candidates and known experiments, at `draws` equal steps of chance. Goals with an end count by
    their chance.

    Wang & Jegelka, ICML (2017), doi:10.48550/arXiv.1703.01968.

    Raises
    ------
    ConfigError : nothing is to be maximised or minimised.
    """

    draws: int = 32
    size: int = 300
    highest: FloatArray | None = field(default=None, repr=False)

    def prepare(self, beliefs: Sequence[Belief], X: FloatArray, about: About) -> MaxValueEntropy:
        """With what the highest value may be, of candidates `X`."""
        goal = needed(beliefs, about, "max_value_entropy")
        places = _most_hopeful(goal, X, about, self.size)
        maxima = goal.belief.draw(places, _MAXIMA, about.seed).max(axis=1)
        least = float(goal.belief.predict(places)[0].max())
        return MaxValueEntropy(self.draws, self.size, np.maximum(gumbel(maxima, self.draws), least))

    def worth(self, beliefs: Sequence[Belief], X: FloatArray, about: About) -> FloatArray:
        if self.highest is None:
            return self.prepare(beliefs, X, about).worth(beliefs, X, about)
        goal, chance = needed(beliefs, about, "max_value_entropy"), log_chance(beliefs, X, about)
        mean, std = goal.belief.predict(X)
        gamma = (self.highest[:, None] - mean) / floored(std, goal.spread)
        told = np.logaddexp.reduce(log_lost_entropy(gamma), axis=0) - math.log(len(self.highest))
        return told if chance is None else told + chance


def log_lost_entropy(gamma: FloatArray) -> FloatArray:
    """log of the entropy that a standard normal value loses when it is known to be at most `gamma`:
    gamma phi / (2 Phi) - log Phi."""
    log_below = log_ndtr(gamma)
    log_ratio = -0.5 * gamma**2 - _LOG_ROOT_2_PI - log_below
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        # -log Phi(gamma) is the upper tail itself where that is small
        tail = np.where(gamma > 6.0, log_ndtr(-gamma), np.log(-np.where(gamma > 6.0, -1.0, log_below)))
        right = np.logaddexp(np.log(np.maximum(gamma, _LEAST) / 2) + log_ratio, tail)
        left = np.log(np.maximum(0.5 * gamma * np.exp(log_ratio) - log_below, _LEAST))
        # far below, Mills' ratio: what is left is the logarithm of the standard deviation that has gone
        far = np.log(np.log(np.maximum(np.abs(gamma), 2.0)) + _LOG_ROOT_2_PI - 0.5)
    return np.where(gamma > 0, right, np.where(gamma > -1e4, left, far))


def gumbel(maxima: FloatArray, n: int) -> FloatArray:
    """A Gumbel distribution through the quartiles of drawn maxima, at `n` equal steps of chance; shape (n,)."""
    first, median, third = np.quantile(maxima, [0.25, 0.5, 0.75])
    scale = (third - first) / (math.log(math.log(4.0)) - math.log(math.log(4.0 / 3.0)))
    place = median + scale * math.log(math.log(2.0))
    steps = (np.arange(n) + 0.5) / n
    return np.asarray(place - scale * np.log(-np.log(steps)))


def _most_hopeful(goal: Wanted, X: FloatArray, about: About, n: int) -> FloatArray:
    """The candidates and known experiments that may be the best."""
    places = np.unique(np.vstack([about.known, X]), axis=0)
    mean, std = goal.belief.predict(places)
    return np.asarray(places[np.argsort(-np.round((mean + 2.0 * std) / goal.spread, 9), kind="stable")[:n]])


@dataclass(frozen=True, slots=True)
class JointEntropy:
    """log of what a measurement tells of the best experiment and its value together, noise included.

    `draws` joint draws at the most hopeful candidates each give a best experiment and its value; the beliefs are told
    of it, and no value is higher than it. The entropy of what is then left of a candidate's value is that of a normal
    value of the same variance. Goals with an end count by their chance.

    Hvarfner, Hutter, Nardi, NeurIPS 35 (2022), doi:10.48550/arXiv.2206.04771.

    Raises
    ------
    ConfigError : nothing is to be maximised or minimised.
    """

    draws: int = 12
    size: int = 300
    told: tuple[tuple[Belief, float], ...] | None = field(default=None, repr=False)
    scout: ClassVar[Acquisition] = UpperConfidence(2.0)

    def prepare(self, beliefs: Sequence[Belief], X: FloatArray, about: About) -> JointEntropy:
        """With the beliefs after each draw, of candidates `X`."""
        goal = needed(beliefs, about, "joint_entropy")
        places = _most_hopeful(goal, X, about, self.size)
        found = goal.belief.draw(places, self.draws, about.seed)
        best = found.argmax(axis=1)
        told = tuple(
            (goal.belief.believing(places[[k]], np.array([values[k]])), float(values[k]))
            for k, values in zip(best, found, strict=True)
        )
        return JointEntropy(self.draws, self.size, told)

    def worth(self, beliefs: Sequence[Belief], X: FloatArray, about: About) -> FloatArray:
        if self.told is None:
            return self.prepare(beliefs, X, about).worth(beliefs, X, about)
        goal, chance = needed(beliefs, about, "joint_entropy"), log_chance(beliefs, X, about)
        noise = max(goal.belief.noise, 1e-6 * goal.spread) ** 2
        before = np.log(goal.belief.predict(X)[1] ** 2 + noise)
        after = np.mean([np.log(_left(belief, top, X, goal) + noise) for belief, top in self.told], axis=0)
        # an approximation of something positive: where it is not, hardly anything is told
        told = np.log(np.maximum(0.5 * (before - after), 1e-12))
        return told if chance is None else told + chance


def _left(belief: Belief, top: float, X: FloatArray, goal: Wanted) -> FloatArray:
    """Variance of the values, which are known not to be higher than `top`."""
    mean, std = belief.predict(X)
    std = floored(std, goal.spread)
    gamma = np.maximum((top - mean) / std, -30.0)
    ratio = np.exp(-0.5 * gamma**2 - _LOG_ROOT_2_PI - log_ndtr(gamma))
    left: FloatArray = std**2 * np.maximum(1.0 - gamma * ratio - ratio**2, 1e-6)
    return left
