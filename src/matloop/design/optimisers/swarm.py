"""Particle swarm: each particle flies between its own best place and that of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.design.contract import Domain, History, Points, Suggestions
from matloop.design.goals import Goal
from matloop.design.optimisers.told import first_design, fitness, generator, nearest_allowed, suggestions

_INERTIA, _PULL = 0.7298, 1.49618  # Clerc & Kennedy, IEEE Trans. Evol. Comput. 6 (2002) 58, doi:10.1109/4235.985692


@dataclass(frozen=True, slots=True)
class ParticleSwarm:
    """The experiments in the order in which they were told are the flights of `particles` in turn; the first of each
    is of a Sobol design. Words are taken over from one of the places that pull.

    Kennedy & Eberhart, Proc. ICNN (1995) 1942, doi:10.1109/ICNN.1995.488968.
    """

    particles: int = 10

    def suggest(self, domain: Domain, history: History, goals: Sequence[Goal], n: int, *, seed: int) -> Suggestions:
        score = fitness(history, goals)
        done = len(history) + len(history.pending)
        if done < self.particles or len(history) < 2 or not np.isfinite(score).any():
            why = f"each of the {self.particles} particles has to start somewhere"
            return first_design(domain, history, goals, n, seed, why=why)
        rng = generator(history, seed)
        X = np.nan_to_num(domain.encode(history.points))
        top = int(score.argmax())
        wanted, reasons = [], []
        for k in range(2 * n):
            particle = (done + k) % self.particles
            flights = np.arange(particle, len(history), self.particles)
            flights = flights if len(flights) else np.array([rng.integers(len(history))])
            own = int(flights[score[flights].argmax()])
            wanted.append(_flown(X, flights, own, top, domain.axes.categorical, rng))
            reasons.append(
                f"particle {particle + 1} of {self.particles} on its way from experiment no. {flights[-1] + 1}, "
                f"pulled by its own best, no. {own + 1}, and the best of all, no. {top + 1}"
            )
        points = nearest_allowed(domain, np.array(wanted), int(rng.integers(2**31)), starts=history.points)
        how = f"Particle swarm of {self.particles}; the best of all is experiment no. {top + 1}."
        return suggestions(domain, history, Points(points.values), reasons, n, seed, how=how)


def _flown(
    X: FloatArray, flights: IntArray, own: int, top: int, categorical: BoolArray, rng: np.random.Generator
) -> FloatArray:
    """Where a particle wants to be next, in encoded coordinates."""
    here = X[flights[-1]]
    speed = here - X[flights[-2]] if len(flights) > 1 else 0.2 * (rng.random(len(here)) - 0.5)
    pull_own, pull_top = rng.random(len(here)), rng.random(len(here))
    place = here + _INERTIA * speed + _PULL * (pull_own * (X[own] - here) + pull_top * (X[top] - here))
    word = np.stack([here, X[own], X[top]])[rng.integers(3, size=len(here)), np.arange(len(here))]
    return np.where(categorical, word, np.clip(place, 0.0, 1.0))
