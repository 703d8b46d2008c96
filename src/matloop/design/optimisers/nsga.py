"""NSGA-II and NSGA-III by pymoo, over everything that was told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.optional import require
from matloop.design.contract import Domain, History, Points, Suggestions
from matloop.design.goals import Goal
from matloop.design.optimisers.told import first_design, generator, nearest_allowed, suggestions, turned

_LEAST = 4
_DIRECTIONS = {1: 1, 2: 11, 3: 5, 4: 4}


@dataclass(frozen=True, slots=True)
class Nsga2:
    """Survivors by front and crowding, children by tournaments, simulated binary crossover and polynomial mutation.

    All that was told competes at once, as it would have, generation after generation, with elitism. Goals with an end
    are constraints. Needs the extra `optimisers`.

    Deb et al., IEEE Trans. Evol. Comput. 6 (2002) 182, doi:10.1109/4235.996017; pymoo: Blank & Deb, IEEE Access 8
    (2020) 89497, doi:10.1109/ACCESS.2020.2990567.
    """

    population: int = 20

    def suggest(self, domain: Domain, history: History, goals: Sequence[Goal], n: int, *, seed: int) -> Suggestions:
        module = require("pymoo.algorithms.moo.nsga2", extra="optimisers")
        return _bred(module.NSGA2(pop_size=self.population), self.population, domain, history, goals, n, seed)


@dataclass(frozen=True, slots=True)
class Nsga3:
    """Survivors by front and by reference directions that are spread evenly: for three and more objectives.

    Needs the extra `optimisers`. Deb & Jain, IEEE Trans. Evol. Comput. 18 (2014) 577, doi:10.1109/TEVC.2013.2281535.
    """

    population: int = 20

    def suggest(self, domain: Domain, history: History, goals: Sequence[Goal], n: int, *, seed: int) -> Suggestions:
        module = require("pymoo.algorithms.moo.nsga3", extra="optimisers")
        directions = require("pymoo.util.ref_dirs", extra="optimisers")
        m = max(sum(goal.is_open for goal in goals), 1)
        if m == 1:
            return Nsga2(self.population).suggest(domain, history, goals, n, seed=seed)
        spread = directions.get_reference_directions("das-dennis", m, n_partitions=_DIRECTIONS.get(m, 3))
        size = max(self.population, len(spread))
        return _bred(module.NSGA3(spread, pop_size=size), size, domain, history, goals, n, seed)


def _bred(
    algorithm: Any, size: int, domain: Domain, history: History, goals: Sequence[Goal], n: int, seed: int
) -> Suggestions:
    best, missed = turned(history, goals)
    rows = np.flatnonzero(np.isfinite(best).all(axis=1) & np.isfinite(missed).all(axis=1))
    if len(rows) < _LEAST:
        return first_design(domain, history, goals, n, seed, why=f"fewer than {_LEAST} results are known")
    F = -best[rows] if best.shape[1] else missed[rows].sum(axis=1, keepdims=True)
    X = np.nan_to_num(domain.encode(history.points.take(rows)))
    rng = generator(history, seed)
    survivors, children = _mated(algorithm, size, X, F, missed[rows], 2 * n, rng)
    categorical = np.asarray(domain.axes.categorical, bool)
    for column in np.flatnonzero(categorical):  # words do not lie between words
        children[:, column] = rng.choice(survivors[:, column], len(children))
    points = nearest_allowed(domain, children, int(rng.integers(2**31)), starts=history.points)
    name = type(algorithm).__name__.replace("NSGA", "NSGA-").replace("-2", "-II").replace("-3", "-III")
    reason = f"child of two of the {len(survivors)} experiments that survive selection by {name}"
    how = f"{name} by pymoo: {len(survivors)} of {len(rows)} results survive as parents."
    return suggestions(domain, history, Points(points.values), [reason] * len(points), n, seed, how=how)


def _mated(
    algorithm: Any, size: int, X: FloatArray, F: FloatArray, G: FloatArray, n: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Survivors and children in encoded coordinates."""
    core = require("pymoo.core.problem", extra="optimisers")
    population = require("pymoo.core.population", extra="optimisers").Population
    problem = core.Problem(
        n_var=X.shape[1], n_obj=F.shape[1], n_ieq_constr=G.shape[1], xl=0.0, xu=np.maximum(X.max(axis=0), 1.0)
    )
    algorithm.setup(problem, seed=int(rng.integers(2**31)))
    told = population.new("X", X)
    told.set("F", F)
    told.set("G", G)
    survivors = algorithm.survival.do(problem, told, n_survive=min(size, len(X)), random_state=algorithm.random_state)
    children = algorithm.mating.do(problem, survivors, n, algorithm=algorithm, random_state=algorithm.random_state)
    found = np.asarray(children.get("X"), float).reshape(-1, X.shape[1])
    return np.asarray(survivors.get("X"), float), found
