"""Any scikit-learn regressor with intervals: rows that it did not see teach a method of `INTERVALS`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.utils.validation import check_is_fitted

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import DataError
from matloop.doubt import INTERVALS
from matloop.doubt.methods import Asked, IntervalMethod, Known
from matloop.doubt.order import check_level
from matloop.doubt.resample import (
    BOOTSTRAPS,
    HELD_OUT,
    Plan,
    bootstrap_plan,
    checked_rows,
    fitted_members,
    folds_plan,
    growth_of,
    rows_of,
    says,
)


class ConformalRegressor(MetaEstimatorMixin, RegressorMixin, BaseEstimator):
    """Intervals for any regressor, by a method of `matloop.doubt.INTERVALS`.

    Parameters
    ----------
    estimator : a scikit-learn regressor or pipeline; it is cloned.
    method : "split", "cv+", "jackknife+", "jackknife+ab", "scaled", "local", "quantile", "chosen", "category",
        "binned", "shifted".
    level : share of true values that lie in their interval.
    folds : number of grouped folds whose held-out rows teach the width, the final model learning from all rows; or a
        share (0 to 1) of the rows to hold out, which the final model then does not learn from (exact, but wasteful).
        None: what is usual for the method (a quarter held out for "split", five folds for the others). "jackknife+"
        makes a fit per group, "jackknife+ab" 30 bootstrap fits.
    by : for "category": a column (name or place), or a function that gives a name to each row of X.
    random_state : seed of folds and bootstraps.

    Attributes
    ----------
    estimator_ : the fitted estimator. intervals_ : what the method learnt. n_known_ : rows that taught it.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 3)); y = X[:, 0] + 0.1 * rng.normal(size=200)
    >>> model = ConformalRegressor(Ridge(), method="cv+", level=0.9).fit(X[:150], y[:150])
    >>> low, high = model.predict_interval(X[150:])
    >>> bool(np.mean((low <= y[150:]) & (y[150:] <= high)) > 0.8)
    True
    """

    def __init__(
        self,
        estimator: Any,
        *,
        method: str = "cv+",
        level: float = 0.9,
        folds: float | None = None,
        by: int | str | Callable[[Any], NDArray] | None = None,
        random_state: int = 0,
    ) -> None:
        self.estimator = estimator
        self.method = method
        self.level = level
        self.folds = folds
        self.by = by
        self.random_state = random_state

    def fit(self, X: Any, y: ArrayLike, groups: ArrayLike | None = None, *, toward: Any = None) -> Self:
        """Fit the estimator and learn how far it is off.

        Parameters
        ----------
        X : shape (n, n_features), whatever the estimator takes; numbers where the method needs features.
        y : shape (n,). groups : shape (n,), rows that belong together are held out together.
        toward : shape (m, n_features), for "shifted": rows like those that will be asked about.

        Raises
        ------
        ConfigError : no such method, a level outside 0 to 1, impossible folds.
        DataError : lengths differ, too few rows or groups, values that are not finite, or the rows lack what the method
            needs.
        """
        check_level(self.level)
        method: IntervalMethod = INTERVALS.load(self.method)
        index = checked_rows(X, y, groups)
        truth = np.asarray(y, dtype=np.float64)
        bad = np.flatnonzero(~np.isfinite(truth))
        if len(bad):
            raise DataError(f"row {bad[0]} has the target {truth[bad[0]]}. Leave out the {len(bad)} rows without one.")
        plan = self._plan(method, truth, index)
        value, spread, speaks, members = _held_out(self.estimator, X, truth, plan, keep=method.name in _PLUS)
        held = len(plan.train) == 1
        self.estimator_ = members[0] if held else clone(self.estimator).fit(X, truth)
        self._members = members if method.name in _PLUS else ()
        rows = np.flatnonzero(np.isfinite(value))
        features = self._features(X, method)
        self.n_known_ = len(rows)
        known = Known(
            X=features[rows],
            y=truth[rows],
            value=value[rows],
            spread=spread[rows],
            fold=index[rows] % 5 if held else plan.fold[rows],
            groups=index[rows],
            speaks=speaks[rows],
            category=self._category(X)[rows] if method.needs == "category" and self.by is not None else np.empty(0),
            toward=np.empty((0, features.shape[1])) if toward is None else self._features(toward, method),
            growth=1.0 if held else growth_of(plan),
        )
        self.intervals_ = method.learn(known, level=self.level, seed=self.random_state)
        return self

    def predict(self, X: Any) -> FloatArray:
        """Value of each row, shape (m,)."""
        check_is_fitted(self)
        return says(self.estimator_, X)[0]

    def predict_interval(self, X: Any) -> tuple[FloatArray, FloatArray]:
        """Lower and upper end of the interval of each row, shape (m,) each; the value is never outside."""
        check_is_fitted(self)
        method: IntervalMethod = INTERVALS.load(self.method)
        value, spread = says(self.estimator_, X)
        said = [says(member, X)[0] for member in self._members]
        members = np.stack(said, axis=1) if said else np.empty((len(value), 0))
        category = self._category(X) if method.needs == "category" else np.empty(0)
        return self.intervals_.ends(Asked(self._features(X, method), value, spread, members, category))

    def _plan(self, method: IntervalMethod, y: FloatArray, groups: IntArray) -> Plan:
        if method.fits == "bootstrap":
            return bootstrap_plan(groups, BOOTSTRAPS, self.random_state)
        if method.fits == "rows":
            names = np.unique(groups)
            parts = [np.flatnonzero(groups == g) for g in names]
            return Plan(tuple(np.flatnonzero(groups != g) for g in names), tuple(parts), groups)
        usual = HELD_OUT if method.fits == "one" else 5
        return folds_plan(y, groups, usual if self.folds is None else self.folds, self.random_state, "regression")

    def _features(self, X: Any, method: IntervalMethod) -> FloatArray:
        if method.needs not in ("features", "toward"):
            return np.empty((X.shape[0] if hasattr(X, "shape") else len(X), 0))
        try:
            found = np.asarray(X, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise DataError(f"intervals of kind {method.name!r} need numbers as features: {error}") from error
        if found.ndim != 2:
            raise DataError(f"intervals of kind {method.name!r} need features of shape (n, n_features): {found.shape}.")
        return found

    def _category(self, X: Any) -> NDArray:
        if self.by is None:
            return np.empty(0)
        if callable(self.by):
            found = np.asarray(self.by(X))
        elif isinstance(self.by, str):
            if self.by not in getattr(X, "columns", ()):
                raise DataError(f"X has no column {self.by!r} to tell rows apart by. Give a data frame, or its place.")
            found = np.asarray(X[self.by])
        else:
            found = np.asarray(X.iloc[:, self.by] if hasattr(X, "iloc") else np.asarray(X)[:, self.by])
        return found.astype(np.str_)


_PLUS = ("cv+", "jackknife+", "jackknife+ab")


def _held_out(
    estimator: Any, X: Any, y: FloatArray, plan: Plan, *, keep: bool
) -> tuple[FloatArray, FloatArray, FloatArray, tuple[Any, ...]]:
    """Value, spread (n,) of each row by members that did not see it, their shares (n, n_members), and the members.

    The value is NaN where no member is asked about the row.
    """
    n, n_members = len(y), len(plan.train)
    total, squares, asked = np.zeros(n), np.zeros(n), np.zeros((n, n_members))
    members = []
    for k, (member, out) in enumerate(fitted_members(estimator, X, y, plan)):
        if len(out):
            value, spread = says(member, rows_of(X, out))
            total[out] += value
            squares[out] += spread**2
            asked[out, k] = 1.0
        if keep or n_members == 1:
            members.append(member)
    count = asked.sum(axis=1)
    known = count > 0
    value, spread = np.full(n, np.nan), np.zeros(n)
    value[known] = total[known] / count[known]
    spread[known] = np.sqrt(squares[known] / count[known])
    speaks = asked / np.maximum(count, 1.0)[:, None] if keep else np.zeros((n, 0))
    return value, spread, speaks, tuple(members)
