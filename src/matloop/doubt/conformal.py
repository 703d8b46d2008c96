"""Doubt: intervals that hold what they promise, and calibrated probabilities, learnt from out-of-fold predictions.

An interval comes in two steps. A rule says where errors are likely to be large (`widths`); what it says of a row is
only believed as far as it held on rows it did not see: residuals are compared with its cross-fitted widths, in bins of
alike width, and each end is stretched by the conformal quantile of its bin (Mondrian conformal prediction; Bostrom &
Johansson 2020, PMLR 128, 114). The bins make the promise hold for narrow and wide intervals alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import Arrays, FloatArray, IntArray, nested, number, taken, text, under
from matloop.core.errors import BundleError, ConfigError, DataError
from matloop.doubt.bins import Bins
from matloop.doubt.learn import Learnt, Seen, learn_intervals
from matloop.doubt.nearness import Nearness
from matloop.doubt.order import check_level, conformal_quantile
from matloop.doubt.outside import Widening
from matloop.doubt.prediction import OutOfFold
from matloop.doubt.probabilities import Calibration, fit_calibration, held_out_probabilities
from matloop.doubt.sets import BY_CLASS, PredictionSets, SetRule
from matloop.doubt.widths import Clues, Cost, Width, width_from_arrays
from matloop.models.family import FitTask
from matloop.split.folds import make_folds

__all__ = ["Doubt", "conformal_quantile", "fit_doubt"]
MOST_ROWS = {"full": 10_000, "quick": 4_000}
PARTS = {"full": 5, "quick": 3}


@dataclass(frozen=True, slots=True)
class Doubt:
    """What turns raw predictions into intervals (regression) or calibrated probabilities (classification).

    how : the method in words, for the report. `width` and `bins` are None for classifications, `calibration` and
    `sets` for regressions. shrink : factor on all widths, for a model with more rows than those that taught them.
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
    shrink: float = 1.0
    widening: Widening | None = None
    sets: SetRule | None = None

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
        if self.widening is not None:
            middle, half = 0.5 * (below + above), 0.5 * (above - below) * self.widening.factor(distance)
            below, above = middle - half, middle + half
        below, above = self.shrink * below, self.shrink * above
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

    def prediction_sets(self, proba: FloatArray, classes: tuple[str, ...]) -> PredictionSets | None:
        """Classes that cannot be ruled out, from calibrated probabilities as `apply` gives them; None for regressions.

        A threshold per class, so that of the rows of each class the share `level` has it in its set.
        """
        if self.sets is None:
            return None
        return PredictionSets(self.sets.contains(proba), classes, self.level)

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
            sets = {} if self.sets is None else nested("sets", self.sets.to_arrays())
            return arrays | nested("calibration", self.calibration.to_arrays()) | sets
        assert self.width is not None
        assert self.bins is not None
        arrays["width_kind"] = np.array(self.width.kind)
        arrays |= nested("width", self.width.to_arrays())
        arrays |= nested("bins", self.bins.to_arrays()) | {"shrink": np.array(self.shrink)}
        arrays |= nested("widening", self.widening.to_arrays()) if self.widening is not None else {}
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
            said = under("sets", arrays)
            sets = SetRule.from_arrays(said) if said else None  # release 0.1 had none
            if sets is not None and len(sets.limit) != len(found.shift):
                raise BundleError("prediction sets and probabilities have other classes. The bundle is not trusted.")
            return cls("classification", level, n_features, how, calibration=found, sets=sets)
        bounds = taken(arrays, "bounds", finite=False).astype(np.float64)
        if bounds.shape != (2,) or not bounds[0] < bounds[1]:
            raise BundleError(
                "the bounds of the predictions are not a low and a high number. The bundle is not trusted."
            )
        width = width_from_arrays(text(arrays, "width_kind"), under("width", arrays), n_features)
        near, wider = under("nearness", arrays), under("widening", arrays)
        shrink = number(arrays, "shrink") if "shrink" in arrays else 1.0  # release 0.1 had none
        if not 0.1 <= shrink <= 1.0:
            raise BundleError(f"intervals shrunk by {shrink} are not possible. The bundle is not trusted.")
        if (width.kind == "trees" or wider) and not near:
            raise BundleError("the arrays of the distance to the training rows are missing. The bundle is damaged.")
        return cls(
            "regression",
            level,
            n_features,
            how,
            width=width,
            bins=Bins.from_arrays(under("bins", arrays)),
            nearness=Nearness.from_arrays(near, n_features) if near else None,
            bounds=(float(bounds[0]), float(bounds[1])) if np.isfinite(bounds).any() else None,
            shrink=shrink,
            widening=Widening.from_arrays(wider) if wider else None,
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
    growth: float = 1.0,
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
    growth : how many times more training rows the model that will be asked has than those that made `oof` had: 1 in
        cross-validation, 1.25 for a final model after five folds. Its errors are smaller; by how much is measured.

    Raises
    ------
    DataError : fewer than two rows with a prediction.
    ConfigError : the level is not between 0 and 1.

    Notes
    -----
    From 150 rows on trees learn the width; with fewer rows it is constant, or follows the spread or the value. The rule
    with the least interval score on rows it did not see is taken, the constant width unless another is 2 % better.
    From 150 rows on intervals are also widened where rows are farther from the training rows than those usually are
    from each other: by as much as errors of a small forest grow when whole regions are left out.
    """
    check_level(level)
    index = np.unique(np.asarray(groups), return_inverse=True)[1].reshape(-1)
    known = np.flatnonzero(np.isfinite(oof.value) & np.isfinite(y))
    if not 1.0 <= growth <= 10.0:
        raise ConfigError(f"growth is a ratio of training rows from 1 to 10, got {growth}.")
    if len(known) < 2:
        raise DataError(f"{len(known)} rows have an out-of-fold prediction; doubt needs at least 2.")
    parts = _parts(y[known], index[known], PARTS[cost], seed, task)
    if task == "classification":
        found = fit_calibration(oof.proba[known], y[known], parts)
        seen_proba = held_out_probabilities(found.method, oof.proba[known], y[known], parts)
        sets = BY_CLASS.learn(seen_proba, y[known], level=level, seed=seed)
        how = f"probabilities: {found.method} calibration"
        return Doubt(task, level, X.shape[1], how, calibration=found, sets=sets)
    rows = known
    if len(known) > MOST_ROWS[cost]:
        chosen = np.sort(np.random.default_rng(seed).permutation(len(known))[: MOST_ROWS[cost]])
        rows, parts = known[chosen], parts[chosen]
    seen = Seen(oof.take(rows), X[rows], y[rows], index[rows], parts)
    learnt = learn_intervals(seen, level=level, seed=seed, cost=cost, importance=importance, growth=growth)
    return doubt_of(learnt, level, X.shape[1], bounds)


def doubt_of(learnt: Learnt, level: float, n_features: int, bounds: tuple[float, float] | None = None) -> Doubt:
    """Intervals that were learnt, as the doubt of a regression."""
    return Doubt(
        "regression", level, n_features, learnt.how, width=learnt.width, bins=learnt.bins, nearness=learnt.nearness,
        bounds=bounds, shrink=learnt.shrink, widening=learnt.widening,
    )  # fmt: skip


def _parts(y: FloatArray, groups: IntArray, n_parts: int, seed: int, task: FitTask) -> IntArray:
    n_groups = len(np.unique(groups))
    if n_groups < 2:
        return np.zeros(len(y), dtype=np.int64)
    return make_folds(y, groups, n_folds=min(n_parts, n_groups), seed=seed, task=task)


def _bounded(
    value: FloatArray, below: FloatArray, above: FloatArray, bounds: tuple[float, float] | None
) -> tuple[FloatArray, FloatArray]:
    """Ends around the value (never without it), inside the bounds."""
    low, high = value + np.minimum(below, 0.0), value + np.maximum(above, 0.0)
    if bounds is None:
        return low, high
    return np.clip(low, *bounds), np.clip(high, *bounds)


@cache
def _normal_quantile(level: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(0.5 * (1.0 + level)))
