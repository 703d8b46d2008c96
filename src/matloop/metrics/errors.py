"""Errors of numbers: MAE, MSE, RMSE, MAPE, R2, largest error."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.metrics.metric import Metric, Scored
from matloop.problem.question import Task

TASKS: frozenset[Task] = frozenset({"regression", "ranking"})
NEAR_ZERO = 1e-3
"""Rows with |y| below this share of mean |y| are left out of the MAPE: their relative error says nothing."""


def _column(values: FloatArray) -> FloatArray:
    return np.column_stack([np.ones(len(values)), values])


def _squares(scored: Scored) -> FloatArray:
    return _column((scored.y - scored.value) ** 2)


def _mean(sums: FloatArray, scored: Scored) -> FloatArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[..., 1] / sums[..., 0])


def _root(sums: FloatArray, scored: Scored) -> FloatArray:
    return np.sqrt(_mean(sums, scored))


def _relative(scored: Scored) -> FloatArray:
    size = np.abs(scored.y)
    used = size > NEAR_ZERO * size.mean()
    error = np.divide(np.abs(scored.y - scored.value), size, out=np.zeros(len(scored)), where=used)
    return np.column_stack([used.astype(float), error])


def _variances(scored: Scored) -> FloatArray:
    centred = scored.y - scored.y.mean()  # keeps the variance exact where the mean is large
    return np.column_stack([np.ones(len(scored)), centred, centred**2, (scored.y - scored.value) ** 2])


def _r2(sums: FloatArray, scored: Scored) -> FloatArray:
    n, first, second, error = np.moveaxis(sums, -1, 0)
    total = second - first**2 / n
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total > 1e-14 * np.maximum(second, 1e-300), 1.0 - error / total, np.nan)


def _largest(scored: Scored, weights: FloatArray) -> FloatArray:
    error = np.abs(scored.y - scored.value)
    order = np.argsort(-error, kind="stable")
    return error[order[np.argmax(weights[:, order] > 0, axis=1)]]


MAE = Metric(
    "mae",
    "Mean absolute error",
    TASKS,
    False,
    1,
    sums=lambda s: _column(np.abs(s.y - s.value)),
    of_sums=_mean,
)
MSE = Metric("mse", "Mean squared error", TASKS, False, 2, sums=_squares, of_sums=_mean)
RMSE = Metric(
    "rmse",
    "Root mean squared error",
    TASKS,
    False,
    1,
    sums=_squares,
    of_sums=_root,
)
MAPE = Metric("mape", "Mean absolute relative error", TASKS, False, sums=_relative, of_sums=_mean)
R2 = Metric("r2", "Share of variance explained (R2)", TASKS, True, sums=_variances, of_sums=_r2)
MAX_ERROR = Metric("max_error", "Largest absolute error", TASKS, False, 1, of_weights=_largest)
