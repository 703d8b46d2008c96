"""Isolation forest: a row is foreign that few random cuts set apart from the training rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import Arrays, FloatArray, nested, number, under
from matloop.core.errors import BundleError
from matloop.doubt.domains.method import Foreignness, Measure, Method, fit_foreignness
from matloop.doubt.domains.space import Places
from matloop.models.forests import from_forest
from matloop.models.trees import Trees

TREES, SAMPLE = 100, 256
"""As in the paper: more trees change little, more rows per tree hide what is foreign (swamping, masking)."""


@dataclass(frozen=True, slots=True)
class Isolation:
    """Score 2 ** (-mean path / usual path) of an isolation forest, 0 to 1; the leaves of `trees` hold path lengths."""

    trees: Trees
    usual: float

    def score(self, places: Places) -> FloatArray:
        """Shape (n,)."""
        path = self.trees.values(places.astype(np.float64))[:, 0]
        return np.asarray(2.0 ** (-path / self.usual))

    def to_arrays(self) -> Arrays:
        return nested("trees", self.trees.to_arrays()) | {"usual": np.array(self.usual)}


def read_isolation(arrays: Arrays, n_axes: int) -> Isolation:
    """The measure from its arrays, every branch and leaf checked (BundleError)."""
    trees, usual = Trees.from_arrays(under("trees", arrays)), number(arrays, "usual")
    if trees.n_columns != n_axes or trees.n_values != 1 or not (np.isfinite(usual) and usual > 0):
        raise BundleError("the isolation forest of the domain does not fit its axes. The bundle is not trusted.")
    return Isolation(trees, usual)


def fit_isolation(places: Places, seed: int) -> Measure:
    """Grown by scikit-learn on training places (n, n_axes), kept as flat arrays."""
    from sklearn.ensemble import IsolationForest

    forest = IsolationForest(n_estimators=TREES, max_samples=min(SAMPLE, len(places)), random_state=seed % 2**32)
    grown = [member.tree_ for member in forest.fit(places).estimators_]
    trees = replace(from_forest(grown, places.shape[1], 0), value=_paths(grown))
    return Isolation(trees, max(float(_usual_path(np.array([min(SAMPLE, len(places))]))[0]), 1.0))


def _paths(grown: list[Any]) -> NDArray[np.float32]:
    """The path length of each leaf, (n_leaves, 1): its depth, and what its rows would still take to tell apart."""
    found = []
    for tree in grown:
        depth = np.zeros(tree.node_count)
        for node in range(tree.node_count):  # a child comes after its parent
            for child in (tree.children_left[node], tree.children_right[node]):
                if child >= 0:
                    depth[child] = depth[node] + 1.0
        leaf = tree.children_left < 0
        found.append(depth[leaf] + _usual_path(tree.n_node_samples[leaf]))
    return np.concatenate(found).astype(np.float32)[:, None]


def _usual_path(n: NDArray[Any]) -> FloatArray:
    """Mean path of an unsuccessful search in a binary search tree of n rows (eq. 1 of the paper)."""
    n = np.asarray(n, dtype=np.float64)
    above = np.maximum(n, 3.0)
    long = 2.0 * (np.log(above - 1.0) + np.euler_gamma) - 2.0 * (above - 1.0) / above
    return np.where(n > 2, long, np.where(n == 2, 1.0, 0.0))


METHOD = Method(
    "isolation_forest",
    "Isolation forest",
    "isolation",
    "Liu, Ting & Zhou (2008), doi:10.1109/ICDM.2008.17",
    fit_isolation,
    read_isolation,
)


def fit_isolation_forest(X: FloatArray, *, seed: int = 0) -> Foreignness:
    """Isolation forest on the principal axes; see `fit_foreignness`."""
    return fit_foreignness("isolation_forest", X, seed=seed)
