"""What explanations are computed on: fold models with rows that they did not see, and a clock."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.metrics.scores import loss
from matloop.train.recipe_model import Border, Member, Output, RecipeModel, combine, member_output
from matloop.train.values import Development

BATCH_ROWS = 20_000
"""Rows of one call of a model: 50 MB at 300 columns."""


class Model(Protocol):
    """A fitted recipe, or anything else that predicts rows."""

    def output(self, X: FloatArray) -> Output: ...

    def predict(self, X: FloatArray) -> FloatArray: ...


@dataclass(frozen=True, slots=True)
class WithoutSpread:
    """A fitted recipe that does not work out its spread, which can take a Gaussian process many times as long."""

    model: RecipeModel

    def output(self, X: FloatArray) -> Output:
        """Value and probabilities; the spread is zero."""
        parts = [_part(member, X, self.model.border) for member in self.model.members]
        return combine(parts, self.model.weights, self.model.border, self.model.threshold)

    def predict(self, X: FloatArray) -> FloatArray:
        """Target unit, or class index as float; shape (n,)."""
        return self.output(X).value


def _part(member: Member, X: FloatArray, border: Border) -> Output:
    if member.gate is not None:
        return member_output(member, X, border)
    rows, nothing = X[:, member.columns], np.zeros(len(X))
    if border.task == "classification":
        return Output(nothing, member.model.predict_proba(rows), nothing)  # type: ignore[attr-defined]
    return Output(border.back(member.model.predict(rows)), np.zeros((len(X), 0)), nothing)


@dataclass(frozen=True, slots=True)
class Sample:
    """One fold model and development rows that it did not see."""

    model: Model
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
        quick = WithoutSpread(model) if isinstance(model, RecipeModel) else model
        samples.append(Sample(quick, development.table.X[drawn], development.y[drawn]))
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
