"""Logistic regression: the linear model of class probabilities."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.models.family import FitTask
from matloop.models.linear import Linear
from matloop.models.table_family import CLASSIFICATION, Settings, TableFamily, log_uniform, one_of
from matloop.represent.table import Columns


@dataclass(frozen=True, slots=True)
class LogisticLearner:
    """`C`: inverse penalty on squared weights. `balanced`: rare classes weigh as much as frequent ones."""

    C: float = 0.1
    balanced: bool = False
    loss: str = "auto"

    def learn(self, Z: FloatArray, y: FloatArray, weights: FloatArray, *, classes: int, seed: int) -> Linear:
        """Row weights count."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(C=self.C, max_iter=500, class_weight="balanced" if self.balanced else None)
        with warnings.catch_warnings():
            # a penalised fit that stops after 500 steps is as good for prediction
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(Z, y.astype(np.int64), sample_weight=weights)
        link = "sigmoid" if classes == 2 else "softmax"
        return Linear(np.ascontiguousarray(model.coef_.T), model.intercept_.astype(np.float64), link)  # type: ignore[arg-type]


def _space(columns: Columns, task: FitTask, rng: np.random.Generator, number: int) -> Settings:
    if number == 0:
        return {}
    return {
        "C": log_uniform(rng, 0.001, 10.0),
        "balanced": one_of(rng, False, True),
        "scaling": one_of(rng, "standard", "quantile"),
        "select": one_of(rng, 0, 0, 30, 80),
    }


FAMILY = TableFamily(
    name="logistic",
    label="Logistic regression",
    tasks=CLASSIFICATION,
    citation="Cox, J. R. Stat. Soc. B 20 (1958) 215. doi:10.1111/j.2517-6161.1958.tb00292.x",
    max_rows=500_000,
    learner=LogisticLearner,
    space=_space,
    losses=frozenset({"cross_entropy"}),
)
