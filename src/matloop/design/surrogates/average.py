"""Several beliefs, each with a weight, as one: what is not known of a kernel's numbers becomes doubt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.design.contract import Belief
from matloop.design.surrogates.process import Process


@dataclass(frozen=True, slots=True)
class Average:
    """Mean and covariance of the mixture; samples come from single members. weights : shape (n_members,), sum 1."""

    members: tuple[Belief, ...]
    weights: FloatArray
    words: str

    @property
    def noise(self) -> float:
        """Root of the mean variance."""
        return float(np.sqrt(self.weights @ np.array([member.noise for member in self.members]) ** 2))

    def predict(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation without the noise of a measurement, each shape (n,)."""
        means, stds = (np.array(each) for each in zip(*(member.predict(X) for member in self.members), strict=True))
        mean = self.weights @ means
        return mean, np.sqrt(self.weights @ (stds**2 + (means - mean) ** 2))

    def joint(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean, shape (n,), and covariance, shape (n, n)."""
        pairs = [member.joint(X) for member in self.members]
        mean = self.weights @ np.array([m for m, _ in pairs])
        covariance = np.zeros((len(X), len(X)))
        for weight, (m, c) in zip(self.weights, pairs, strict=True):
            covariance += weight * (c + np.outer(m - mean, m - mean))
        return mean, covariance

    def draw(self, X: FloatArray, n: int, seed: int) -> FloatArray:
        """Joint samples, shape (n, len(X)), each of a member drawn by its weight."""
        of = np.random.default_rng([seed, 3]).choice(len(self.members), n, p=self.weights)
        drawn = np.empty((n, len(X)))
        for k, member in enumerate(self.members):
            drawn[of == k] = member.draw(X, int((of == k).sum()), seed + k)
        return drawn

    def believing(self, X: FloatArray, y: FloatArray) -> Average:
        """Each member believes; weights stay."""
        return Average(tuple(member.believing(X, y) for member in self.members), self.weights, self.words)


def average(members: Sequence[Belief], words: str, weights: FloatArray | None = None) -> Average:
    """With equal weights where none are given."""
    shares = np.full(len(members), 1.0 / len(members)) if weights is None else weights / weights.sum()
    return Average(tuple(members), shares, words)


@dataclass(frozen=True, slots=True)
class Said:
    """A belief with other words."""

    belief: Belief
    words: str

    @property
    def noise(self) -> float:
        return self.belief.noise

    def predict(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation without the noise of a measurement, each shape (n,)."""
        return self.belief.predict(X)

    def joint(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean, shape (n,), and covariance, shape (n, n)."""
        return self.belief.joint(X)

    def draw(self, X: FloatArray, n: int, seed: int) -> FloatArray:
        """Joint samples, shape (n, len(X))."""
        return self.belief.draw(X, n, seed)

    def believing(self, X: FloatArray, y: FloatArray) -> Said:
        """As if these had been measured too."""
        return Said(self.belief.believing(X, y), self.words)


def told_so(belief: Belief, words: str) -> Belief:
    """The same belief with other words."""
    if isinstance(belief, Process):
        return replace(belief, told=words)
    return replace(belief, words=words) if isinstance(belief, Average) else Said(belief, words)
