"""A genetic algorithm: children of the best experiments, changed a little."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.design.contract import Domain, History, Points, Suggestions
from matloop.design.goals import Goal
from matloop.design.optimisers.told import first_design, fitness, generator, is_table, nearest_allowed, suggestions

_LEAST = 4


@dataclass(frozen=True, slots=True)
class Genetic:
    """Parents by tournaments among the best `population` experiments; a child takes each parameter from one of two
    parents (a mixture of both where that is not allowed), and is moved by about `reach` of the range, in half of the
    cases only by the crossing.

    Goldberg & Deb, Foundations of Genetic Algorithms 1 (1991) 69, doi:10.1016/B978-0-08-050684-5.50008-2.
    """

    population: int = 20
    tournament: int = 2
    reach: float = 0.1

    def suggest(self, domain: Domain, history: History, goals: Sequence[Goal], n: int, *, seed: int) -> Suggestions:
        score = fitness(history, goals)
        inside = domain.why_not(history.points) == "" if len(history) else np.zeros(0, bool)
        able = np.flatnonzero(np.isfinite(score) & inside)
        if len(able) < _LEAST:
            why = f"fewer than {_LEAST} results are known, and children need parents"
            return first_design(domain, history, goals, n, seed, why=why)
        rng = generator(history, seed)
        best = able[np.argsort(-score[able], kind="stable")][: self.population]
        mothers, fathers = (best[self._won(rng, len(best), 3 * n)] for _ in range(2))
        values, crossed = children(domain, history.points.values[mothers], history.points.values[fathers], rng)
        moved = domain.near(Points(values), 1, int(rng.integers(2**31)), reach=self.reach)
        still = crossed & (rng.random(len(values)) < 0.5)
        offered = np.where(still[:, None], values, moved.values)
        reasons = [_reason(*each) for each in zip(mothers, fathers, crossed, ~still, strict=True)]
        how = f"Genetic algorithm: children of the best {len(best)} experiments, by tournaments of {self.tournament}."
        return suggestions(domain, history, Points(offered), reasons, n, seed, how=how)

    def _won(self, rng: np.random.Generator, size: int, n: int) -> IntArray:
        """Places, from the best on, of the winners of `n` tournaments."""
        return np.asarray(rng.integers(size, size=(n, self.tournament)).min(axis=1))


def children(domain: Domain, A: FloatArray, B: FloatArray, rng: np.random.Generator) -> tuple[FloatArray, BoolArray]:
    """One allowed child per pair of parents, shape (n, n_columns), and whether it has something of both."""
    if is_table(domain):  # the candidate that is most like a child
        X, Y = (np.nan_to_num(domain.encode(Points(values))) for values in (A, B))
        variable = np.unique(domain.axes.variable, return_inverse=True)[1].reshape(-1)
        mine = (rng.random((len(A), int(variable.max(initial=0)) + 1)) < 0.5)[:, variable]
        found = nearest_allowed(
            domain, np.where(mine, X, Y), int(rng.integers(2**31)), starts=Points(np.vstack([A, B]))
        )
        return found.values, np.ones(len(A), np.bool_)
    taken = rng.random(A.shape) < 0.5
    mixed = np.where(taken, A, B)
    share = rng.random((len(A), 1))
    blended = np.where(np.isnan(A) | np.isnan(B), A, share * A + (1 - share) * B)
    good, fair = (domain.why_not(Points(values)) == "" for values in (mixed, blended))
    child = np.where(good[:, None], mixed, np.where(fair[:, None], blended, A))
    return child, np.asarray(good | fair)


def _reason(mother: int, father: int, crossed: bool, moved: bool) -> str:
    if not crossed or mother == father:
        return f"experiment no. {mother + 1}, one of the best, moved a little"
    return f"child of experiments no. {mother + 1} and {father + 1}, both of the best" + (
        ", moved a little" if moved else ""
    )
