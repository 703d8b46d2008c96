"""How far encoded experiments lie from each other."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.design.contract import Axes


def distances(axes: Axes, A: FloatArray, B: FloatArray) -> FloatArray:
    """Shape (len(A), len(B)): each variable counts from 0 to 1, however many columns it has; words that differ count 1.

    The root of the mean square over the variables, so that 1 is the distance of opposite corners.
    """
    total = np.zeros((len(A), len(B)))
    for variable in np.unique(axes.variable):
        columns = np.flatnonzero(axes.variable == variable)
        part = np.zeros_like(total)
        for column in columns:
            a, b = A[:, column][:, None], B[:, column][None, :]
            part += (a != b) if axes.categorical[column] else (a - b) ** 2
        total += part / len(columns)
    n_variables = max(len(np.unique(axes.variable)), 1)
    return np.asarray(np.sqrt(total / n_variables))
