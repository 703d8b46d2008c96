"""The most frequent value of a few, by a histogram in steps of a thousandth: matminer's rule, for whole columns."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray

STEP = 0.001


def histogram_peak(values: FloatArray) -> FloatArray:
    """Where a histogram of three values in [0, 1] has its peak.

    Bins reach from about 1.5 steps below the smallest value to 1.5 steps above the largest, cut to [0, 1]. Where two
    bins beside each other are both highest, the peak is between them. Step by step as in matminer's
    `OPSiteFingerprint.featurize`, in the same order of operations, so that the same bins come out.

    Parameters
    ----------
    values : shape (n, 3).

    Returns
    -------
    shape (n,), the middle of the bin.
    """
    per_step = 1.0 / STEP
    low = np.clip(np.trunc(values.min(axis=1) * per_step - 1.5) * STEP, 0.0, 1.0)
    high = np.clip(np.trunc(values.max(axis=1) * per_step + 1.5) * STEP, 0.0, 1.0)
    same = low == high
    low, high = np.where(same, low - STEP, low), np.where(same, high + STEP, high)
    n_bins = np.trunc((high - low) * per_step)
    width = (high - low) / n_bins

    def edge(k: FloatArray) -> FloatArray:
        return np.where(k == n_bins[:, None], high[:, None], k * width[:, None] + low[:, None])

    def middle(k: FloatArray) -> FloatArray:
        return 0.5 * (edge(k) + edge(k + 1))

    place = np.trunc((values - low[:, None]) / (high - low)[:, None] * n_bins[:, None])
    place -= place == n_bins[:, None]
    place -= values < edge(place)
    place += (values >= edge(place + 1)) & (place != n_bins[:, None] - 1)
    inside = (values >= low[:, None]) & (values <= high[:, None])
    a, b, c = np.sort(np.where(inside, place, np.inf), axis=1).T
    first, second = (b == a + 1) & np.isfinite(b), (c == b + 1) & np.isfinite(c)
    twice_early, twice_late = a == b, b == c
    # the bins of the peak: the one that holds two values or more, else the first two side by side, else the first
    start = np.where(twice_late & np.isfinite(b) & ~twice_early, b, np.where(twice_early | first | ~second, a, b))
    paired = ~twice_early & ~(twice_late & np.isfinite(b)) & (first | second)
    nowhere = ~np.isfinite(a)
    start, paired = np.where(nowhere, 0.0, start), paired | nowhere
    middles = middle(np.stack([start, start + 1], axis=1))
    return np.where(paired, 0.5 * (middles[:, 0] + middles[:, 1]), middles[:, 0])
