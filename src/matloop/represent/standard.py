"""Features as plain standardised numbers: what baselines, neighbours and maps measure distance in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.represent.table import Columns

BLOCK = 4_000_000
"""Pairs of rows compared at once (16 MB)."""
MAX_LEVELS = 50
"""Words of one category column that get a column of their own; rarer ones have none."""


@dataclass(frozen=True, slots=True)
class Standard:
    """Median imputation and scaling learnt from training rows; categories become one column per word.

    numbers, categories : positions of the columns that vary on the training rows.
    centre, mean, scale : median, mean and standard deviation of each number column, from training rows.
    codes : per category column the codes that get a column.
    """

    numbers: IntArray
    categories: IntArray
    centre: FloatArray
    mean: FloatArray
    scale: FloatArray
    codes: tuple[FloatArray, ...]

    @property
    def width(self) -> int:
        """How many columns come out."""
        return len(self.numbers) + sum(len(codes) for codes in self.codes)

    def apply(self, X: FloatArray) -> FloatArray:
        """Shape (n_rows, width): every column of mean zero and variance one on the training rows, nothing missing."""
        values = X[:, self.numbers]
        values = np.where(np.isfinite(values), values, self.centre)
        parts = [(values - self.mean) / self.scale]
        # two rows with different words differ by two ones: dividing by sqrt(2) makes that a distance of one
        parts += [
            (X[:, column, None] == codes) / np.sqrt(2.0)
            for column, codes in zip(self.categories, self.codes, strict=True)
        ]
        return np.hstack(parts) if parts else np.zeros((len(X), 0))


def fit_standard(X: FloatArray, columns: Columns) -> Standard:
    """Learn imputation and scaling from training rows (n_rows, n_features); columns that do not vary are dropped."""
    from_category = np.isin(np.arange(X.shape[1]), columns.categorical)
    numbers = np.flatnonzero(~from_category)
    values = np.where(np.isfinite(X[:, numbers]), X[:, numbers], np.nan)
    known = np.isfinite(values).any(axis=0)
    numbers, values = numbers[known], values[:, known]
    centre = _medians(values)
    filled = np.where(np.isfinite(values), values, centre)
    mean, scale = filled.mean(axis=0), filled.std(axis=0)
    varies = scale > 1e-9 * np.maximum(np.abs(mean), 1e-30)
    codes = {int(column): _frequent(X[:, column]) for column in np.flatnonzero(from_category)}
    codes = {column: words for column, words in codes.items() if len(words) > 1}
    return Standard(
        numbers[varies], np.array(list(codes), dtype=np.int64), centre[varies], mean[varies], scale[varies],
        tuple(codes.values()),
    )  # fmt: skip


def _medians(values: FloatArray) -> FloatArray:
    # nanmedian is ten times slower than median: only the columns with holes pay for it
    holes = np.isnan(values).any(axis=0)
    medians = np.empty(values.shape[1])
    medians[~holes] = np.median(values[:, ~holes], axis=0) if (~holes).any() else np.empty(0)
    medians[holes] = np.nanmedian(values[:, holes], axis=0) if holes.any() else np.empty(0)
    return medians


def _frequent(column: FloatArray) -> FloatArray:
    codes, counts = np.unique(column[np.isfinite(column)], return_counts=True)
    kept = np.sort(np.argsort(-counts, kind="stable")[:MAX_LEVELS])
    return np.asarray(codes[kept], dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The nearest training rows of each asked row, nearest first; both arrays (n_asked, k).

    `distance` is the root mean square difference over the features, in standard deviations of the training rows.
    """

    row: IntArray
    distance: FloatArray


def nearest(train: FloatArray, asked: FloatArray, k: int = 1) -> Neighbours:
    """Nearest neighbours by Euclidean distance of standardised rows (n, width), all pairs tried; nearest first.

    The search is in single precision (twice as fast), the distances of those found are exact; of equally near rows
    the earlier one comes first.
    """
    k, width = min(k, len(train)), train.shape[1]
    if not len(asked) or not k or not width:
        return Neighbours(np.tile(np.arange(k), (len(asked), 1)), np.zeros((len(asked), k)))
    known, wanted = train.astype(np.float32), asked.astype(np.float32)
    half = 0.5 * (known**2).sum(axis=1)
    step = max(1, BLOCK // len(train))
    parts = [_lowest(half - wanted[i : i + step] @ known.T, k) for i in range(0, len(asked), step)]
    row = np.concatenate(parts).astype(np.int64)
    distance = np.sqrt(((asked[:, None, :] - train[row]) ** 2).mean(axis=2))
    order = np.argsort(distance, axis=1, kind="stable")
    return Neighbours(np.take_along_axis(row, order, axis=1), np.take_along_axis(distance, order, axis=1))


def _lowest(values: FloatArray, k: int) -> IntArray:
    if k == 1:
        return values.argmin(axis=1)[:, None]
    return np.sort(np.argpartition(values, k - 1, axis=1)[:, :k], axis=1)
