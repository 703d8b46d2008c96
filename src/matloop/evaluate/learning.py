"""Would more rows help: error against training rows, with a forecast; and the study of all curves of a recipe."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import FloatArray
from matloop.core.errors import DataError
from matloop.evaluate.baselines import Guess
from matloop.evaluate.descriptors import DescriptorCurve, descriptor_curve
from matloop.evaluate.evidence import Terms, terms_of
from matloop.evaluate.fidelity import FidelityCurve, recipe_fidelity_curve
from matloop.evaluate.forecast import Forecast, forecast
from matloop.evaluate.gathered import Gathered
from matloop.evaluate.refits import (
    LEAST_ROWS,
    all_classes,
    classifies,
    error_of,
    estimator_score,
    growing,
    run_refits,
    score_of,
)
from matloop.split.folds import make_folds
from matloop.train.fits import FitTask
from matloop.train.subject import Subject

SHARES = (0.1, 0.18, 0.32, 0.56, 1.0)
"""Training sets as shares of the rows outside the held-out part: evenly apart on a logarithmic axis."""
MORE_SHARES = {"quick": (), "standard": (0.1, 0.25), "thorough": (0.05, 0.1, 0.2, 0.4, 0.7)}
MORE_PARTS = 2
"""Further folds that are held out, so that the curve does not hang on one fold's rows."""


@dataclass(frozen=True, slots=True)
class SizePoint:
    """Score on the rows of `part` (held out) after training on `n_rows` others; `train_score` on those, or NaN."""

    n_rows: int
    part: int
    score: float
    train_score: float = math.nan


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """Score against training rows. `metric` as it is; `error` turns it so that lower is better."""

    metric: str
    points: tuple[SizePoint, ...]

    def errors(self) -> FloatArray:
        """Shape (n_points,): the metric where lower is better, else one minus it."""
        return np.array([error_of(self.metric, one.score) for one in self.points])

    def forecast(self, now: int | None = None, *, share: float = 0.5, seed: int = 0) -> Forecast:
        """How many more rows lower the error to `share` of what it is with `now` rows; see `forecast`."""
        rows, parts = [one.n_rows for one in self.points], [one.part for one in self.points]
        return forecast(rows, self.errors(), parts=parts, now=now, share=share, seed=seed)


@dataclass(frozen=True, slots=True)
class LearningStudy:
    """Curves of the chosen recipe; None where a curve was not asked for, or could not be had in time.

    seconds : of the fits. notes : what was left out.
    """

    rows: LearningCurve
    ahead: Forecast
    descriptors: DescriptorCurve | None
    fidelity: FidelityCurve | None
    seconds: float
    notes: tuple[str, ...] = ()


def study_learning(
    subject: Subject,
    gathered: Gathered,
    *,
    fidelity: ArrayLike | None = None,
    wanted: str = "",
    deadline: float = math.inf,
) -> LearningStudy:
    """Learning curves of the chosen recipe against rows, descriptors and, where there is one, fidelity.

    The points of `gathered` are used, and further folds are held out: their points with all rows come from the
    out-of-fold predictions, those with few rows from small fits. At depth "quick" nothing is fitted.

    Parameters
    ----------
    fidelity : shape (n,), the fidelity or source of each development row as text; None: no such curve.
    wanted : which of them the model is for.
    deadline : `time.monotonic()` value; fits are done in a fixed order, and those that are late are named in `notes`.
    """
    started = time.monotonic()
    terms = terms_of(subject.target, subject.development, subject.trained.metric, subject.seed)
    if gathered.metric:
        terms = Terms(terms.task, gathered.metric, terms.classes, terms.positive, terms.top_k, terms.bounds, terms.seed)
    notes: list[str] = []
    rows = _rows_curve(subject, gathered, terms, deadline, notes)
    ahead = rows.forecast(len(subject.development), seed=subject.seed)
    descriptors = descriptor_curve(subject, terms, deadline, notes)
    cheap = None
    if fidelity is not None:
        source = np.asarray(fidelity, dtype=np.str_)
        cheap = recipe_fidelity_curve(subject, terms, source, wanted, deadline, notes)
    return LearningStudy(rows, ahead, descriptors, cheap, time.monotonic() - started, tuple(notes))


