"""How good intervals are: do they hold what they promise, everywhere, and how narrow are they."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray
from matloop.core.errors import ConfigError, DataError


def covered(y: FloatArray, low: FloatArray, high: FloatArray) -> BoolArray:
    """Whether each value lies in its interval, ends included; shape (n,)."""
    if not len(y) == len(low) == len(high):
        raise DataError(f"{len(y)} values, {len(low)} lower and {len(high)} upper ends.")
    return np.asarray((low <= y) & (y <= high))


def coverage(y: FloatArray, low: FloatArray, high: FloatArray) -> float:
    """Share of values inside their intervals; NaN without rows."""
    return float(covered(y, low, high).mean()) if len(y) else float("nan")


def interval_score(y: FloatArray, low: FloatArray, high: FloatArray, level: float = 0.9) -> float:
    """Mean width plus 2 / (1 - level) times how far values lie outside; target unit, lower is better.

    References
    ----------
    Gneiting & Raftery, J. Am. Stat. Assoc. 102 (2007) 359. doi:10.1198/016214506000001437
    """
    if not 0.0 < level < 1.0:
        raise ConfigError(f"the level of an interval lies between 0 and 1, got {level}.")
    if len(y) == 0:
        return float("nan")
    outside = np.maximum(low - y, 0.0) + np.maximum(y - high, 0.0)
    return float(np.mean(high - low + 2.0 / (1.0 - level) * outside))


def thirds(y: FloatArray, low: FloatArray, high: FloatArray) -> tuple[float, float, float]:
    """Coverage in the narrowest, middle and widest third of the intervals (by width; equal widths in row order)."""
    inside = covered(y, low, high)
    if len(y) < 3:
        return (float("nan"), float("nan"), float("nan"))
    parts = np.array_split(inside[np.argsort(high - low, kind="stable")], 3)
    return (float(parts[0].mean()), float(parts[1].mean()), float(parts[2].mean()))
