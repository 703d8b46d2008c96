"""A part of the training rows kept aside inside a fit, to know when to stop; test rows are never involved."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray


def held_back(y: FloatArray, classes: int, share: float, seed: int) -> BoolArray:
    """A random part, shape (n_rows,) of truth values; every class keeps at least one row on the other side."""
    rng = np.random.default_rng(seed)
    held = np.zeros(len(y), bool)
    strata = [np.flatnonzero(y == c) for c in range(classes)] if classes else [np.arange(len(y))]
    for rows in strata:
        count = min(round(share * len(rows)), len(rows) - 1)
        held[rng.permutation(rows)[:count]] = True
    if not held.any():
        held[rng.integers(len(y))] = True
    return held
