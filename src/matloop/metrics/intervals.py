"""How good intervals are: do they hold what they promise, everywhere, and how narrow are they."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import BoolArray, FloatArray
from matloop.core.errors import ConfigError, DataError
from matloop.metrics.estimate import Estimate

Z95 = 1.959964  # two-sided 95 % quantile of the normal distribution


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


@dataclass(frozen=True, slots=True)
class CoveragePart:
    """Coverage of the rows with something in common, with a 95 % interval (Wilson's, every row by itself)."""

    name: str
    n_rows: int
    coverage: Estimate
    mean_width: float


def coverage_by(y: FloatArray, low: FloatArray, high: FloatArray, names: ArrayLike) -> tuple[CoveragePart, ...]:
    """Coverage of each set of rows that share a name; `names` has shape (n,); in the order of the sorted names."""
    inside, labels = covered(y, low, high), np.asarray(names)
    if labels.shape != inside.shape:
        raise DataError(f"{len(inside)} rows, but names of shape {labels.shape}; one per row is needed.")
    found = []
    for name in np.unique(labels):
        rows = labels == name
        n = int(rows.sum())
        share = float(inside[rows].mean())
        part = CoveragePart(str(name), n, Estimate(share, *wilson(share, n)), float((high - low)[rows].mean()))
        found.append(part)
    return tuple(found)


def coverage_by_thirds(y: FloatArray, low: FloatArray, high: FloatArray) -> tuple[CoveragePart, ...]:
    """Coverage of the narrowest, middle and widest third with intervals, as `thirds`; none with under three rows."""
    if len(y) < 3:
        return ()
    names = np.empty(len(y), dtype=np.int64)
    for place, rows in enumerate(np.array_split(np.argsort(high - low, kind="stable"), 3)):
        names[rows] = place
    words = ("narrowest third", "middle third", "widest third")
    parts = coverage_by(y, low, high, names)
    return tuple(replace(part, name=word) for part, word in zip(parts, words, strict=True))


def wilson(share: float, n: float) -> tuple[float, float]:
    """95 % interval of a share seen on `n` independent rows.

    Wilson, J. Am. Stat. Assoc. 22 (1927) 209. doi:10.1080/01621459.1927.10502953
    """
    if n <= 0:
        return float("nan"), float("nan")
    middle = (share + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = Z95 / (1 + Z95**2 / n) * float(np.sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2)))
    return max(0.0, min(middle - half, share)), min(1.0, max(middle + half, share))
