"""Elastic net: between lasso and ridge."""

from __future__ import annotations

import numpy as np

from matloop.models.family import FitTask
from matloop.models.sparse_linear import SparseLinearLearner
from matloop.models.table_family import REGRESSION, Settings, TableFamily, log_uniform, one_of
from matloop.represent.table import Columns


def _space(columns: Columns, task: FitTask, rng: np.random.Generator, number: int) -> Settings:
    if number == 0:
        return {"l1_ratio": 0.5}
    return {
        "l1_ratio": one_of(rng, 0.1, 0.3, 0.5, 0.7, 0.9),
        "strength": one_of(rng, 0.0, log_uniform(rng, 0.001, 0.2)),
        "scaling": one_of(rng, "standard", "robust", "quantile"),
    }


FAMILY = TableFamily(
    name="elastic_net",
    label="Elastic net",
    tasks=REGRESSION,
    citation="Zou & Hastie, J. R. Stat. Soc. B 67 (2005) 301. doi:10.1111/j.1467-9868.2005.00503.x",
    max_rows=100_000,
    learner=SparseLinearLearner,
    space=_space,
    losses=frozenset({"mse"}),
)
