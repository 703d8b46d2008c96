"""The model that has not looked: the median or mean of the targets, or the shares of the classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.models.constant import Constant
from matloop.models.family import FitTask
from matloop.models.prepare import Preparation
from matloop.models.table_family import BOTH, Settings, TableFamily
from matloop.represent.table import Columns


@dataclass(frozen=True, slots=True)
class DummyLearner:
    """`middle`: "median" or "mean" of the targets; for classes always their shares."""

    middle: Literal["median", "mean"] = "median"
    loss: str = "auto"

    def learn(self, Z: FloatArray, y: FloatArray, weights: FloatArray, *, classes: int, seed: int) -> Constant:
        """Row weights count."""
        if classes:
            return Constant(np.bincount(y.astype(np.int64), weights, classes) / weights.sum())
        if self.loss == "mse" or (self.loss == "auto" and self.middle == "mean"):
            return Constant(np.array([np.average(y, weights=weights)]))
        return Constant(np.array([weighted_median(y, weights)]))


def weighted_median(y: FloatArray, weights: FloatArray) -> float:
    """The value with half of the weight on either side; with equal weights the usual median."""
    order = np.argsort(y, kind="stable")
    reached = np.cumsum(weights[order])
    half = 0.5 * reached[-1]
    low = int(np.searchsorted(reached, half * (1 - 1e-12)))
    high = int(np.searchsorted(reached, half * (1 + 1e-12)))
    return 0.5 * float(y[order[low]] + y[order[min(high, len(y) - 1)]])


def _space(columns: Columns, task: FitTask, rng: np.random.Generator, number: int) -> Settings:
    return {} if number == 0 or task == "classification" else {"middle": "mean"}


FAMILY = TableFamily(
    name="dummy",
    label="Dummy (median or shares)",
    tasks=BOTH,
    citation="",
    max_rows=1_000_000_000,
    learner=DummyLearner,
    space=_space,
    losses=frozenset({"mse", "mae", "cross_entropy"}),
    preparation=Preparation(scaling="none"),
)
