"""How far encoded experiments lie from each other, and how alike they are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.design.contract import Axes


def squares(axes: Axes | None, A: FloatArray, B: FloatArray) -> FloatArray:
    """Squared distance in each variable, shape (n_variables, len(A), len(B)), from 0 to 1.

    A variable with several columns (descriptors of a category, fractions of a mixture) counts the mean over them; words
    that differ are 1 apart. Without axes every column is a number of its own.
    """
    return np.array(list(_squares(axes, A, B))).reshape(-1, len(A), len(B))


def distances(axes: Axes | None, A: FloatArray, B: FloatArray) -> FloatArray:
    """Shape (len(A), len(B)): root of the mean square over the variables, so that opposite corners are 1 apart."""
    total, n_variables = np.zeros((len(A), len(B))), 0
    for part in _squares(axes, A, B):
        total += part
        n_variables += 1
    return np.asarray(np.sqrt(total / max(n_variables, 1)))


def _squares(axes: Axes | None, A: FloatArray, B: FloatArray) -> Iterator[FloatArray]:
    categorical, variable = _columns(axes, A.shape[1])
    for one in np.unique(variable):
        columns = np.flatnonzero(variable == one)
        part = np.zeros((len(A), len(B)))
        for column in columns:
            a, b = A[:, column][:, None], B[:, column][None, :]
            part += (a != b) if categorical[column] else (a - b) ** 2
        yield part / len(columns)


def products(axes: Axes | None, A: FloatArray, B: FloatArray | None = None) -> FloatArray:
    """Scalar products of experiments in a linear model, numbers from -1 to 1, words 1 where equal: shape (len(A),
    len(B)), or (len(A),) of each with itself where there is no `B`."""
    categorical, _ = _columns(axes, A.shape[1])
    numbers = 2.0 * A[:, ~categorical] - 1.0
    if B is None:
        return np.asarray((numbers**2).sum(axis=1) + categorical.sum())
    found = numbers @ (2.0 * B[:, ~categorical] - 1.0).T
    for column in np.flatnonzero(categorical):
        found += A[:, column][:, None] == B[:, column][None, :]
    return np.asarray(found)


def _columns(axes: Axes | None, width: int) -> tuple[BoolArray, IntArray]:
    if axes is None:
        return np.zeros(width, dtype=np.bool_), np.arange(width)
    return axes.categorical, axes.variable
