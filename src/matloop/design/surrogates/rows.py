"""The rows that a surrogate learns from, checked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.design.contract import Axes
from matloop.design.surrogates.measured import check_rows


@dataclass(frozen=True, slots=True)
class Rows:
    """X : shape (n, width). y : shape (n,). noises : shape (n,), known variances, NaN where unknown. others : how many
    rows of other campaigns were left out."""

    X: FloatArray
    y: FloatArray
    noises: FloatArray
    others: int = 0

    @property
    def told(self) -> str:
        """What was left out, for the words of a belief."""
        return f"; {self.others} rows of other campaigns left out" if self.others else ""


def own_rows(
    axes: Axes, X: FloatArray, y: FloatArray, noise: FloatArray | None = None, task: IntArray | None = None
) -> Rows:
    """Rows of the campaign itself; those of other campaigns are left out (the surrogate "multi_task" uses them).

    Raises
    ------
    DataError : as `check_rows`.
    """
    X, y, errors, tasks = check_rows(axes, X, y, noise, task)
    own = tasks == 0
    noises = np.where(errors > 0, errors**2, np.nan)
    return Rows(X[own], y[own], noises[own], int((~own).sum()))
