"""The Gaussian process as BoTorch learns it (`SingleTaskGP`: its kernel, priors and search), as a peer. Extra `bo`."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import DataError
from matloop.core.optional import require
from matloop.design.contract import Axes
from matloop.design.surrogates.evidence import Numbers
from matloop.design.surrogates.kernel import Form, Kernel, part_of
from matloop.design.surrogates.mapped import LinearMap, Mapped, codes_of, expanded
from matloop.design.surrogates.measured import Scale, check_rows, single, standardised
from matloop.design.surrogates.process import Process, conditioned


@dataclass(frozen=True, slots=True)
class Botorch:
    """No settings. Categories are indicators; numbers of the kernel are BoTorch's, the posterior is then exact."""

    axes: Axes

    def fit(
        self,
        X: FloatArray,
        y: FloatArray,
        *,
        seed: int,
        noise: FloatArray | None = None,
        task: IntArray | None = None,
    ) -> Mapped:
        """Learn from the rows of task 0; errors count where all of them are told.

        Raises
        ------
        MissingExtra : BoTorch is not installed. DataError : its search for the numbers fails.
        """
        X, y, errors, tasks = check_rows(self.axes, X, y, noise, task)
        own = tasks == 0
        X, y, errors, tasks = X[own], y[own], errors[own], tasks[own]
        z, scale = standardised(y, tasks)
        there = indicators(self.axes, X)
        known = errors / scale.scale[0] if (errors > 0).all() else np.zeros(len(y))
        model = fitted_model(there(X), z, known, seed)
        process = as_process(model, there(X), z, known, scale)
        return Mapped(there, process, process.words)


def indicators(axes: Axes, X: FloatArray) -> LinearMap:
    """Numbers as they are, an indicator for each code of `X`."""
    codes = codes_of(axes, X)
    width = expanded(axes, codes, X[:1]).shape[1]
    return LinearMap(axes, codes, np.eye(width), np.zeros(width), np.ones(width))


def fitted_model(U: FloatArray, z: FloatArray, known: FloatArray, seed: int) -> Any:
    """A `SingleTaskGP` at the largest posterior of its numbers. known : standard deviations, all zero where unknown."""
    torch, models = require("torch", extra="bo"), require("botorch.models", extra="bo")
    fitting, mlls = require("botorch.fit", extra="bo"), require("gpytorch.mlls", extra="bo")
    errors = require("botorch.exceptions", extra="bo")
    variance = torch.tensor(known**2)[:, None] if known.any() else None
    with warnings.catch_warnings(), torch.random.fork_rng():
        # values are standardised already, but one row alone cannot be; failed searches are tried again by itself
        warnings.simplefilter("ignore")
        torch.manual_seed(seed)
        model = models.SingleTaskGP(torch.tensor(U), torch.tensor(z)[:, None], variance, outcome_transform=None)
        try:
            fitting.fit_gpytorch_mll(mlls.ExactMarginalLogLikelihood(model.likelihood, model))
        except errors.ModelFittingError as error:
            raise DataError(f"BoTorch finds no numbers for its kernel: {error}. Use the surrogate 'gp'.") from error
    return model


def as_process(model: Any, U: FloatArray, z: FloatArray, known: FloatArray, scale: Scale) -> Process:
    """The same posterior; the constant mean goes into the shift."""
    width = U.shape[1]
    axes = Axes(tuple(f"column {k}" for k in range(width)), np.zeros(width, np.bool_), np.arange(width))
    lengths = model.covar_module.lengthscale.detach().numpy().reshape(-1).astype(np.float64)
    constant = float(model.mean_module.constant.detach())
    noise = 0.0 if known.any() else float(model.likelihood.noise.detach().reshape(-1)[0])
    form = Form((part_of(axes, np.arange(width), "rbf"),), ((0,),), axes.categorical, constant=0.0)
    numbers = Numbers(Kernel(form, np.ones(1), lengths, 0.0, np.ones((1, 1, 1))), np.array([noise]))
    rows = single(U, z - constant, known, np.zeros(len(z), np.int64), np.ones(len(z)))
    moved = Scale(scale.shift + constant * scale.scale, scale.scale)
    return conditioned(axes, numbers, rows, np.arange(len(z)), moved, label="BoTorch SingleTaskGP")


def make(axes: Axes) -> Botorch:
    """`Botorch`."""
    return Botorch(axes)
