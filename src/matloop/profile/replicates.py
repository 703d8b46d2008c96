"""Noise of labels from rows with equal inputs, and the error that no model of these inputs can beat."""

from __future__ import annotations

import math

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.metrics.estimate import Estimate
from matloop.profile.five_values import Noise

DRAWS = 400
_NONE = Estimate(math.nan, math.nan, math.nan)


def replicate_noise(values: FloatArray, keys: IntArray, *, target: str = "", unit: str = "", seed: int = 0) -> Noise:
    """Pooled spread of numbers within sets of equal `keys`, with a 95 % interval (bootstrap over sets).

    Each set gives its sum of squared deviations and n - 1 degrees of freedom; the ratio of their sums is the variance
    of one value. Sets whose values agree to the last digit are copies rather than measurements and are left out.

    Parameters
    ----------
    values : shape (n_rows,), NaN where there is none. keys : shape (n_rows,), negative: in no set.

    Examples
    --------
    >>> noise = replicate_noise(np.array([1.0, 3.0, 5.0, 5.0, 9.0]), np.array([0, 0, 1, 1, 2]))
    >>> noise.sets, noise.copies, round(noise.sd.value, 3)
    (1, 1, 1.414)
    """
    sums = _set_sums(values, keys)
    varied = sums.high > sums.low
    square, size = np.asarray(sums.square[varied], dtype=float), np.asarray(sums.size[varied], dtype=float)
    absolute, ends = np.asarray(sums.absolute[varied], dtype=float), sums.spread[varied]
    known = values[np.isfinite(values)]
    if not len(size):
        return Noise(target, unit, 0, 0, len(varied), _NONE, _NONE, math.nan, math.nan, _NONE, math.nan)
    sd = _interval(square, size - 1.0, seed, root=True)
    # deviations from a mean of n values are too small by sqrt((n - 1) / n)
    mae = _interval(absolute * np.sqrt(size / (size - 1.0)), size, seed, root=False)
    robust = float(np.sqrt(np.median(ends**2) / 0.4549)) if len(ends) else math.nan  # median of chi-squared, 1 d.o.f.
    variance = float(np.var(known))
    ceiling = max(0.0, 1.0 - sd.value**2 / variance) if variance > 0 else math.nan
    return Noise(
        target, unit, len(size), int(size.sum()), int((~varied).sum()), sd, mae, robust, ceiling, _NONE, math.nan
    )


def class_noise(codes: IntArray, keys: IntArray, *, target: str = "", seed: int = 0) -> Noise:
    """The same for classes: how many sets disagree, and the share of rows that a model of the inputs gets wrong at
    least (rows outside the majority of their set, among rows that have a replicate)."""
    kept = (codes >= 0) & (keys >= 0)
    pairs, counts = np.unique(np.column_stack([keys[kept], codes[kept]]), axis=0, return_counts=True)
    sets, place = np.unique(pairs[:, 0], return_inverse=True)
    size = np.bincount(place, weights=counts, minlength=len(sets))
    most = np.zeros(len(sets))
    np.maximum.at(most, place, counts)
    several = size > 1
    if not several.any():
        return Noise(target, "", 0, 0, 0, _NONE, _NONE, math.nan, math.nan, _NONE, math.nan)
    size, most = size[several], most[several]
    disagree = _interval((most < size).astype(float), np.ones(len(size)), seed, root=False)
    floor = float((size - most).sum() / size.sum())
    return Noise(target, "", len(size), int(size.sum()), 0, _NONE, _NONE, math.nan, math.nan, disagree, floor)


class _Sums:
    """Per set of two or more values: squares and absolute deviations about the mean, size, ends; and of its first two
    values the difference over the root of two."""

    __slots__ = ("absolute", "high", "low", "size", "spread", "square")

    def __init__(self, values: FloatArray, keys: IntArray) -> None:
        kept = np.isfinite(values) & (keys >= 0)
        _, place, count = np.unique(keys[kept], return_inverse=True, return_counts=True)
        order = np.argsort(place, kind="stable")
        value, place = values[kept][order], place[order]
        start = np.concatenate([[0], np.cumsum(count)[:-1]]).astype(np.int64)
        several = count > 1
        mean = np.bincount(place, weights=value, minlength=len(count)) / np.maximum(count, 1)
        off = value - mean[place]
        self.square = np.bincount(place, weights=off**2, minlength=len(count))[several]
        self.absolute = np.bincount(place, weights=np.abs(off), minlength=len(count))[several]
        self.size = count[several].astype(float)
        empty = not len(value)
        self.high = (value if empty else np.maximum.reduceat(value, start))[several]
        self.low = (value if empty else np.minimum.reduceat(value, start))[several]
        first = start[several]
        self.spread = np.abs(value[first] - value[first + 1]) / math.sqrt(2.0) if len(first) else np.zeros(0)


def _set_sums(values: FloatArray, keys: IntArray) -> _Sums:
    return _Sums(values, keys)


def _interval(top: FloatArray, bottom: FloatArray, seed: int, *, root: bool) -> Estimate:
    """Ratio of sums over sets, resampled by set; NaN ends with fewer than five sets."""
    value = float(top.sum() / bottom.sum())
    if len(top) < 5:
        ends = (math.nan, math.nan)
    else:
        rng = np.random.default_rng(seed)
        found = np.empty(DRAWS)
        for draw in range(DRAWS):
            rows = rng.integers(len(top), size=len(top))
            found[draw] = top[rows].sum() / bottom[rows].sum()
        ends = tuple(np.quantile(found, [0.025, 0.975]).tolist())
    if root:
        value, ends = math.sqrt(value), (math.sqrt(ends[0]), math.sqrt(ends[1]))
    return Estimate(value, *ends)
