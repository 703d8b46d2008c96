"""Extremely randomised trees: a strong default for small tables of materials."""

from __future__ import annotations

import numpy as np

from matloop.models.family import FitTask
from matloop.models.forests import ForestLearner
from matloop.models.prepare import Preparation
from matloop.models.table_family import BOTH, Settings, TableFamily, one_of
from matloop.represent.table import Columns


def _space(columns: Columns, task: FitTask, rng: np.random.Generator, number: int) -> Settings:
    if number == 0:
        return {}
    return {
        "features": one_of(rng, 0.2, 0.33, 0.5, 0.75, 1.0),
        "leaf": one_of(rng, 0, 0, 1, 2, 4),
        "select": one_of(rng, 0, 0, 40, 80),
    }


FAMILY = TableFamily(
    name="extra_trees",
    label="Extra trees",
    tasks=BOTH,
    citation="Geurts, Ernst & Wehenkel, Mach. Learn. 63 (2006) 3. doi:10.1007/s10994-006-6226-1",
    max_rows=200_000,
    learner=ForestLearner,
    space=_space,
    losses=frozenset({"mse", "mae", "cross_entropy"}),
    preparation=Preparation(scaling="none"),
    own_spread=True,
    cheap={"n_trees": 25},
)
