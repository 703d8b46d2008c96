"""Several beliefs about the same value, each with a weight: the hypotheses that compete."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.design.contract import Belief

_DROPPED = 1e-3
"""weight below which a hypothesis is not asked any more"""


@dataclass(frozen=True, slots=True)
class Competing:
    """A belief that is one of several, by chance; a draw is of one of them throughout.

    weights : shape (n_beliefs,), sum one. told : for the words.
    """

    beliefs: tuple[Belief, ...]
    weights: FloatArray
    told: str

    @property
    def noise(self) -> float:
        return float(np.sqrt(sum(w * one.noise**2 for w, one in zip(self.weights, self.beliefs, strict=True))))

    @property
    def words(self) -> str:
        return self.told

    def predict(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        found = [one.predict(X) for one in self.beliefs]
        means, stds = (np.stack([one[k] for one in found]) for k in (0, 1))
        mean = self.weights @ means
        return mean, np.sqrt(self.weights @ (stds**2 + (means - mean) ** 2))

    def joint(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        found = [one.joint(X) for one in self.beliefs]
        mean = self.weights @ np.stack([one[0] for one in found])
        covariance = np.zeros((len(X), len(X)))
        for weight, (own, cov) in zip(self.weights, found, strict=True):
            covariance += weight * (cov + np.outer(own - mean, own - mean))
        return mean, covariance

    def draw(self, X: FloatArray, n: int, seed: int) -> FloatArray:
        which = np.random.default_rng([seed, 17]).choice(len(self.beliefs), size=n, p=self.weights)
        drawn = np.empty((n, len(X)))
        for k, one in enumerate(self.beliefs):
            rows = np.flatnonzero(which == k)
            if len(rows):
                drawn[rows] = one.draw(X, len(rows), seed + k)
        return drawn

    def believing(self, X: FloatArray, y: FloatArray) -> Competing:
        return replace(self, beliefs=tuple(one.believing(X, y) for one in self.beliefs))


def weights_of(logs: FloatArray) -> FloatArray:
    """Weights from logarithms of evidence; the hopeless get none."""
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    weights[weights < _DROPPED] = 0.0
    return np.asarray(weights / weights.sum())
