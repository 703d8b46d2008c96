"""The usual surrogate: a Gaussian process with a length for each variable, at the maximum of its posterior."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import ConfigError
from matloop.design.contract import Axes, Belief
from matloop.design.surrogates.coupling import Alone
from matloop.design.surrogates.evidence import Evidence, usual_prior
from matloop.design.surrogates.kernel import Form, Shape, part_of
from matloop.design.surrogates.learn import learnt, usual_members
from matloop.design.surrogates.measured import check_own, merged, standardised

Mixed = Literal["joint", "product", "sum+product"]
SHAPES: dict[str, str] = {"matern52": "Matern 5/2", "matern32": "Matern 3/2", "rbf": "squared exponential"}


@dataclass(frozen=True, slots=True)
class GaussianProcess:
    """Settings.

    shape : how smooth: "matern52" (twice differentiable), "matern32", "rbf". mixed : how categories go with numbers:
    "joint" (differences count in one distance), "product" (an exponential factor of their own), "sum+product" (an
    effect of their own, too; Ru et al. 2020, doi:10.48550/arXiv.1906.08878). mean : "constant" or "linear" in the
    numbers. starts : of the search for the kernel's numbers. members : how many draws of these numbers are averaged (1:
    the best alone; None: 8 up to 50 experiments, 4 up to 120, then 1): few rows leave them open, and the best alone is
    too sure of itself.
    """

    axes: Axes
    shape: Shape = "matern52"
    mixed: Mixed = "joint"
    mean: Literal["constant", "linear"] = "constant"
    starts: int = 1
    members: int | None = None

    def fit(
        self,
        X: FloatArray,
        y: FloatArray,
        *,
        seed: int,
        noise: FloatArray | None = None,
        task: IntArray | None = None,
    ) -> Belief:
        """Learn from the rows of task 0; those of other tasks are left out."""
        X, y, errors, tasks = check_own(self.axes, X, y, noise, task)
        z, scale = standardised(y, tasks)
        rows, group = merged(X, z, errors / scale.scale[0], tasks)
        form = usual_form(self.axes, self.shape, self.mixed, trend=self.mean == "linear")
        alone = Alone(len(form.terms))
        prior = usual_prior(form, alone, 1, errors_known=bool((errors > 0).all()))
        evidence = Evidence(form, alone, rows, prior, 1)
        label = f"Gaussian process ({SHAPES[self.shape]})"
        n = usual_members(len(rows)) if self.members is None else self.members
        return learnt(self.axes, evidence, group, scale, label=label, starts=self.starts, members=n, seed=seed)


def usual_form(axes: Axes, shape: Shape, mixed: Mixed, *, trend: bool) -> Form:
    """Where there are only numbers, or only categories, all are under one shape."""
    variables = np.unique(axes.variable)
    words = np.unique(axes.variable[axes.categorical])
    numbers = np.setdiff1d(variables, words)
    trend = trend and not bool(axes.categorical.all())
    if mixed == "joint" or not len(words) or not len(numbers):
        return Form((part_of(axes, variables, shape),), ((0,),), axes.categorical, trend=trend)
    parts = (part_of(axes, numbers, shape), part_of(axes, words, "exponential"))
    terms: tuple[tuple[int, ...], ...] = ((0, 1),) if mixed == "product" else ((0,), (1,), (0, 1))
    return Form(parts, terms, axes.categorical, trend=trend)


def make(
    axes: Axes,
    *,
    shape: Shape = "matern52",
    mixed: Mixed = "joint",
    mean: Literal["constant", "linear"] = "constant",
    starts: int = 1,
    members: int | None = None,
) -> GaussianProcess:
    """`GaussianProcess` with checked settings.

    Raises
    ------
    ConfigError : a setting is none of those named there.
    """
    for name, value, allowed in (
        ("shape", shape, tuple(SHAPES)),
        ("mixed", mixed, ("joint", "product", "sum+product")),
        ("mean", mean, ("constant", "linear")),
    ):
        if value not in allowed:
            raise ConfigError(f"Gaussian process: {name} = {value!r} is none of {', '.join(allowed)}.")
    if starts < 1:
        raise ConfigError(f"Gaussian process: starts = {starts}, must be at least 1.")
    return GaussianProcess(axes, shape, mixed, mean, starts, members)
