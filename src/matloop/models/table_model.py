"""The scikit-learn estimator that every family builds: preparation, then a learner, then plain arrays."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from matloop.core.arrays import Arrays, FloatArray, IntArray, nested, number, text, under
from matloop.core.errors import BundleError, DataError
from matloop.core.scikit import Estimator
from matloop.models.checks import described_to_scikit_learn, matrix, read_task, row_weights, target
from matloop.models.constant import Constant
from matloop.models.family import FitTask, Uncertainty, of_label
from matloop.models.learner import Learner, Predictor
from matloop.models.outputs import Outputs
from matloop.models.predictors import predictor_class
from matloop.models.prepare import Preparation, Prepared, prepare
from matloop.represent.table import Columns

_BLOCK = 16_384
"""rows that are predicted at once: memory stays flat, and the same batch always meets the same blocks"""


class TableModel(Estimator):
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
        self.prepared_: Prepared = prepare(X, y, self.preparation, self.columns, classes=seen, seed=self.seed)
        if self.scale_ == 0.0 or seen == 1:
            self.scale_ = 1.0
            self.predictor_: Predictor = Constant(np.ones(1) if seen else np.zeros(1))
        elif self.prepared_.n_out == 0:
            shares = np.bincount(y.astype(np.int64), weights, seen) / weights.sum() if seen else np.zeros(1)
            self.predictor_ = Constant(shares)
        else:
            Z = self.prepared_.transform(X)
            self.predictor_ = self._learner().learn(Z, y, weights, classes=seen, seed=self.seed)
        return self

    def _learner(self) -> Learner:
        """The learner; one that treats columns by what they are is told which they are."""
        seeing = getattr(self.learner, "seeing", None)
        if seeing is None:
            assert self.learner is not None
            return self.learner
        turned = bool(self.prepared_.axes.shape[1])
        told: Learner = seeing(self.columns, self.prepared_.source[:0] if turned else self.prepared_.source)
        return told

    def predict(self, X: FloatArray) -> FloatArray:
        """Value in the unit of the target, or class index as float; shape (n_rows,)."""
        if self.task == "classification":
            return self.predict_proba(X).argmax(axis=1).astype(np.float64)
        return self._value(self._over_blocks(X, unsure=False)[0])

    def predict_proba(self, X: FloatArray) -> FloatArray:
        """Probability of every class, shape (n_rows, n_classes)."""
        if self.task != "classification":
            raise DataError("a regression has no class probabilities. Use predict.")
        return self._proba(self._over_blocks(X, unsure=False)[0])

    def spread(self, X: FloatArray) -> FloatArray:
        """One standard deviation of the value or of the largest probability, shape (n_rows,); zeros if unknown."""
        return self.outputs(X).spread

    def uncertainty(self, X: FloatArray) -> Uncertainty:
        """What more rows would take away and what would stay, apart; zeros where the family does not know."""
        return self.outputs(X).uncertainty

    def outputs(self, X: FloatArray) -> Outputs:
        """Value, probabilities and uncertainty in one pass: half the time of asking for them one by one."""
        values, unsure = self._over_blocks(X, unsure=True)
        if self.task == "classification":
            proba = self._proba(values)
            label = of_label(proba.max(axis=1), unsure.epistemic)
            return Outputs(proba.argmax(axis=1).astype(np.float64), proba, label)
        return Outputs(self._value(values), np.zeros((len(values), 0)), unsure.times(self.scale_))

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
        task, n_classes, present = read_task(arrays)
        seen = len(present) if task == "classification" else 1
        model = cls(None, None, None, task, n_classes)
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
        return described_to_scikit_learn(super().__sklearn_tags__(), self.task)

    def _check_fitted(self) -> None:
        if not hasattr(self, "predictor_"):
            from sklearn.exceptions import NotFittedError

            raise NotFittedError("this model was not fitted yet. Call fit(X, y) first.")

    def _over_blocks(self, X: FloatArray, *, unsure: bool) -> tuple[FloatArray, Uncertainty]:
        self._check_fitted()
        X = matrix(X, self.n_features_in_, self.columns.names if self.columns else ())
        values = np.empty((len(X), self.predictor_.n_values))
        epistemic, aleatoric = np.zeros(len(X)), np.zeros(len(X))
        for start in range(0, len(X), _BLOCK):
            block = slice(start, start + _BLOCK)
            Z = self.prepared_.transform(X[block])
            if unsure:
                values[block], found = self.predictor_.values_and_uncertainty(Z)
                epistemic[block], aleatoric[block] = found.epistemic, found.aleatoric
            else:
                values[block] = self.predictor_.values(Z)
        return values, Uncertainty(epistemic, aleatoric)

    def _value(self, values: FloatArray) -> FloatArray:
        return values[:, 0] * self.scale_ + self.centre_

    def _proba(self, values: FloatArray) -> FloatArray:
        proba = np.zeros((len(values), self.n_classes))
        proba[:, self.present_] = values
        return proba


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
