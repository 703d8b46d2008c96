"""Scores, interval quality and confusion of one set of predictions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import FloatArray, IntArray, TextArray
from matloop.doubt.prediction import Prediction
from matloop.evaluate.baselines import Guess
from matloop.evaluate.resample import means
from matloop.evaluate.values import Evidence, Intervals, Points, Reliability
from matloop.metrics.confusion import confusion_matrix
from matloop.metrics.estimate import Estimate
from matloop.metrics.intervals import covered, interval_score, thirds
from matloop.metrics.metric import Scored
from matloop.metrics.scores import metrics_of, point, scores
from matloop.problem.question import Target, Task
from matloop.train.values import Development

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
BINS = 10
MANY_ROWS = 5000
DRAWS = 8_000_000
"""Rows drawn in all resamples of one set, before their number is cut: 1,000 resamples up to 8,000 rows."""


@dataclass(frozen=True, slots=True)
class Terms:
    """By what rules predictions of one target are judged."""

    task: Task
    metric: str
    classes: tuple[str, ...]
    positive: int
    top_k: int
    bounds: tuple[float, float] | None
    seed: int

    def scores(self, y: FloatArray, guess: Guess, groups: NDArray, *, brief: bool = False) -> dict[str, Estimate]:
        """Every metric of the task on these rows, with intervals by group.

        `brief` leaves out, on many rows, the intervals of metrics that sort the rows for every resample.
        """
        proba = guess.proba if guess.proba.shape[1] else None
        chosen = [m for m in metrics_of(self.task) if proba is not None or not m.needs_proba]
        slow = [m.name for m in chosen if brief and m.of_sums is None and len(y) > MANY_ROWS]
        found = scores(
            self.task, y, guess.value, proba, groups, classes=self.classes, positive_index=self.positive,
            top_k=self.top_k, seed=self.seed, names=[m.name for m in chosen if m.name not in slow],
            n_boot=int(np.clip(DRAWS // max(len(y), 1), 300, 1000)),
        )  # fmt: skip
        found |= {name: Estimate(self.point(y, guess, name), math.nan, math.nan) for name in slow}
        return {m.name: found[m.name] for m in chosen}

    def point(self, y: FloatArray, guess: Guess, name: str = "") -> float:
        """The metric `name` (else the one asked for) on these rows; NaN where it has no meaning on them."""
        return point(
            name or self.metric, y, guess.value, guess.proba if guess.proba.shape[1] else None, classes=self.classes,
            positive_index=self.positive, top_k=self.top_k,
        )  # fmt: skip

    def scored(self, y: FloatArray, guess: Guess) -> Scored:
        """The rows as metrics want them."""
        return Scored(y, guess.value, guess.proba, len(self.classes), self.positive, self.top_k)


def terms_of(target: Target | None, development: Development, metric: str, seed: int) -> Terms:
    """The rules for `target`: the goal's metric if there is a goal, else the development's, else `metric`.

    The search may rank classifiers by a smoother score of its own; that one is not what people ask for.
    """
    classes, metric = development.classes, development.metric or metric
    if target is None:
        return Terms(development.task, metric, classes, 1, 10, development.bounds, seed)
    metric = target.success.metric if target.success is not None else metric
    positive = classes.index(target.positive) if target.positive in classes else 1
    return Terms(target.task, metric, classes, positive, target.top_k, development.bounds, seed)


@dataclass(frozen=True, slots=True)
class Rows:
    """What is known of the rows that are judged; `groups` are any labels, equal for rows that belong together."""

    ids: TextArray
    y: FloatArray
    groups: NDArray

    def take(self, rows: IntArray) -> Rows:
        """The given rows, in the given order."""
        return Rows(self.ids[rows], self.y[rows], self.groups[rows])


def evidence(
    name: str, rows: Rows, prediction: Prediction, terms: Terms, *, constant: FloatArray, how: str
) -> Evidence:
    """Judge predictions of rows that the model did not see.

    Parameters
    ----------
    constant : shape (n_rows,), half-width of the constant intervals that these must beat, target unit.
    """
    n, guess = len(rows.y), Guess(prediction.value, prediction.proba)
    found = terms.scores(rows.y, guess, rows.groups) if n else {}
    confusion: tuple[tuple[int, ...], ...] = ()
    if terms.classes and n:
        matrix = confusion_matrix(rows.y, prediction.value, len(terms.classes))
        confusion = tuple(tuple(int(count) for count in line) for line in matrix)
    points = Points(
        rows.ids, rows.y, prediction.value, prediction.low, prediction.high, prediction.in_domain, prediction.proba
    )
    inside = float(prediction.in_domain.mean()) if n else math.nan
    return Evidence(name, n, found, _intervals(rows, prediction, terms, constant), points, confusion, inside, how)


def no_evidence(name: str, why: str, n_classes: int) -> Evidence:
    """What stands where a piece of evidence was left out."""
    none, nothing = np.zeros(0), np.zeros(0, dtype=np.str_)
    points = Points(nothing, none, none, none, none, np.zeros(0, dtype=np.bool_), np.zeros((0, n_classes)))
    return Evidence(name, 0, {}, None, points, (), math.nan, why)


def constant_half_width(residuals: FloatArray, level: float) -> float:
    """Half-width of split-conformal intervals of constant width: the ceil((n + 1) level)-th smallest |residual|."""
    size = np.sort(np.abs(residuals[np.isfinite(residuals)]))
    if not len(size):
        return math.nan
    return float(size[min(math.ceil((len(size) + 1) * level), len(size)) - 1])


def _intervals(rows: Rows, prediction: Prediction, terms: Terms, constant: FloatArray) -> Intervals | None:
    known = np.flatnonzero(np.isfinite(prediction.low) & np.isfinite(prediction.high))
    if terms.classes or not len(known):
        return None
    y, value, level = rows.y[known], prediction.value[known], prediction.level
    low, high = prediction.low[known], prediction.high[known]
    flat = np.stack([value - constant[known], value + constant[known]])
    if terms.bounds is not None:
        flat = np.clip(flat, *terms.bounds)
    inside = covered(y, low, high).astype(np.float64)
    score, plain = interval_score(y, low, high, level), interval_score(y, flat[0], flat[1], level)
    return Intervals(
        level=level, coverage=means(inside, np.ones((len(y), 1)), rows.groups[known], terms.seed)[0],
        thirds=thirds(y, low, high), mean_width=float((high - low).mean()), score=score, constant_score=plain,
        gain=1.0 - score / plain if plain > 0 else math.nan,
    )  # fmt: skip


def reliability_of_classes(y: FloatArray, proba: FloatArray) -> tuple[Reliability, ...]:
    """Per class: mean predicted probability against found frequency, in up to ten bins of equal row number."""
    found = []
    for k in range(proba.shape[1]):
        order = np.argsort(proba[:, k], kind="stable")
        bins = [b for b in np.array_split(order, min(BINS, max(len(order) // 20, 1))) if len(b)]
        found.append(
            Reliability(
                np.array([proba[b, k].mean() for b in bins]),
                np.array([(y[b] == k).mean() for b in bins]),
                np.array([float(len(b)) for b in bins]),
            )
        )
    return tuple(found)


def reliability_of_intervals(known: tuple[FloatArray, Prediction], asked: tuple[FloatArray, Prediction]) -> Reliability:
    """Promised against found coverage at levels from 10 to 95 %, each (y, prediction).

    The intervals are stretched about the value by the factor that covers the level on the `known` rows (out-of-fold
    rows); `found` is the coverage on the `asked` rows.
    """
    reach, tested = _reach(*known), _reach(*asked)
    factors = [constant_half_width(reach, level) for level in LEVELS]
    found = [float((tested <= factor).mean()) if len(tested) else math.nan for factor in factors]
    return Reliability(np.array(LEVELS), np.array(found), np.full(len(LEVELS), float(len(tested))))


def _reach(y: FloatArray, prediction: Prediction) -> FloatArray:
    """How far each truth is from the value, in units of its own interval's arm on that side."""
    off = y - prediction.value
    arm = np.where(off >= 0, prediction.high - prediction.value, prediction.value - prediction.low)
    with np.errstate(invalid="ignore", divide="ignore"):
        reach = np.where(off == 0, 0.0, np.abs(off) / arm)
    return np.asarray(reach[~np.isnan(reach)])
