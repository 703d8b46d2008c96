"""What acquisitions see of the aims: one value to raise, and the chance that everything else is as it must be."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import log_ndtr

from matloop.core.arrays import BoolArray, FloatArray
from matloop.core.errors import ConfigError
from matloop.design.contract import About, Acquisition, Aim, Belief

SOFTNESS = 0.25
"""Values within this share of the spread of what is known count as about equally good, where values meet chances."""
_NARROWEST = 1e-9


@dataclass(frozen=True, slots=True)
class Blend:
    """A weighted sum of beliefs that know nothing of each other, as one belief."""

    parts: tuple[Belief, ...]
    weights: FloatArray

    @property
    def noise(self) -> float:
        return float(np.sqrt(np.sum([(w * part.noise) ** 2 for w, part in self._pairs()])))

    @property
    def words(self) -> str:
        return " + ".join(f"{w:.3g} x ({part.words})" for w, part in self._pairs())

    def _pairs(self) -> list[tuple[float, Belief]]:
        return list(zip(self.weights.tolist(), self.parts, strict=True))

    def predict(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        found = [part.predict(X) for part in self.parts]
        mean = sum(w * m for w, (m, _) in zip(self.weights, found, strict=True))
        variance = sum((w * s) ** 2 for w, (_, s) in zip(self.weights, found, strict=True))
        return np.asarray(mean), np.sqrt(variance)

    def joint(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        found = [part.joint(X) for part in self.parts]
        mean = sum(w * m for w, (m, _) in zip(self.weights, found, strict=True))
        return np.asarray(mean), np.asarray(sum(w * w * c for w, (_, c) in zip(self.weights, found, strict=True)))

    def draw(self, X: FloatArray, n: int, seed: int) -> FloatArray:
        return np.asarray(sum(w * part.draw(X, n, seed + k) for k, (w, part) in enumerate(self._pairs())))

    def believing(self, X: FloatArray, y: FloatArray) -> Belief:
        """As if the sum had been measured: each part moves by its share of the surprise, as its doubt is of the sum."""
        found = [part.predict(X) for part in self.parts]
        shares = np.array([(w * s) ** 2 for w, (_, s) in zip(self.weights, found, strict=True)]) + 1e-300
        surprise = y - self.predict(X)[0]
        moved = [
            part.believing(X, m + share * surprise / w) if w else part
            for (w, part), (m, _), share in zip(self._pairs(), found, shares / shares.sum(axis=0), strict=True)
        ]
        return Blend(tuple(moved), self.weights)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the open aims come to: one value of which more is always better.

    best : what is to beat. Where no known experiment does all that it must, the lowest known value: anything that is
    allowed is then a gain. spread : standard deviation of the known values, the unit in which differences count.
    values : shape (n,), of the known experiments, NaN where not measured.
    """

    belief: Belief
    best: float
    spread: float
    values: FloatArray


def open_aims(about: About) -> list[Aim]:
    return [aim for aim in about.aims if aim.is_open]


def closed_aims(about: About) -> list[Aim]:
    return [aim for aim in about.aims if not aim.is_open]


def wanted(beliefs: Sequence[Belief], about: About) -> Wanted | None:
    """The open aims as one; None where there is none.

    Several are added up, each in units of the spread of its known values and times its weight: single numbers cannot
    tell more of a trade. Fronts are the business of acquisitions for several objectives.
    """
    aims = open_aims(about)
    if not aims:
        return None
    if len(aims) == 1:
        aim = aims[0]
        values = _row(about, aim.belief)
        best = aim.best if math.isfinite(aim.best) else _lowest(beliefs[aim.belief], values, about)
        return Wanted(beliefs[aim.belief], best, spread_of(values), values)
    rows = [_row(about, aim.belief) for aim in aims]
    weights = np.array([aim.weight / spread_of(row) for aim, row in zip(aims, rows, strict=True)])
    belief = Blend(tuple(beliefs[aim.belief] for aim in aims), weights)
    values = np.sum([w * row for w, row in zip(weights, rows, strict=True)], axis=0)
    good = values[np.isfinite(values) & meets(about)]
    best = float(good.max()) if len(good) else _lowest(belief, values, about)
    return Wanted(belief, best, spread_of(values), values)


