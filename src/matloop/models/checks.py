"""What every model of a table checks: rows, targets and weights before a fit, task and classes read from a file."""

from __future__ import annotations

from typing import Any

import numpy as np

from matloop.core.arrays import Arrays, FloatArray, IntArray, number, text, within
from matloop.core.errors import BundleError, DataError, listed
from matloop.models.family import FitTask

_HUGE = float(np.finfo(np.float32).max)
"""numbers beyond single precision would become infinite inside tree models"""


def matrix(X: FloatArray, n_features: int, names: tuple[str, ...] = ()) -> FloatArray:
    """X as float64 of shape (n_rows, n_features), NaN allowed; DataError otherwise, naming rows and columns."""
    X = np.asarray(X, dtype=np.float64)
    if X.ndim != 2 or X.shape[1] != n_features:
        raise DataError(
            f"the feature matrix has shape {X.shape}, the model needs (rows, {n_features}). "
            "Make it with the representation that belongs to the model."
        )
    bad = np.abs(X) > _HUGE
    if bad.any():
        found = [
            f"row {r}, column {names[c] if names else c!r}: {X[r, c]}" for r, c in np.argwhere(bad)[:1000].tolist()
        ]
        raise DataError(f"infinite or absurdly large features. Correct them or make them NaN:\n{listed(found)}")
    return X


def target(y: FloatArray, n_rows: int, classes: int) -> FloatArray:
    """y as float64 of shape (n_rows,), finite, class indices in range; DataError otherwise."""
    y = np.asarray(y, dtype=np.float64)
    if y.shape != (n_rows,):
        raise DataError(f"there are {n_rows} rows and targets of shape {y.shape}. Give one target per row.")
    if n_rows == 0:
        raise DataError("there are no rows to learn from. Look into removed.csv for why they were dropped.")
    bad = ~np.isfinite(y)
    if classes:
        bad |= (y < 0) | (y >= classes) | (y != np.round(y))
    if bad.any():
        what = f"class indices 0 to {classes - 1}" if classes else "finite numbers"
        found = [f"row {row}: {y[row]}" for row in np.flatnonzero(bad).tolist()]
        raise DataError(f"targets must be {what}. Leave such rows out:\n{listed(found)}")
    return y


def row_weights(weights: FloatArray | None, n_rows: int) -> FloatArray:
    """Weights of mean one, shape (n_rows,); DataError where one is negative or not finite, or all are zero."""
    if weights is None:
        return np.ones(n_rows)
    weights = np.asarray(weights, dtype=np.float64)
    if weights.shape != (n_rows,):
        raise DataError(f"there are {n_rows} rows and weights of shape {weights.shape}. Give one weight per row.")
    bad = ~(np.isfinite(weights) & (weights >= 0))
    if bad.any() or weights.sum() == 0:
        found = [f"row {row}: {weights[row]}" for row in np.flatnonzero(bad).tolist()] or ["all weights are zero"]
        raise DataError(f"weights must be finite, not negative, and some above zero:\n{listed(found)}")
    return weights / weights.mean()


def read_task(arrays: Arrays) -> tuple[FitTask, int, IntArray]:
    """Task, number of classes, and the classes that were present in training, in order; BundleError otherwise."""
    task, n_classes = text(arrays, "task"), int(number(arrays, "n_classes"))
    if task not in ("regression", "classification") or not 0 <= n_classes <= 100_000:
        raise BundleError(f"a model claims the task {task!r} with {n_classes} classes. The bundle is not trusted.")
    present = within(arrays, "present", 0, max(n_classes, 1)).astype(np.int64)
    if (task == "regression") != (len(present) == 0) or (np.diff(present) <= 0).any():
        raise BundleError("the classes of a model are not in order. The bundle is not trusted.")
    return ("regression" if task == "regression" else "classification"), n_classes, present


def described_to_scikit_learn(tags: Any, task: FitTask) -> Any:
    """scikit-learn's tags of a model of a table: what it predicts, and that gaps are allowed."""
    tags.estimator_type = "classifier" if task == "classification" else "regressor"
    tags.input_tags.allow_nan = True
    tags.target_tags.required = True
    return tags
