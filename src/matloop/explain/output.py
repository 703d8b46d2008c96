"""The one number per row that is explained, from any model: a value, its logarithm, or a probability."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.errors import DataError
from matloop.explain.samples import WithoutSpread
from matloop.train.recipe_model import RecipeModel

Predict = Callable[[FloatArray], FloatArray]
"""rows of shape (n, n_features) to numbers of shape (n,)"""


def predict_of(model: Any, column: int | None = None) -> Predict:
    """The number that is explained, as a function of rows.

    Parameters
    ----------
    model : a function of rows, a fitted scikit-learn estimator, or a fitted recipe.
    column : class whose probability is explained (None: the second of two classes), ignored for a regression.

    Returns
    -------
    A function of rows, shape (n, n_features), to values, shape (n,): the predicted value (its log10 for a recipe fitted
    on a log scale), or the probability of one class.

    Raises
    ------
    DataError : the model predicts nothing; a class must be named; the output has the wrong shape.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> model = LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0])
    >>> predict_of(model)(np.array([[3.0]]))
    array([6.])
    """
    if isinstance(model, RecipeModel):
        return _of_recipe(model, column)
    if hasattr(model, "predict_proba"):
        return lambda X: _one(np.asarray(model.predict_proba(X), dtype=np.float64), column, len(X))
    if hasattr(model, "predict"):
        return lambda X: _one(np.asarray(model.predict(X), dtype=np.float64), column, len(X))
    if callable(model):
        return lambda X: _one(np.asarray(model(X), dtype=np.float64), column, len(X))
    raise DataError(f"a {type(model).__name__} predicts nothing. Give a fitted estimator, or a function of rows.")


def _of_recipe(model: RecipeModel, column: int | None) -> Predict:
    quick = WithoutSpread(model)
    if model.border.task == "classification":
        return lambda X: _one(quick.output(X).proba, column, len(X))
    if model.border.scale == "log":
        return lambda X: np.log10(np.maximum(quick.predict(X), 1e-300))
    return quick.predict


def _one(found: FloatArray, column: int | None, n: int) -> FloatArray:
    if found.ndim == 2 and found.shape[1] == 1:
        found = found[:, 0]
    if found.ndim == 2:
        if column is None and found.shape[1] != 2:
            raise DataError(
                f"the model gives {found.shape[1]} numbers per row. Say which one to explain: column=0, ..."
            )
        found = found[:, 1 if column is None else column]
    if found.shape != (n,):
        raise DataError(f"{n} rows gave predictions of shape {found.shape}; one number per row is needed.")
    return found


def rows_of(X: Any, name: str = "X") -> FloatArray:
    """`X` as float64 of shape (n_rows, n_features) with at least one of each; DataError otherwise."""
    found = np.asarray(X, dtype=np.float64)
    if found.ndim != 2 or not found.size:
        raise DataError(f"{name} must have the shape (rows, features) with at least one of each, got {found.shape}.")
    return found
