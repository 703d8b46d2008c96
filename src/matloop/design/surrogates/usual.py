"""The surrogate called "gp": the usual Gaussian process, which learns the batch effect of rows from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.design.contract import Axes, Belief
from matloop.design.surrogates.gp import GaussianProcess, Mixed
from matloop.design.surrogates.gp import make as make_gp
from matloop.design.surrogates.kernel import Shape
from matloop.design.surrogates.multi_task import make_laboratories


@dataclass(frozen=True, slots=True)
class Usual:
    """`process` for rows of one task; with rows of others, "laboratories"."""

    process: GaussianProcess

    def fit(
        self,
        X: FloatArray,
        y: FloatArray,
        *,
        seed: int,
        noise: FloatArray | None = None,
        task: IntArray | None = None,
    ) -> Belief:
        """Learn; a belief of task 0."""
        if task is not None and np.any(np.asarray(task) > 0):
            elsewhere = make_laboratories(self.process.axes, shape=self.process.shape)
            return elsewhere.fit(X, y, seed=seed, noise=noise, task=task)
        return self.process.fit(X, y, seed=seed, noise=noise)


def make(
    axes: Axes,
    *,
    shape: Shape = "matern52",
    mixed: Mixed = "joint",
    mean: Literal["constant", "linear"] = "constant",
    starts: int = 1,
    members: int | None = None,
) -> Usual:
    """Settings as of `GaussianProcess`.

    Raises
    ------
    ConfigError : a setting is none of those named there.
    """
    return Usual(make_gp(axes, shape=shape, mixed=mixed, mean=mean, starts=starts, members=members))
