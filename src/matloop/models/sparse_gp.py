"""Sparse Gaussian process on inducing rows: hyperparameters by gpytorch, the posterior as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.optional import require
from matloop.models.family import FitTask
from matloop.models.kernels import Kernel, KernelSum, usual_distance
from matloop.models.table_family import REGRESSION, Settings, TableFamily, log_uniform, one_of
from matloop.represent.table import Columns

_PROBED = 2_000
"""rows that choose the hyperparameters"""
_JITTER = 1e-6
_BLOCK = 4_096


@dataclass(frozen=True, slots=True)
class SparseGpLearner:
    """Settings.

    kernel : "matern52" or "rbf", one length per column. inducing : rows that stand for all. steps : of the optimiser.
    length : where the lengths begin, in units of the median distance between rows. rate : of the optimiser.
    """

    kernel: Literal["matern52", "rbf"] = "matern52"
    inducing: int = 300
    steps: int = 80
    length: float = 1.0
    rate: float = 0.05
    loss: str = "auto"

    def learn(self, Z: FloatArray, y: FloatArray, weights: FloatArray, *, classes: int, seed: int) -> KernelSum:
        """Row weights divide the noise of the posterior; they do not touch the hyperparameters."""
        torch = require("torch", extra="bo")
        used = weights > 0
        Z, y, weights = Z[used], y[used], weights[used]
        order = np.random.default_rng(seed).permutation(len(Z))
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                kernel, noise = self._chosen(torch, Z[order[:_PROBED]], y[order[:_PROBED]], seed)
        finally:
            torch.set_num_threads(threads)
        return inducing_posterior(kernel, Z, y, noise / weights, Z[np.sort(order[: self.inducing])], noise)

    def _chosen(self, torch: Any, Z: FloatArray, y: FloatArray, seed: int) -> tuple[Kernel, float]:
        """Lengths, amplitude and noise at the best collapsed bound that was met (Titsias 2009)."""
        model, likelihood = _model(torch, self, Z, y, usual_distance(Z, "rbf", seed) * self.length)
        bound = require("gpytorch", extra="bo").mlls.ExactMarginalLogLikelihood(likelihood, model)
        optimiser = torch.optim.Adam(model.parameters(), lr=self.rate)
        model.train()
        likelihood.train()
        best, found = np.inf, _read(model, likelihood, self.kernel)
        for _ in range(self.steps):
            optimiser.zero_grad()
            loss = -bound(model(model.train_inputs[0]), model.train_targets)
            if not torch.isfinite(loss):
                break
            if float(loss.detach()) < best:
                best, found = float(loss.detach()), _read(model, likelihood, self.kernel)
            loss.backward()
            optimiser.step()
        return found


def _model(torch: Any, how: SparseGpLearner, Z: FloatArray, y: FloatArray, length: float) -> tuple[Any, Any]:
    gpytorch = require("gpytorch", extra="bo")
    kernels = gpytorch.kernels
    shape = kernels.RBFKernel if how.kernel == "rbf" else kernels.MaternKernel
    own = {} if how.kernel == "rbf" else {"nu": 2.5}
    base = kernels.ScaleKernel(shape(ard_num_dims=Z.shape[1], **own))
    base.base_kernel.lengthscale = length
    inputs = torch.tensor(Z, dtype=torch.float64)
    likelihood = gpytorch.likelihoods.GaussianLikelihood().double()
    likelihood.noise = 0.1

    class Process(gpytorch.models.ExactGP):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__(inputs, torch.tensor(y, dtype=torch.float64), likelihood)
            self.mean_module = gpytorch.means.ZeroMean()
            points = inputs[: min(how.inducing, len(inputs))].clone()
            self.covar_module = kernels.InducingPointKernel(base, inducing_points=points, likelihood=likelihood)

        def forward(self, x: Any) -> Any:
            return gpytorch.distributions.MultivariateNormal(self.mean_module(x), self.covar_module(x))

    model = Process().double()
    # inducing rows stay real rows: moved ones overfit small tables and double the time
    model.covar_module.inducing_points.requires_grad_(False)
    return model, likelihood


def _read(model: Any, likelihood: Any, name: Literal["matern52", "rbf"]) -> tuple[Kernel, float]:
    base = model.covar_module.base_kernel
    lengths = base.base_kernel.lengthscale.detach().numpy().ravel().astype(np.float64).copy()
    return Kernel(name, lengths, float(base.outputscale.detach())), float(likelihood.noise.detach())


def inducing_posterior(
    kernel: Kernel, Z: FloatArray, y: FloatArray, noise: FloatArray, points: FloatArray, new: float = 0.0
) -> KernelSum:
    """The variational posterior given hyperparameters (Titsias 2009, equations 6 to 10), noise variance per row and of
    a new row."""
    from scipy.linalg import cho_factor, cho_solve

    m = len(points)
    own = kernel(points, points)
    own[np.diag_indices(m)] += _JITTER * kernel.amplitude
    together, pull = own.copy(), np.zeros(m)
    for start in range(0, len(Z), _BLOCK):
        block = slice(start, start + _BLOCK)
        across = kernel(points, Z[block]) / noise[block]
        together += across @ kernel(Z[block], points)
        pull += across @ y[block]
    factor = cho_factor(0.5 * (together + together.T), lower=True)
    weights = cho_solve(factor, pull)
    precision = cho_solve(cho_factor(own, lower=True), np.eye(m)) - cho_solve(factor, np.eye(m))
    return KernelSum(kernel, points, weights[:, None], np.zeros(1), "identity", 0.5 * (precision + precision.T), new)


def _space(columns: Columns, task: FitTask, rng: np.random.Generator, number: int) -> Settings:
    if number == 0:
        return {}
    return {
        "kernel": one_of(rng, "matern52", "rbf"),
        "inducing": one_of(rng, 200, 300, 500),
        "length": log_uniform(rng, 0.5, 2.0),
        "select": one_of(rng, 0, 30, 60),
        "scaling": one_of(rng, "standard", "quantile"),
    }


FAMILY = TableFamily(
    name="sparse_gp",
    label="Sparse Gaussian process",
    tasks=REGRESSION,
    citation="Titsias, Proc. AISTATS 5 (2009) 567.",
    max_rows=100_000,
    learner=SparseGpLearner,
    space=_space,
    losses=frozenset({"mse"}),
    extra="bo",
    needs=("torch", "gpytorch"),
    own_spread=True,
    cheap={"steps": 8, "inducing": 30},
)
