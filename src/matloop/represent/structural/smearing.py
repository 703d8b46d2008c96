"""Sums of Gaussians on a grid: many distances or angles, each with a weight, to smooth histograms."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import erf

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import ConfigError

ENTRIES_AT_ONCE = 8192
"""Gaussians worked out together: their tables stay in the processor's cache."""
MOST_POINTS = 1000


@dataclass(frozen=True, slots=True)
class Grid:
    """Points from `lowest` to `highest`, and the standard deviation of the Gaussians."""

    lowest: float
    highest: float
    sigma: float
    points: int

    def checked(self) -> Grid:
        """The grid; ConfigError where it is none."""
        if not (self.lowest < self.highest and self.sigma > 0 and 2 <= self.points <= MOST_POINTS):
            raise ConfigError(
                f"a grid of {self.points} points from {self.lowest:g} to {self.highest:g} with Gaussians of width "
                f"{self.sigma:g}: an ascending range, a width above zero and 2 to {MOST_POINTS} points are possible."
            )
        return self

    @property
    def values(self) -> FloatArray:
        """The points, shape (points,)."""
        return np.linspace(self.lowest, self.highest, self.points)


def smeared(values: FloatArray, weights: FloatArray, keys: IntArray, grid: Grid) -> tuple[IntArray, FloatArray]:
    """Sums of weighted normal distributions, one sum per key, as means over the intervals around the points.

    Parameters
    ----------
    values, weights, keys : shape (n,): where each distribution is centred, its area, and which sum it belongs to.

    Returns
    -------
    keys, shape (m,), ascending; sums, shape (m, points). A sum depends on its own entries in their order only.
    """
    order = np.argsort(keys, kind="stable")
    values, weights = values[order], weights[order]
    found, first = np.unique(keys[order], return_index=True)
    ends = np.append(first, len(values))
    step = (grid.highest - grid.lowest) / (grid.points - 1)
    edges = grid.lowest - step / 2 + step * np.arange(grid.points + 1)
    scale = 1.0 / (math.sqrt(2) * grid.sigma)
    below = np.empty((len(found), grid.points + 1))
    start = 0
    while start < len(found):
        stop = max(int(np.searchsorted(ends, ends[start] + ENTRIES_AT_ONCE, side="right")) - 1, start + 1)
        part = slice(int(ends[start]), int(ends[stop]))
        table = np.subtract.outer(edges * scale, values[part] * scale)
        erf(table, out=table)
        table += 1.0
        table *= 0.5 * weights[part]
        below[start:stop] = np.add.reduceat(table, ends[start:stop] - ends[start], axis=1).T
        start = stop
    return found, np.diff(below, axis=1) / step


def summed(keys: IntArray, tables: FloatArray) -> tuple[IntArray, FloatArray]:
    """Sums of rows with the same key, in their order: keys ascending, shape (m,), and tables, shape (m, points)."""
    if not len(keys):
        return keys, tables
    order = np.argsort(keys, kind="stable")
    found, first = np.unique(keys[order], return_index=True)
    return found, np.add.reduceat(tables[order], first, axis=0)
