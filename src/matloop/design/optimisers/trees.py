"""The plainest model: trees on encoded points, and the most that they hope for. What anything cleverer has to beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matloop.core.errors import ConfigError
from matloop.design.contract import Domain, History, Points, Suggestions
from matloop.design.goals import Goal
from matloop.design.optimisers.designs import Random
from matloop.design.optimisers.told import fitness, fresh

WHOLE, SAMPLED = 100_000, 4_096


@dataclass(frozen=True, slots=True)
class Trees:
    """Extra trees on the fitness of what is known; the highest mean plus `kappa` standard deviations of the trees.

    Points of small spaces are all looked at, of others samples and what lies around the best known ones. Failed
    experiments count as the worst. Batches are simply the best ones, however alike.
    """

    kappa: float = 1.0
    trees: int = 100

    def __post_init__(self) -> None:
        if self.trees < 2 or not self.kappa >= 0:
            raise ConfigError(f"trees = {self.trees}, kappa = {self.kappa}: two or more trees, and kappa not below 0.")

    def suggest(self, domain: Domain, history: History, goals: Sequence[Goal], n: int, *, seed: int) -> Suggestions:
        score = fitness(history, goals)
        known = np.isfinite(score)
        if known.sum() < 2:
            return Random().suggest(domain, history, goals, n, seed=seed)
        from sklearn.ensemble import ExtraTreesRegressor

        y = np.where(known, score, score[known].min())
        forest = ExtraTreesRegressor(self.trees, random_state=seed + len(history), n_jobs=1)
        forest.fit(domain.encode(history.points), y)
        offered = self._offered(domain, history.points.take(np.argsort(-y, kind="stable")[:8]), seed + len(history))
        X = domain.encode(offered).astype(np.float32)
        each = np.array([tree.tree_.predict(X)[:, 0] for tree in forest.estimators_])
        hope = each.mean(axis=0) + self.kappa * each.std(axis=0)
        points, _ = fresh(domain, history, offered.take(np.argsort(-hope, kind="stable")), n, seed)
        why = "trees expect or hope for much here"
        return Suggestions(
            points,
            (why,) * len(points),
            how=f"{self.trees} extra trees, the mean plus {self.kappa:g} standard deviations of the trees.",
        )

    def _offered(self, domain: Domain, best: Points, seed: int) -> Points:
        whole = domain.everything(WHOLE)
        if whole is not None:
            return whole
        parts = [domain.sample(SAMPLED, seed).values, domain.near(best, 128, seed).values]
        return Points(np.vstack(parts))
