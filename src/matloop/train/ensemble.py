"""An ensemble of the best: weights from out-of-fold predictions, judged with weights that did not see the fold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.metrics.scores import point
from matloop.train.recipe_model import Border, Output, combine, decided
from matloop.train.scoring import fold_rows, loss_of, part
from matloop.train.values import Development

STEPS = 40
"""Selections with replacement: weights come in steps of 1/40."""
SMALLEST = 0.02
"""A member with less weight is dropped: it costs a fit in every bundle and changes nothing."""
_ROWS_TO_WEIGH = 8_000
_ROUNDS_WITHOUT_GAIN = 8


@dataclass(frozen=True, slots=True)
class Blend:
    """An ensemble of candidates: weights of the full data, and out-of-fold outputs with weights of the other folds."""

    weights: FloatArray
    out: Output


def blend(parts: Sequence[Output], development: Development, border: Border, metric: str, seed: int) -> Blend:
    """Weigh candidates by their out-of-fold outputs.

    Parameters
    ----------
    parts : out-of-fold outputs of each candidate for all development rows.

    Returns
    -------
    Weights (n_candidates,) that sum to one, and outputs in which each fold is weighed by what the other folds say.
    """
    n, n_classes = len(development), parts[0].proba.shape[1]
    out = Output(np.empty(n), np.empty((n, n_classes)), np.empty(n))
    for rows in fold_rows(development.fold):
        others = np.setdiff1d(np.arange(n), rows)
        weights = greedy_weights([part(p, others) for p in parts], development.y[others], development, metric, seed)
        seen = combine([part(p, rows) for p in parts], weights, border, 0.5)
        out.value[rows], out.proba[rows], out.spread[rows] = seen.value, seen.proba, seen.spread
    return Blend(greedy_weights(parts, development.y, development, metric, seed), out)


def greedy_weights(
    parts: Sequence[Output], y: FloatArray, development: Development, metric: str, seed: int
) -> FloatArray:
    """Non-negative weights by forward selection with replacement, started from the best single candidate.

    Caruana et al., Proc. 21st ICML (2004) 18. doi:10.1145/1015330.1015432
    """
    rows = np.arange(len(y))
    if len(rows) > _ROWS_TO_WEIGH:
        rows = np.sort(np.random.default_rng(seed).choice(rows, _ROWS_TO_WEIGH, replace=False))
    truth, stack = _stacked(parts, y, rows, development)
    cost = _cost(metric, development, truth)
    counts = np.zeros(len(parts))
    total = np.zeros_like(stack[0])
    best_counts, best_cost, idle = counts.copy(), np.inf, 0
    for step in range(1, STEPS + 1):
        costs = [cost((total + member) / step) for member in stack]
        chosen = int(np.argmin(costs))
        counts[chosen] += 1
        total = total + stack[chosen]
        if costs[chosen] < best_cost - 1e-12:
            best_cost, best_counts, idle = costs[chosen], counts.copy(), 0
        elif (idle := idle + 1) >= _ROUNDS_WITHOUT_GAIN:
            break
    weights = best_counts / best_counts.sum()
    weights[weights < SMALLEST] = 0.0
    return weights / weights.sum()


def _stacked(
    parts: Sequence[Output], y: FloatArray, rows: IntArray, development: Development
) -> tuple[FloatArray, list[FloatArray]]:
    """Truth and members' outputs on the scale on which members are averaged."""
    if development.task == "classification":
        return y[rows], [p.proba[rows] for p in parts]
    if development.scale == "log":
        return np.log10(y[rows]), [np.log10(np.maximum(p.value[rows], 1e-300)) for p in parts]
    return y[rows], [p.value[rows] for p in parts]


def _cost(metric: str, development: Development, truth: FloatArray) -> Callable[[FloatArray], float]:
    """The search metric as a function of a blend; short cuts for those that are computed thousands of times."""
    linear = development.scale == "linear"
    if metric == "brier":
        indicator = np.eye(len(development.classes))[truth.astype(np.int64)]
        return lambda blended: float(((blended - indicator) ** 2).sum(axis=1).mean())
    if metric == "mae of log10" or (metric == "mae" and linear):
        return lambda blended: float(np.abs(blended - truth).mean())
    if development.task == "classification":
        return lambda p: loss_of(metric, development, truth, Output(decided(p, 0.5), p, p[:, 0]))

    def judged(blended: FloatArray) -> float:
        value, y = (blended, truth) if linear else (10.0**blended, 10.0**truth)
        return loss_of(metric, development, y, Output(value, np.zeros((len(value), 0)), value))

    return judged


def best_threshold(y: FloatArray, p: FloatArray, metric: str, development: Development) -> float:
    """The probability of class 1 from which class 1 is said, best for `metric` on these rows.

    Of equally good thresholds the middle of the widest run is taken: it moves least with the rows.
    """
    grid = np.unique(np.round(np.r_[np.quantile(p, np.linspace(0.01, 0.99, 99)), 0.5], 4))
    classes, positive = development.classes, development.positive
    found = np.array([point(metric, y, (p >= t).astype(float), classes=classes, positive_index=positive) for t in grid])
    smooth = np.convolve(np.pad(np.nan_to_num(found, nan=-1.0), 2, mode="edge"), np.full(5, 0.2), mode="valid")
    return float(grid[int(np.argmax(smooth))])


@dataclass(frozen=True, slots=True)
class Decision:
    """A threshold for two classes, and the class of each development row by thresholds of the other folds."""

    threshold: float
    value: FloatArray


def choose_threshold(out: Output, metric: str, development: Development) -> Decision:
    """The threshold for `metric`, kept only when thresholds of the other folds beat 0.5 on the folds."""
    plain = decided(out.proba, 0.5)
    moved = np.empty(len(plain))
    gains = []
    for rows in fold_rows(development.fold):
        others = np.setdiff1d(np.arange(len(plain)), rows)
        threshold = best_threshold(development.y[others], out.proba[others, 1], metric, development)
        moved[rows] = decided(out.proba[rows], threshold)
        a, b = (_judged(metric, development, rows, said) for said in (moved, plain))
        gains.append(a - b)
    if not np.nanmean(gains) > 0:
        return Decision(0.5, plain)
    return Decision(best_threshold(development.y, out.proba[:, 1], metric, development), moved)


def _judged(metric: str, development: Development, rows: IntArray, said: FloatArray) -> float:
    return point(
        metric, development.y[rows], said[rows], classes=development.classes, positive_index=development.positive
    )
