"""Other detectors of a rising mean, by their names in the literature, and the rule of thumb that they must beat.

None of these promises how often it is wrong when looked at again and again: `matloop.monitor.decay.betting` does.
"""

from __future__ import annotations

import math

import numpy as np

from matloop.core.arrays import FloatArray


def page_hinkley(
    x: FloatArray, null: float, *, spread: float, slack: float = 0.1, threshold: float = 20.0
) -> int | None:
    """After how many observations Page's cumulated sum of what exceeds the claimed mean by more than `slack` standard
    deviations has risen by `threshold` of them; None: not yet. Page, Biometrika 41 (1954) 100.
    doi:10.1093/biomet/41.1-2.100

    Parameters
    ----------
    x : shape (n,). null : claimed mean. spread : standard deviation under the claim, > 0.
    """
    walk = np.cumsum((np.asarray(x) - null) / spread - slack)
    risen = walk - np.minimum.accumulate(np.minimum(walk, 0.0))
    over = np.flatnonzero(risen > threshold)
    return int(over[0]) + 1 if len(over) else None


def adwin(x: FloatArray, *, delta: float = 0.002, most: int = 5) -> int | None:
    """After how many observations in [0, 1] an adaptive window was cut because its newer part has a larger mean; None:
    never. Bifet & Gavalda, Proc. SIAM Data Mining (2007) 443. doi:10.1137/1.9781611972771.42

    Parameters
    ----------
    delta : confidence of each cut. most : buckets of each size before two are merged.
    """
    size, total, square = np.zeros(0), np.zeros(0), np.zeros(0)
    for seen, value in enumerate(np.asarray(x, dtype=np.float64).tolist(), 1):
        size, total, square = np.append(size, 1.0), np.append(total, value), np.append(square, value * value)
        size, total, square = _merged(size, total, square, most)
        while True:
            rising = _cut(size, total, square, delta)
            if rising is None:
                break
            if rising:
                return seen
            size, total, square = size[1:], total[1:], square[1:]  # it fell: only the older part is forgotten
    return None


def _merged(
    size: FloatArray, total: FloatArray, square: FloatArray, most: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    width = 1.0
    while True:
        same = np.flatnonzero(size == width)
        if len(same) <= most:
            return size, total, square
        first, second = same[0], same[1]
        for one in (size, total, square):
            one[first] += one[second]
        size, total, square = (np.delete(one, second) for one in (size, total, square))
        width *= 2.0


def _cut(size: FloatArray, total: FloatArray, square: FloatArray, delta: float) -> bool | None:
    """Whether some cut has means that differ: True where the newer is larger, False where it is smaller."""
    n = size.sum()
    if n < 10:
        return None
    before, after = np.cumsum(size)[:-1], n - np.cumsum(size)[:-1]
    sum_before = np.cumsum(total)[:-1]
    difference = (total.sum() - sum_before) / after - sum_before / before
    variance = max(square.sum() / n - (total.sum() / n) ** 2, 0.0)
    harmonic = 1.0 / (1.0 / before + 1.0 / after)
    logarithm = math.log(2.0 * math.log(n) / delta)
    bound = np.sqrt(2.0 / harmonic * variance * logarithm) + 2.0 / (3.0 * harmonic) * logarithm
    found = np.flatnonzero((np.abs(difference) > bound) & (before >= 5) & (after >= 5))
    return bool(difference[found[-1]] > 0) if len(found) else None


def rolling(x: FloatArray, limit: float, *, window: int = 50) -> int | None:
    """The rule of thumb: after how many observations the mean of the last `window` is above `limit`; None: never."""
    x = np.asarray(x, dtype=np.float64)
    if len(x) < window:
        return None
    sums = np.cumsum(np.concatenate([[0.0], x]))
    over = np.flatnonzero((sums[window:] - sums[:-window]) / window > limit)
    return int(over[0]) + window if len(over) else None
