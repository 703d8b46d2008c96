"""The surrogate called "gp": the usual Gaussian process, which learns the batch effect of rows from elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.design.contract import Belief
from matloop.design.surrogates.gp import GaussianProcess
from matloop.design.surrogates.gp import make as make_gp
from matloop.design.surrogates.multi_task import make_laboratories

P = ParamSpec("P")


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


def _usual(process: Callable[P, GaussianProcess]) -> Callable[P, Usual]:
    """The same settings, for rows of several tasks too."""

    @wraps(process, assigned=("__doc__", "__name__"))
    def made(*args: P.args, **settings: P.kwargs) -> Usual:
        return Usual(process(*args, **settings))

    return made


make = _usual(make_gp)
