"""Simulated annealing: a walk that takes steps down too, ever more seldom and ever shorter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.design.contract import Domain, History, Points, Suggestions
from matloop.design.goals import Goal
from matloop.design.optimisers.told import first_design, fitness, generator, suggestions

_WIDEST, _SHORTEST = 0.4, 0.02


@dataclass(frozen=True, slots=True)
class Annealing:
    """The walk is replayed over the results in the order in which they were told: a better one is stepped to, a worse
    one with the chance exp(-loss / temperature). Temperature and steps fall by `cooling` with each result; the first
    temperature is the spread of the first results.

    Kirkpatrick, Gelatt, Vecchi, Science 220 (1983) 671, doi:10.1126/science.220.4598.671.
    """

    cooling: float = 0.95
    first: int = 4

    def suggest(self, domain: Domain, history: History, goals: Sequence[Goal], n: int, *, seed: int) -> Suggestions:
        score = fitness(history, goals)
        able = np.isfinite(score)
        if able.sum() < self.first:
            why = f"fewer than {self.first} results are known, so that nobody knows how warm to begin"
            return first_design(domain, history, goals, n, seed, why=why)
        place, temperature = self._walked(score)
        reach = float(max(_WIDEST * self.cooling ** int(able.sum()), _SHORTEST))
        here = history.points.take([place])
        if domain.why_not(here)[0] != "":
            return first_design(domain, history, goals, n, seed, why="the walk has left the domain")
        rng = generator(history, seed)
        offered = domain.near(here, 4 * n, int(rng.integers(2**31)), reach=reach)
        reason = (
            f"a step of about {100 * reach:.0f} % of the range from experiment no. {place + 1}, where the walk stands"
        )
        how = f"Simulated annealing, {able.sum()} results, temperature {temperature:.3g}."
        return suggestions(domain, history, Points(offered.values), [reason] * len(offered), n, seed, how=how)

    def _walked(self, score: FloatArray) -> tuple[int, float]:
        """The row at which the walk stands, and its temperature."""
        rows = np.flatnonzero(np.isfinite(score))
        warm = float(score[rows[: self.first]].std()) or 1.0
        chances = np.random.default_rng(0).random(len(rows))  # the same walk at every ask
        place, temperature = int(rows[0]), warm
        for k, row in enumerate(rows):
            temperature = warm * self.cooling**k
            loss = score[place] - score[row]
            if loss <= 0 or chances[k] < np.exp(-loss / temperature):
                place = int(row)
        return place, temperature
