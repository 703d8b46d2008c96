"""CMA-ES: a cloud of points that moves, grows and turns to where the good ones were."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.design.contract import Domain, History, Suggestions
from matloop.design.goals import Goal
from matloop.design.optimisers.told import first_design, fitness, generator, nearest_allowed, suggestions

_LARGEST = 0.5


@dataclass(frozen=True, slots=True)
class Cloud:
    """State of a covariance matrix adaptation: mean, step size, covariance, and the two paths, in d dimensions."""

    mean: FloatArray
    sigma: float
    C: FloatArray
    path: FloatArray
    path_sigma: FloatArray
    generation: int = 0

    @classmethod
    def at(cls, mean: FloatArray, sigma: float) -> Cloud:
        d = len(mean)
        return cls(np.array(mean, float), sigma, np.eye(d), np.zeros(d), np.zeros(d))

    def told(self, X: FloatArray, score: FloatArray) -> Cloud:
        """The next generation, from points (n, d) and what they are worth (n,).

        Points that the cloud did not draw itself are taken in as injected ones, shortened where they are too far out
        (Hansen 2011, doi:10.48550/arXiv.1110.4181).
        """
        n, d = X.shape
        s = _Settings.of(n, d)
        values, vectors = np.linalg.eigh(self.C)
        values = np.maximum(values, 1e-14)
        whiten = vectors @ np.diag(values**-0.5) @ vectors.T
        steps = (X - self.mean) / self.sigma
        length = np.linalg.norm(steps @ whiten, axis=1)
        far = math.sqrt(d) + 2 * d / (d + 2)
        steps = steps * np.minimum(1.0, far / np.maximum(length, 1e-12))[:, None]
        order = np.argsort(-score, kind="stable")
        steps = steps[order]
        step = np.maximum(s.weights, 0.0) @ steps
        path_sigma = (1 - s.c_sigma) * self.path_sigma + math.sqrt(s.c_sigma * (2 - s.c_sigma) * s.mu) * (whiten @ step)
        size = float(np.linalg.norm(path_sigma))
        usual = math.sqrt(1 - (1 - s.c_sigma) ** (2 * (self.generation + 1)))
        moving = size / usual < (1.4 + 2 / (d + 1)) * s.expected
        path = (1 - s.c_c) * self.path + moving * math.sqrt(s.c_c * (2 - s.c_c) * s.mu) * step
        late = (1 - moving) * s.c_c * (2 - s.c_c)
        C = (1 - s.c_1 - s.c_mu * s.weights.sum() + s.c_1 * late) * self.C + s.c_1 * np.outer(path, path)
        # what was worst turns the cloud away, but no more than a step of usual length would
        away = d / np.maximum(np.linalg.norm(steps @ whiten, axis=1) ** 2, 1e-12)
        C = C + s.c_mu * (steps.T * np.where(s.weights < 0, s.weights * away, s.weights)) @ steps
        grown = math.exp(min(1.0, (s.c_sigma / s.damping) * (size / s.expected - 1)))
        sigma = min(self.sigma * grown, _LARGEST)
        return Cloud(self.mean + self.sigma * step, sigma, (C + C.T) / 2, path, path_sigma, self.generation + 1)

    def drawn(self, n: int, rng: np.random.Generator) -> FloatArray:
        """Shape (n, d)."""
        values, vectors = np.linalg.eigh(self.C)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        return self.mean + self.sigma * rng.standard_normal((n, len(self.mean))) @ root.T


@dataclass(frozen=True, slots=True)
class _Settings:
    """The usual numbers for `n` points of `d` dimensions, the worse half with
    weights below zero: Table 1 of Hansen 2016, doi:10.48550/arXiv.1604.00772."""

    weights: FloatArray
    mu: float
    c_sigma: float
    damping: float
    c_c: float
    c_1: float
    c_mu: float
    expected: float

    @classmethod
    def of(cls, n: int, d: int) -> _Settings:
        raw = math.log((n + 1) / 2) - np.log(np.arange(1, n + 1)) if n > 1 else np.ones(1)
        good, bad = np.maximum(raw, 0.0), np.minimum(raw, 0.0)
        mu = float(good.sum() ** 2 / (good**2).sum())
        c_sigma = (mu + 2) / (d + mu + 5)
        damping = 1 + 2 * max(0.0, math.sqrt((mu - 1) / (d + 1)) - 1) + c_sigma
        c_c = (4 + mu / d) / (d + 4 + 2 * mu / d)
        c_1 = 2 / ((d + 1.3) ** 2 + mu)
        c_mu = max(min(1 - c_1, 2 * (mu - 2 + 1 / mu) / ((d + 2) ** 2 + mu)), 1e-12)
        mu_bad = float(bad.sum() ** 2 / max((bad**2).sum(), 1e-300))
        share = min(1 + c_1 / c_mu, 1 + 2 * mu_bad / (mu + 2), (1 - c_1 - c_mu) / (d * c_mu))
        weights = good / good.sum() + share * bad / max(-bad.sum(), 1e-300)
        expected = math.sqrt(d) * (1 - 1 / (4 * d) + 1 / (21 * d * d))
        return cls(weights, mu, c_sigma, damping, c_c, c_1, c_mu, expected)


@dataclass(frozen=True, slots=True)
class CmaEs:
    """Covariance matrix adaptation, with its state replayed from the results in the order in which they were told, a
    generation of 4 + 3 ln d (or `generation`) at a time; categories follow how often they are among the better half.

    Hansen & Ostermeier, Evol. Comput. 9 (2001) 159, doi:10.1162/106365601750190398.
    """

    sigma: float = 0.3
    generation: int = 0

    def suggest(self, domain: Domain, history: History, goals: Sequence[Goal], n: int, *, seed: int) -> Suggestions:
        score = fitness(history, goals)
        axes = domain.axes
        numbers = ~np.asarray(axes.categorical, bool)
        size = self.generation or 4 + int(3 * math.log(max(axes.width, 1)))
        if len(history) < size or not np.isfinite(score).any():
            return first_design(
                domain, history, goals, n, seed, why=f"the first generation of {size} experiments is not complete"
            )
        X = np.nan_to_num(domain.encode(history.points))
        rng = generator(history, seed)
        cloud = self._replayed(X[:, numbers], score, size) if numbers.any() else None
        wanted = np.zeros((2 * n, axes.width))
        if cloud is not None:
            wanted[:, numbers] = np.clip(cloud.drawn(2 * n, rng), 0.0, 1.0)
        good = np.argsort(-score, kind="stable")[: max(size // 2, 1)]
        for column in np.flatnonzero(~numbers):
            words = np.where(
                rng.random(2 * n) < 0.8, rng.choice(X[good, column], 2 * n), rng.choice(X[:, column], 2 * n)
            )
            wanted[:, column] = words
        points = nearest_allowed(domain, wanted, int(rng.integers(2**31)), starts=history.points, rounds=10)
        done = len(history) // size
        width = f", about {100 * cloud.sigma:.2g} % of the range wide" if cloud is not None else ""
        reason = f"drawn from the cloud of generation {done + 1}{width}, around where the better half was"
        how = f"CMA-ES after {done} generations of {size}{width}."
        return suggestions(domain, history, points, [reason] * len(points), n, seed, how=how)

    def _replayed(self, X: FloatArray, score: FloatArray, size: int) -> Cloud:
        first = X[:size]
        top = first[np.argsort(-score[:size], kind="stable")[: max(size // 2, 1)]]
        cloud = Cloud.at(top.mean(axis=0), self.sigma)
        for start in range(size, len(X) - size + 1, size):
            cloud = cloud.told(X[start : start + size], score[start : start + size])
        return cloud
