"""How many descriptors are enough: error against a cutoff, ranked inside each training part."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.evaluate.baselines import Guess
from matloop.evaluate.evidence import Terms
from matloop.evaluate.refits import all_classes, growing, run_refits
from matloop.train.change import Change
from matloop.train.fits import FitResult, FitTask
from matloop.train.subject import Subject
from matloop.train.values import Development

CUTOFFS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
CUT_ROWS = {"quick": 0, "standard": 800, "thorough": 5000}
"""Training rows at most."""
CUT_PARTS = {"quick": 0, "standard": 1, "thorough": 3}
RANKING_TREES, RANKING_ROWS = 100, 3000


@dataclass(frozen=True, slots=True)
class CutPoint:
    """Score with the `n_features` best-ranked descriptors, pooled over the held-out rows.

    loss : mean error per held-out row (absolute error, or 1 for a wrong class), and worse : how much more that is than
        with all descriptors, with its standard error `doubt` (paired by row, groups whole).
    """

    n_features: int
    score: float
    loss: float
    worse: float
    doubt: float


@dataclass(frozen=True, slots=True)
class DescriptorCurve:
    """Score against the number of descriptors, ranked anew inside each training part.

    enough : the fewest descriptors whose loss is within one standard error of the best. first : those ranked highest,
    by their mean rank over the parts. n_train : rows of each training part.
    """

    metric: str
    points: tuple[CutPoint, ...]
    enough: int
    first: tuple[str, ...]
    n_train: int
    sentence: str


def rank_features(X: FloatArray, y: FloatArray, *, classify: bool = False, seed: int = 0) -> IntArray:
    """Columns of X (n, n_features) by how much randomised trees gain from them, the best first.

    Use it on training rows only: ranked on all rows, the held-out ones have helped to choose (Ambroise & McLachlan
    2002, doi:10.1073/pnas.102102699). Missing values count as the column's median; constant columns are left out; at
    most 3,000 rows are looked at.
    """
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

    rows = np.arange(len(X))
    if len(rows) > RANKING_ROWS:
        rows = np.sort(np.random.default_rng(seed).choice(len(X), RANKING_ROWS, replace=False))
    values = np.array(X[rows], dtype=np.float64)
    for column in np.flatnonzero(~np.isfinite(values).all(axis=0)):
        known = np.isfinite(values[:, column])
        values[~known, column] = np.median(values[known, column]) if known.any() else 0.0
    varies = np.flatnonzero(np.ptp(values, axis=0) > 0) if len(rows) else np.zeros(0, dtype=np.int64)
    if not len(varies):
        return np.zeros(0, dtype=np.int64)
    make = ExtraTreesClassifier if classify else ExtraTreesRegressor
    trees = make(RANKING_TREES, min_samples_leaf=2, max_features=0.5, random_state=seed, n_jobs=1)
    gains = trees.fit(values[:, varies], y[rows]).feature_importances_
    return np.asarray(varies[np.argsort(-gains, kind="stable")], dtype=np.int64)


def descriptor_curve(subject: Subject, terms: Terms, deadline: float, notes: list[str]) -> DescriptorCurve | None:
    """The subject's recipe with the best few descriptors only; None at depth "quick" or where nothing came of it.

    What was left out is added to `notes`.
    """
    one, fold = subject.development, subject.trained.out_of_fold.fold
    X, width = one.table.X, one.table.X.shape[1]
    parts = np.unique(fold[fold >= 0])[: CUT_PARTS[subject.depth]]
    jobs: list[tuple[int, FitTask]] = []
    orders = []
    for part in parts:
        if time.monotonic() >= deadline:
            notes.append("curve over descriptors: the time ran out")
            return None
        train, held = np.flatnonzero(fold != part), np.flatnonzero(fold == part)
        share = min(1.0, CUT_ROWS[subject.depth] / max(len(train), 1))
        train = growing(train, one.groups, share, [subject.seed, int(part), 11])
        if not all_classes(one, train):
            continue
        order = rank_features(X[train], one.y[train], classify=bool(one.classes), seed=subject.seed)
        if len(order) < 2:
            notes.append("curve over descriptors: fewer than two features vary")
            return None
        orders.append(order)
        for k in _cutoffs(len(order)):
            without = tuple(sorted(set(range(width)) - set(order[:k].tolist()))) if k < len(order) else ()
            change = Change(without=without) if without else None
            jobs.append((k, FitTask(subject.trained.recipe, train, held, subject.seed, change=change)))
    if not jobs:
        return None
    # all descriptors first: every other point is compared with them
    jobs.sort(key=lambda job: job[1].change is not None)
    results = run_refits(subject, [task for _, task in jobs], deadline, "fits with fewer descriptors", notes)
    found = [(k, task, r) for (k, task), r in zip(jobs, results, strict=True) if r is not None]
    points = _cut_points(one, terms, found)
    if len(points) < 2:
        return None
    return _descriptors(points, one, orders, terms, len(jobs[0][1].train))


def _cutoffs(n: int) -> tuple[int, ...]:
    return (*(k for k in CUTOFFS if k <= n // 2), n)


def _cut_points(one: Development, terms: Terms, found: list[tuple[int, FitTask, FitResult]]) -> list[CutPoint]:
    """Pooled over the parts in which all descriptors were tried, too."""
    whole = {int(task.predict[0]): result for _, task, result in found if task.change is None}
    points = []
    for k in [*sorted({k for k, task, _ in found if task.change is not None}), -1]:
        rows, value, proba, best = [], [], [], []
        for n, task, result in found:
            asked = task.change is None if k < 0 else (n == k and task.change is not None)
            if asked and int(task.predict[0]) in whole:
                rows.append(task.predict)
                value.append(result.value)
                proba.append(result.proba)
                best.append(whole[int(task.predict[0])].value)
        if not rows:
            continue
        at, guess = np.concatenate(rows), Guess(np.concatenate(value), np.concatenate(proba))
        loss = _row_loss(one, at, guess.value)
        worse, doubt = _paired(loss - _row_loss(one, at, np.concatenate(best)), one.groups[at])
        n_features = k if k > 0 else max(n for n, task, _ in found if task.change is None)
        points.append(CutPoint(n_features, terms.point(one.y[at], guess), float(loss.mean()), worse, doubt))
    return points


def _descriptors(
    points: list[CutPoint], one: Development, orders: list[IntArray], terms: Terms, n_train: int
) -> DescriptorCurve:
    best = min(points, key=lambda p: p.loss)
    # the standard error of the best one against all, or of the others where the best one is "all"
    doubts = [p.doubt for p in points if p.doubt > 0]
    slack = best.doubt if best.doubt > 0 else float(np.median(doubts)) if doubts else 0.0
    enough = next(p for p in points if p.loss <= best.loss + slack)
    width = one.table.X.shape[1]
    places = np.full((len(orders), width), float(width))
    for i, order in enumerate(orders):
        places[i, order] = np.arange(len(order))
    ranked = np.argsort(places.mean(axis=0), kind="stable")
    first = tuple(one.table.names[column] for column in ranked[: min(enough.n_features, 10)])
    total = points[-1].n_features
    if enough.n_features == total:
        words = f"All {total:,} descriptors are of use: with fewer the error is larger than chance explains."
    else:
        words = (
            f"{enough.n_features:,} of {total:,} descriptors are enough: with them the error on rows not trained on is "
            f"within one standard error of the lowest."
        )
    return DescriptorCurve(terms.metric, tuple(points), enough.n_features, first, n_train, words)


def _row_loss(one: Development, rows: IntArray, value: FloatArray) -> FloatArray:
    wrong = value != one.y[rows] if one.classes else np.abs(value - one.y[rows])
    return np.asarray(wrong, dtype=np.float64)


def _paired(change: FloatArray, groups: IntArray) -> tuple[float, float]:
    """Mean of a change per row, and its standard error with groups kept whole."""
    mean = float(change.mean())
    _, index = np.unique(groups, return_inverse=True)
    total = np.bincount(index.reshape(-1), weights=change - mean)
    n_groups = len(total)
    if n_groups < 2:
        return mean, 0.0
    return mean, float(np.sqrt((total**2).sum() * n_groups / (n_groups - 1)) / len(change))
