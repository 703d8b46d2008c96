"""Several models of the same rows as one belief: where they disagree they do not know, and they err together.

A draw is the mean plus a random mix of how the members deviate from it, so that two experiments about which the same
members disagree go together. How far the deviations are to be trusted is learnt from rows that members did not see.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.design.surrogates.measured import spread_of

_STRETCH = (0.3, 4.0)
_SHARE = 1e-4


class Members(Protocol):
    """Fitted models of one target."""

    def each(self, X: FloatArray) -> FloatArray:
        """What each member says, shape (n, n_members)."""

    def own(self, X: FloatArray) -> FloatArray:
        """Variance that members see in themselves, shape (n,); zeros where they see none."""

    def seeing(self, X: FloatArray, y: FloatArray) -> Members:
        """The same with more rows, settings as they are."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """stretch : of the deviations of members. noise : standard deviation of a repeated measurement."""

    stretch: float
    noise: float


@dataclass(frozen=True, slots=True)
class Ensemble:
    """A belief of members. least : smallest doubt of a value, so that nothing counts as known for sure."""

    members: Members
    calibration: Calibration
    least: float
    label: str

    @property
    def noise(self) -> float:
        return self.calibration.noise

    @property
    def words(self) -> str:
        return self.label

    def predict(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        mean, away, rest = self._parts(X)
        return mean, np.sqrt((away**2).sum(axis=1) + rest)

    def joint(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        mean, away, rest = self._parts(X)
        return mean, away @ away.T + np.diag(rest)

    def draw(self, X: FloatArray, n: int, seed: int) -> FloatArray:
        mean, away, rest = self._parts(X)
        rng = np.random.default_rng(seed)
        mixed = rng.standard_normal((n, away.shape[1])) @ away.T
        return np.asarray(mean + mixed + rng.standard_normal((n, len(X))) * np.sqrt(rest))

    def believing(self, X: FloatArray, y: FloatArray) -> Ensemble:
        return replace(self, members=self.members.seeing(X, y))

    def _parts(self, X: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Mean; deviations of members, in parts of a standard deviation, shape (n, m); variance of each row alone."""
        each = self.members.each(X)
        mean, away = deviations(each)
        spread = (away**2).sum(axis=1)
        own = self.members.own(X)
        # what members do not know by themselves goes together as their disagreement does
        grown = np.sqrt(1.0 + own / np.maximum(spread, _SHARE * np.maximum(own, 1e-300)))
        away = away * (self.calibration.stretch * grown)[:, None]
        rest = np.maximum(self.calibration.stretch**2 * (spread + own) - (away**2).sum(axis=1), 0.0)
        return mean, away, np.maximum(rest, self.least**2)


def deviations(each: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean over the members, and their deviations divided by the root of one less than their number: the sum of squares
    over a row is its variance, the product of two rows their covariance."""
    mean = each.mean(axis=1)
    return mean, (each - mean[:, None]) / np.sqrt(max(each.shape[1] - 1, 1))


def calibrated(residual: FloatArray, variance: FloatArray, floor: float) -> Calibration:
    """Stretch s and noise that make s^2 variance + noise^2 the most probable for rows that were not seen.

    residual : shape (n,), of held-out rows. variance : shape (n,), that members claim there. floor : smallest noise. A
    prior holds the stretch near one where rows are few.
    """
    from scipy.optimize import minimize

    scale = float(np.sqrt(np.mean(residual**2))) or 1.0
    r, v = (residual / scale) ** 2, variance / scale**2

    def loss(logs: FloatArray) -> float:
        total = np.exp(2.0 * logs[0]) * v + np.exp(2.0 * logs[1]) + 1e-12
        return float(0.5 * (np.log(total) + r / total).sum() + 0.5 * (logs[0] / 0.5) ** 2 + 0.5 * (logs[1] + 1.0) ** 2)

    limits = [tuple(np.log(_STRETCH)), (float(np.log(1e-3)), float(np.log(2.0)))]
    starts = ([0.0, -1.0], [0.7, -3.0], [-0.7, -0.1])
    found = [minimize(loss, np.array(start), method="L-BFGS-B", bounds=limits) for start in starts]
    best = min(found, key=lambda one: float(one.fun)).x
    return Calibration(float(np.exp(best[0])), max(float(np.exp(best[1])) * scale, floor))


def repeated(X: FloatArray, y: FloatArray) -> float:
    """Standard deviation of repeated measurements of the same experiment, pooled; NaN where fewer than three repeat."""
    _, place, counts = np.unique(X, axis=0, return_inverse=True, return_counts=True)
    freedom = int(len(y) - len(counts))
    if freedom < 3:
        return float("nan")
    place = place.ravel()
    means = np.bincount(place, y) / counts
    return float(np.sqrt(((y - means[place]) ** 2).sum() / freedom))


def ensemble(members: Members, calibration: Calibration, X: FloatArray, y: FloatArray, label: str) -> Ensemble:
    """The belief. Where repeats tell the noise, the rest of what members leave unexplained is doubt of the value."""
    scale = spread_of(y)
    least, noise = 1e-2 * scale / np.sqrt(len(y)), repeated(X, y)
    if noise < calibration.noise:
        least = max(least, float(np.sqrt(calibration.noise**2 - noise**2)))
        calibration = replace(calibration, noise=max(noise, 1e-3 * scale))
    return Ensemble(members, calibration, least, label)
