"""Mondrian conformal intervals: the promise is kept within each category, or within bins of the predicted value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import Arrays, FloatArray, IntArray, TextArray, number, taken
from matloop.core.errors import BundleError, DataError
from matloop.doubt.methods import Asked, IntervalMethod, Known
from matloop.doubt.order import conformal_quantile

LEAST_ROWS = 30
"""Categories with fewer known rows share the width of all rows."""
BIN_ROWS, MOST_BINS = 100, 10


@dataclass(frozen=True, slots=True)
class CategoryIntervals:
    """Half width per category; other categories have `other`. names, half : shape (n_categories,)."""

    names: TextArray
    half: FloatArray
    other: float

    def ends(self, asked: Asked) -> tuple[FloatArray, FloatArray]:
        """Value minus and plus the half width of the row's category."""
        if len(asked.category) != len(asked):
            raise DataError(f"{len(asked)} rows, but {len(asked.category)} categories; one per row is needed.")
        words = asked.category.astype(np.str_)
        half = np.full(len(asked), self.other)
        for name, width in zip(self.names, self.half, strict=True):
            half[words == name] = width
        return asked.value - half, asked.value + half

    def to_arrays(self) -> Arrays:
        return {"names": self.names, "half": self.half, "other": np.array(self.other)}


def _fit_category(known: Known, level: float, seed: int) -> CategoryIntervals:
    del seed
    size, words = np.abs(known.residual), known.category.astype(np.str_)
    names, counts = np.unique(words, return_counts=True)
    enough = names[counts >= max(LEAST_ROWS, int(np.ceil(level / (1.0 - level))))]
    half = np.array([conformal_quantile(size[words == name], level) for name in enough])
    return CategoryIntervals(enough, half, conformal_quantile(size, level))


def _read_category(arrays: Arrays) -> CategoryIntervals:
    names, half = taken(arrays, "names", kind="U"), taken(arrays, "half").astype(np.float64)
    other = number(arrays, "other")
    if len(names) != len(half) or (half < 0).any() or not 0.0 <= other < np.inf:
        raise BundleError("categories and widths of the intervals do not fit each other. The bundle is not trusted.")
    return CategoryIntervals(names, half, other)


@dataclass(frozen=True, slots=True)
class BinnedIntervals:
    """Half width by bins of the predicted value. edges : shape (n_bins - 1,), rising. half : shape (n_bins,)."""

    edges: FloatArray
    half: FloatArray

    def ends(self, asked: Asked) -> tuple[FloatArray, FloatArray]:
        """Value minus and plus the half width of the row's bin."""
        half = self.half[_places(asked.value, self.edges)]
        return asked.value - half, asked.value + half

    def to_arrays(self) -> Arrays:
        return {"edges": self.edges, "half": self.half}


def _places(value: FloatArray, edges: FloatArray) -> IntArray:
    return np.searchsorted(edges, value, side="right").astype(np.int64)


def _fit_binned(known: Known, level: float, seed: int) -> BinnedIntervals:
    del seed
    n_bins = int(np.clip(len(known) // BIN_ROWS, 1, MOST_BINS))
    edges = np.unique(np.quantile(known.value, np.arange(1, n_bins) / n_bins)) if n_bins > 1 else np.empty(0)
    place, size = _places(known.value, edges), np.abs(known.residual)
    if (np.bincount(place, minlength=len(edges) + 1) < BIN_ROWS // 2).any():  # many equal predictions
        edges, place = np.empty(0), np.zeros(len(known), dtype=np.int64)
    return BinnedIntervals(
        edges, np.array([conformal_quantile(size[place == b], level) for b in range(len(edges) + 1)])
    )


def _read_binned(arrays: Arrays) -> BinnedIntervals:
    edges, half = (taken(arrays, name).astype(np.float64) for name in ("edges", "half"))
    if len(edges) + 1 != len(half) or (np.diff(edges) < 0).any() or (half < 0).any():
        raise BundleError("bins and widths of the intervals do not fit each other. The bundle is not trusted.")
    return BinnedIntervals(edges, half)


_VOVK = "Vovk, Gammerman & Shafer, Algorithmic Learning in a Random World (2005). doi:10.1007/b106715"
CATEGORY = IntervalMethod(
    "category",
    "by category (Mondrian)",
    _fit_category,
    _read_category,
    "about the level within each category of 30 known rows or more",
    _VOVK,
    needs="category",
)
BINNED = IntervalMethod(
    "binned",
    "by bins of the predicted value (Mondrian)",
    _fit_binned,
    _read_binned,
    "about the level for small, middle and large predictions alike",
    f"{_VOVK}; Bostrom & Johansson (2020), PMLR 128, 114",
)
