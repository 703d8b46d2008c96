"""Kernel density of the training rows: foreign is where few of them are near."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import Arrays, FloatArray, number, taken
from matloop.core.errors import BundleError
from matloop.doubt.domains.method import Foreignness, Measure, Method, fit_foreignness
from matloop.doubt.domains.space import Places, squared_distances

GRID = (0.2, 0.35, 0.6, 1.0)
"""Bandwidths that are tried, in units of Scott's: materials lie in clumps, where his rule smooths too much."""
JUDGED = 1000
"""Rows that a bandwidth is judged on."""
BLOCK = 2_000_000


@dataclass(frozen=True, slots=True)
class KernelDensity:
    """Density of Gaussian kernels on landmarks, told as a distance: sqrt(-2 log(mean kernel)) times the bandwidth.

    At one single landmark this is the distance to it, and far from all landmarks nearly that to the closest.

    landmarks : shape (n_landmarks, n_axes). bandwidth : above 0, in units of the axes.
    """

    landmarks: Places
    bandwidth: float

    def score(self, places: Places) -> FloatArray:
        """Shape (n,)."""
        found = np.empty(len(places))
        step = max(1, BLOCK // len(self.landmarks))
        for start in range(0, len(places), step):
            exponent = -0.5 * squared_distances(places[start : start + step], self.landmarks) / self.bandwidth**2
            log_mean = _log_sum(exponent) - np.log(len(self.landmarks))
            found[start : start + step] = self.bandwidth * np.sqrt(np.maximum(-2.0 * log_mean, 0.0))
        return found

    def to_arrays(self) -> Arrays:
        return {"landmarks": self.landmarks, "bandwidth": np.array(self.bandwidth)}


def read_density(arrays: Arrays, n_axes: int) -> KernelDensity:
    """The measure from its arrays, checked (BundleError)."""
    landmarks, bandwidth = taken(arrays, "landmarks", ndim=2).astype(np.float32), number(arrays, "bandwidth")
    if landmarks.shape[1] != n_axes or not len(landmarks) or not (np.isfinite(bandwidth) and bandwidth > 0):
        raise BundleError("the kernels of the domain do not fit its axes. The bundle is not trusted.")
    return KernelDensity(landmarks, bandwidth)


def fit_density(places: Places, seed: int) -> Measure:
    """Kernels on all places; the bandwidth is the one of `GRID` with the largest left-one-out likelihood.

    Rows that lie upon each other (polymorphs of one formula) do not count for each other: they would ask for no
    bandwidth at all. Scott's bandwidth is that of one width in all directions (doi:10.1002/9781118575574).
    """
    n, n_axes = places.shape
    spread = float(np.sqrt(places.var(axis=0, dtype=np.float64).mean()))
    scott = max(spread * n ** (-1.0 / (n_axes + 4)), 1e-6)
    judged = np.random.default_rng(seed).permutation(n)[:JUDGED]
    squares = squared_distances(places[judged], places)
    squares[squares < 1e-10 * max(spread**2, 1e-12)] = np.inf
    alone = np.isinf(squares).all(axis=1)
    if alone.all():
        return KernelDensity(places, scott)

    def likelihood(share: float) -> float:
        h = share * scott
        return float((_log_sum(-0.5 * squares[~alone] / h**2) - n_axes * np.log(h)).mean())

    return KernelDensity(places, scott * max(GRID, key=likelihood))


def _log_sum(exponent: FloatArray) -> FloatArray:
    """log(sum(exp)) of each row, far from underflow."""
    top = exponent.max(axis=1, keepdims=True)
    return np.asarray(top[:, 0] + np.log(np.exp(exponent - top).sum(axis=1)))


METHOD = Method(
    "kernel_density",
    "Kernel density",
    "distance by density",
    "Scott (2015), Multivariate Density Estimation, doi:10.1002/9781118575574; "
    "Schultz et al., npj Comput. Mater. 11 (2025), doi:10.1038/s41524-025-01573-x",
    fit_density,
    read_density,
)


def fit_kernel_density(X: FloatArray, *, seed: int = 0) -> Foreignness:
    """Gaussian kernels on the principal axes, the bandwidth by left-one-out likelihood; see `fit_foreignness`."""
    return fit_foreignness("kernel_density", X, seed=seed)
