"""What a metric is, and the rows it is computed on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from matloop.core.arrays import FloatArray
from matloop.problem.question import Task


@dataclass(frozen=True, slots=True)
class Scored:
    """Rows to be judged.

    y : shape (n,), truth: target unit or class index.
    value : shape (n,), prediction: target unit or class index.
    proba : shape (n, n_classes), or (n, 0) where there is none.
    positive : the class that counts as positive in a two-class task.
    top_k : length of the short list of a ranking.
    """

    y: FloatArray
    value: FloatArray
    proba: FloatArray
    n_classes: int = 0
    positive: int = 1
    top_k: int = 10

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True, slots=True)
class Metric:
    """One number of merit, written so that many reweightings of the rows are computed at once.

    Either it follows from sums over rows (`sums` gives the (n, k) terms, `of_sums` turns (..., k) totals into (...)),
    or it depends on the order of the rows (`of_weights` takes (B, n) row multiplicities and gives (B,)).

    unit_power : the power of the target's unit that it carries (1 for an MAE, 2 for an MSE, 0 for a share).
    needs_proba : whether class probabilities are needed.
    """

    name: str
    label: str
    tasks: frozenset[Task]
    greater_is_better: bool
    unit_power: int = 0
    needs_proba: bool = False
    sums: Callable[[Scored], FloatArray] | None = None
    of_sums: Callable[[FloatArray, Scored], FloatArray] | None = None
    of_weights: Callable[[Scored, FloatArray], FloatArray] | None = None
