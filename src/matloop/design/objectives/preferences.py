"""What somebody prefers, learnt from pairs of experiments: "no. 5 rather than no. 2"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import expit

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import ConfigError
from matloop.design.acquisition.choose import choose
from matloop.design.contract import About, Belief, Domain, History, Points, Suggestions
from matloop.design.goals import Goal
from matloop.design.objectives.aims import log_met, spread
from matloop.design.objectives.scalar import log_gain_of
from matloop.design.optimisers.told import first_design
from matloop.design.strategy.learn import Learner, learn, teaches
from matloop.design.strategy.model import told

_FIRM = 6.0  # log-odds by which the whole range of everything is preferred, before any pair is known
_DOUBT = 1.5  # standard deviation of the logarithm of a weight, before any pair is known
Pairs = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Utility:
    """A utility that never falls when an objective rises: weights times each objective, times what of it is below its
    middle (first gains count more), and times the worst of all (balance); all in parts of the known range.

    low, span, middle : shape (m,), of the known values. weights : shape (n_draws, 2 m + 1), of which the first row is
    the most probable one and the others are draws of what they may be.
    """

    low: FloatArray
    span: FloatArray
    middle: FloatArray
    weights: FloatArray

    def value(self, values: FloatArray, draw: int = 0) -> FloatArray:
        """Utility of outcomes of shape (..., m)."""
        return np.asarray(_parts((values - self.low) / self.span, self.middle) @ self.weights[draw])

    def chance(self, better: FloatArray, worse: FloatArray) -> FloatArray:
        """Of `better` being preferred to `worse`, over the draws of weights."""
        gaps = [self.value(better, k) - self.value(worse, k) for k in range(len(self.weights))]
        return np.asarray(expit(np.array(gaps)).mean(axis=0))

    @property
    def shares(self) -> FloatArray:
        """How much of the utility of the best of everything each objective brings, with its half of the balance by
        parts; shape (m,), sums to one."""
        m = len(self.low)
        own = self.weights[0, :m] + self.weights[0, m : 2 * m] + self.weights[0, 2 * m] / m
        return np.asarray(own / own.sum())


def learn_utility(values: FloatArray, pairs: Pairs, *, draws: int = 8, seed: int = 0) -> Utility:
    """The utility that makes the stated preferences probable: Bradley and Terry, with the logarithms of weights normal
    around equal ones; draws by Laplace's approximation around the most probable weights.

    Parameters
    ----------
    values : shape (n, m), more is better, NaN where not measured. pairs : (row preferred, row it is preferred to).

    Raises
    ------
    ConfigError : a pair names a row that is not there, is not complete, or itself.

    References
    ----------
    Bradley & Terry, Biometrika 39 (1952) 324, doi:10.2307/2334029; in optimisation: Lin et al., AISTATS 151 (2022),
    doi:10.48550/arXiv.2203.11382.
    """
    _check(values, pairs)
    known = values[np.isfinite(values).all(axis=1)]
    low, high = (known.min(axis=0), known.max(axis=0)) if len(known) else (np.zeros(values.shape[1]),) * 2
    span = np.where(high > low, high - low, 1.0)
    middle = np.median((known - low) / span, axis=0) if len(known) else np.full(values.shape[1], 0.5)
    parts = _parts((values - low) / span, middle)
    width = parts.shape[1]
    gaps = np.array([parts[a] - parts[b] for a, b in pairs]).reshape(len(pairs), width)
    centre = np.full(width, np.log(_FIRM / width))
    theta, precision = _likeliest(gaps, centre)
    values_, vectors = np.linalg.eigh(precision)
    root = vectors / np.sqrt(np.maximum(values_, 1e-9))
    z = np.random.default_rng(seed).standard_normal((draws, width))
    theta = np.vstack([theta, theta + np.clip(z @ root.T, -4, 4)])
    return Utility(low, span, middle, np.exp(theta))


def _likeliest(gaps: FloatArray, centre: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The most probable logarithms of weights, and the precision there (Gauss-Newton, so that it is positive)."""
    from scipy.optimize import minimize

    def cost(theta: FloatArray) -> tuple[float, FloatArray]:
        weights = np.exp(theta)
        odds = gaps @ weights
        pull = (theta - centre) / _DOUBT**2
        value = float(np.logaddexp(0.0, -odds).sum() + 0.5 * (theta - centre) @ pull)
        return value, -(expit(-odds) @ gaps) * weights + pull

    theta = np.asarray(minimize(cost, centre, jac=True, method="L-BFGS-B", bounds=[(-12.0, 8.0)] * len(centre)).x)
    slope = gaps * np.exp(theta)
    odds = gaps @ np.exp(theta)
    curve = (slope.T * (expit(odds) * expit(-odds))) @ slope
    return theta, curve + np.eye(len(theta)) / _DOUBT**2


def _parts(scaled: FloatArray, middle: FloatArray) -> FloatArray:
    worst = scaled.min(axis=-1, keepdims=True)
    return np.concatenate([scaled, np.minimum(scaled, middle), worst], axis=-1)


