"""Where a model is likely to be far off: how wide an interval should be, row by row, before it is calibrated.

Four rules, each a value made of arrays: the same width everywhere; a width that follows the spread of the members; one
that follows the predicted value (for few rows); and boosted trees that learnt from out-of-fold residuals where they are
large (quantiles of the signed residual and the mean of its size). `learn` takes the one with the best interval score on
rows it did not see.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol

import numpy as np

from matloop.core.arrays import Arrays, FloatArray, IntArray, nested, number, taken, under, within
from matloop.core.errors import BundleError
from matloop.doubt.nearness import Nearness, fit_nearness
from matloop.models.lightgbm import from_boosters
from matloop.models.trees import Trees, side_by_side

Cost = Literal["full", "quick"]
Ends = tuple[FloatArray, FloatArray]
"""Offsets of the lower and upper end from the value, lower < upper, shape (n,) each."""

FEATURES = 30
PENALTY, FARTHEST = 30.0, 2.5
"""Of the rule by the predicted value, for few rows; standardised values beyond are taken at the end."""
LANDMARKS, AXES, NEIGHBOURS = 1500, 15, 5
FLOOR = 0.1
"""No half width is below this share of the median absolute residual (of the mean, where most residuals are zero)."""


@dataclass(frozen=True, slots=True)
class Clues:
    """What tells difficulty: value (n,), spread (n,), features (n, n_features), distance to training rows (n,)."""

    value: FloatArray
    spread: FloatArray
    X: FloatArray
    distance: FloatArray

    def take(self, rows: IntArray) -> Clues:
        return Clues(self.value[rows], self.spread[rows], self.X[rows], self.distance[rows])


class Width(Protocol):
    """A rule that gives uncalibrated ends."""

    kind: ClassVar[str]

    def ends(self, clues: Clues) -> Ends: ...

    def to_arrays(self) -> Arrays: ...


@dataclass(frozen=True, slots=True)
class ConstantWidth:
    """The same half width for every row."""

    kind: ClassVar[str] = "constant"
    half: float

    def ends(self, clues: Clues) -> Ends:
        half = np.full(len(clues.value), self.half)
        return -half, half

    def to_arrays(self) -> Arrays:
        return {"half": np.array(self.half)}


@dataclass(frozen=True, slots=True)
class SpreadWidth:
    """Half width = base + slope * spread (Papadopoulos & Haralambous 2011, doi:10.1016/j.neunet.2011.05.008)."""

    kind: ClassVar[str] = "spread"
    base: float
    slope: float

    def ends(self, clues: Clues) -> Ends:
        half = self.base + self.slope * np.nan_to_num(clues.spread)
        return -half, half

    def to_arrays(self) -> Arrays:
        return {"base": np.array(self.base), "slope": np.array(self.slope)}


@dataclass(frozen=True, slots=True)
class ValueWidth:
    """Half width = scale * exp(slopes of the standardised value and of its size): large values often err more.

    centre, spread, slopes : shape (2,), for the value and its size.
    """

    kind: ClassVar[str] = "value"
    centre: FloatArray
    spread: FloatArray
    slopes: FloatArray
    scale: float

    def ends(self, clues: Clues) -> Ends:
        z = np.clip((_value_terms(clues.value) - self.centre) / self.spread, -FARTHEST, FARTHEST)
        half = self.scale * np.exp(z @ self.slopes)
        return -half, half

    def to_arrays(self) -> Arrays:
        arrays: Arrays = {"centre": self.centre, "spread": self.spread, "slopes": self.slopes}
        return arrays | {"scale": np.array(self.scale)}


def _value_terms(value: FloatArray) -> FloatArray:
    return np.column_stack([value, np.abs(value)])


@dataclass(frozen=True, slots=True)
class TreeWidth:
    """Mean of two learnt intervals: quantiles of the signed residual, and a multiple of its expected size.

    References
    ----------
    Romano, Patterson & Candes (2019), conformalised quantile regression. doi:10.48550/arXiv.1905.03222
    """

    kind: ClassVar[str] = "trees"
    columns: IntArray
    low: Trees
    high: Trees
    size: Trees
    unit: float
    multiple: float
    floor: float
    _all: list[Trees] = field(default_factory=list, compare=False, repr=False)

    def ends(self, clues: Clues) -> Ends:
        if not self._all:
            self._all.append(side_by_side([self.low, self.high, self.size]))
        said = self._all[0].values(_table(clues, self.columns))
        size = self.multiple * np.exp(np.clip(said[:, 2], -30.0, 30.0))
        low, high = 0.5 * (said[:, 0] - size), 0.5 * (said[:, 1] + size)
        middle, half = 0.5 * (low + high), np.maximum(0.5 * (high - low), self.floor)
        return (middle - half) * self.unit, (middle + half) * self.unit

    def to_arrays(self) -> Arrays:
        arrays: Arrays = {"columns": self.columns}
        for name in ("unit", "multiple", "floor"):
            arrays[name] = np.array(getattr(self, name))
        for name in ("low", "high", "size"):
            arrays |= nested(name, getattr(self, name).to_arrays())
        return arrays


def width_from_arrays(kind: str, arrays: Arrays, n_features: int) -> Width:
    """The rule that `to_arrays` gave, checked (BundleError)."""
    if kind == "constant":
        return ConstantWidth(_positive(arrays, "half"))
    if kind == "spread":
        return SpreadWidth(_positive(arrays, "base"), _positive(arrays, "slope"))
    if kind == "value":
        return _read_value(arrays)
    if kind != "trees":
        raise BundleError(f"a rule for widths of kind {kind!r} is not known to this release.")
    columns = within(arrays, "columns", 0, n_features).astype(np.int64)
    low, high, size = (Trees.from_arrays(under(name, arrays)) for name in ("low", "high", "size"))
    if any(trees.n_columns != 3 + len(columns) or trees.n_values != 1 for trees in (low, high, size)):
        raise BundleError("the trees of the interval widths do not fit their columns. The bundle is not trusted.")
    unit, multiple, floor = (_positive(arrays, name) for name in ("unit", "multiple", "floor"))
    return TreeWidth(columns, low, high, size, unit, multiple, floor)


def _read_value(arrays: Arrays) -> ValueWidth:
    centre, spread, slopes = (taken(arrays, name).astype(np.float64) for name in ("centre", "spread", "slopes"))
    if any(len(part) != 2 for part in (centre, spread, slopes)) or (spread <= 0).any() or (np.abs(slopes) > 50).any():
        raise BundleError("the width by the predicted value is not a possible one. The bundle is not trusted.")
    return ValueWidth(centre, spread, slopes, _positive(arrays, "scale"))


def _positive(arrays: Arrays, name: str) -> float:
    value = number(arrays, name)
    if not (np.isfinite(value) and value >= 0.0):
        raise BundleError(f"array {name!r} is {value}, expected a finite number from 0. The bundle is not trusted.")
    return value


def fit_constant(clues: Clues, residual: FloatArray) -> ConstantWidth:
    """Half width = mean absolute residual; calibration stretches it."""
    return ConstantWidth(max(float(np.abs(residual).mean()), _tiny(residual, clues.value)))


def fit_spread(clues: Clues, residual: FloatArray) -> SpreadWidth:
    """Base and slope by least squares of the absolute residual on the spread, both kept from zero."""
    size, spread = np.abs(residual), np.nan_to_num(clues.spread)
    away = spread - spread.mean()
    slope = max(float((away * size).sum() / max(float((away**2).sum()), 1e-300)), 0.0)
    base = max(float(size.mean() - slope * spread.mean()), 0.2 * float(size.mean()), _tiny(residual, clues.value))
    return SpreadWidth(base, slope)


def fit_value(clues: Clues, residual: FloatArray) -> ValueWidth:
    """Slopes by a strong ridge (30 rows' worth) on the logarithm of the absolute residual."""
    size, terms = np.abs(residual), _value_terms(clues.value)
    tiny = _tiny(residual, clues.value)
    spread = np.maximum(terms.std(axis=0), tiny)
    z = np.clip((terms - terms.mean(axis=0)) / spread, -FARTHEST, FARTHEST)
    target = np.log(size + 0.1 * float(np.median(size)) + tiny)
    slopes = np.linalg.solve(z.T @ z + PENALTY * np.eye(2), z.T @ (target - target.mean()))
    return ValueWidth(terms.mean(axis=0), spread, slopes, max(float(size.mean()), tiny))


def fit_trees(
    clues: Clues, residual: FloatArray, *, columns: IntArray, level: float, seed: int, cost: Cost
) -> TreeWidth:
    """Learn from residuals where they are large; three small boostings."""
    size = np.abs(residual)
    floor = FLOOR * float(np.median(size)) or FLOOR * float(size.mean()) or _tiny(residual, clues.value)
    unit = max(float(size.mean()), floor)
    Z, r = _table(clues, columns), residual / unit
    tail = 0.5 * (1.0 - level)
    low = _boosted(Z, r, {"objective": "quantile", "alpha": tail}, seed, cost)
    high = _boosted(Z, r, {"objective": "quantile", "alpha": 1.0 - tail}, seed, cost)
    expected = _boosted(Z, np.abs(r) + 0.05, {"objective": "gamma"}, seed, cost)
    ratio = np.abs(r) / np.exp(np.clip(expected.values(Z)[:, 0], -30.0, 30.0))
    return TreeWidth(columns, low, high, expected, unit, float(np.quantile(ratio, level)), floor / unit)


def telling_columns(X: FloatArray, residual: FloatArray, importance: FloatArray | None, seed: int) -> IntArray:
    """Up to 30 columns: the most important to the model where that is known, and those that tell large residuals."""
    size = np.abs(residual)
    target = np.log(size + 1e-3 * float(size.mean()) + 1e-300)
    learnt = _booster(X.astype(np.float32), target, {"objective": "regression", "feature_fraction": 0.3}, seed, 40)
    gain = learnt.feature_importance("gain")
    order = np.argsort(-gain, kind="stable")[: min(FEATURES, int((gain > 0).sum()) or 1)]
    if importance is None or len(importance) != X.shape[1]:
        return np.sort(order).astype(np.int64)
    best = np.argsort(-np.nan_to_num(importance), kind="stable")[: FEATURES // 2]
    return np.unique(np.concatenate([best, order[: FEATURES // 2]])).astype(np.int64)


def _table(clues: Clues, columns: IntArray) -> FloatArray:
    distance = np.log(np.where(np.isfinite(clues.distance), clues.distance, 1e3) + 1e-3)
    return np.column_stack([clues.value, clues.spread, distance, clues.X[:, columns]])


def _boosted(Z: FloatArray, target: FloatArray, objective: dict, seed: int, cost: Cost) -> Trees:
    booster = _booster(Z.astype(np.float32), target, objective, seed, 150 if cost == "full" else 60)
    trees = from_boosters([booster.model_to_string()], Z.shape[1], 0, (np.zeros(0), np.zeros(0)))
    return trees


def _booster(Z, target, objective: dict, seed: int, rounds: int):  # type: ignore[no-untyped-def]
    """A small, slow boosting: widths must be smooth, residuals are mostly noise."""
    import lightgbm

    settings = {
        "learning_rate": 0.05 if rounds > 100 else 0.1,
        "num_leaves": 8,
        "min_data_in_leaf": int(np.clip(len(Z) // 40, 5, 20)),
        "feature_fraction": 0.5,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "lambda_l2": 1.0,
        "max_bin": 63,
        "seed": seed % 2**31,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
        **objective,
    }
    data = lightgbm.Dataset(Z, target, params={"max_bin": 63, "verbosity": -1, "num_threads": 1})
    return lightgbm.train(settings, data, num_boost_round=rounds)


def _tiny(residual: FloatArray, value: FloatArray) -> float:
    """Above zero and far below anything that matters, so that nothing is divided by zero."""
    return max(1e-12 * float(np.abs(value).max(initial=0.0)), 1e-12 * float(np.abs(residual).max(initial=0.0)), 1e-30)


def fit_distance(X: FloatArray, fold: IntArray, seed: int) -> tuple[Nearness, IntArray, FloatArray]:
    """The distance to training rows, which rows are its landmarks, and the distance of each row to those of other folds
    (as a new row would see it)."""
    nearness, rows = fit_nearness(X, n_axes=AXES, n_landmarks=LANDMARKS, neighbours=NEIGHBOURS, seed=seed)
    return nearness, rows, nearness.distance(X, part=fold, landmark_part=fold[rows])
