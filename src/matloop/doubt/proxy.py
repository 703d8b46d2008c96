"""A quick stand-in for the model: how do errors change when rows are fewer, or when a whole region is missing?

Doubt is learnt from out-of-fold residuals; they come from models of four fifths of the rows, asked about rows like
theirs. How much smaller errors are with all rows, and how much larger outside, would take many fits of the model.
A few small forests (Geurts et al. 2006, doi:10.1007/s10994-006-6226-1) on the telling columns take their place: only
ratios of their errors are used, never their predictions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray, IntArray

TREES = 10
MOST_ROWS = 2_000
"""Rows that a forest learns from: ratios of errors change little with more."""


Relative = Callable[[FloatArray, FloatArray | None, FloatArray | None], FloatArray]
"""Errors of given predictions (n,) of the known rows in units of their intervals, shape (n,): above one lies outside.

The second argument multiplies each row's spread, the third takes the place of its distance to the training rows."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """Forests on the columns `Z` (n, n_columns) that can be asked about rows which they did not see."""

    Z: np.ndarray
    y: FloatArray
    seed: int

    def held_out(self, part: IntArray, train: IntArray | None = None) -> tuple[FloatArray, FloatArray]:
        """Value and spread (n,) of each row by a forest that saw no row of its part.

        train : shape (n_parts, n_parts) of 0 and 1, which parts (in the order of their numbers) the forest for each
            part learns from; without it all others.
        """
        from sklearn.tree import ExtraTreeRegressor  # the forest class would ask joblib, which warns in threads

        names, place = np.unique(part, return_inverse=True)
        drawn = np.random.default_rng(self.seed).permutation(len(self.y))
        value, spread = np.empty(len(self.y)), np.empty(len(self.y))
        tried = max(int(0.3 * self.Z.shape[1]), min(self.Z.shape[1], 5))
        allowed = 1 - np.eye(len(names), dtype=np.int64) if train is None else train
        for k in range(len(names)):
            rows = drawn[allowed[k][place[drawn]] > 0][:MOST_ROWS]
            out = np.flatnonzero(place == k)
            said = np.empty((TREES, len(out)))
            for t in range(TREES):
                tree = ExtraTreeRegressor(max_features=tried, min_samples_leaf=2, random_state=(self.seed + t) % 2**31)
                said[t] = tree.fit(self.Z[rows], self.y[rows]).predict(self.Z[out])
            value[out], spread[out] = said.mean(axis=0), said.std(axis=0)
        return value, spread


def fit_proxy(X: FloatArray, y: FloatArray, columns: IntArray, seed: int) -> Proxy:
    """A proxy on the given columns; a missing value is taken at the column's median."""
    part = np.where(np.isfinite(X[:, columns]), X[:, columns], np.nan)
    known = np.isfinite(part).any(axis=0)
    middle = np.zeros(part.shape[1])
    middle[known] = np.nanmedian(part[:, known], axis=0)
    filled = np.where(np.isnan(part), middle, part)
    return Proxy(np.clip(filled, -1e30, 1e30).astype(np.float32), y, seed)
