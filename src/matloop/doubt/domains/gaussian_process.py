"""Deviation of a Gaussian process: how little the training rows would tell about a row, whatever the target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import Arrays, FloatArray, number, taken
from matloop.core.errors import BundleError
from matloop.doubt.domains.method import Foreignness, Measure, Method, fit_foreignness
from matloop.doubt.domains.space import Places, squared_distances

INDUCING, MOST_INDUCING = 600, 5000
NOISE = 1e-2
LENGTH = 0.3
"""Length scale as a share of the median distance between rows: the median itself sees all of a data set as near."""
PAIRED = 1000


@dataclass(frozen=True, slots=True)
class GPDeviation:
    """Posterior deviation of the latent function of a GP with a unit squared-exponential kernel, 0 to 1.

    It needs no target: the posterior variance of a Gaussian process depends on the places alone.

    landmarks : shape (n_landmarks, n_axes). length : length scale, units of the axes.
    lower : shape (n_landmarks, n_landmarks), Cholesky factor of the kernel matrix with noise.
    """

    landmarks: Places
    length: float
    lower: FloatArray

    def score(self, places: Places) -> FloatArray:
        """Shape (n,); 1 where nothing is known."""
        from scipy.linalg import solve_triangular

        kernel = np.exp(-0.5 * squared_distances(self.landmarks, places) / self.length**2)
        told = solve_triangular(self.lower, kernel, lower=True, check_finite=False)
        return np.sqrt(np.clip(1.0 - np.einsum("ij,ij->j", told, told), 0.0, 1.0))

    def to_arrays(self) -> Arrays:
        """The factor is worked out again when the arrays are read."""
        return {"landmarks": self.landmarks, "length": np.array(self.length)}


def read_deviation(arrays: Arrays, n_axes: int) -> GPDeviation:
    """The measure from its arrays, checked (BundleError)."""
    landmarks, length = taken(arrays, "landmarks", ndim=2).astype(np.float32), number(arrays, "length")
    if (
        landmarks.shape[1] != n_axes
        or not 0 < len(landmarks) <= MOST_INDUCING
        or not (np.isfinite(length) and length > 0)
    ):
        raise BundleError("the Gaussian process of the domain does not fit its axes. The bundle is not trusted.")
    return GPDeviation(landmarks, length, _factor(landmarks, length))


def fit_deviation(places: Places, seed: int) -> Measure:
    """Exact on at most 600 of the training places (n, n_axes), drawn with `seed`."""
    order = np.random.default_rng(seed).permutation(len(places))
    landmarks = places[np.sort(order[:INDUCING])]
    pairs = squared_distances(places[order[:PAIRED]], landmarks)
    apart = pairs[pairs > 0]
    length = max(LENGTH * float(np.sqrt(np.median(apart))) if apart.size else 1.0, 1e-6)
    return GPDeviation(landmarks, length, _factor(landmarks, length))


def _factor(landmarks: Places, length: float) -> FloatArray:
    kernel = np.exp(-0.5 * squared_distances(landmarks, landmarks) / length**2)
    return np.asarray(np.linalg.cholesky(kernel + NOISE * np.eye(len(kernel))), dtype=np.float64)


METHOD = Method(
    "gaussian_process",
    "GP deviation",
    "GP deviation",
    "Rasmussen & Williams (2006), Gaussian Processes for Machine Learning, eq. 2.26, "
    "doi:10.7551/mitpress/3206.001.0001",
    fit_deviation,
    read_deviation,
)


def fit_gp_deviation(X: FloatArray, *, seed: int = 0) -> Foreignness:
    """Posterior deviation of a Gaussian process that has not seen any target; see `fit_foreignness`."""
    return fit_foreignness("gaussian_process", X, seed=seed)
