"""Doubt: intervals that hold what they promise, and calibrated probabilities, learnt from out-of-fold predictions.

An interval comes in two steps. A rule says where errors are likely to be large (`widths`); what it says of a row is
only believed as far as it held on rows it did not see: residuals are compared with its cross-fitted widths, in bins of
alike width, and each end is stretched by the conformal quantile of its bin (Mondrian conformal prediction; Bostrom &
Johansson 2020, PMLR 128, 114). The bins make the promise hold for narrow and wide intervals alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import Arrays, FloatArray, IntArray, nested, number, taken, text, under
from matloop.core.errors import BundleError, ConfigError, DataError
from matloop.doubt.nearness import Nearness
from matloop.doubt.prediction import OutOfFold
from matloop.doubt.probabilities import Calibration, fit_calibration
from matloop.doubt.widths import (
    Clues,
    Cost,
    Ends,
    Width,
    fit_constant,
    fit_distance,
    fit_spread,
    fit_trees,
    telling_columns,
    width_from_arrays,
)
from matloop.metrics.intervals import interval_score
from matloop.models.family import FitTask
from matloop.split.folds import make_folds

TREE_ROWS = 150
"""With fewer rows widths are constant or follow the spread: trees would learn noise."""
BIN_ROWS, MOST_BINS = 100, 10
ONE_SIDED_ROWS = 100
"""With fewer rows in all both ends share one quantile of the absolute residual."""
WORTH = 0.02
"""A rule must lower the interval score of the constant width by this share, or widths stay constant."""
MOST_ROWS = {"full": 10_000, "quick": 4_000}
PARTS = {"full": 5, "quick": 3}


@dataclass(frozen=True, slots=True)
class Bins:
    """Stretch of each end, by bins of the uncalibrated half width.

    edges : shape (n_bins - 1,), rising. low, high : shape (n_bins,), multiples of the half width.
    """

    edges: FloatArray
    low: FloatArray
    high: FloatArray

    def stretched(self, ends: Ends) -> Ends:
        """Calibrated ends."""
        middle, half = 0.5 * (ends[0] + ends[1]), 0.5 * (ends[1] - ends[0])
        place = np.searchsorted(self.edges, half, side="right")
        return middle - self.low[place] * half, middle + self.high[place] * half


@dataclass(frozen=True, slots=True)
class Doubt:
    """What turns raw predictions into intervals (regression) or calibrated probabilities (classification).

    how : the method in words, for the report. `width` and `bins` are None for classifications, `calibration` for
    regressions.
    """

    task: FitTask
    level: float
    n_features: int
    how: str
    width: Width | None = None
    bins: Bins | None = None
    nearness: Nearness | None = None
    bounds: tuple[float, float] | None = None
    calibration: Calibration | None = None

    def apply(
        self, value: FloatArray, spread: FloatArray, proba: FloatArray, X: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Lower end, upper end, standard deviation (n,) and probabilities (n, n_classes) of raw predictions.

        Ends are NaN for classifications and where `value` is NaN. The standard deviation is that of a normal error with
        an interval of this width; for a class it is sqrt(p (1 - p)) of the predicted class.
        """
        if X.ndim != 2 or X.shape[1] != self.n_features or len(X) != len(value):
            raise DataError(f"{len(value)} values with features {X.shape}; expected {self.n_features} feature columns.")
        if self.calibration is not None:
            return self._classes(value, proba)
        assert self.width is not None
        assert self.bins is not None
        distance = np.zeros(len(X)) if self.nearness is None else self.nearness.distance(X)
        below, above = self.bins.stretched(self.width.ends(Clues(value, spread, X, distance)))
        std = 0.5 * (above - below) / _normal_quantile(self.level)
        low, high = _bounded(value, below, above, self.bounds)
        missing = np.isnan(value)
        return low, high, np.where(missing, np.nan, std), proba

    def _classes(self, value: FloatArray, proba: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        assert self.calibration is not None
        if proba.shape[1] != len(self.calibration.shift):
            raise DataError(f"{proba.shape[1]} columns of probabilities; expected {len(self.calibration.shift)}.")
        found = self.calibration.apply(proba)
        known = np.isfinite(value)
        chosen = np.full(len(value), np.nan)
        chosen[known] = found[known, value[known].astype(np.int64)]
        nothing = np.full(len(value), np.nan)
        return nothing, nothing.copy(), np.sqrt(np.maximum(chosen * (1.0 - chosen), 0.0)), found

    def to_arrays(self) -> Arrays:
        """Plain arrays; `from_arrays` gives the same numbers again, bit for bit."""
        arrays: Arrays = {
            "task": np.array(self.task),
            "level": np.array(self.level),
            "n_features": np.array(self.n_features),
            "how": np.array(self.how),
            "bounds": np.array(self.bounds if self.bounds is not None else (-np.inf, np.inf)),
        }
        if self.calibration is not None:
            return arrays | nested("calibration", self.calibration.to_arrays())
        assert self.width is not None
        assert self.bins is not None
        arrays["width_kind"] = np.array(self.width.kind)
        arrays |= nested("width", self.width.to_arrays())
        arrays |= nested("bins", {"edges": self.bins.edges, "low": self.bins.low, "high": self.bins.high})
        return arrays | (nested("nearness", self.nearness.to_arrays()) if self.nearness is not None else {})

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Doubt:
        """The value that `to_arrays` gave.

        Raises
        ------
        BundleError : an array is missing or impossible; nothing of the file is run.
        """
        task, level, n_features = text(arrays, "task"), number(arrays, "level"), int(number(arrays, "n_features"))
        if task not in ("regression", "classification") or not 0.0 < level < 1.0 or not 0 <= n_features < 10**7:
            raise BundleError(f"doubt of a {task!r} at level {level} with {n_features} features is not possible.")
        how = text(arrays, "how")
        if task == "classification":
            found = Calibration.from_arrays(under("calibration", arrays))
            return cls("classification", level, n_features, how, calibration=found)
        bounds = taken(arrays, "bounds", finite=False).astype(np.float64)
        if bounds.shape != (2,) or not bounds[0] < bounds[1]:
            raise BundleError(
                "the bounds of the predictions are not a low and a high number. The bundle is not trusted."
            )
        width = width_from_arrays(text(arrays, "width_kind"), under("width", arrays), n_features)
        near = under("nearness", arrays)
        if width.kind == "trees" and not near:
            raise BundleError("the arrays of the distance to the training rows are missing. The bundle is damaged.")
        return cls(
            "regression",
            level,
            n_features,
            how,
            width=width,
            bins=_read_bins(under("bins", arrays)),
            nearness=Nearness.from_arrays(near, n_features) if near else None,
            bounds=(float(bounds[0]), float(bounds[1])) if np.isfinite(bounds).any() else None,
        )


def fit_doubt(
    oof: OutOfFold,
    X: FloatArray,
    y: FloatArray,
    *,
    groups: ArrayLike,
    task: FitTask,
    classes: tuple[str, ...] = (),
    bounds: tuple[float, float] | None = None,
    level: float = 0.9,
    seed: int,
    importance: FloatArray | None = None,
    cost: Cost = "full",
) -> Doubt:
    """Learn how far predictions can be off, from predictions of rows that the models had not seen.

    Parameters
    ----------
    oof : out-of-fold predictions; rows that no fold predicted are left out.
    X : shape (n, n_features), NaN allowed. y : shape (n,), target unit or class index.
    groups : shape (n,), rows that belong together; they are never on both sides of an inner split.
    bounds : physical limits of the target; intervals stay inside.
    level : share of values that lie in their interval.
    importance : shape (n_features,), how much the model leans on each column, if known.
    cost : "quick" learns from fewer rows with smaller trees, for the many fits of cross-validation.

    Raises
    ------
    DataError : fewer than two rows with a prediction.
    ConfigError : the level is not between 0 and 1.

    Notes
    -----
    From 150 rows on trees learn the width; with fewer rows it is constant or follows the spread. The rule with the
    least interval score on rows it did not see is taken, the constant width unless another is 2 % better.
    """
    if not 0.0 < level < 1.0:
        raise ConfigError(f"the level of an interval lies between 0 and 1, got {level}.")
    index = np.unique(np.asarray(groups), return_inverse=True)[1].reshape(-1)
    known = np.flatnonzero(np.isfinite(oof.value) & np.isfinite(y))
    if len(known) < 2:
        raise DataError(f"{len(known)} rows have an out-of-fold prediction; doubt needs at least 2.")
    parts = _parts(y[known], index[known], PARTS[cost], seed, task)
    if task == "classification":
        found = fit_calibration(oof.proba[known], y[known], parts)
        return Doubt(task, level, X.shape[1], f"probabilities: {found.method} calibration", calibration=found)
    rows = known
    if len(known) > MOST_ROWS[cost]:
        chosen = np.sort(np.random.default_rng(seed).permutation(len(known))[: MOST_ROWS[cost]])
        rows, parts = known[chosen], parts[chosen]
    return _fit_intervals(oof.take(rows), X[rows], y[rows], parts, bounds, level, seed, importance, cost)


def _parts(y: FloatArray, groups: IntArray, n_parts: int, seed: int, task: FitTask) -> IntArray:
    n_groups = len(np.unique(groups))
    if n_groups < 2:
        return np.zeros(len(y), dtype=np.int64)
    return make_folds(y, groups, n_folds=min(n_parts, n_groups), seed=seed, task=task)


def _fit_intervals(
    oof: OutOfFold,
    X: FloatArray,
    y: FloatArray,
    parts: IntArray,
    bounds: tuple[float, float] | None,
    level: float,
    seed: int,
    importance: FloatArray | None,
    cost: Cost,
) -> Doubt:
    residual = y - oof.value
    nearness, distance = None, np.zeros(len(y))
    spread = np.nan_to_num(oof.spread)
    rules: dict[str, Callable[[Clues, FloatArray], Width]] = {"constant": fit_constant}
    if np.ptp(spread) > 0:
        rules["spread"] = fit_spread
    if len(y) >= TREE_ROWS and X.shape[1] and np.abs(residual).max() > 0 and len(np.unique(parts)) > 1:
        nearness, distance = fit_distance(X, oof.fold, seed)
        columns = telling_columns(X, residual, importance, seed)

        def trees(clues: Clues, r: FloatArray) -> Width:
            return fit_trees(clues, r, columns=columns, level=level, seed=seed, cost=cost)

        rules["trees"] = trees
    clues = Clues(oof.value, spread, X, distance)
    best, ends, least = "", (residual, residual), np.inf
    for name, fit in rules.items():
        # one width for all is only a unit: the conformal quantile is exact without cross-fitting
        seen = fit(clues, residual).ends(clues) if name == "constant" else _cross_fitted(fit, clues, residual, parts)
        score = _inner_score(seen, residual, parts, level)
        if not best or score < (1.0 - WORTH) * least or (best != "constant" and score < least):
            best, ends, least = name, seen, score
    width = rules[best](clues, residual)
    bins = fit_bins(ends, residual, level)
    how = f"{_WORDS[best]}, conformal quantiles in {len(bins.low)} bins of width from {len(y)} out-of-fold residuals"
    near = nearness if best == "trees" else None
    return Doubt("regression", level, X.shape[1], how, width=width, bins=bins, nearness=near, bounds=bounds)


_WORDS = {
    "constant": "the same width for every row",
    "spread": "width by the spread of the members",
    "trees": "width learnt by boosted trees",
}


def _cross_fitted(
    fit: Callable[[Clues, FloatArray], Width], clues: Clues, residual: FloatArray, parts: IntArray
) -> Ends:
    """Ends of each row by a rule that did not see it (nor its group)."""
    low, high = np.empty(len(residual)), np.empty(len(residual))
    names = np.unique(parts)
    for part in names:
        out = np.flatnonzero(parts == part)
        rest = np.flatnonzero(parts != part) if len(names) > 1 else out
        low[out], high[out] = fit(clues.take(rest), residual[rest]).ends(clues.take(out))
    return low, high


def _inner_score(ends: Ends, residual: FloatArray, parts: IntArray, level: float) -> float:
    """Interval score with bins fitted on the other parts."""
    low, high = np.empty(len(residual)), np.empty(len(residual))
    names = np.unique(parts)
    for part in names:
        out = parts == part
        rest = ~out if len(names) > 1 else out
        bins = fit_bins((ends[0][rest], ends[1][rest]), residual[rest], level)
        low[out], high[out] = bins.stretched((ends[0][out], ends[1][out]))
    return interval_score(residual, low, high, level)


def fit_bins(ends: Ends, residual: FloatArray, level: float) -> Bins:
    """Conformal stretch in bins of alike width with about 100 rows or more; both ends alike where there are fewer."""
    middle, half = 0.5 * (ends[0] + ends[1]), 0.5 * (ends[1] - ends[0])
    n_bins = int(np.clip(len(residual) // BIN_ROWS, 1, MOST_BINS))
    edges = np.unique(np.quantile(half, np.arange(1, n_bins) / n_bins)) if n_bins > 1 else np.empty(0)
    place = np.searchsorted(edges, half, side="right")
    away = (residual - middle) / half
    full = np.bincount(place, minlength=len(edges) + 1)
    if (full < BIN_ROWS // 2).any():  # many equal widths: bins cannot be made equal
        edges, place = np.empty(0), np.zeros(len(residual), dtype=np.int64)
    low, high = np.empty(len(edges) + 1), np.empty(len(edges) + 1)
    for b in range(len(low)):
        inside = away[place == b]
        if len(inside) < ONE_SIDED_ROWS:
            low[b] = high[b] = conformal_quantile(np.abs(inside), level)
        else:
            low[b] = conformal_quantile(-inside, 0.5 * (1.0 + level))
            high[b] = conformal_quantile(inside, 0.5 * (1.0 + level))
    return Bins(edges, low, high)


def conformal_quantile(values: FloatArray, level: float) -> float:
    """The ceil((n + 1) level)-th smallest value: a new one is below it with probability `level` at least.

    Where n is too small for that (n < level / (1 - level)) the largest value is the best that can be given.

    References
    ----------
    Lei et al., J. Am. Stat. Assoc. 113 (2018) 1094. doi:10.1080/01621459.2017.1307116
    """
    place = min(int(np.ceil((len(values) + 1) * level - 1e-9)), len(values))
    return float(np.partition(values, place - 1)[place - 1])


def _bounded(
    value: FloatArray, below: FloatArray, above: FloatArray, bounds: tuple[float, float] | None
) -> tuple[FloatArray, FloatArray]:
    """Ends around the value (never without it), inside the bounds."""
    low, high = value + np.minimum(below, 0.0), value + np.maximum(above, 0.0)
    if bounds is None:
        return low, high
    return np.clip(low, *bounds), np.clip(high, *bounds)


def _normal_quantile(level: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(0.5 * (1.0 + level)))


def _read_bins(arrays: Arrays) -> Bins:
    edges, low, high = (taken(arrays, name).astype(np.float64) for name in ("edges", "low", "high"))
    if not len(edges) + 1 == len(low) == len(high) or (np.diff(edges) < 0).any():
        raise BundleError("the bins of the intervals do not fit each other. The bundle is not trusted.")
    return Bins(edges, low, high)
