"""How well chosen rows cover the descriptor space, beside rows chosen at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import DataError
from matloop.split.space import as_features, feature_space

BINS, DRAWS = 50, 5
PAIRS = 4_000_000


@dataclass(frozen=True, slots=True)
class Covered:
    """What a selection covers.

    bins : share of the histogram bins that hold rows in which there is a selected one, mean over the components.
    mean_distance, largest_distance : of the rows that were not selected from the nearest selected one, as a root mean
        square over the components (standard deviations of the features are 1); 0 where all are selected.
    """

    bins: float
    mean_distance: float
    largest_distance: float


@dataclass(frozen=True, slots=True)
class Coverage:
    """A selection beside random ones of the same size. random : the mean over `n_draws` draws."""

    n_rows: int
    n_selected: int
    chosen: Covered
    random: Covered
    n_draws: int
    how: str


def coverage(X: ArrayLike, selected: ArrayLike, *, seed: int = 0) -> Coverage:
    """Measure how a selection covers the table's descriptor space.

    Parameters
    ----------
    X : shape (n, n_features), all rows; measured in the components of `feature_space`.
    selected : positions of the selected rows, or a mask (n,).
    seed : of the random selections.

    References
    ----------
    Qi et al., npj Comput. Mater. 10 (2024) 43 (coverage by histogram bins). doi:10.1038/s41524-024-01227-4

    Examples
    --------
    >>> X = np.linspace(0, 1, 101)[:, None]
    >>> found = coverage(X, np.arange(0, 101, 10))
    >>> found.chosen.bins > found.random.bins
    True
    """
    table = as_features(X)
    rows = _rows(selected, len(table))
    space = feature_space(table, seed)
    points = space.points / np.sqrt(max(space.n_columns, 1))
    rng = np.random.default_rng(seed)
    draws = [_covered(points, rng.choice(len(points), len(rows), replace=False)) for _ in range(DRAWS)]
    random = Covered(
        *(
            float(np.mean([getattr(one, name) for one in draws]))
            for name in ("bins", "mean_distance", "largest_distance")
        )
    )
    how = f"{BINS} bins on each of {space.how}; random: mean of {DRAWS} draws (seed {seed})"
    return Coverage(len(table), len(rows), _covered(points, rows), random, DRAWS, how)


def _rows(selected: ArrayLike, n: int) -> IntArray:
    chosen = np.asarray(selected)
    if chosen.dtype == bool:
        if chosen.shape != (n,):
            raise DataError(f"the mask of selected rows has shape {chosen.shape}, but X has {n} rows.")
        chosen = np.flatnonzero(chosen)
    rows = np.unique(chosen.astype(np.int64))
    if not len(rows) or rows[0] < 0 or rows[-1] >= n:
        raise DataError(f"selected rows are positions from 0 to {n - 1}, at least one; got {chosen.tolist()[:5]} ...")
    return rows


def _covered(points: FloatArray, rows: IntArray) -> Covered:
    others = np.setdiff1d(np.arange(len(points)), rows)
    away = nearest_distance(points[rows], points[others])
    mean, largest = (float(away.mean()), float(away.max())) if len(others) else (0.0, 0.0)
    return Covered(float(np.mean([_bins(axis, axis[rows]) for axis in points.T])), mean, largest)


def _bins(values: FloatArray, chosen: FloatArray) -> float:
    ends = (float(values.min()), float(values.max()))
    full = np.histogram(values, BINS, ends)[0] > 0
    return float((np.histogram(chosen, BINS, ends)[0] > 0).sum() / full.sum())


def nearest_distance(known: FloatArray, asked: FloatArray) -> FloatArray:
    """Euclidean distance of each asked row (m, d) from the nearest known one (n, d); shape (m,).

    All pairs are compared in single precision, the distances of those found are exact.
    """
    if not len(asked) or not known.shape[1]:
        return np.zeros(len(asked))
    short, wanted = known.astype(np.float32), asked.astype(np.float32)
    half, step = 0.5 * np.einsum("ij,ij->i", short, short), max(1, PAIRS // len(known))
    parts = [(half - wanted[i : i + step] @ short.T).argmin(axis=1) for i in range(0, len(asked), step)]
    return np.asarray(np.sqrt(((asked - known[np.concatenate(parts)]) ** 2).sum(axis=1)))
