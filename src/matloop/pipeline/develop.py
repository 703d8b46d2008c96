"""From a sealed dataset to what one target may learn from."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray, IntArray, frozen
from matloop.core.errors import DataError
from matloop.data.dataset import Dataset, Labels
from matloop.models.family import FitTask
from matloop.problem.question import Problem, Target
from matloop.represent.table import FeatureTable
from matloop.split.folds import make_folds
from matloop.split.groups import whole_groups
from matloop.train.values import Development

DEFAULT_METRIC = {"regression": "mae", "classification": "balanced_accuracy", "ranking": "spearman"}
FEWEST_ROWS = 10
LARGEST_WEIGHT = 10.0
"""A row is never worth more than this many typical rows, however small its stated error."""


def metric_of(target: Target) -> str:
    """The metric that search and verdict use: the goal's, else the task's accepted one."""
    return target.success.metric if target.success else DEFAULT_METRIC[target.task]


def develop(dataset: Dataset, table: FeatureTable, rows: IntArray, target: Target, problem: Problem) -> Development:
    """The labelled rows among `rows` (never a sealed one), folded, grouped and weighted for `target`.

    Raises
    ------
    DataError : too few labelled rows remain outside the vault; the message counts them.
    """
    labels = dataset.targets[target.name]
    known = labelled_rows(dataset, rows, target)
    unknown = rows[np.isnan(labels.values[rows])]
    if len(known) < FEWEST_ROWS:
        raise DataError(
            f"target {target.name!r}: {len(known)} labelled rows remain outside the sealed ones, at least "
            f"{FEWEST_ROWS} are needed. Add data, or lower protocol.test_fraction."
        )
    y = labels.values[known]
    groups = np.unique(whole_groups(dataset)[known], return_inverse=True)[1].astype(np.int64)
    task = fit_task(target)
    if len(np.unique(y)) < 2:
        raise DataError(
            f"target {target.name!r}: all {len(y)} values outside the sealed rows are equal; nothing to learn."
        )
    fold = make_folds(y, groups, n_folds=problem.protocol.folds, seed=problem.protocol.seeds[0], task=task)
    use_unlabelled = problem.training.unlabelled and len(unknown) > 0
    return Development(
        table=table.take(known), y=frozen(y.copy()), errors=labels.errors[known],
        weights=frozen(row_weights(dataset.weights[known], labels.take(known))), groups=groups, fold=fold, task=task,
        classes=labels.classes, unit=labels.unit, scale=target.scale, bounds=target.bounds, loss=problem.training.loss,
        metric=metric_of(target), unlabelled=table.take(unknown) if use_unlabelled else None,
        positive=labels.classes.index(target.positive) if target.positive in labels.classes else 1,
        never=target.success.never if target.success else None,
    )  # fmt: skip


def fit_task(target: Target) -> FitTask:
    """What models are fitted for: a ranking is a regression."""
    return "classification" if target.task == "classification" else "regression"


def labelled_rows(dataset: Dataset, rows: IntArray, target: Target) -> IntArray:
    """Those of `rows` that have a value of the target: the rows of its `Development`, in order."""
    return rows[~np.isnan(dataset.targets[target.name].values[rows])]


def row_weights(given: FloatArray, labels: Labels) -> FloatArray:
    """Given weights times the inverse square of known errors, mean one.

    A row without a stated error counts as one with the median error; errors are floored at half the median, so that a
    few rows with tiny stated errors do not decide the fit.
    """
    weights = np.where(np.isnan(given), 1.0, given)
    known = labels.errors > 0
    if known.any():
        typical = float(np.median(labels.errors[known]))
        errors = np.where(known, np.maximum(labels.errors, 0.5 * typical), typical)
        weights = weights * (typical / errors) ** 2
    weights = np.minimum(weights / weights.mean(), LARGEST_WEIGHT)
    return weights / weights.mean()
