"""What explanations are computed on: fold models with rows that they did not see, and a clock."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.metrics.scores import loss
from matloop.train.recipe_model import RecipeModel
from matloop.train.values import Development

BATCH_ROWS = 20_000
"""Rows of one call of a model: 50 MB at 300 columns."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One fold model and development rows that it did not see."""

    model: RecipeModel
    X: FloatArray
    y: FloatArray

    def first(self, n: int) -> Sample:
        """The first `n` rows; they are in random order."""
        return Sample(self.model, self.X[:n], self.y[:n])


@dataclass(frozen=True, slots=True)
class Judge:
    """How a sample's predictions are scored: the loss of `metric`, lower is better."""

    metric: str
    classes: tuple[str, ...]
    positive: int

    def loss(self, y: FloatArray, value: FloatArray, proba: FloatArray) -> float:
        """NaN where the metric has no meaning on these rows (a single class)."""
        chances = proba if proba.shape[1] else None
        return loss(self.metric, y, value, chances, classes=self.classes, positive_index=self.positive)


def draw_samples(
    development: Development, fold_models: Sequence[tuple[RecipeModel, IntArray]], max_rows: int, seed: int
) -> list[Sample]:
    """Up to `max_rows` held-out rows of each model, in random order."""
    samples = []
    for k, (model, rows) in enumerate(fold_models):
        drawn = np.random.default_rng([seed, k]).permutation(rows)[:max_rows]
        samples.append(Sample(model, development.table.X[drawn], development.y[drawn]))
    return [sample for sample in samples if len(sample.y) >= 2]


class Pace:
    """Time left, and how many rows a second the models predict."""

    def __init__(self, deadline: float, samples: Sequence[Sample]) -> None:
        self.deadline = deadline
        start, rows = time.monotonic(), 0
        for sample in samples:
            part = sample.first(300)
            part.model.predict(part.X)
            rows += len(part.y)
        self.rate = rows / max(time.monotonic() - start, 1e-6)

    def left(self) -> float:
        """Seconds."""
        return self.deadline - time.monotonic()

    def rows(self, share: float) -> float:
        """How many rows can be predicted in a share of the time left."""
        return self.rate * max(self.left(), 0.0) * share

    @contextmanager
    def part_of_the_time(self, share: float) -> Iterator[None]:
        """Within, the deadline comes after a share of the time that is left."""
        end = self.deadline
        if math.isfinite(end):
            self.deadline = end - (1.0 - share) * max(self.left(), 0.0)
        yield
        self.deadline = end

    def batch(self, n: int) -> int:
        """How many blocks of `n` rows go into one call: a second's work at most, so that the clock is seen."""
        return max(1, int(min(BATCH_ROWS, self.rate * min(1.0, max(self.left(), 0.0) / 10)) // n))
