"""Random forest that knows how far its mean can be trusted: the jackknife over bootstrapped trees."""

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
        "extra": one_of(rng, False, True),
        "features": one_of(rng, 0.1, 0.2, 0.33, 0.5, 0.75),
        "leaf": one_of(rng, 1, 2, 4),
        "select": one_of(rng, 0, 0, 40, 80),
    }


FAMILY = TableFamily(
    name="jackknife_forest",
    label="Random forest with jackknife",
    tasks=BOTH,
    citation="Wager, Hastie & Efron, J. Mach. Learn. Res. 15 (2014) 1625.",
    max_rows=10_000,
    learner=partial(ForestLearner, extra=False, spread="jackknife"),
    space=_space,
    losses=frozenset({"mse", "mae", "cross_entropy"}),
    preparation=Preparation(scaling="none"),
    own_spread=True,
    cheap={"n_trees": 25},
    by_name=True,
)