def _check(values: FloatArray, pairs: Pairs) -> None:
    for a, b in pairs:
        for row in (a, b):
            if not 0 <= row < len(values):
                raise ConfigError(
                    f"preference for no. {a + 1} over no. {b + 1}: there is no experiment no. {row + 1}, "
                    f"{len(values)} are known."
                )
            if not np.isfinite(values[row]).all():
                raise ConfigError(
                    f"preference for no. {a + 1} over no. {b + 1}: experiment no. {row + 1} failed, or lacks a value "
                    "of an objective. Compare experiments that are complete."
                )
        if a == b:
            raise ConfigError(f"experiment no. {a + 1} cannot be preferred to itself.")


@dataclass(frozen=True, slots=True)
class PreferenceGain:
    """log of the expected gain in utility over the known experiment that is preferred most, over what utility may be.

    pairs : rows of `About.known`, the preferred one first; without any, all objectives count alike. Aims with an end
    are chances.
    """

    pairs: Pairs = ()
    draws: int = 64

    def worth(self, beliefs: Sequence[Belief], X: FloatArray, about: About) -> FloatArray:
        aims = [aim for aim in about.aims if aim.is_open]
        chance = log_met(beliefs, X, about)
        if not aims:
            return chance
        values = np.column_stack([about.values[aim.belief] for aim in aims])
        scale = np.array([spread(column) for column in values.T])
        utility = learn_utility(values / scale, tuple((a, b) for a, b in self.pairs), seed=about.seed)
        known = values[np.isfinite(values).all(axis=1)] / scale
        used = [beliefs[aim.belief] for aim in aims]
        gains = []
        for k in range(len(utility.weights)):

            def value(y: FloatArray, k: int = k) -> FloatArray:
                return utility.value(y, k)

            best = float(value(known).max()) if len(known) else 0.0
            gains.append(log_gain_of(value, best, used, scale, X, self.draws, about.seed))
        return np.asarray(np.logaddexp.reduce(gains, axis=0)) - np.log(len(gains)) + chance


@dataclass(frozen=True, slots=True)
class Preferring:
    """Suggests what is likely to be preferred, from pairs of known experiments.

    pairs : numbers of experiments, counted from 1 in the order in which they were told, the preferred one first:
    ((5, 2), (5, 3)). surrogate : as in the usual strategy.
    """

    pairs: Sequence[Sequence[int]] = ()
    surrogate: str = "auto"
    surrogate_options: Mapping[str, Any] = field(default_factory=dict)
    first: int = 5

    def prefer(self, better: int, worse: int) -> Preferring:
        """The same with one more preference: experiment no. `better` rather than no. `worse`."""
        return Preferring((*self.pairs, (better, worse)), self.surrogate, self.surrogate_options, self.first)

    def suggest(self, domain: Domain, history: History, goals: Sequence[Goal], n: int, *, seed: int) -> Suggestions:
        if (why := teaches(history, goals)) or len(history) < self.first:
            why = why or f"fewer than {self.first} results are known"
            return first_design(domain, history, goals, n, seed, why=why)
        learned = learn(domain, history, goals, Learner(self.surrogate, self.surrogate_options), seed=seed)
        acquisition = PreferenceGain(self._rows(learned.rows, len(history)))
        others = np.setdiff1d(np.arange(len(history)), learned.rows)
        width = history.points.values.shape[1]
        tried = np.vstack(
            [
                history.points.values[learned.rows],
                history.pending.values.reshape(len(history.pending), width),
                history.points.values[others],
            ]
        )
        chosen = choose(acquisition, learned.beliefs, learned.about, domain, n, seed=seed, tried=Points(tried))
        return told(learned, goals, chosen.points, chosen.X, self._how(learned.about, acquisition, goals))

    def _rows(self, rows: IntArray, n: int) -> Pairs:
        place = {int(row): k for k, row in enumerate(rows)}
        found = []
        for pair in self.pairs:
            if len(pair) != 2:
                raise ConfigError(f"preference {tuple(pair)}: two numbers are needed, the preferred one first.")
            for number in pair:
                if number - 1 not in place:
                    known = "failed or was not measured" if 1 <= number <= n else f"is not there, {n} are"
                    raise ConfigError(f"preference {tuple(pair)}: experiment no. {number} {known}. Correct the pair.")
            found.append((place[pair[0] - 1], place[pair[1] - 1]))
        return tuple(found)

    def _how(self, about: About, acquisition: PreferenceGain, goals: Sequence[Goal]) -> str:
        aims = [aim for aim in about.aims if aim.is_open]
        if not aims:
            return "There is nothing to prefer, as all goals have an end: chosen by the chance that they are met."
        values = np.column_stack([about.values[aim.belief] for aim in aims])
        utility = learn_utility(values, acquisition.pairs, seed=about.seed)
        names = [goal.target for goal in goals if goal.is_open]
        shares = ", ".join(f"{name} {100 * share:.0f} %" for name, share in zip(names, utility.shares, strict=True))
        return f"From {len(self.pairs)} preferences, what counts is: {shares}. Chosen by the expected gain in that."
