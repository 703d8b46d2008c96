"""Calibrated stretch of interval ends, in bins of alike width: the promise holds for narrow and wide ones alike.

Mondrian conformal prediction with bins of difficulty (Bostrom & Johansson 2020, PMLR 128, 114).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import Arrays, FloatArray, taken
from matloop.core.errors import BundleError
from matloop.doubt.order import conformal_quantile, even_quantile
from matloop.doubt.widths import Ends

BIN_ROWS, MOST_BINS = 100, 10
ONE_SIDED_ROWS = 100
"""With fewer rows in all both ends share one quantile of the absolute residual."""


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

    def to_arrays(self) -> Arrays:
        return {"edges": self.edges, "low": self.low, "high": self.high}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Bins:
        """The value that `to_arrays` gave, checked (BundleError)."""
        edges, low, high = (taken(arrays, name).astype(np.float64) for name in ("edges", "low", "high"))
        if not len(edges) + 1 == len(low) == len(high) or (np.diff(edges) < 0).any():
            raise BundleError("the bins of the intervals do not fit each other. The bundle is not trusted.")
        return cls(edges, low, high)


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
            low[b] = even_quantile(-inside, 0.5 * (1.0 + level))
            high[b] = even_quantile(inside, 0.5 * (1.0 + level))
    return Bins(edges, low, high)
