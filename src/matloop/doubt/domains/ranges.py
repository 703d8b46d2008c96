"""The box of the training rows on the principal axes: how far outside a row lies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import Arrays, FloatArray, taken
from matloop.core.errors import BundleError
from matloop.doubt.domains.method import Foreignness, Measure, Method, fit_foreignness
from matloop.doubt.domains.space import Places


@dataclass(frozen=True, slots=True)
class Ranges:
    """How far outside the box a row lies, summed over the axes, in units of each axis' range; 0 inside.

    low, high : shape (n_axes,), smallest and largest training value on each axis.
    """

    low: FloatArray
    high: FloatArray

    def score(self, places: Places) -> FloatArray:
        """Shape (n,)."""
        unit = np.maximum(self.high - self.low, 1e-6)
        outside = np.maximum(self.low - places, 0.0) + np.maximum(places - self.high, 0.0)
        return np.asarray((outside / unit).sum(axis=1))

    def to_arrays(self) -> Arrays:
        return {"low": self.low, "high": self.high}


def read_ranges(arrays: Arrays, n_axes: int) -> Ranges:
    """The measure from its arrays, checked (BundleError)."""
    low, high = (taken(arrays, name).astype(np.float64) for name in ("low", "high"))
    if not low.shape == high.shape == (n_axes,) or (high < low).any():
        raise BundleError("the ranges of the domain do not fit its axes. The bundle is not trusted.")
    return Ranges(low, high)


def fit_box(places: Places, seed: int) -> Measure:
    """The box of training places (n, n_axes)."""
    del seed
    rows = places.astype(np.float64)
    return Ranges(rows.min(axis=0), rows.max(axis=0))


METHOD = Method(
    "ranges",
    "Ranges",
    "distance outside the ranges",
    "Sahigara et al., Molecules 17 (2012) 4791 (PCA bounding box), doi:10.3390/molecules17054791",
    fit_box,
    read_ranges,
)


def fit_ranges(X: FloatArray, *, seed: int = 0) -> Foreignness:
    """Distance outside the box of the training rows on their principal axes; see `fit_foreignness`."""
    return fit_foreignness("ranges", X, seed=seed)
