"""Nearest neighbours by trying all; of equally near ones the earlier row comes first."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from matloop.deploy.edge.standins.scipy_distance import cdist

_METRICS = {"euclidean": "euclidean", "manhattan": "cityblock"}
_AT_ONCE = 2_000_000


class NearestNeighbors:
    """The rows to look among."""

    def __init__(self, *, algorithm: str, metric: str, n_jobs: int = 1) -> None:
        del algorithm, n_jobs
        self._metric = _METRICS[metric]

    def fit(self, X: NDArray[Any]) -> Self:
        """Keep the rows."""
        self._rows = np.asarray(X, dtype=np.float64)
        return self

    def kneighbors(self, X: NDArray[Any], n_neighbors: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Distances and places of the nearest rows, nearest first, shape (n_rows, n_neighbors) each."""
        distance, place = np.empty((len(X), n_neighbors)), np.empty((len(X), n_neighbors), dtype=np.int64)
        step = max(1, _AT_ONCE // len(self._rows))
        for start in range(0, len(X), step):
            found = cdist(X[start : start + step], self._rows, self._metric)
            order = np.argsort(found, axis=1, kind="stable")[:, :n_neighbors]
            distance[start : start + step] = np.take_along_axis(found, order, axis=1)
            place[start : start + step] = order
        return distance, place