def needed(beliefs: Sequence[Belief], about: About, name: str) -> Wanted:
    """The open aims as one.

    Raises
    ------
    ConfigError : there is none, and `name` is of no use without.
    """
    found = wanted(beliefs, about)
    if found is None:
        raise ConfigError(f"{name} needs something to maximise or minimise. Add a goal, or use 'log_ei' or 'straddle'.")
    return found


def edges(about: About, name: str) -> list[Aim]:
    """The aims with an end.

    Raises
    ------
    ConfigError : there is none, and `name` is of no use without.
    """
    found = closed_aims(about)
    if not found:
        raise ConfigError(f"{name} needs a goal with an end, such as 'purity >= 0.95'. Add one, or use 'log_ei'.")
    return found


def meets(about: About) -> BoolArray:
    """Which known experiments were measured to be within all aims that have an end, shape (n,)."""
    good = np.ones(about.values.shape[1], dtype=np.bool_)
    for aim in closed_aims(about):
        row = _row(about, aim.belief)
        good &= (row >= aim.low) & (row <= aim.high)
    return good


def log_within(mean: FloatArray, std: FloatArray, low: float, high: float) -> FloatArray:
    """log of the chance that a normal value lies from `low` to `high`, exact in both tails; shape (n,)."""
    upper, lower = (high - mean) / std, (low - mean) / std
    swap = lower > 0  # the difference of two tails, on the side where both are small
    upper, lower = np.where(swap, -lower, upper), np.where(swap, -upper, lower)
    a, b = log_ndtr(upper), log_ndtr(lower)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.isneginf(b), a, a + np.log1p(-np.exp(np.minimum(b - a, -1e-300))))


def log_chance(beliefs: Sequence[Belief], X: FloatArray, about: About) -> FloatArray | None:
    """log of the chance that all aims with an end are met, shape (n,); None where there is none."""
    aims = closed_aims(about)
    if not aims:
        return None
    total = np.zeros(len(X))
    for aim in aims:
        mean, std = beliefs[aim.belief].predict(X)
        total = total + log_within(mean, floored(std, spread_of(_row(about, aim.belief))), aim.low, aim.high)
    return total


def floored(std: FloatArray, spread: float) -> FloatArray:
    """Standard deviations that may be divided by."""
    return np.maximum(std, _NARROWEST * spread)


def spread_of(values: FloatArray) -> float:
    """Standard deviation of the known values; 1 where they are equal, or fewer than two."""
    known = values[np.isfinite(values)]
    return float(known.std()) or 1.0 if len(known) > 1 else 1.0


def log_softplus(z: FloatArray) -> FloatArray:
    """log log(1 + exp z): z far below zero, log z far above."""
    with np.errstate(over="ignore"):
        return np.where(z < -30.0, z, np.log(np.logaddexp(0.0, np.maximum(z, -30.0))))


def softened(worth: FloatArray, goal: Wanted) -> FloatArray:
    """The logarithm of the gain over what is to beat, softened below it, so that a value can be traded against chances
    and costs: one that is `SOFTNESS` of the spread lower is worth a factor e less there."""
    return log_softplus((worth - goal.best) / (SOFTNESS * goal.spread))


def is_logarithmic(acquisition: Acquisition, about: About) -> bool:
    """Whether an acquisition gives logarithms of a positive worth, as all do whose `logarithmic` says nothing else."""
    says: Callable[[About], bool] | None = getattr(acquisition, "logarithmic", None)
    return True if says is None else says(about)


def told(about: About, X: FloatArray, values: FloatArray) -> About:
    """As if experiments had been measured with these values, shape (n_beliefs, n)."""
    new = replace(about, known=np.vstack([about.known, X]), values=np.hstack([about.values, values]))
    if not len(values):
        return new
    good = meets(new)[-len(X) :]
    aims = tuple(
        replace(aim, best=float(max(aim.best, values[aim.belief, good].max(initial=-np.inf)))) if aim.is_open else aim
        for aim in about.aims
    )
    return replace(new, aims=aims)


def _row(about: About, belief: int) -> FloatArray:
    return about.values[belief] if belief < len(about.values) else np.full(about.values.shape[1], np.nan)


def _lowest(belief: Belief, values: FloatArray, about: About) -> float:
    known = values[np.isfinite(values)]
    if len(known):
        return float(known.min())
    return float(belief.predict(about.known)[0].min()) if len(about.known) else 0.0
