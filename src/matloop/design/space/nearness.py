"""Which candidates of a table are near each other, and how to spread picks over all of them evenly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.design.contract import Axes, How

_CELLS = 20_000_000  # distances at once
_SPREAD_BY = 8  # principal directions that designs are spread over
_FEW_WORDS = 50  # categories of up to as many words take part in principal directions


@dataclass(frozen=True)
class Nearness:
    """Encoded candidates, ready for distances in which each variable counts alike.

    numbers : shape (n, n_numbers), each column divided by the root of the number of columns of its variable. codes :
    shape (n, n_categories), that differ or not.
    """

    numbers: FloatArray
    codes: FloatArray
    weights: FloatArray
    axes: Axes

    def around(self, X: FloatArray, own: IntArray, n: int, seed: int, reach: float) -> IntArray:
        """`n` of the nearest candidates of each encoded point, at random, without itself (`own`); shape (len(X) * n,).

        They are drawn from the share `reach` of all candidates that are nearest, at most ten times as many as asked.
        """
        rng = np.random.default_rng(seed)
        size = len(self.numbers)
        k = int(np.clip(min(reach * size, 10 * n), min(n, size - 1), max(size - 1, 1))) or 1
        found = np.empty((len(X), n), dtype=np.int64)
        block = max(_CELLS // size, 1)
        for start in range(0, len(X), block):
            rows = slice(start, start + block)
            far = self.distances(X[rows])
            self_there = np.flatnonzero(own[rows] >= 0)
            if size > 1:
                far[self_there, own[rows][self_there]] = np.inf
            nearest = np.argpartition(far, k - 1, axis=1)[:, :k] if k < size else np.argsort(far, axis=1)
            some = (len(nearest), k)
            picks = rng.random(some).argsort(axis=1)[:, :n] if k >= n else rng.integers(0, k, (len(nearest), n))
            found[rows] = np.take_along_axis(nearest, picks, axis=1)
        return found.ravel()

    def distances(self, X: FloatArray) -> FloatArray:
        """Squared distances of encoded points to all candidates, shape (len(X), n)."""
        flags = self.axes.categorical
        numbers, codes = X[:, ~flags] * self.weights, X[:, flags]
        far = (numbers**2).sum(axis=1)[:, None] - 2.0 * numbers @ self.numbers.T + (self.numbers**2).sum(axis=1)
        for column in range(codes.shape[1]):
            far += codes[:, column, None] != self.codes[None, :, column]
        return np.asarray(np.maximum(far, 0.0))


def nearness_of(X: FloatArray, axes: Axes) -> Nearness:
    """The distances of encoded candidates."""
    plain = ~axes.categorical
    owners, counts = np.unique(axes.variable[plain], return_counts=True)
    weights = 1.0 / np.sqrt(counts[np.searchsorted(owners, axes.variable[plain])])
    return Nearness(X[:, plain] * weights, X[:, axes.categorical], weights, axes)


def evenly(nearness: Nearness, n: int, seed: int, how: How) -> IntArray:
    """Places of `n` different candidates near the points of an even design over their principal directions.

    Directions are turned into ranks first, so that the design is even in candidates and not in empty room.
    """
    from scipy.stats import qmc

    ranks = _ranks(nearness)
    rng = np.random.default_rng(seed)
    width = ranks.shape[1]
    engine = qmc.Sobol(width, seed=rng) if how == "sobol" else qmc.LatinHypercube(width, seed=rng)
    design = engine.random(2 ** int(np.ceil(np.log2(max(n, 2)))) if how == "sobol" else n)[:n]
    free = np.ones(len(ranks), dtype=bool)
    found = np.empty(n, dtype=np.int64)
    for row, point in enumerate(design):
        far = ((ranks - point) ** 2).sum(axis=1)
        far[~free] = np.inf
        found[row] = int(np.argmin(far))
        free[found[row]] = False
    return found


def _ranks(nearness: Nearness) -> FloatArray:
    """Candidates by their principal directions, each from 0 to 1 by rank; shape (n, up to 8)."""
    parts = [nearness.numbers]
    for column in nearness.codes.T:
        words = np.unique(column)
        if len(words) <= _FEW_WORDS:
            parts.append((column[:, None] == words) / np.sqrt(2.0))
    X = np.concatenate(parts, axis=1)
    X = X - X.mean(axis=0)
    values, vectors = np.linalg.eigh(X.T @ X)
    top = np.argsort(values)[::-1][:_SPREAD_BY]
    top = top[values[top] > 1e-9 * max(values.max(), 1e-300)]
    scores = X @ vectors[:, top] if len(top) else np.zeros((len(X), 1))
    order = scores.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable")
    return np.asarray((order + 0.5) / len(X))
