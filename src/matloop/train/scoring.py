"""What the search minimises: one number per fold, lower is better, and a fair test of two candidates on them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.metrics.scores import loss as metric_loss
from matloop.train.recipe_model import Output
from matloop.train.values import Development

HARD_LABEL = frozenset(("accuracy", "balanced_accuracy", "precision", "recall", "f1", "specificity", "mcc"))
"""Metrics of labels: they jump with a threshold, so the search uses the Brier score and sets the threshold after."""

ORDER = frozenset(("spearman", "ndcg", "recall_at_k", "roc_auc", "pr_auc"))


def search_metric(development: Development) -> str:
    """The loss that candidates are compared by.

    The asked metric where it is smooth enough to compare candidates on folds. Classes are compared by the Brier score
    (proper, bounded; Brier, Mon. Weather Rev. 78 (1950) 1. doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2), values
    on a log scale without an asked metric by the absolute error of the logarithm.
    """
    asked = development.metric
    if development.task == "classification":
        return asked if asked in ("roc_auc", "pr_auc", "log_loss") else "brier"
    if asked in ("recall_at_k", "ndcg"):
        return "spearman"  # a short list per fold is a handful of rows: too coarse to search by
    if asked in ("", "max_error"):
        return "mae of log10" if development.scale == "log" else "mae"
    return asked


def judged_metric(development: Development) -> str:
    """The metric of labels that the threshold of two classes is chosen for; empty where none has to be."""
    if development.task != "classification" or len(development.classes) != 2:
        return ""
    if development.metric == "":
        return "balanced_accuracy"
    return development.metric if development.metric in HARD_LABEL else ""


def loss_of(metric: str, development: Development, y: FloatArray, out: Output) -> float:
    """The search metric of `out` for rows with truth `y`; lower is better; infinity where it has no meaning."""
    if metric == "brier":
        return float(((out.proba - np.eye(out.proba.shape[1])[y.astype(np.int64)]) ** 2).sum(axis=1).mean())
    if metric == "mae of log10":
        return float(np.abs(np.log10(y) - np.log10(np.maximum(out.value, 1e-300))).mean())
    proba = out.proba if development.task == "classification" else None
    found = metric_loss(
        metric, y, out.value, proba, classes=development.classes, positive_index=development.positive
    )  # fmt: skip
    return found if np.isfinite(found) else 1.0 if metric in ORDER else float("inf")


def fold_losses(metric: str, development: Development, out: Output) -> FloatArray:
    """The search metric on each fold of the development rows, in fold order."""
    return np.array([
        loss_of(metric, development, development.y[rows], part(out, rows)) for rows in fold_rows(development.fold)
    ])  # fmt: skip


def fold_rows(fold: IntArray) -> list[IntArray]:
    """Rows of each fold, in fold order."""
    return [np.flatnonzero(fold == k) for k in np.unique(fold)]


def part(out: Output, rows: IntArray) -> Output:
    """The given rows of an output."""
    return Output(out.value[rows], out.proba[rows], out.spread[rows])


def corrected_p_value(
    a: Sequence[float] | FloatArray, b: Sequence[float] | FloatArray, *, one_sided: bool = False
) -> float:
    """Corrected resampled t-test of paired fold scores; lower scores are better.

    Folds share training rows, so the variance of the mean difference is larger than its naive estimate by the factor
    1 + k n_test / n_train, with n_test / n_train = 1 / (k - 1) for k folds.

    Returns
    -------
    Two-sided p-value, or the one-sided one of "`a` is better"; 1 where all differences are zero or there are fewer than
    two pairs.

    References
    ----------
    Nadeau & Bengio, Mach. Learn. 52 (2003) 239. doi:10.1023/A:1024068626366
    """
    from scipy.stats import t as student

    difference = np.asarray(b, dtype=float) - np.asarray(a, dtype=float)
    difference = difference[np.isfinite(difference)]
    k = len(difference)
    if k < 2 or not difference.any():
        return 1.0
    variance = difference.var(ddof=1)
    if variance == 0.0:
        return 0.0 if difference[0] > 0 or not one_sided else 1.0
    statistic = difference.mean() / np.sqrt((1.0 / k + 1.0 / (k - 1.0)) * variance)
    return float(student.sf(statistic, k - 1) if one_sided else 2.0 * student.sf(abs(statistic), k - 1))
