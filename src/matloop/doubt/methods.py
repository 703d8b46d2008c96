"""What a method for intervals is: fitted from rows whose prediction did not see them, asked about new ones.

A method is registered under a name in `INTERVALS`; `ConformalRegressor` puts any of them around any estimator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matloop.core.arrays import Arrays, FloatArray, IntArray
from matloop.core.errors import DataError, all_faults
from matloop.doubt.order import check_level

Fits = Literal["one", "folds", "rows", "bootstrap"]
Needs = Literal["", "spread", "features", "category", "toward"]


@dataclass(frozen=True, slots=True)
class Known:
    """Rows with truth and the prediction of a model that did not see them (nor their group).

    X : shape (n, n_features), numbers, NaN allowed; (n, 0) where a method needs none.
    y, value, spread : shape (n,), target unit; spread is zero where the model has none.
    fold : shape (n,), rows of one fold were predicted by one model. groups : shape (n,), rows that belong together.
    speaks : shape (n, n_members), share of each kept member in the prediction of a row; (n, 0) where none is kept.
    category : shape (n,), what rows are told apart by; empty where there is none.
    toward : shape (m, n_features), rows like those that will be asked about; (0, n_features) where not given.
    growth : training rows of the model that will be asked over those of the models behind `value`.
    """

    X: FloatArray
    y: FloatArray
    value: FloatArray
    spread: FloatArray
    fold: IntArray
    groups: IntArray
    speaks: FloatArray
    category: NDArray
    toward: FloatArray
    growth: float = 1.0

    @property
    def residual(self) -> FloatArray:
        """Truth minus prediction, shape (n,)."""
        return self.y - self.value

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True, slots=True)
class Asked:
    """New rows with the prediction of the final model; `members` (m, n_members) as kept for `Known.speaks`."""

    X: FloatArray
    value: FloatArray
    spread: FloatArray
    members: FloatArray
    category: NDArray

    def __len__(self) -> int:
        return len(self.value)


class FittedIntervals(Protocol):
    """What a method learnt, as arrays."""

    def ends(self, asked: Asked) -> tuple[FloatArray, FloatArray]:
        """Lower and upper end of each new row, shape (m,), target unit; the value is never outside."""
        ...

    def to_arrays(self) -> Arrays: ...


@dataclass(frozen=True, slots=True)
class IntervalMethod:
    """A way to make intervals.

    fits : what it needs of the estimator: "one" fit and rows held out from it, "folds", one fit per group of "rows", or
        "bootstrap" fits. needs : what else the rows must have. promise : what is guaranteed, in words.
    """

    name: str
    label: str
    fit: Callable[[Known, float, int], FittedIntervals]
    read: Callable[[Arrays], FittedIntervals]
    promise: str
    citation: str
    fits: Fits = "folds"
    needs: Needs = ""

    def learn(self, known: Known, *, level: float = 0.9, seed: int = 0) -> FittedIntervals:
        """`fit` after a check of the level and of what the method needs.

        Raises
        ------
        ConfigError : the level is not between 0 and 1.
        DataError : the rows lack what the method needs; the message says what to do.
        """
        check_level(level)
        lacks = {
            "spread": self.needs == "spread" and np.any(known.residual) and not np.ptp(np.nan_to_num(known.spread)) > 0,
            "features": self.needs in ("features", "toward") and not known.X.shape[1],
            "category": self.needs == "category" and not len(known.category),
            "toward": self.needs == "toward" and not len(known.toward),
        }
        for what, missing in lacks.items():
            if missing:
                raise DataError(f"intervals of kind {self.name!r}: {_LACKING[what]}")
        if self.fits in ("rows", "bootstrap") and not known.speaks.shape[1]:
            raise DataError(f"intervals of kind {self.name!r} need the fold models' predictions; give `speaks`.")
        return self.fit(known, level, seed)


_LACKING = {
    "spread": "the model tells no spread that varies. Use a forest, a Gaussian process, or the method 'local'.",
    "features": "they need features (numbers). Give X.",
    "category": "rows must be told apart by something. Say by which column: by=...",
    "toward": "give rows like those that will be asked about: toward=...",
}


def known_rows(
    y: ArrayLike,
    value: ArrayLike,
    *,
    X: ArrayLike | None = None,
    spread: ArrayLike | None = None,
    fold: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    category: ArrayLike | None = None,
    toward: ArrayLike | None = None,
) -> Known:
    """`Known` from plain arrays: out-of-fold predictions of any model, for methods that keep no members.

    Parameters
    ----------
    y, value : shape (n,), truth and out-of-fold prediction, target unit.
    fold : shape (n,); None: rows or groups are dealt into five.

    Raises
    ------
    DataError : lengths differ, fewer than two rows, a value that is not finite, or a spread below zero; rows are named.

    Examples
    --------
    >>> import numpy as np
    >>> from matloop.doubt import INTERVALS
    >>> rng = np.random.default_rng(0)
    >>> known = known_rows(rng.normal(size=99), np.zeros(99))
    >>> low, high = INTERVALS.load("split").learn(known, level=0.8).ends(asked_rows([0.0]))
    >>> bool(1.0 < high[0] < 1.7)
    True
    """
    truth, said = (np.asarray(values, dtype=np.float64) for values in (y, value))
    n = len(truth)
    wide = np.zeros(n) if spread is None else np.asarray(spread, dtype=np.float64)
    index = np.arange(n) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1].reshape(-1)
    parts = index % 5 if fold is None else np.asarray(fold).astype(np.int64)
    features = np.zeros((n, 0)) if X is None else np.asarray(X, dtype=np.float64)
    kinds: NDArray = np.empty(0) if category is None else np.asarray(category)
    lengths = [len(part) for part in (said, wide, index, parts, features)] + ([len(kinds)] if len(kinds) else [])
    if any(length != n for length in lengths):
        raise DataError(f"{n} true values, but predictions, spreads, groups, folds or features of {lengths} rows.")
    if n < 2:
        raise DataError(f"{n} rows with truth and prediction; intervals need at least 2.")
    bad = np.flatnonzero(~(np.isfinite(truth) & np.isfinite(said) & np.isfinite(wide) & (wide >= 0)))
    if len(bad):
        faults = [f"row {row}: true {truth[row]}, predicted {said[row]}, spread {wide[row]}" for row in bad[:11]]
        raise DataError(all_faults(f"{len(bad)} rows cannot be learnt from; leave them out.", faults))
    ahead = np.zeros((0, features.shape[1])) if toward is None else np.asarray(toward, dtype=np.float64)
    if ahead.ndim != 2 or ahead.shape[1] != features.shape[1]:
        raise DataError(f"rows to come of shape {ahead.shape}, but {features.shape[1]} features.")
    return Known(features, truth, said, wide, parts, index, np.zeros((n, 0)), kinds, ahead)


def asked_rows(
    value: ArrayLike, *, X: ArrayLike | None = None, spread: ArrayLike | None = None, category: ArrayLike | None = None
) -> Asked:
    """`Asked` from plain arrays (DataError where lengths differ)."""
    said = np.asarray(value, dtype=np.float64)
    m = len(said)
    wide = np.zeros(m) if spread is None else np.asarray(spread, dtype=np.float64)
    features = np.zeros((m, 0)) if X is None else np.asarray(X, dtype=np.float64)
    kinds: NDArray = np.empty(0) if category is None else np.asarray(category)
    if len(wide) != m or len(features) != m or len(kinds) not in (0, m):
        raise DataError(f"{m} values, {len(wide)} spreads, {len(features)} rows of features, {len(kinds)} categories.")
    return Asked(features, said, wide, np.zeros((m, 0)), kinds)


def around(value: FloatArray, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Ends that hold the value too: this can only cover more."""
    return np.minimum(low, value), np.maximum(high, value)