def learning_curve(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike,
    *,
    metric: str = "mae",
    groups: ArrayLike | None = None,
    shares: Sequence[float] = SHARES,
    n_folds: int = 5,
    seed: int = 0,
    deadline: float = math.inf,
) -> LearningCurve:
    """Score of any scikit-learn estimator against the number of training rows.

    Parameters
    ----------
    estimator : is cloned for each fit, never fitted itself. X : shape (n, n_features).
    y : shape (n,), numbers, or class indices for a metric of classes.
    metric : a name in `matloop.metrics.METRICS`. groups : shape (n,), rows that stay together.
    shares : of the training rows, groups whole, larger sets holding the smaller ones; each fold is held out once.
    deadline : `time.monotonic()` value; the smallest sizes of all folds are done first, later ones are left out.

    Raises
    ------
    DataError : lengths differ, or there are fewer than two groups.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 5)); y = X[:, 0] + rng.normal(size=200)
    >>> learning_curve(Ridge(), X, y).forecast().answer           # noise is all that is left
    'hardly'
    """
    from sklearn.base import clone

    values, truth = np.asarray(X), np.asarray(y, dtype=np.float64)
    if len(values) != len(truth):
        raise DataError(f"{len(values)} rows of X, but {len(truth)} target values.")
    classify = classifies(metric)
    group = np.arange(len(truth)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    fold = make_folds(
        truth, group, n_folds=n_folds, seed=seed, task="classification" if classify else "regression"
    )  # fmt: skip
    jobs = [(share, part) for share in sorted(shares) for part in np.unique(fold).tolist()]
    points = []
    for share, part in jobs:
        if time.monotonic() >= deadline:
            break
        train = growing(np.flatnonzero(fold != part), group, share, [seed, part])
        if len(train) < LEAST_ROWS or (classify and len(np.unique(truth[train])) < 2):
            continue
        model = clone(estimator).fit(values[train], truth[train])
        held = np.flatnonzero(fold == part)
        found = [estimator_score(model, values[rows], truth[rows], metric, truth) for rows in (held, train)]
        points.append(SizePoint(len(train), int(part), *found))
    return LearningCurve(metric, tuple(sorted(points, key=lambda one: (one.n_rows, one.part))))


def _rows_curve(subject: Subject, gathered: Gathered, terms: Terms, deadline: float, notes: list[str]) -> LearningCurve:
    """What was gathered on the first fold, and further folds held out."""
    one, oof = subject.development, subject.trained.out_of_fold
    folds = np.unique(oof.fold[oof.fold >= 0])
    points = [
        SizePoint(p.n_rows, int(folds[0]) if len(folds) else 0, p.score, p.train_score) for p in gathered.learning_curve
    ]
    jobs: list[tuple[int, FitTask]] = []
    for share in MORE_SHARES[subject.depth]:
        for part in folds[1 : 1 + MORE_PARTS]:
            train = growing(np.flatnonzero(oof.fold != part), one.groups, share, [subject.seed, int(part), 7])
            if len(train) >= LEAST_ROWS and all_classes(one, train):
                held = np.flatnonzero(oof.fold == part)
                jobs.append((int(part), FitTask(subject.trained.recipe, train, held, subject.seed)))
    results = run_refits(subject, [task for _, task in jobs], deadline, "further points of the learning curve", notes)
    for (part, task), result in zip(jobs, results, strict=True):
        if result is not None:
            points.append(SizePoint(len(task.train), part, score_of(terms, one, task.predict, result)))
    done = {part for (part, _), result in zip(jobs, results, strict=True) if result is not None}
    for part in sorted(done):
        held = np.flatnonzero((oof.fold == part) & np.isfinite(oof.value))
        whole = terms.point(one.y[held], Guess(oof.value[held], oof.proba[held]))
        points.append(SizePoint(int((oof.fold != part).sum()), part, whole))
    known = [one for one in points if math.isfinite(one.score)]
    return LearningCurve(terms.metric, tuple(sorted(known, key=lambda one: (one.n_rows, one.part))))
