"""Every way to choose columns as a scikit-learn selector: it stands in a pipeline, so it sees training rows only."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from matloop.core.arrays import BoolArray, IntArray
from matloop.core.errors import ConfigError, DataError
from matloop.models.family import FitTask
from matloop.models.select import SELECTORS, Ranking


class ColumnSelector(SelectorMixin, BaseEstimator):
    """Keep the columns that a method chooses.

    Parameters
    ----------
    method : "telling" (correlation ratio), "variance", "pearson" or "spearman" (one column per cluster of correlated
        ones), "mrmr", "redundancy" (MODNet's), "forest", "l1" or "forward".
    columns : at most so many are kept, >= 1.
    task : "regression", or "classification" (then y may be any labels).
    seed : of methods that draw ("forest").

    Attributes
    ----------
    order_ : places of the kept columns, the one to keep first first. n_features_in_, feature_names_in_ : as usual.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(60, 5))
    >>> ColumnSelector("forward", columns=2).fit(X, X[:, 3] + 0.5 * X[:, 1]).get_feature_names_out()
    array(['x1', 'x3'], dtype=object)
    """

    def __init__(self, method: str = "mrmr", columns: int = 40, task: FitTask = "regression", seed: int = 0) -> None:
        self.method = method
        self.columns = columns
        self.task = task
        self.seed = seed

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Choose from the rows X, shape (n_rows, n_columns), NaN where missing (then the median counts).

        Raises
        ------
        ConfigError : no such method or task, or fewer than one column. DataError : y of another length or not finite.
        """
        if self.columns < 1:
            raise ConfigError(f"columns is {self.columns}; at least 1 has to be kept.")
        if self.task not in ("regression", "classification"):
            raise ConfigError(f"task is {self.task!r}; it is 'regression' or 'classification'.")
        ranking: Ranking = SELECTORS.load(self.method)
        table = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", ensure_min_samples=4)
        target, classes = self._target(y, len(table))
        empty = np.isnan(table)
        if empty.any():
            known = np.where(empty.all(axis=0), 0.0, table)
            table = np.where(empty, np.nanmedian(known, axis=0), table)
        self.order_: IntArray = ranking(table, target, self.columns, classes=classes, seed=self.seed)
        return self

    def _target(self, y: ArrayLike, n: int) -> tuple[np.ndarray, int]:
        given = np.asarray(y)
        if given.shape != (n,):
            raise DataError(f"y has shape {given.shape} for {n} rows. Give one value per row.")
        if self.task == "classification":
            names, codes = np.unique(given, return_inverse=True)
            return codes.astype(np.float64), len(names)
        if given.dtype.kind not in "fiub" or not np.isfinite(given.astype(np.float64)).all():
            raise DataError("y holds what is no finite number. For classes say task='classification'.")
        return given.astype(np.float64), 0

    def _get_support_mask(self) -> BoolArray:
        check_is_fitted(self)
        mask = np.zeros(self.n_features_in_, dtype=bool)
        mask[self.order_] = True
        return mask

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.target_tags.required = True
        return tags
