"""Exact Gaussian process: a value with its own standard deviation, for up to 2,000 rows."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.models.evidence import Evidence, Part
from matloop.models.family import FitTask
from matloop.models.kernels import AnyKernel, Kernel, KernelSum, usual_distance
from matloop.models.table_family import BOTH, Settings, TableFamily, log_uniform, one_of
from matloop.represent.table import Columns

_PROBED = 500
"""rows that choose amplitude, length and noise: the likelihood costs the cube of them, dozens of times"""
NUGGET = 1e-8
"""noise that keeps equal rows apart"""
_SHARPNESS = 5.0
"""latent distance between "this class" and "not": the softmax of a sure row gives 0.99 for two classes"""


@dataclass(frozen=True, slots=True)
class GaussianProcessLearner:
    """Settings.

    kernel : "rbf", "matern32" or "matern52", plus a linear part that carries trends beyond the known rows.
    length : where the search for the length begins, in units of the median distance between rows.
    ard : a length for every column (automatic relevance determination; regression only): for a few dozen columns of
    unequal worth.
    """

    kernel: Literal["rbf", "matern32", "matern52"] = "matern52"
    length: float = 1.0
    ard: bool = False
    loss: str = "auto"

    def learn(self, Z: FloatArray, y: FloatArray, weights: FloatArray, *, classes: int, seed: int) -> KernelSum:
        """Regression: row weights divide the noise, also while the kernel is chosen. Classification (two classes):
        Laplace's approximation, weights do not count; more classes are one process per class on its indicator,
        squashed."""
        used = weights > 0
        Z, y, weights = Z[used], y[used], weights[used]
        start = self.length * usual_distance(Z, self.kernel, seed)
        if classes == 2:
            return self._two_classes(Z, y, start, seed)
        if classes:
            return self._many_classes(Z, y, weights, classes, start, seed)
        kernel, noise = self._chosen(Z, y[:, None], weights, start, seed)
        return posterior(kernel, Z, y[:, None], noise / weights, noise)

    def _shape(self, start: float) -> Any:
        from sklearn.gaussian_process.kernels import RBF, Matern

        bounds = (start * 0.05, start * 50.0)
        if self.kernel == "rbf":
            return RBF(start, bounds)
        return Matern(start, bounds, nu=1.5 if self.kernel == "matern32" else 2.5)

    def _chosen(
        self, Z: FloatArray, Y: FloatArray, weights: FloatArray, start: float, seed: int
    ) -> tuple[Kernel, float]:
        """Kernel and noise of the largest marginal likelihood on a part of the rows."""
        some = probed(len(Z), seed)
        part = Part(Z[some], start, self.ard)
        gram = Z[some] @ Z[some].T / Z.shape[1]
        found = Evidence(self.kernel, (part,), ((0,),), gram, Y[some], weights[some]).best()
        lengths = np.full(Z.shape[1], 1.0) * found.lengths[0]
        return Kernel(self.kernel, lengths, float(found.amplitudes[0]), found.trend), found.noise + NUGGET

    def _two_classes(self, Z: FloatArray, y: FloatArray, start: float, seed: int) -> KernelSum:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.gaussian_process import GaussianProcessClassifier
        from sklearn.gaussian_process.kernels import ConstantKernel

        some = probed(len(Z), seed, y)
        shape = ConstantKernel(4.0, (1e-1, 1e3)) * self._shape(start)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            probe = GaussianProcessClassifier(shape).fit(Z[some], y[some])
            model = GaussianProcessClassifier(probe.kernel_, optimizer=None).fit(Z, y)
        inside = getattr(model, "base_estimator_", None)
        if inside is None:
            inside = model.estimator_
        kernel = Kernel(
            self.kernel, np.full(Z.shape[1], float(inside.kernel_.k2.length_scale)),
            float(inside.kernel_.k1.constant_value),
        )  # fmt: skip
        # Rasmussen & Williams (2006), algorithm 3.2: mean k^T (t - pi), variance k** - k^T W^1/2 B^-1 W^1/2 k
        from scipy.linalg import solve_triangular

        half = solve_triangular(inside.L_, np.diag(inside.W_sr_), lower=True)
        weights = (inside.y_train_ - inside.pi_)[:, None]
        return KernelSum(kernel, Z, weights, np.zeros(1), "sigmoid", half.T @ half)

    def _many_classes(
        self, Z: FloatArray, y: FloatArray, weights: FloatArray, classes: int, start: float, seed: int
    ) -> KernelSum:
        targets = np.eye(classes)[y.astype(np.int64)]
        coded = _SHARPNESS * (targets - targets.mean(axis=0))
        kernel, noise = self._chosen(Z, coded / coded.std(axis=0), weights, start, seed)
        found = posterior(kernel, Z, coded, noise / weights)
        prior = np.log(targets.mean(axis=0))
        return KernelSum(kernel, Z, found.weights, prior, "softmax")


def posterior(kernel: AnyKernel, Z: FloatArray, Y: FloatArray, noise: FloatArray, new: float = 0.0) -> KernelSum:
    """The process after seeing Y, shape (n_rows, n), with noise variance per row, and of a new row."""
    from scipy.linalg import cho_factor, cho_solve

    K = kernel(Z, Z)
    K[np.diag_indices_from(K)] += noise
    factor = cho_factor(K, lower=True, overwrite_a=True, check_finite=False)
    inverse = cho_solve(factor, np.eye(len(Z)))
    weights, none = cho_solve(factor, Y), np.zeros(Y.shape[1])
    return KernelSum(kernel, Z, weights, none, "identity", 0.5 * (inverse + inverse.T), new)


def probed(n_rows: int, seed: int, classes: FloatArray | None = None) -> Any:
    """Rows that choose the kernel: all, or a part of them in which every class is there."""
    if n_rows <= _PROBED:
        return np.arange(n_rows)
    rows = np.random.default_rng(seed).permutation(n_rows)
    if classes is not None:
        # every class must be there
        first = np.unique(classes[rows], return_index=True)[1]
        rows = np.concatenate([rows[first], np.delete(rows, first)])
    return np.sort(rows[:_PROBED])


def _space(columns: Columns, task: FitTask, rng: np.random.Generator, number: int) -> Settings:
    if number == 0:
        return {}
    return {
        "kernel": one_of(rng, "rbf", "matern32", "matern52"),
        "scaling": one_of(rng, "standard", "quantile"),
        "select": one_of(rng, 0, 20, 40, 80),
        "pca": one_of(rng, 0, 0, 15),
        "length": log_uniform(rng, 0.5, 2.0),
    }


FAMILY = TableFamily(
    name="gaussian_process",
    label="Gaussian process",
    tasks=BOTH,
    citation="Rasmussen & Williams, Gaussian Processes for Machine Learning, MIT Press (2006).",
    max_rows=2_000,
    learner=GaussianProcessLearner,
    space=_space,
    losses=frozenset({"mse", "cross_entropy"}),
    own_spread=True,
)
