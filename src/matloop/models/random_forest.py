"""Random forest: bootstrapped trees, averaged."""

from __future__ import annotations

from functools import partial

import numpy as np

from matloop.models.family import FitTask
from matloop.models.forests import ForestLearner
from matloop.models.prepare import Preparation
from matloop.models.table_family import BOTH, Settings, TableFamily, one_of
from matloop.represent.table import Columns


def _space(columns: Columns, task: FitTask, rng: np.random.Generator, number: int) -> Settings:
    if number == 0:
        return {"features": 0.33 if task == "regression" else 0.2}
    return {
        "features": one_of(rng, 0.1, 0.2, 0.33, 0.5, 0.75),
        "leaf": one_of(rng, 0, 0, 1, 2, 4),
        "select": one_of(rng, 0, 0, 40, 80),
    }


FAMILY = TableFamily(
    name="random_forest",
    label="Random forest",
    tasks=BOTH,
    citation="Breiman, Mach. Learn. 45 (2001) 5. doi:10.1023/A:1010933404324",
    max_rows=100_000,
    learner=partial(ForestLearner, extra=False),
    space=_space,
    losses=frozenset({"mse", "mae", "cross_entropy"}),
    preparation=Preparation(scaling="none"),
    own_spread=True,
    cheap={"n_trees": 25},
)
