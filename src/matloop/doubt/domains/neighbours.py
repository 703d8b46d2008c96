"""Distance to the nearest training rows: as it is, and relative to how dense that region is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from matloop.core.arrays import Arrays, FloatArray, IntArray, number, taken, within
from matloop.core.errors import BundleError
from matloop.doubt.domains.method import Foreignness, Measure, Method, fit_foreignness
from matloop.doubt.domains.space import Places

NEIGHBOURS = 5
SOFTENING = 0.1
"""Share of the median distance between neighbours that is added to each, for rows that lie upon each other."""
BLOCK = 4_000_000
"""Distances held at once where parts are left out (16 MB in single precision)."""
CACHED = 131_072
"""Distances held at once else (half a MB): they stay in a processor's cache until the nearest are found."""
FEW_ROWS, GROUP = 4, 16
"""For more rows the nearest are sought among those below a bound, from the least distances in groups of landmarks."""


def nearest_places(
    places: Places,
    landmarks: Places,
    neighbours: int,
    *,
    part: IntArray | None = None,
    landmark_part: IntArray | None = None,
) -> tuple[FloatArray, IntArray]:
    """Distance of each place to its nearest landmarks and which they are, shape (n, k) each.

    k is the smaller of `neighbours` and the number of landmarks. With `part` (n,) and `landmark_part` (n_landmarks,)
    landmarks of a row's own part are not looked at; the distance is infinite where there are not enough others.
    """
    squares = np.einsum("ij,ij->i", landmarks, landmarks)
    k = min(neighbours, len(landmarks))
    distance, index = np.empty((len(places), k)), np.empty((len(places), k), dtype=np.int64)
    step = max(1, BLOCK // len(landmarks))
    for start in range(0, len(places), step):
        block = slice(start, start + step)
        if part is None or landmark_part is None:
            left_out = None
            found = _nearest(places[block], landmarks, squares, k)
        else:
            away = _away(places[block], landmarks, squares)
            away[part[block, None] == landmark_part] = np.inf
            found = np.argpartition(away, k - 1, axis=1)[:, :k]
            left_out = np.isinf(np.take_along_axis(away, found, axis=1))
        # in double precision and from differences: products of large numbers would cancel
        gaps = places[block, None, :].astype(np.float64) - landmarks[found]
        exact = np.sqrt(np.einsum("ijk,ijk->ij", gaps, gaps))
        if left_out is not None:
            exact[left_out] = np.inf
        distance[block], index[block] = exact, found
    return distance, index


def _away(rows: Places, landmarks: Places, squares: Places) -> Places:
    """Squared distances but for the squares of the rows, shape (n, n_landmarks)."""
    away: Places = np.matmul(np.float32(-2.0) * rows, landmarks.T)
    away += squares
    return away


def _nearest(rows: Places, landmarks: Places, squares: Places, k: int) -> IntArray:
    """Which landmarks are the nearest, shape (n, k)."""
    step = max(1, CACHED // len(landmarks))
    if len(rows) <= step:
        return smallest_entries(_away(rows, landmarks, squares), k)
    found = np.empty((len(rows), k), dtype=np.int64)
    for start in range(0, len(rows), step):
        found[start : start + step] = smallest_entries(_away(rows[start : start + step], landmarks, squares), k)
    return found


def smallest_entries(away: Places, k: int) -> IntArray:
    """Columns of the k smallest entries of each row, in any order, shape (n, k); of equal ones it may be any.

    The k-th smallest of the least entries of groups is a bound that at least k entries of the row do not exceed, and
    few more: a fourth of the time of a partition of all.
    """
    n, width = away.shape
    groups = width // GROUP
    if n > FEW_ROWS and groups >= 4 * k:
        least = away[:, : groups * GROUP].reshape(n, GROUP, groups).min(axis=1)
        bound = np.partition(least, k - 1, axis=1)[:, k - 1 : k]
        places = np.flatnonzero(away <= bound)
        rows = places // width
        counts = np.bincount(rows, minlength=n)
        if counts.min() >= k:  # not so where a row holds what is no number
            if len(places) > n * k:
                places = _first_of_each(away.ravel()[places], places, rows, counts, k)
            found: IntArray = (places % width).reshape(n, k)
            return found
    return np.argpartition(away, k - 1, axis=1)[:, :k]


def _first_of_each(values: Places, places: IntArray, rows: IntArray, counts: IntArray, k: int) -> IntArray:
    """Of rows with more than k places those with the k least values."""
    more = counts[rows] > k
    order = np.lexsort((values[more], rows[more]))
    rank = np.arange(len(order)) - np.repeat((np.cumsum(counts[counts > k]) - counts[counts > k]), counts[counts > k])
    dropped = np.flatnonzero(more)[order[rank >= k]]
    return np.delete(places, dropped)


@dataclass(frozen=True, slots=True)
class NeighbourDistance:
    """Mean distance to the nearest landmarks over a power of their own mean distance to each other.

    power : 0 is the plain distance to k nearest neighbours; 1 is a local outlier factor, simplified by taking distances
        for reachabilities (Schubert et al. 2014, doi:10.1007/s10618-012-0300-z, after Breunig et al. 2000,
        doi:10.1145/342009.335388); between them a sparse region is called foreign less easily than a dense one, but
        still more easily than by the factor. radius : shape (n_landmarks,), the distance of each landmark to its own
        neighbours, above 0.
    """

    landmarks: Places
    radius: FloatArray
    power: float
    neighbours: int = NEIGHBOURS

    def score(self, places: Places) -> FloatArray:
        """Shape (n,)."""
        distance, index = nearest_places(places, self.landmarks, self.neighbours)
        around = self.radius[index].mean(axis=1)
        return np.asarray(distance.mean(axis=1) / np.maximum(around, 1e-12) ** self.power)

    def to_arrays(self) -> Arrays:
        return {
            "landmarks": self.landmarks,
            "radius": self.radius,
            "power": np.array(self.power),
            "neighbours": np.array(self.neighbours),
        }


def read_neighbours(arrays: Arrays, n_axes: int) -> NeighbourDistance:
    """The measure from its arrays, checked (BundleError)."""
    landmarks = taken(arrays, "landmarks", ndim=2).astype(np.float32)
    radius, power = taken(arrays, "radius").astype(np.float64), number(arrays, "power")
    neighbours = int(within(arrays, "neighbours", 1, 1000, ndim=0))
    if landmarks.shape[1] != n_axes or not 0 < len(landmarks) == len(radius) or (radius <= 0).any():
        raise BundleError("the landmarks of the domain do not fit its axes. The bundle is not trusted.")
    if not 0.0 <= power <= 1.0:
        raise BundleError(f"the domain takes the power {power} of a radius, 0 to 1 is possible. It is not trusted.")
    return NeighbourDistance(landmarks, radius, power, neighbours)


def fit_neighbours(places: Places, seed: int, *, power: float) -> Measure:
    """The measure of training places (n, n_axes); with fewer rows than neighbours all of them are looked at."""
    del seed
    return NeighbourDistance(places, _radius(places), power)


def _radius(places: Places) -> FloatArray:
    """Mean distance of each place to its neighbours, softened; shape (n,)."""
    squares = np.einsum("ij,ij->i", places, places)
    found = np.empty(len(places))
    k = min(NEIGHBOURS, max(len(places) - 1, 1))
    for start in range(0, len(places), 500):
        rows = places[start : start + 500]
        away = squares - 2.0 * (rows @ places.T) + squares[start : start + 500, None]
        away[np.arange(len(rows)), start + np.arange(len(rows))] = np.inf
        nearest = np.partition(away, k - 1, axis=1)[:, :k]
        found[start : start + 500] = np.sqrt(np.maximum(np.where(np.isfinite(nearest), nearest, 0.0), 0.0)).mean(axis=1)
    return found + SOFTENING * float(np.median(found)) + 1e-6


NEAREST = Method(
    "nearest_neighbours",
    "5 nearest neighbours",
    "distance",
    "Sheridan et al., J. Chem. Inf. Comput. Sci. 44 (2004) 1912, doi:10.1021/ci049782w",
    partial(fit_neighbours, power=0.0),
    read_neighbours,
)
RELATIVE = Method(
    "relative_distance",
    "Relative distance",
    "distance",
    "between a distance to neighbours and Breunig et al. 2000, doi:10.1145/342009.335388",
    partial(fit_neighbours, power=0.5),
    read_neighbours,
)
LOCAL_OUTLIER = Method(
    "local_outlier",
    "Local outlier factor",
    "local outlier factor",
    "Breunig et al. 2000, doi:10.1145/342009.335388; Schubert et al. 2014, doi:10.1007/s10618-012-0300-z",
    partial(fit_neighbours, power=1.0),
    read_neighbours,
)


def fit_nearest_neighbours(X: FloatArray, *, seed: int = 0) -> Foreignness:
    """Plain mean distance to the five nearest training rows; see `fit_foreignness`."""
    return fit_foreignness("nearest_neighbours", X, seed=seed)


def fit_relative_distance(X: FloatArray, *, seed: int = 0) -> Foreignness:
    """Distance over the square root of the neighbours' own distance; see `fit_foreignness`."""
    return fit_foreignness("relative_distance", X, seed=seed)


def fit_local_outlier(X: FloatArray, *, seed: int = 0) -> Foreignness:
    """Distance over the neighbours' own distance; see `fit_foreignness`."""
    return fit_foreignness("local_outlier", X, seed=seed)
