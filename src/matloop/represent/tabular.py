"""Columns of numbers made into further columns, as scikit-learn transformers: products and windows over series.

In a problem file the same is `[features] polynomial`, and `degree` and `window` of an input.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import PolynomialFeatures
from sklearn.utils.validation import check_is_fitted, validate_data

from matloop.core import units
from matloop.core.arrays import FloatArray
from matloop.core.errors import ConfigError, DataError
from matloop.data.times import seconds_of
from matloop.data.windows import window_names, windowed
from matloop.data.words import texts
from matloop.problem.fault import did_you_mean, quoted
from matloop.problem.question import Statistic, Window
from matloop.represent.representation import product_name


class PolynomialFeaturizer(TransformerMixin, BaseEstimator):
    """All columns as they are, then the products of some of them up to a degree: `T^2`, `T * p`.

    The terms are those of scikit-learn's `PolynomialFeatures`; a missing value makes its products missing.

    Parameters
    ----------
    columns : names of the columns to multiply (of a data frame); None for all.
    degree : highest degree, at least 2.
    interactions : products of different columns only, no powers.
    units : of the columns, by name, where they have one.

    Examples
    --------
    >>> frame = pd.DataFrame({"T": [2.0, 3.0], "p": [5.0, 7.0]})
    >>> made = PolynomialFeaturizer(units={"T": "K", "p": "GPa"}).fit(frame)
    >>> made.get_feature_names_out().tolist(), made.transform(frame)[1].tolist()
    (['T', 'p', 'T^2', 'T * p', 'p^2'], [3.0, 7.0, 9.0, 21.0, 49.0])
    >>> made.units_out_["T * p"]
    'K*GPa'
    """

    def __init__(
        self,
        columns: Sequence[str] | None = None,
        degree: int = 2,
        interactions: bool = False,
        units: dict[str, str] | None = None,
    ) -> None:
        self.columns = columns
        self.degree = degree
        self.interactions = interactions
        self.units = units

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Note the columns, shape (n_rows, n_columns); nothing is learnt from the rows.

        Raises
        ------
        ConfigError : a degree below 2, or a column that is not there.
        """
        if self.degree < 2:
            raise ConfigError(f"degree is {self.degree}; at least 2 makes products.")
        validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan")
        names = self._names()
        wanted = names if self.columns is None else [str(name) for name in self.columns]
        for name in wanted:
            if name not in names:
                raise ConfigError(f"there is no column {quoted(name)}. {did_you_mean(name, names)}")
        terms = PolynomialFeatures(self.degree, interaction_only=self.interactions, include_bias=False)
        powers = terms.fit(np.zeros((1, len(wanted)))).powers_
        self.factors_: list[tuple[str, ...]] = [
            tuple(name for name, power in zip(wanted, row, strict=True) for _ in range(power))
            for row in powers
            if row.sum() > 1
        ]
        given = self.units or {}
        made = {product_name(f): units.product(*((given.get(name, ""), 1) for name in f)) for f in self.factors_}
        self.units_out_: dict[str, str] = {name: given.get(name, "") for name in names} | made
        return self

    def _names(self) -> list[str]:
        return [str(name) for name in getattr(self, "feature_names_in_", [f"x{i}" for i in range(self.n_features_in_)])]

    def transform(self, X: ArrayLike) -> FloatArray:
        """The columns and their products, shape (n_rows, n_columns + n_products)."""
        check_is_fitted(self)
        table = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        place = {name: at for at, name in enumerate(self._names())}
        products = [table[:, [place[name] for name in factors]].prod(axis=1) for factors in self.factors_]
        return np.column_stack([table, *products])

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:
        """Names of the columns, then of the products."""
        check_is_fitted(self)
        return np.array([*self._names(), *(product_name(factors) for factors in self.factors_)], dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


class WindowFeaturizer(TransformerMixin, BaseEstimator):
    """What a number was in the rows before, along a series; no row sees a later one.

    Each table is taken by itself: the rows before are those of the same series in the table that is transformed, so
    give history together with the rows that are asked for.

    Parameters
    ----------
    column : the number. along : the column that orders the rows, numbers or dates. by : the column that names the
        series; empty for one series.
    rows : lengths of the windows. statistics : of "mean", "std", "min", "max", "slope", "last", "lag".
    current : whether the row itself belongs to its window. ends : where a series has too few rows before, a "shorter"
        window or a "missing" value.

    Examples
    --------
    >>> frame = pd.DataFrame({"run": ["a", "a", "b"], "t": [0, 1, 0], "T": [300.0, 310.0, 500.0]})
    >>> made = WindowFeaturizer("T", along="t", by="run", rows=(2,), statistics=("mean", "lag"))
    >>> made.fit_transform(frame)[:, 0].tolist(), made.get_feature_names_out().tolist()
    ([300.0, 305.0, 500.0], ['T mean of 2', 'T lag 1', 'T lag 2'])
    """

    def __init__(
        self,
        column: str,
        along: str,
        by: str = "",
        rows: Sequence[int] = (5,),
        statistics: Sequence[Statistic] = ("mean", "std", "slope"),
        current: bool = True,
        ends: str = "shorter",
    ) -> None:
        self.column = column
        self.along = along
        self.by = by
        self.rows = rows
        self.statistics = statistics
        self.current = current
        self.ends = ends

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:
        """Check that the columns are there; nothing is learnt.

        Raises
        ------
        ConfigError : a column is missing, or an option is not one.
        """
        self._checked(X)
        return self

    def transform(self, X: pd.DataFrame) -> FloatArray:
        """The window's columns, shape (n_rows, n_statistics).

        Raises
        ------
        DataError : the column holds what is no number.
        """
        window = self._checked(X)
        values = pd.to_numeric(X[self.column], errors="coerce").to_numpy(dtype=np.float64)
        bad = np.flatnonzero(np.isnan(values) & X[self.column].notna().to_numpy())
        if len(bad):
            found = X[self.column].iloc[int(bad[0])]
            raise DataError(f"row {bad[0]}, column {self.column!r}: {found!r} is no number. Correct or empty it.")
        series = texts(X[self.by].to_numpy(dtype=object)) if self.by else np.full(len(X), "all")
        return windowed(values, _order(X[self.along]), series, window)

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:
        """Names such as `T mean of 5`."""
        return np.array(window_names(self.column, self._window()), dtype=object)

    def _window(self) -> Window:
        rows, statistics = tuple(int(k) for k in self.rows), tuple(self.statistics)
        known = ("mean", "std", "min", "max", "slope", "last", "lag")
        if not rows or min(rows) < 1:
            raise ConfigError(f"rows is {list(self.rows)}; lengths of at least 1 were expected, such as (5,).")
        for name in statistics:
            if name not in known:
                raise ConfigError(f"there is no statistic {quoted(name)}. {did_you_mean(name, known)}")
        if self.ends not in ("shorter", "missing"):
            raise ConfigError(f"ends is {self.ends!r}; it is 'shorter' or 'missing'.")
        return Window(self.along, self.by, rows, statistics, self.current, self.ends)  # type: ignore[arg-type]

    def _checked(self, X: pd.DataFrame) -> Window:
        if not isinstance(X, pd.DataFrame):
            raise DataError(f"a data frame is needed, for the names of its columns; got {type(X).__name__}.")
        for name in filter(None, (self.column, self.along, self.by)):
            if name not in X.columns:
                raise ConfigError(f"there is no column {quoted(name)}. {did_you_mean(name, list(map(str, X.columns)))}")
        return self._window()

    def __sklearn_is_fitted__(self) -> bool:
        return True


def _order(column: pd.Series) -> FloatArray:
    numbers = pd.to_numeric(column, errors="coerce") if column.dtype.kind != "M" else None
    if numbers is not None and 2 * int((numbers.isna() & column.notna()).sum()) <= len(column):
        return numbers.to_numpy(dtype=np.float64)
    return seconds_of(column.to_numpy())
