"""How far a map can be believed: are neighbours on the map neighbours in truth, and would another try look alike."""

from __future__ import annotations

import math

import numpy as np

from matloop.core.arrays import FloatArray

NEIGHBOURS = 15
JUDGED = 1000
"""Rows that a map is judged on: all pairs of them are compared."""


def trustworthiness(points: FloatArray, xy: FloatArray, *, seed: int = 0) -> float:
    """Whether rows that are neighbours on the map are neighbours in truth: 1 if all are, about 0.5 for a random map.

    Parameters
    ----------
    points : shape (n, d), where the rows are. xy : shape (n, k), where they are drawn.
    seed : which 1,000 rows are judged where there are more; up to 15 neighbours of each.

    Returns
    -------
    NaN for fewer than four rows.

    References
    ----------
    Venna & Kaski, Neural Netw. 19 (2006) 889. doi:10.1016/j.neunet.2006.05.014
    """
    from sklearn.manifold import trustworthiness as measured

    rows = _judged(len(points), seed)
    k = min(NEIGHBOURS, (len(rows) - 1) // 3)
    if k < 1:
        return math.nan
    return float(measured(points[rows], xy[rows], n_neighbors=k))


def continuity(points: FloatArray, xy: FloatArray, *, seed: int = 0) -> float:
    """Whether rows that are neighbours in truth are neighbours on the map: 1 if none was torn away from its own.

    The arguments, the range and the source are those of `trustworthiness`.
    """
    return trustworthiness(xy, points, seed=seed)


def agreement(one: FloatArray, other: FloatArray) -> float:
    """How alike two maps of the same rows are after turning, mirroring, shifting and scaling, in [0, 1].

    One minus the Procrustes disparity: the share of one map's spread that the other one accounts for. NaN where a map
    has fewer than three rows or no spread.

    References
    ----------
    Gower, Psychometrika 40 (1975) 33. doi:10.1007/BF02291478
    """
    from scipy.spatial import procrustes

    if len(one) < 3 or min(np.ptp(one, axis=0).max(), np.ptp(other, axis=0).max()) <= 0:
        return math.nan
    return 1.0 - float(procrustes(one, other)[2])


def _judged(n: int, seed: int) -> np.ndarray:
    if n <= JUDGED:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, JUDGED, replace=False))
