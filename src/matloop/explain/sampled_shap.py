"""Contributions of groups of columns for any model, by walking from background rows to the row in random orders.

References
----------
Strumbelj & Kononenko, Knowl. Inf. Syst. 41 (2014) 647 (Shapley values by sampling). doi:10.1007/s10115-013-0679-x
Mitchell et al., J. Mach. Learn. Res. 23 (2022) 43 (an order and its reverse together). arXiv:2104.12199
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import DataError
from matloop.explain.output import Predict

_BATCH = 20_000
WALKS = 8
"""Background rows that every row is walked to from, each by an order and its reverse."""


def sampled_contributions(
    predict: Predict,
    X: FloatArray,
    background: FloatArray,
    groups: Sequence[IntArray],
    *,
    walks: int = WALKS,
    seed: int = 0,
) -> tuple[FloatArray, float]:
    """Shapley values of groups of columns by sampling, and their base.

    Parameters
    ----------
    predict : function of rows. X : shape (n_rows, n_features). background : shape (n_background, n_features).
    groups : columns that are switched together; together they must hold every column that matters.
    walks : background rows used; they are spread evenly over the predictions of all background rows.

    Returns
    -------
    values, shape (n_rows, n_groups), and base, the mean prediction of the background rows used. Their sum is the
    prediction exactly, if the groups hold every column.

    Raises
    ------
    DataError : no group, or no background row.
    """
    if not len(groups) or not len(background):
        raise DataError("contributions need at least one group of columns and one background row.")
    origins = _spread_out(predict, background, walks)
    base = float(predict(origins).mean())
    values = np.zeros((len(X), len(groups)))
    step = max(1, _BATCH // (2 * len(origins) * (len(groups) + 1)))
    for start in range(0, len(X), step):
        rows = np.arange(start, min(start + step, len(X)))
        values[rows] = _walked(predict, X[rows], rows, origins, groups, seed)
    return values, base


def _spread_out(predict: Predict, background: FloatArray, count: int) -> FloatArray:
    """Rows at evenly spaced ranks of the prediction: a few of them have the mean of all."""
    if len(background) <= count:
        return background
    order = np.argsort(predict(background), kind="stable")
    return background[order[((np.arange(count) + 0.5) / count * len(order)).astype(np.int64)]]


def _walked(
    predict: Predict, X: FloatArray, rows: IntArray, origins: FloatArray, groups: Sequence[IntArray], seed: int
) -> FloatArray:
    paths, orders = [], []
    for x, row in zip(X, rows.tolist(), strict=True):
        rng = np.random.default_rng([seed, row])
        for origin in origins:
            order = rng.permutation(len(groups))
            for turn in (order, order[::-1]):
                paths.append(_path(x, origin, [groups[g] for g in turn]))
                orders.append(turn)
    said = predict(np.concatenate(paths)).reshape(len(orders), len(groups) + 1)
    steps = np.zeros((len(orders), len(groups)))
    np.put_along_axis(steps, np.array(orders), np.diff(said, axis=1), axis=1)
    found: FloatArray = steps.reshape(len(X), -1, len(groups)).mean(axis=1)
    return found


def _path(x: FloatArray, origin: FloatArray, turn: Sequence[IntArray]) -> FloatArray:
    """From the background row to the row, one group after the other; shape (n_groups + 1, n_features)."""
    path = np.tile(origin, (len(turn) + 1, 1))
    for place, columns in enumerate(turn):
        path[place + 1 :, columns] = x[columns]
    return path
