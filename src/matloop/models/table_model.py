"""The scikit-learn estimator that every family builds: preparation, then a learner, then plain arrays."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from matloop.core.arrays import Arrays, FloatArray, IntArray, nested, number, text, under, within
from matloop.core.errors import BundleError, DataError, listed
from matloop.models.constant import Constant
from matloop.models.family import FitTask
from matloop.models.learner import Learner, Predictor
from matloop.models.outputs import Outputs
from matloop.models.predictors import predictor_class
from matloop.models.prepare import Preparation, Prepared, prepare
from matloop.represent.table import Columns

_BLOCK = 16_384
"""rows that are predicted at once: memory stays flat, and the same batch always meets the same blocks"""
_HUGE = float(np.finfo(np.float32).max)
"""numbers beyond single precision would become infinite inside tree models"""


class TableModel(BaseEstimator):
    """A model of one target over the columns of a feature table.

    Parameters
    ----------
    learner : settings of the family; None for a model that came from arrays, which cannot be fitted again.
    preparation : how columns are imputed, encoded, scaled and selected, from training rows only.
    columns : what the columns of X are.
    task : "regression" or "classification".
    n_classes : number of classes, 0 for a regression. Classes absent from the training rows get probability zero.
    seed : of everything random in the fit.

    Attributes
    ----------
    prepared_, predictor_ : the fitted halves. centre_, scale_ : of the target. present_ : classes that were seen.
    """

    def __init__(
        self,
        learner: Learner | None,
        preparation: Preparation | None,
        columns: Columns | None,
        task: FitTask = "regression",
        n_classes: int = 0,
        seed: int = 0,
    ) -> None:
        self.learner = learner
        self.preparation = preparation
        self.columns = columns
        self.task = task
        self.n_classes = n_classes
        self.seed = seed

    def fit(self, X: FloatArray, y: FloatArray, sample_weight: FloatArray | None = None) -> Self:
        """Learn from rows X, shape (n_rows, n_features), and their values or class indices y.

        Raises
        ------
        DataError : no rows, wrong number of columns, infinite entries, y of another length or not a number.
        """
        if self.learner is None or self.preparation is None or self.columns is None:
            raise DataError("this model came from a bundle and cannot be fitted again. Build one from its recipe.")
        X = matrix(X, len(self.columns.names), self.columns.names)
        classes = self.n_classes if self.task == "classification" else 0
        y = target(y, len(X), classes)
        weights = row_weights(sample_weight, len(X))
        self.n_features_in_ = X.shape[1]
        self.present_, y, self.centre_, self.scale_ = _coded(y, weights, classes)
        seen = len(self.present_)
        self.prepared_: Prepared = prepare(X, y, self.preparation, self.columns, classes=seen)
        if self.scale_ == 0.0 or seen == 1:
            self.scale_ = 1.0
            self.predictor_: Predictor = Constant(np.ones(1) if seen else np.zeros(1))
        elif self.prepared_.n_out == 0:
            shares = np.bincount(y.astype(np.int64), weights, seen) / weights.sum() if seen else np.zeros(1)
            self.predictor_ = Constant(shares)
        else:
            Z = self.prepared_.transform(X)
            self.predictor_ = self.learner.learn(Z, y, weights, classes=seen, seed=self.seed)
        return self

    def predict(self, X: FloatArray) -> FloatArray:
        """Value in the unit of the target, or class index as float; shape (n_rows,)."""
        if self.task == "classification":
            return self.predict_proba(X).argmax(axis=1).astype(np.float64)
        return self._value(self._over_blocks(X, spread=False)[0])

    def predict_proba(self, X: FloatArray) -> FloatArray:
        """Probability of every class, shape (n_rows, n_classes)."""
        if self.task != "classification":
            raise DataError("a regression has no class probabilities. Use predict.")
        return self._proba(self._over_blocks(X, spread=False)[0])

    def spread(self, X: FloatArray) -> FloatArray:
        """One standard deviation of the value or of the largest probability, shape (n_rows,); zeros if unknown."""
        return self.outputs(X).spread

    def outputs(self, X: FloatArray) -> Outputs:
        """Value, probabilities and spread in one pass: half the time of asking for them one by one."""
        values, spread = self._over_blocks(X, spread=True)
        if self.task == "classification":
            proba = self._proba(values)
            return Outputs(proba.argmax(axis=1).astype(np.float64), proba, spread)
        return Outputs(self._value(values), np.zeros((len(values), 0)), spread * self.scale_)

    def to_arrays(self) -> Arrays:
        """Plain arrays; `from_arrays` makes a model of them that predicts the same bits."""
        self._check_fitted()
        return {
            "kind": np.array("table"),
            "task": np.array(self.task),
            "n_classes": np.array(self.n_classes),
            "present": self.present_,
            "centre": np.array(self.centre_),
            "scale": np.array(self.scale_),
            "predictor": np.array(self.predictor_.kind),
            **nested("prepared", self.prepared_.to_arrays()),
            **nested("model", self.predictor_.to_arrays()),
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """The fitted model; BundleError where the arrays do not fit together."""
        task, n_classes = text(arrays, "task"), int(number(arrays, "n_classes"))
        if task not in ("regression", "classification") or not 0 <= n_classes <= 100_000:
            raise BundleError(f"a model claims the task {task!r} with {n_classes} classes. The bundle is not trusted.")
        present = within(arrays, "present", 0, max(n_classes, 1)).astype(np.int64)
        seen = len(present) if task == "classification" else 1
        if (task == "regression") != (len(present) == 0) or (np.diff(present) <= 0).any():
            raise BundleError("the classes of a model are not in order. The bundle is not trusted.")
        model = cls(None, None, None, "regression" if task == "regression" else "classification", n_classes)
        model.present_ = present
        model.centre_, model.scale_ = number(arrays, "centre"), number(arrays, "scale")
        model.prepared_ = Prepared.from_arrays(under("prepared", arrays))
        model.predictor_ = predictor_class(text(arrays, "predictor")).from_arrays(under("model", arrays))
        if model.predictor_.n_values != seen or model.predictor_.n_in not in (-1, model.prepared_.n_out):
            raise BundleError("the parts of a model expect different numbers of columns. The bundle is not trusted.")
        if not (np.isfinite(model.centre_) and np.isfinite(model.scale_)):
            raise BundleError("the scale of a model's target is not finite. The bundle is not trusted.")
        model.n_features_in_ = model.prepared_.n_columns
        return model

    @property
    def classes_(self) -> IntArray:
        """Class indices, as scikit-learn's tools expect them."""
        return np.arange(self.n_classes)

    @property
    def loss_curve_(self) -> tuple[FloatArray, FloatArray] | None:
        """Loss of training and validation rows per epoch or round, for families that learn in steps."""
        self._check_fitted()
        curve: tuple[FloatArray, FloatArray] | None = getattr(self.predictor_, "loss_curve", None)
        return curve if curve is not None and len(curve[0]) else None

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.estimator_type = "classifier" if self.task == "classification" else "regressor"
        tags.input_tags.allow_nan = True
        tags.target_tags.required = True
        return tags

    def _check_fitted(self) -> None:
        if not hasattr(self, "predictor_"):
            raise NotFittedError("this model was not fitted yet. Call fit(X, y) first.")

    def _over_blocks(self, X: FloatArray, *, spread: bool) -> tuple[FloatArray, FloatArray]:
        self._check_fitted()
        X = matrix(X, self.n_features_in_, self.columns.names if self.columns else ())
        values = np.empty((len(X), self.predictor_.n_values))
        spreads = np.zeros(len(X))
        for start in range(0, len(X), _BLOCK):
            block = slice(start, start + _BLOCK)
            Z = self.prepared_.transform(X[block])
            if spread:
                values[block], spreads[block] = self.predictor_.values_and_spread(Z)
            else:
                values[block] = self.predictor_.values(Z)
        return values, spreads

    def _value(self, values: FloatArray) -> FloatArray:
        return values[:, 0] * self.scale_ + self.centre_

    def _proba(self, values: FloatArray) -> FloatArray:
        proba = np.zeros((len(values), self.n_classes))
        proba[:, self.present_] = values
        return proba


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


def _coded(y: FloatArray, weights: FloatArray, classes: int) -> tuple[IntArray, FloatArray, float, float]:
    """Present classes, y as the learner sees it, and the centre and scale that undo it."""
    if classes:
        present, index = np.unique(y.astype(np.int64), return_inverse=True)
        return present, index.astype(np.float64), 0.0, 1.0
    centre = float(np.average(y, weights=weights))
    scale = float(np.sqrt(np.average((y - centre) ** 2, weights=weights)))
    if scale <= 1e-12 * abs(centre):
        return np.zeros(0, np.int64), np.zeros(len(y)), centre, 0.0
    return np.zeros(0, np.int64), (y - centre) / scale, centre, scale
