"""Fits of a chosen recipe, or of any estimator, on parts of the rows: what curves are made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import FloatArray, IntArray
from matloop.evaluate.baselines import Guess
from matloop.evaluate.evidence import Terms
from matloop.metrics.scores import metric as metric_of
from matloop.metrics.scores import point
from matloop.train.fits import FitResult, FitTask
from matloop.train.subject import Subject
from matloop.train.values import Development

LEAST_ROWS = 5
"""Nothing is fitted on fewer."""


def growing(pool: IntArray, groups: NDArray, share: float, seed: Sequence[int]) -> IntArray:
    """About `share` of the rows `pool`, groups whole; a larger share of the same seed holds the smaller ones."""
    rng = np.random.default_rng(list(seed))
    names, group = np.unique(groups[pool], return_inverse=True)
    turn = rng.permutation(len(names))[group.reshape(-1)]
    order = pool[np.argsort(turn, kind="stable")]
    place = np.sort(turn, kind="stable")
    last = place[min(math.ceil(share * len(pool)), len(pool)) - 1]
    return np.sort(order[: int(np.searchsorted(place, last, side="right"))])


def run_refits(
    subject: Subject, tasks: Sequence[FitTask], deadline: float, what: str, notes: list[str]
) -> list[FitResult | None]:
    """Results that worked; what did not is counted in the notes."""
    if not tasks:
        return []
    limit = None if math.isinf(deadline) else deadline
    found = subject.fits.run(tasks, deadline=limit)
    late = sum(result is None for result in found)
    failed = [result.failed for result in found if result is not None and result.failed]
    if late:
        notes.append(f"{late} of {len(tasks)} {what} were left out, the time ran out")
    if failed:
        notes.append(f"{len(failed)} of {len(tasks)} {what} failed: {failed[0]}")
    return [None if result is None or result.failed else result for result in found]


def score_of(terms: Terms, one: Development, rows: IntArray, result: FitResult) -> float:
    """The metric on the rows that a fit predicted."""
    return terms.point(one.y[rows], Guess(result.value, result.proba))


def estimator_score(model: Any, X: NDArray, y: FloatArray, metric: str, everyone: FloatArray) -> float:
    """The metric of a fitted scikit-learn estimator on rows; `everyone` are all labels, to know the classes."""
    proba = None
    names = [str(k) for k in range(int(everyone.max()) + 1)] if metric_of(metric).needs_proba else ()
    if metric_of(metric).needs_proba:
        proba = np.zeros((len(y), len(names)))
        proba[:, model.classes_.astype(int)] = model.predict_proba(X)
    return point(metric, y, np.asarray(model.predict(X), dtype=np.float64), proba, classes=names)


def error_of(metric: str, score: float) -> float:
    """A score turned so that lower is better and 0 is perfect: an error as it is, one minus a score."""
    return 1.0 - score if metric_of(metric).greater_is_better else score


def all_classes(one: Development, rows: IntArray) -> bool:
    """Whether there is something to learn in these rows: two classes, if classes are asked for."""
    return not one.classes or len(np.unique(one.y[rows])) > 1


def classifies(metric: str) -> bool:
    """Whether the metric judges classes."""
    return "classification" in metric_of(metric).tasks
