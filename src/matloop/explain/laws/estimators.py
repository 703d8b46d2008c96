"""Symbolic regression and classification as scikit-learn estimators: one search per fit."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from matloop.core.arrays import FloatArray
from matloop.explain.laws.given import Table, read_table
from matloop.explain.laws.search import QUICK, Outcome, Settings, search, with_limits
from matloop.explain.laws.space import OPERATORS, check_operators
from matloop.explain.laws.values import Law
from matloop.explain.laws.written import law_of


class _Symbolic(BaseEstimator):
    """What both estimators share."""

    _task: Literal["regression", "classification"]

    def __init__(
        self,
        units: Sequence[str | None] | None = None,
        target_unit: str = "",
        *,
        max_complexity: int = 30,
        operators: Sequence[str] = OPERATORS,
        seed: int = 0,
        seconds: float = math.inf,
        effort: Literal["full", "quick"] = "full",
    ) -> None:
        self.units = units
        self.target_unit = target_unit
        self.max_complexity = max_complexity
        self.operators = operators
        self.seed = seed
        self.seconds = seconds
        self.effort = effort

    def _found(self, X: np.ndarray, y: np.ndarray) -> tuple[Table, Outcome]:
        names = getattr(self, "feature_names_in_", None)
        table = read_table(X, y, names, self.units, "y", self.target_unit, task=self._task, groups=None)
        settings = with_limits(
            QUICK if self.effort == "quick" else Settings(),
            largest=self.max_complexity, operators=check_operators(self.operators),
            classes=self._task == "classification",
        )  # fmt: skip
        outcome = search(
            table.X, table.y, table.given, settings, groups=table.groups, seed=self.seed,
            deadline=time.monotonic() + self.seconds,
        )  # fmt: skip
        laws = [
            law_of(one, table.given, classes=table.classes, refit_error=held if table.classes else math.sqrt(held))
            for one, held in zip(outcome.front, outcome.held_out, strict=True)
        ]
        self.front_: tuple[Law, ...] = tuple(laws)
        self.law_: Law | None = laws[outcome.chosen] if outcome.chosen >= 0 else None
        return table, outcome


class SymbolicRegressor(RegressorMixin, _Symbolic):
    """A formula that respects units, as an estimator.

    Parameters
    ----------
    units : of the columns of X; "" is a pure number, None an unknown unit. Without it all are pure numbers.
    target_unit, max_complexity, operators, seed, seconds, effort : as in `find_laws`.

    Attributes
    ----------
    law_ : the chosen `Law`, or None where no formula beats the mean in cross-validation (then the mean is predicted).
    front_ : the Pareto front, shortest first; each `refit_error` is from cross-validation of its constants.

    Notes
    -----
    `fit` searches once. Whether there is a law at all is asked by `find_laws`, which repeats the search.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(1, 5, (200, 2))
    >>> model = SymbolicRegressor(["kg", "m/s^2"], "N", effort="quick").fit(X, X[:, 0] * X[:, 1])
    >>> model.law_.expression
    'x0 * x1'
    """

    _task = "regression"

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Search for a formula; X (n_rows, n_columns) and y (n_rows,) must be finite."""
        rows, values = validate_data(self, X, y, dtype="numeric", y_numeric=True)
        self._found(rows, np.asarray(values, dtype=float))
        self.mean_ = float(np.mean(values))
        return self

    def predict(self, X: ArrayLike) -> FloatArray:
        """Values of the law, in the target's unit; the mean of y where it has none."""
        check_is_fitted(self)
        rows = validate_data(self, X, reset=False)
        if self.law_ is None:
            return np.full(len(rows), self.mean_)
        said = self.law_.predict(rows)
        return np.where(np.isfinite(said), said, self.mean_)


class SymbolicClassifier(ClassifierMixin, _Symbolic):
    """A rule of one to three descriptors and a threshold that tells two classes apart.

    Parameters and attributes as of `SymbolicRegressor`; `classes_` are the two words of y, sorted. Both classes count
    the same, however rare one is.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(1, 5, (200, 2))
    >>> model = SymbolicClassifier(effort="quick").fit(X, X[:, 0] > 2 * X[:, 1])
    >>> model.score(X, X[:, 0] > 2 * X[:, 1]) > 0.95
    True
    """

    _task = "classification"

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Search for a rule; X (n_rows, n_columns) must be finite, y must hold two different words or numbers."""
        rows, words = validate_data(self, X, y, dtype="numeric")
        self.classes_ = np.unique(np.asarray(words))
        table, _ = self._found(rows, np.asarray(words))
        self.majority_ = int(table.y.mean() > 0.5)
        return self

    def decision_function(self, X: ArrayLike) -> FloatArray:
        """The score of each row: above zero for the second class."""
        check_is_fitted(self)
        rows = validate_data(self, X, reset=False)
        if self.law_ is None:
            return np.full(len(rows), 2.0 * self.majority_ - 1.0)
        return np.nan_to_num(self.law_.predict(rows), nan=-1.0)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """The class of each row."""
        return self.classes_[(self.decision_function(X) > 0).astype(int)]
