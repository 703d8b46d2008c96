"""Columns that a linear model takes: by the lasso, and one after the other."""

from __future__ import annotations

import warnings

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.models.select import ranked, some_rows, standardised, targets_of

MOST_ROWS = 20_000
_STEPS, _LEAST = 60, 1e-3
_SPENT = 1e-8
"""share of a column's variance below which the columns kept already say all of it"""


def by_l1(Z: FloatArray, y: FloatArray, k: int, *, classes: int, seed: int) -> IntArray:
    """Columns in the order in which the lasso takes them as its penalty falls.

    For classes the lasso of all class flags together (groups over flags). Tibshirani, J. R. Stat. Soc. B 58 (1996) 267.
    doi:10.1111/j.2517-6161.1996.tb02080.x
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import lasso_path

    S, T = _standard(Z, y, classes)
    T = T[:, :-1] if T.shape[1] == 2 else T  # the second flag of two classes says what the first does
    shared = S.T @ T / len(S)
    top = float(np.sqrt((shared**2).sum(axis=1)).max(initial=0.0))
    several = T.shape[1] > 1
    start = np.zeros((T.shape[1], S.shape[1])) if several else np.zeros(S.shape[1])
    entered = np.full(S.shape[1], np.inf)
    size = np.zeros(S.shape[1])
    more = {} if several else {"precompute": S.T @ S, "Xy": S.T @ T[:, 0]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # an order is wanted, not the last digit of a slope
        for step, alpha in enumerate(top * np.geomspace(1.0, _LEAST, _STEPS)[1:] if top > 0 else []):
            _, path, _ = lasso_path(
                S, T if several else T[:, 0], alphas=[alpha], coef_init=start, tol=1e-3, max_iter=300, **more
            )
            start = np.ascontiguousarray(path[..., 0])
            slopes = np.sqrt((start**2).sum(axis=0)) if several else np.abs(start)
            new = (slopes > 0) & np.isinf(entered)
            entered[new], size[new] = step, slopes[new]
            if np.isfinite(entered).sum() >= k:
                break
    order = np.lexsort((-np.round(size, 10), entered))
    return order[np.isfinite(entered[order])][:k]


def by_forward(Z: FloatArray, y: FloatArray, k: int, *, classes: int, seed: int) -> IntArray:
    """Forward selection: each step takes the column that lowers the squared error of a linear fit most, given those
    taken already. For classes the error of all class flags.

    Hastie, Tibshirani & Tibshirani, Stat. Sci. 35 (2020) 579 (beside lasso and best subset). doi:10.1214/19-STS733
    """
    R, T = _standard(Z, y, classes)
    whole = np.maximum((R**2).sum(axis=0), 1e-300)
    taken: list[int] = []
    while len(taken) < min(k, len(R) - 2, R.shape[1]):
        left = (R**2).sum(axis=0)
        useful = left > _SPENT * whole
        useful[taken] = False
        if not useful.any():
            break
        gain = ((R.T @ T) ** 2).sum(axis=1) / np.where(useful, left, 1.0)
        best = int(ranked(np.where(useful, gain, -np.inf))[0])
        axis = R[:, best] / np.sqrt(left[best])
        T = T - np.outer(axis, axis @ T)
        R = R - np.outer(axis, axis @ R)
        taken.append(best)
    return np.array(taken, dtype=np.int64)


def _standard(Z: FloatArray, y: FloatArray, classes: int) -> tuple[FloatArray, FloatArray]:
    rows = some_rows(len(Z), MOST_ROWS)
    return np.clip(standardised(Z[rows]), -6.0, 6.0), targets_of(y[rows], classes)
