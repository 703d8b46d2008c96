"""Any scikit-learn classifier with prediction sets, learnt from out-of-fold probabilities by a method of `SETS`."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils.validation import check_is_fitted

from matloop.core.arrays import FloatArray
from matloop.core.errors import ConfigError, DataError
from matloop.doubt import SETS
from matloop.doubt.order import check_level
from matloop.doubt.resample import checked_rows, fitted_members, folds_plan, rows_of
from matloop.doubt.sets import PredictionSets, SetMethod


class ConformalClassifier(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """Prediction sets for any classifier that has `predict_proba`.

    Parameters
    ----------
    estimator : a scikit-learn classifier or pipeline; it is cloned.
    method : "threshold" (smallest sets), "by_class" (every class covered), "aps", "raps" (many classes).
    level : share of rows whose true class is in their set.
    folds : number of grouped, stratified folds; or a share (0 to 1) of the rows to hold out.
    random_state : seed of the folds.

    Attributes
    ----------
    estimator_ : the fitted estimator. classes_ : names of the classes. rule_ : the learnt `SetRule`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(400, 2)); y = np.where(X[:, 0] + 0.5 * rng.normal(size=400) > 0, "metal", "insulator")
    >>> sets = ConformalClassifier(LogisticRegression()).fit(X, y).predict_set(np.array([[0.05, 0.0], [3.0, 0.0]]))
    >>> sets.names.tolist()
    ['insulator or metal', 'metal']
    """

    def __init__(
        self,
        estimator: Any,
        *,
        method: str = "threshold",
        level: float = 0.9,
        folds: float = 5,
        random_state: int = 0,
    ) -> None:
        self.estimator = estimator
        self.method = method
        self.level = level
        self.folds = folds
        self.random_state = random_state

    def fit(self, X: Any, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Fit the classifier and learn which classes cannot be ruled out.

        Raises
        ------
        ConfigError : no such method, a level outside 0 to 1, impossible folds, or no `predict_proba`.
        DataError : lengths differ, too few rows or groups, or a single class.
        """
        check_level(self.level)
        method: SetMethod = SETS.load(self.method)
        if not hasattr(self.estimator, "predict_proba"):
            raise ConfigError(f"{type(self.estimator).__name__} has no predict_proba; prediction sets need it.")
        index = checked_rows(X, y, groups)
        truth = np.asarray(y)
        self.classes_, codes = np.unique(truth, return_inverse=True)
        if len(self.classes_) < 2:
            raise DataError(
                f"all {len(truth)} rows are {self.classes_[0]!r}; prediction sets need two classes or more."
            )
        plan = folds_plan(codes.astype(np.float64), index, self.folds, self.random_state, "classification")
        proba = np.full((len(truth), len(self.classes_)), np.nan)
        held: Any = None
        for member, out in fitted_members(self.estimator, X, truth, plan):
            proba[out] = self._aligned(member, rows_of(X, out))
            held = member
        rows = np.flatnonzero(np.isfinite(proba).all(axis=1))
        self.estimator_: Any = held if len(plan.train) == 1 else clone(self.estimator).fit(X, truth)
        self.rule_ = method.learn(proba[rows], codes[rows], level=self.level, seed=self.random_state)
        return self

    def predict(self, X: Any) -> NDArray:
        """The class that the estimator says, shape (m,)."""
        check_is_fitted(self)
        return np.asarray(self.estimator_.predict(X))

    def predict_proba(self, X: Any) -> FloatArray:
        """Probabilities of `classes_`, shape (m, n_classes), as the estimator gives them."""
        check_is_fitted(self)
        return self._aligned(self.estimator_, X)

    def predict_set(self, X: Any) -> PredictionSets:
        """The classes that each row may belong to."""
        contains = self.rule_.contains(self.predict_proba(X))
        return PredictionSets(contains, tuple(str(name) for name in self.classes_), self.level)

    def _aligned(self, member: Any, X: Any) -> FloatArray:
        """Probabilities in the order of `classes_`; a class that a fold did not hold has none."""
        found = np.asarray(member.predict_proba(X), dtype=np.float64)
        proba = np.zeros((len(found), len(self.classes_)))
        proba[:, np.searchsorted(self.classes_, member.classes_)] = found
        return proba
