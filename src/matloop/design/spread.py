"""Picks that differ from each other: each one lowers the worth of what is like it."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray, IntArray

MOST_AXES = 20
_SHARE = 0.95


def coordinates(X: FloatArray) -> FloatArray:
    """Features as points in which distances mean something: gaps filled by medians, columns of unit spread, principal
    axes that hold 95 % of the variance (at most 20); shape (n, k)."""
    known = np.isfinite(X)
    filled = np.where(known, X, np.nan)
    useful = known.any(axis=0)
    filled = filled[:, useful]
    filled = np.where(np.isnan(filled), np.nanmedian(filled, axis=0), filled)
    spread = filled.std(axis=0)
    filled = filled[:, spread > 0]
    if not filled.shape[1]:
        return np.zeros((len(X), 1))
    Z = (filled - filled.mean(axis=0)) / filled.std(axis=0)
    U, S, _ = np.linalg.svd(Z, full_matrices=False)
    held = np.cumsum(S**2) / np.sum(S**2)
    k = min(int(np.searchsorted(held, _SHARE)) + 1, MOST_AXES)
    return U[:, :k] * S[:k]


def length_of(points: FloatArray, n: int = 1) -> float:
    """The distance at which two candidates are alike: `n` picks share the points between them, so it is the median of
    the distances from a point to the last of the m / n points around it."""
    from scipy.spatial import cKDTree

    apart = np.unique(points, axis=0)
    if len(apart) < 2:
        return 1.0
    around = min(max(len(apart) // max(n, 1), 1), len(apart) - 1)
    distances = cKDTree(apart).query(apart, k=[around + 1])[0]
    return float(np.median(distances))


def spread_picks(score: FloatArray, points: FloatArray, n: int, *, strength: float = 1.0) -> IntArray:
    """Rows in the order in which they are chosen: the best first, then the best of what is unlike those before.

    Parameters
    ----------
    score : shape (m,), logarithms; -inf is never chosen. points : shape (m, k), see `coordinates`. strength : 0 picks
        by score alone (but never two equal candidates); 1 lowers the worth of a candidate by the factor 1 - k, where k
        is its likeness exp(-d^2 / 2 l^2) to a pick at distance d, and l is `length_of(points, n)`.

    Notes
    -----
    Local penalisation, after González et al., AISTATS 51 (2016) 648, doi:10.48550/arXiv.1505.08052.
    """
    length = length_of(points, n)
    worth = score.astype(float).copy()
    chosen: list[int] = []
    while len(chosen) < n and len(worth) and np.isfinite(worth.max()):
        best = int(np.argmax(worth))
        chosen.append(best)
        squared = ((points - points[best]) ** 2).sum(axis=1) / (length * length)
        twin = squared < 1e-18
        with np.errstate(divide="ignore"):
            worth += np.where(twin, -np.inf, strength * np.log(-np.expm1(-0.5 * np.where(twin, 1.0, squared))))
    return np.array(chosen, dtype=np.int64)
