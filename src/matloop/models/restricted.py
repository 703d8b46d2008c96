"""A model that sees only some columns of the feature matrix."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, clone

from matloop.core.arrays import Arrays, FloatArray, IntArray, nested, number, under, within
from matloop.core.errors import BundleError
from matloop.models.family import ArrayModel
from matloop.models.outputs import Outputs, outputs_of
from matloop.models.table_model import TableModel, matrix


class RestrictedModel(BaseEstimator):
    """`model` over the columns `use` of a matrix of `n_columns`, in that order."""

    def __init__(self, model: ArrayModel, use: tuple[int, ...], n_columns: int) -> None:
        self.model = model
        self.use = use
        self.n_columns = n_columns

    def fit(self, X: FloatArray, y: FloatArray, sample_weight: FloatArray | None = None) -> Self:
        """Fit a clone of the model on its columns."""
        self.model_ = clone(self.model).fit(self._seen(X), y, sample_weight)
        self.n_features_in_ = self.n_columns
        return self

    def predict(self, X: FloatArray) -> FloatArray:
        """Value or class index, shape (n_rows,)."""
        value: FloatArray = self.model_.predict(self._seen(X))
        return value

    def predict_proba(self, X: FloatArray) -> FloatArray:
        """Probability of every class, shape (n_rows, n_classes)."""
        proba: FloatArray = self.model_.predict_proba(self._seen(X))
        return proba

    def spread(self, X: FloatArray) -> FloatArray:
        """One standard deviation, shape (n_rows,); zeros if unknown."""
        return self.outputs(X).spread

    def outputs(self, X: FloatArray) -> Outputs:
        """Value, probabilities and spread in one pass."""
        return outputs_of(self.model_, self._seen(X))

    @property
    def task(self) -> Any:
        """What the model inside is fitted for."""
        return getattr(self.model, "task", "regression")

    @property
    def loss_curve_(self) -> tuple[FloatArray, FloatArray] | None:
        """Loss curves of the model inside."""
        curve: tuple[FloatArray, FloatArray] | None = getattr(self.model_, "loss_curve_", None)
        return curve

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.estimator_type = "classifier" if self.task == "classification" else "regressor"
        return tags

    def to_arrays(self) -> Arrays:
        use: IntArray = np.array(self.use, np.int64)
        return {
            "kind": np.array("restricted"),
            "use": use,
            "n_columns": np.array(self.n_columns),
            **nested("inside", self.model_.to_arrays()),
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        n_columns = int(number(arrays, "n_columns"))
        use = within(arrays, "use", 0, max(n_columns, 0))
        inside = TableModel.from_arrays(under("inside", arrays))
        if len(use) != inside.n_features_in_:
            raise BundleError("a model uses another number of columns than it was made for. The bundle is not trusted.")
        model = cls(inside, tuple(use.tolist()), n_columns)
        model.model_, model.n_features_in_ = inside, n_columns
        return model

    def _seen(self, X: FloatArray) -> FloatArray:
        return matrix(X, self.n_columns)[:, list(self.use)]
