"""Lasso: a linear model of few columns."""

from __future__ import annotations

import numpy as np

from matloop.models.family import FitTask
from matloop.models.sparse_linear import SparseLinearLearner
from matloop.models.table_family import REGRESSION, Settings, TableFamily, log_uniform, one_of
from matloop.represent.table import Columns


def _space(columns: Columns, task: FitTask, rng: np.random.Generator, number: int) -> Settings:
    if number == 0:
        return {}
    return {
        "strength": one_of(rng, 0.0, log_uniform(rng, 0.001, 0.2)),
        "scaling": one_of(rng, "standard", "robust", "quantile"),
    }


FAMILY = TableFamily(
    name="lasso",
    label="Lasso",
    tasks=REGRESSION,
    citation="Tibshirani, J. R. Stat. Soc. B 58 (1996) 267. doi:10.1111/j.2517-6161.1996.tb02080.x",
    max_rows=100_000,
    learner=SparseLinearLearner,
    space=_space,
    losses=frozenset({"mse"}),
)
