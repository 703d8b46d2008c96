"""Scores of class probabilities: areas under the ROC and precision-recall curves, log loss.

With more than two classes an area is the plain mean over the classes, each against the rest; a class that has no
member, or nothing but members, among the rows has no curve and is left out.
"""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.metrics.metric import Metric, Scored
from matloop.problem.question import Task

TASKS: frozenset[Task] = frozenset({"classification"})


def tie_starts(sorted_values: FloatArray) -> IntArray:
    """Where each run of equal values begins in a sorted, non-empty array."""
    return np.flatnonzero(np.concatenate([[True], sorted_values[1:] != sorted_values[:-1]])).astype(np.int64)


def _blocks(member: FloatArray, score: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Weight of members and of others in each run of equal scores, highest score first; shape (B, n_blocks)."""
    order = np.argsort(-score, kind="stable")
    starts = tie_starts(score[order])
    ordered = weights[:, order]
    inside = np.add.reduceat(ordered * member[order], starts, axis=1)
    return inside, np.add.reduceat(ordered, starts, axis=1) - inside


def _roc_of_one(member: FloatArray, score: FloatArray, weights: FloatArray) -> FloatArray:
    inside, outside = _blocks(member, score, weights)
    above = np.cumsum(outside, axis=1)
    total = above[:, -1:]
    wins = (inside * (total - above + 0.5 * outside)).sum(1)  # ties count half
    pairs = inside.sum(1) * total[:, 0]
    return np.divide(wins, pairs, out=np.full(len(weights), np.nan), where=pairs > 0)


def _precision_of_one(member: FloatArray, score: FloatArray, weights: FloatArray) -> FloatArray:
    inside, outside = _blocks(member, score, weights)
    hits = np.cumsum(inside, axis=1)
    called = hits + np.cumsum(outside, axis=1)
    area = (inside * np.divide(hits, called, out=np.zeros_like(hits), where=called > 0)).sum(1)
    members = hits[:, -1]
    some = (members > 0) & (members < called[:, -1])
    return np.divide(area, members, out=np.full(len(weights), np.nan), where=some)


def _over_classes(of_one, scored: Scored, weights: FloatArray) -> FloatArray:  # type: ignore[no-untyped-def]
    if scored.n_classes == 2:
        member = (scored.y == scored.positive).astype(float)
        return np.asarray(of_one(member, scored.proba[:, scored.positive], weights))
    each = np.stack(
        [of_one((scored.y == c).astype(float), scored.proba[:, c], weights) for c in range(scored.n_classes)]
    )
    there = np.isfinite(each)
    count = there.sum(0)
    return np.divide(np.where(there, each, 0.0).sum(0), count, out=np.full(len(weights), np.nan), where=count > 0)


def _roc(scored: Scored, weights: FloatArray) -> FloatArray:
    return _over_classes(_roc_of_one, scored, weights)


def _pr(scored: Scored, weights: FloatArray) -> FloatArray:
    return _over_classes(_precision_of_one, scored, weights)


def _surprise(scored: Scored) -> FloatArray:
    given = scored.proba[np.arange(len(scored)), scored.y.astype(np.int64)]
    return np.column_stack([np.ones(len(scored)), -np.log(np.clip(given, np.finfo(float).eps, 1.0))])


def _mean(sums: FloatArray, scored: Scored) -> FloatArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[..., 1] / sums[..., 0])


ROC_AUC = Metric("roc_auc", "Area under the ROC curve", TASKS, True, needs_proba=True, of_weights=_roc)
PR_AUC = Metric("pr_auc", "Area under precision-recall", TASKS, True, needs_proba=True, of_weights=_pr)
LOG_LOSS = Metric("log_loss", "Log loss", TASKS, False, needs_proba=True, sums=_surprise, of_sums=_mean)
