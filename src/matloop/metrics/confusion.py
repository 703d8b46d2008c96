"""Scores of classes: all of them follow from the confusion matrix.

In a two-class task precision, recall, F1 and specificity are those of the positive class; with more classes they are
the plain mean over the classes that occur, each against the rest (Sokolova & Lapalme 2009,
doi:10.1016/j.ipm.2009.03.002).
"""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.metrics.metric import Metric, Scored
from matloop.problem.question import Task

TASKS: frozenset[Task] = frozenset({"classification"})


def confusion_matrix(y: FloatArray, value: FloatArray, n_classes: int) -> IntArray:
    """Counts of (true class, predicted class), shape (n_classes, n_classes)."""
    pairs = y.astype(np.int64) * n_classes + value.astype(np.int64)
    return np.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes).astype(np.int64)


def _pairs(scored: Scored) -> FloatArray:
    table = np.zeros((len(scored), scored.n_classes**2))
    table[np.arange(len(scored)), (scored.y * scored.n_classes + scored.value).astype(np.int64)] = 1.0
    return table


def _counts(sums: FloatArray, scored: Scored) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Hits, members, calls per class (..., n_classes) and all rows (..., 1)."""
    table = sums.reshape(*sums.shape[:-1], scored.n_classes, scored.n_classes)
    hits = np.diagonal(table, axis1=-2, axis2=-1)
    return hits, table.sum(-1), table.sum(-2), table.sum((-2, -1))[..., None]


def _share(part: FloatArray, whole: FloatArray, empty: float) -> FloatArray:
    return np.divide(part, whole, out=np.full(np.broadcast(part, whole).shape, empty), where=whole > 0)


def _averaged(per_class: FloatArray, occurs: FloatArray, scored: Scored) -> FloatArray:
    if scored.n_classes == 2:
        return per_class[..., scored.positive]
    return _share((per_class * occurs).sum(-1), occurs.sum(-1), np.nan)


def _accuracy(sums: FloatArray, scored: Scored) -> FloatArray:
    hits, _, _, n = _counts(sums, scored)
    return _share(hits.sum(-1), n[..., 0], np.nan)


def _balanced(sums: FloatArray, scored: Scored) -> FloatArray:
    hits, members, _, _ = _counts(sums, scored)
    return _share(_share(hits, members, 0.0).sum(-1), (members > 0).sum(-1).astype(float), np.nan)


def _precision(sums: FloatArray, scored: Scored) -> FloatArray:
    hits, members, calls, _ = _counts(sums, scored)
    return _averaged(_share(hits, calls, 0.0), (members + calls > 0).astype(float), scored)


def _recall(sums: FloatArray, scored: Scored) -> FloatArray:
    hits, members, calls, _ = _counts(sums, scored)
    return _averaged(_share(hits, members, 0.0), (members + calls > 0).astype(float), scored)


def _f1(sums: FloatArray, scored: Scored) -> FloatArray:
    hits, members, calls, _ = _counts(sums, scored)
    return _averaged(_share(2.0 * hits, members + calls, 0.0), (members + calls > 0).astype(float), scored)


def _specificity(sums: FloatArray, scored: Scored) -> FloatArray:
    hits, members, calls, n = _counts(sums, scored)
    rejected = n - members - calls + hits
    return _averaged(_share(rejected, n - members, 0.0), (members + calls > 0).astype(float), scored)


def _mcc(sums: FloatArray, scored: Scored) -> FloatArray:
    """Matthews' coefficient for any number of classes (Gorodkin 2004, doi:10.1016/j.compbiolchem.2004.09.006)."""
    hits, members, calls, n = _counts(sums, scored)
    n = n[..., 0]
    both = n * hits.sum(-1) - (members * calls).sum(-1)
    spread = (n**2 - (members**2).sum(-1)) * (n**2 - (calls**2).sum(-1))
    return _share(both, np.sqrt(np.maximum(spread, 0.0)), 0.0)


ACCURACY = Metric("accuracy", "Accuracy", TASKS, True, sums=_pairs, of_sums=_accuracy)
BALANCED_ACCURACY = Metric("balanced_accuracy", "Balanced accuracy", TASKS, True, sums=_pairs, of_sums=_balanced)
PRECISION = Metric("precision", "Precision", TASKS, True, sums=_pairs, of_sums=_precision)
RECALL = Metric("recall", "Recall (sensitivity)", TASKS, True, sums=_pairs, of_sums=_recall)
F1 = Metric("f1", "F1", TASKS, True, sums=_pairs, of_sums=_f1)
SPECIFICITY = Metric("specificity", "Specificity", TASKS, True, sums=_pairs, of_sums=_specificity)
MCC = Metric("mcc", "Matthews correlation", TASKS, True, sums=_pairs, of_sums=_mcc)
