"""Nearest neighbours: what the most similar materials have. One neighbour is the baseline a model must beat."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np

from matloop.core.arrays import Arrays, FloatArray, number, taken, text
from matloop.core.errors import BundleError
from matloop.models.family import FitTask, Uncertainty
from matloop.models.table_family import BOTH, Settings, TableFamily, one_of
from matloop.represent.table import Columns

Metric = Literal["euclidean", "manhattan"]
METRICS: tuple[Metric, ...] = ("euclidean", "manhattan")


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The training rows and what they had.

    rows : shape (n_rows, n_columns). answers : shape (n_rows, n_values). weights : shape (n_rows,).
    k : neighbours looked at. by_distance : near ones count more, as 1 / distance.
    """

    kind: ClassVar[str] = "neighbours"
    rows: FloatArray
    answers: FloatArray
    weights: FloatArray
    k: int
    by_distance: bool
    metric: Metric
    _tree: list[Any] = field(default_factory=list, compare=False, repr=False)

    @property
    def n_in(self) -> int:
        return self.rows.shape[1]

    @property
    def n_values(self) -> int:
        return self.answers.shape[1]

    def values(self, Z: FloatArray) -> FloatArray:
        """Shape (n_rows, n_values)."""
        found, share = self._near(Z)
        return np.einsum("nk,nkv->nv", share, self.answers[found])

    def values_and_uncertainty(self, Z: FloatArray) -> tuple[FloatArray, Uncertainty]:
        """The values, and the variance v over the neighbours; zeros for a single neighbour.

        Of v, the part v * sum(shares^2) is that of a mean of so few neighbours; the rest is how they differ.
        """
        found, share = self._near(Z)
        answers = self.answers[found]
        values = np.einsum("nk,nkv->nv", share, answers)
        column = values.argmax(axis=1) if self.n_values > 1 else np.zeros(len(Z), np.int64)
        own = np.take_along_axis(answers, column[:, None, None], axis=2)[:, :, 0]
        middle = np.take_along_axis(values, column[:, None], axis=1)
        variance = np.einsum("nk,nk->n", share, (own - middle) ** 2)
        few = np.minimum(np.einsum("nk,nk->n", share, share), 1.0)
        return values, Uncertainty(np.sqrt(few * variance), np.sqrt((1.0 - few) * variance))

    def _near(self, Z: FloatArray) -> tuple[Any, FloatArray]:
        """The k nearest training rows and their shares, both shape (n_rows, k)."""
        if not self._tree:
            self._tree.append(_index(self.rows, self.metric))
        distance, found = self._tree[0].kneighbors(Z, n_neighbors=self.k) if len(Z) else _nothing(self.k)
        share = self.weights[found]
        if self.by_distance:
            exact = distance <= 1e-9
            # where a row was seen in training its own answers are the neighbourhood
            share = share * np.where(exact.any(axis=1, keepdims=True), exact, 1.0 / np.maximum(distance, 1e-9))
        total = share.sum(axis=1, keepdims=True)
        return found, np.where(total > 0, share / np.where(total > 0, total, 1.0), 1.0 / self.k)

    def to_arrays(self) -> Arrays:
        return {
            "rows": self.rows, "answers": self.answers, "weights": self.weights, "k": np.array(self.k),
            "by_distance": np.array(self.by_distance), "metric": np.array(self.metric),
        }  # fmt: skip

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Neighbours:
        rows, answers = (taken(arrays, name, ndim=2).astype(np.float64) for name in ("rows", "answers"))
        weights, k = taken(arrays, "weights").astype(np.float64), int(number(arrays, "k"))
        metric = text(arrays, "metric")
        good = len(rows) == len(answers) == len(weights) and 1 <= k <= len(rows) and answers.shape[1] >= 1
        if not good or metric not in METRICS or (weights < 0).any() or rows.shape[1] < 1:
            raise BundleError("the arrays of a nearest-neighbour model do not fit together. The bundle is not trusted.")
        by_distance = bool(number(arrays, "by_distance"))
        return cls(rows, answers, weights, k, by_distance, METRICS[METRICS.index(metric)])


def _index(rows: FloatArray, metric: Metric) -> Any:
    from sklearn.neighbors import NearestNeighbors

    # trees do not help in dozens of dimensions
    how = "brute" if rows.shape[1] > 15 else "kd_tree"
    return NearestNeighbors(algorithm=how, metric=metric, n_jobs=1).fit(rows)


def _nothing(k: int) -> tuple[FloatArray, Any]:
    return np.zeros((0, k)), np.zeros((0, k), np.int64)


@dataclass(frozen=True, slots=True)
class NeighbourLearner:
    """Settings: `k` neighbours (at most as many as there are rows), weighted by distance or not."""

    k: int = 1
    by_distance: bool = True
    metric: Metric = "euclidean"
    loss: str = "auto"

    def learn(self, Z: FloatArray, y: FloatArray, weights: FloatArray, *, classes: int, seed: int) -> Neighbours:
        """Keep the rows; row weights count among the neighbours."""
        answers = np.eye(classes)[y.astype(np.int64)] if classes else y[:, None].copy()
        return Neighbours(Z.copy(), answers, weights.copy(), min(self.k, len(Z)), self.by_distance, self.metric)


def _space(columns: Columns, task: FitTask, rng: np.random.Generator, number: int) -> Settings:
    if number == 0:
        return {"k": 1}
    if number == 1:
        return {"k": 5, "metric": "manhattan"}
    return {
        "k": one_of(rng, 3, 5, 8, 12),
        "metric": one_of(rng, *METRICS),
        "scaling": one_of(rng, "standard", "quantile"),
        "select": one_of(rng, 0, 20, 50),
    }


FAMILY = TableFamily(
    name="nearest_neighbour",
    label="Nearest neighbours",
    tasks=BOTH,
    citation="Cover & Hart, IEEE Trans. Inf. Theory 13 (1967) 21. doi:10.1109/TIT.1967.1053964",
    max_rows=60_000,
    learner=NeighbourLearner,
    space=_space,
    losses=frozenset(),
    own_spread=True,
)
