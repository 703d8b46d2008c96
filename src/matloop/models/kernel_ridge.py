"""Kernel ridge regression: smooth interpolation between known materials."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.models.family import FitTask
from matloop.models.kernels import Kernel, KernelName, KernelSum, usual_distance
from matloop.models.table_family import REGRESSION, Settings, TableFamily, log_uniform, one_of
from matloop.represent.table import Columns

_ALPHAS = np.logspace(-4, 1, 16)
_PROBED = 1_000
"""rows that choose the penalty by leave-one-out"""


@dataclass(frozen=True, slots=True)
class KernelRidgeLearner:
    """Settings.

    kernel : "rbf", "laplacian", "matern32" or "matern52". length : in units of the median distance between rows.
    alpha : penalty; 0 chooses it by leave-one-out on at most 1,000 rows.
    """

    kernel: KernelName = "laplacian"
    length: float = 1.0
    alpha: float = 0.0
    loss: str = "auto"

    def learn(self, Z: FloatArray, y: FloatArray, weights: FloatArray, *, classes: int, seed: int) -> KernelSum:
        """Row weights count: a row of weight w has noise alpha / w. Rows of weight zero are left out."""
        used = weights > 0
        Z, y, weights = Z[used], y[used], weights[used]
        length = self.length * usual_distance(Z, self.kernel, seed)
        kernel = Kernel(self.kernel, np.full(Z.shape[1], length))
        alpha = self.alpha or _chosen(kernel, Z, y, weights, seed)
        return KernelSum(kernel, Z, solve(kernel(Z, Z), y, alpha / weights)[:, None], np.zeros(1))


def solve(K: FloatArray, y: FloatArray, noise: FloatArray) -> FloatArray:
    """(K + diag(noise))^-1 y; K is overwritten."""
    from scipy.linalg import cho_factor, cho_solve

    K[np.diag_indices_from(K)] += noise
    return cho_solve(cho_factor(K, lower=True, overwrite_a=True, check_finite=False), y)


def _chosen(kernel: Kernel, Z: FloatArray, y: FloatArray, weights: FloatArray, seed: int) -> float:
    """The penalty with the least leave-one-out error (closed form, one eigendecomposition)."""
    if len(Z) > _PROBED:
        some = np.sort(np.random.default_rng(seed).choice(len(Z), _PROBED, replace=False))
        Z, y, weights = Z[some], y[some], weights[some]
    root = np.sqrt(weights)
    # with B = W^1/2 K W^1/2 the residual of leaving row i out is (G v)_i / G_ii / root_i, G = (B + alpha)^-1
    values, vectors = np.linalg.eigh(kernel(Z, Z) * root[:, None] * root)
    inside = vectors.T @ (root * y)
    errors = []
    for alpha in _ALPHAS:
        inverse = 1.0 / (np.maximum(values, 0.0) + alpha)
        residual = (vectors @ (inverse * inside)) / ((vectors**2) @ inverse)
        errors.append(float(np.mean(residual**2)))
    return float(_ALPHAS[int(np.argmin(errors))])


def _space(columns: Columns, task: FitTask, rng: np.random.Generator, number: int) -> Settings:
    if number == 0:
        return {}
    if number == 1:
        return {"length": 0.5, "scaling": "none"}
    return {
        "kernel": one_of(rng, "rbf", "laplacian", "matern52"),
        "length": log_uniform(rng, 0.3, 3.0),
        "scaling": one_of(rng, "standard", "quantile"),
        "select": one_of(rng, 0, 0, 30, 60),
        "pca": one_of(rng, 0, 0, 20),
    }


FAMILY = TableFamily(
    name="kernel_ridge",
    label="Kernel ridge regression",
    tasks=REGRESSION,
    citation="Saunders, Gammerman & Vovk, Proc. ICML (1998) 515.",
    max_rows=6_000,
    learner=KernelRidgeLearner,
    space=_space,
    losses=frozenset({"mse"}),
)
