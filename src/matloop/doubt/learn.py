"""Learn the width of intervals from out-of-fold residuals: which rule, its calibration, and two corrections."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.doubt.bins import Bins, fit_bins
from matloop.doubt.nearness import Nearness
from matloop.doubt.outside import Widening, fit_widening, learning_exponent
from matloop.doubt.prediction import OutOfFold
from matloop.doubt.proxy import fit_proxy
from matloop.doubt.widths import (
    Clues,
    Cost,
    Ends,
    Width,
    fit_constant,
    fit_distance,
    fit_spread,
    fit_trees,
    fit_value,
    telling_columns,
)
from matloop.metrics.intervals import interval_score

TREE_ROWS = 150
"""With fewer rows widths are constant, or follow the spread or the value: trees would learn noise."""
WORTH = 0.02
"""A rule must lower the interval score of the constant width by this share, or widths stay constant."""
LEAST_HALF = 1e-3
"""Share of the mean half width below which errors are not divided by it."""
WORDS = {
    "constant": "the same width for every row",
    "spread": "width by the spread of the members",
    "value": "width by the predicted value",
    "trees": "width learnt by boosted trees",
}
Rule = Callable[[Clues, FloatArray], Width]


@dataclass(frozen=True, slots=True)
class Learnt:
    """What intervals are made of; `shrink` multiplies every width, `widening` those of far rows."""

    width: Width
    bins: Bins
    nearness: Nearness | None
    shrink: float
    widening: Widening | None
    how: str


@dataclass(frozen=True, slots=True)
class Seen:
    """Rows with truth and the prediction of a model that did not see them; `part` (n,) for inner fits, groups whole."""

    oof: OutOfFold
    X: FloatArray
    y: FloatArray
    groups: IntArray
    part: IntArray


def learn_intervals(
    seen: Seen,
    *,
    level: float,
    seed: int,
    cost: Cost,
    importance: FloatArray | None = None,
    growth: float = 1.0,
    only: str = "",
) -> Learnt:
    """The rule with the least interval score on rows it did not see, calibrated in bins and corrected; see `fit_doubt`.

    only : this rule and no other, where there are rows enough for it.
    """
    residual = seen.y - seen.oof.value
    spread = np.nan_to_num(seen.oof.spread)
    rules: dict[str, Rule] = {"constant": fit_constant}
    if np.ptp(spread) > 0:
        rules["spread"] = fit_spread
    rich = len(residual) >= TREE_ROWS and seen.X.shape[1] > 0 and np.abs(residual).max() > 0
    near, landmarks, distance = None, np.empty(0, dtype=np.int64), np.zeros(len(residual))
    if rich and len(np.unique(seen.part)) > 1:
        near, landmarks, distance = fit_distance(seen.X, seen.oof.fold, seed)
        columns = telling_columns(seen.X, residual, importance, seed)

        def trees(clues: Clues, r: FloatArray) -> Width:
            return fit_trees(clues, r, columns=columns, level=level, seed=seed, cost=cost)

        rules["trees"] = trees
    elif np.ptp(seen.oof.value) > 0:
        rules["value"] = fit_value
    clues = Clues(seen.oof.value, spread, seen.X, distance)
    allowed = {only: rules[only]} if only in rules else rules
    best, ends = _best_rule(allowed, clues, residual, seen.part, level)
    width, bins = rules[best](clues, residual), fit_bins(ends, residual, level)
    shrink, widening = 1.0, None
    if near is not None:
        shrink, widening = _corrections(seen, clues, width, bins, near, landmarks, growth, level, seed)
    how = f"{WORDS[best]}, conformal quantiles in {len(bins.low)} bins of width"
    how += f" from {len(residual)} out-of-fold residuals"
    if shrink < 1.0:
        how += f"; {100.0 * (1.0 - shrink):.1f} % narrower, as the final model has {growth:.2f} times the rows"
    if widening is not None:
        how += f"; up to {widening.stretch[-1]:.2f} times wider far from the training rows"
    kept = near if best == "trees" or widening is not None else None
    return Learnt(width, bins, kept, shrink, widening, how)


def _corrections(
    seen: Seen,
    clues: Clues,
    width: Width,
    bins: Bins,
    near: Nearness,
    landmarks: IntArray,
    growth: float,
    level: float,
    seed: int,
) -> tuple[float, Widening | None]:
    """How much narrower with more rows, and how much wider outside."""
    proxy = fit_proxy(seen.X, seen.y, telling_columns(seen.X, seen.y - np.median(seen.y), None, seed), seed)

    def relative(value: FloatArray, more: FloatArray | None, distance: FloatArray | None) -> FloatArray:
        asked = Clues(
            value,
            clues.spread if more is None else clues.spread * more,
            clues.X,
            clues.distance if distance is None else distance,
        )
        low, high = bins.stretched(width.ends(asked))
        half = 0.5 * (high - low)
        # where nothing was ever wrong an interval has no width
        half = np.maximum(half, max(LEAST_HALF * float(half.mean()), 1e-300))
        return np.asarray(np.abs(seen.y - value - 0.5 * (low + high)) / half)

    home = proxy.held_out(seen.oof.fold)
    shrink = growth ** -learning_exponent(proxy, seen.oof.fold, home[0], relative) if growth > 1.0 else 1.0
    return shrink, fit_widening(proxy, near, seen.X, landmarks, seen.oof.fold, seen.groups, home, relative, level)


def _best_rule(
    rules: dict[str, Rule], clues: Clues, residual: FloatArray, parts: IntArray, level: float
) -> tuple[str, Ends]:
    """The name of the best rule, and the ends that it gives rows which it did not see."""
    best, ends, least = "", (residual, residual), np.inf
    for name, fit in rules.items():
        # one width for all is only a unit: the conformal quantile is exact without cross-fitting
        seen = fit(clues, residual).ends(clues) if name == "constant" else cross_fitted(fit, clues, residual, parts)
        score = _inner_score(seen, residual, parts, level)
        if not best or score < (1.0 - WORTH) * least or (best != "constant" and score < least):
            best, ends, least = name, seen, score
    return best, ends


def cross_fitted(fit: Rule, clues: Clues, residual: FloatArray, parts: IntArray) -> Ends:
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
