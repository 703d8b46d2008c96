"""Designs that look at no result: random, Sobol, Latin hypercube. What anything cleverer has to beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matloop.design.contract import Domain, History, How, Points, Suggestions
from matloop.design.goals import Goal
from matloop.design.optimisers.told import fresh


@dataclass(frozen=True, slots=True)
class Random:
    """Allowed points, each as probable as any other."""

    def suggest(self, domain: Domain, history: History, goals: Sequence[Goal], n: int, *, seed: int) -> Suggestions:
        return _sampled(domain, history, n, seed, "uniform", "drawn at random among all that is allowed")


@dataclass(frozen=True, slots=True)
class Sobol:
    """The next points of one scrambled Sobol sequence, so that all batches together fill the space evenly."""

    def suggest(self, domain: Domain, history: History, goals: Sequence[Goal], n: int, *, seed: int) -> Suggestions:
        return _sampled(
            domain, history, n, seed, "sobol", "the next place of a Sobol sequence, which leaves no large gap"
        )


@dataclass(frozen=True, slots=True)
class Latin:
    """A Latin hypercube: each batch puts one point into each of `n` slices of every parameter.

    McKay, Beckman, Conover, Technometrics 21 (1979) 239, doi:10.1080/00401706.1979.10489755.
    """

    def suggest(self, domain: Domain, history: History, goals: Sequence[Goal], n: int, *, seed: int) -> Suggestions:
        return _sampled(domain, history, n, seed, "latin", "alone in its slice of every parameter (Latin hypercube)")


def _sampled(domain: Domain, history: History, n: int, seed: int, how: How, why: str) -> Suggestions:
    done = len(history) + len(history.pending)
    if how == "sobol":  # one sequence: the points before the next ones are those of the batches before
        offered = domain.sample(done + 2 * n, seed, how=how)
        offered = Points(offered.values[min(done, max(len(offered) - n, 0)) :])
    else:
        offered = domain.sample(n, seed + 104729 * done, how=how)
    points, _ = fresh(domain, history, offered, n, seed)
    return Suggestions(points, (why,) * len(points), how=f"{how} design: {why}.")
