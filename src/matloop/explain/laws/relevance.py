"""Which inputs matter at all: judged by a forest that also gets shuffled copies of each.

References
----------
Kursa & Rudnicki, J. Stat. Softw. 36 (2010) 11 (Boruta: shadow features). doi:10.18637/jss.v036.i11
"""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

from matloop.core.arrays import FloatArray, IntArray
from matloop.explain.grouping import association, ranks

MANY = 60
"""More inputs than that are thinned by rank correlation before the forest sees them."""
TREES = 120
TWINS = 0.9
"""Inputs with a higher |rank correlation| count as one."""
CLEARLY = 2.0
"""An input must be so many times as important as the most important shuffled copy: every further one makes the space of
laws several times larger."""
ROWS = 1500


def relevant(X: FloatArray, y: FloatArray, *, most: int, seed: int, classes: bool = False) -> IntArray:
    """Inputs by importance: those that clearly beat all shuffled copies, and one more; at least 4, at most `most`.

    X : shape (n_rows, n_inputs), finite. Columns that do not vary are left out.
    """
    varying = np.flatnonzero(np.ptp(X, axis=0) > 1e-9 * np.abs(X).max(axis=0))
    if len(varying) > MANY:
        varying = varying[np.argsort(-_bent(X[:, varying], y), kind="stable")[:MANY]]
        varying = np.sort(varying)
    if len(varying) <= 2:
        return varying
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(X))[:ROWS]
    real = X[np.ix_(rows, varying)]
    shadow = rng.permuted(real, axis=0)
    kind = ExtraTreesClassifier if classes else ExtraTreesRegressor
    leaf = max(2, len(rows) // 200)
    forest = kind(TREES, max_features=0.5, min_samples_leaf=leaf, random_state=seed, n_jobs=1)
    forest.fit(np.hstack([real, shadow]), y[rows])
    gain = forest.feature_importances_
    n = len(varying)
    order = np.argsort(-gain[:n], kind="stable")
    n_real = int((gain[:n] > CLEARLY * gain[n:].max()).sum())
    chosen = _unlike(real, order[: max(n_real + 1, 4)], most)
    return np.asarray(varying[chosen])


def _unlike(X: FloatArray, order: IntArray, most: int) -> IntArray:
    """The first `most` of `order` that are not nearly the same as one before: a dozen names for one thing leave no room
    for a second thing."""
    ranked = ranks(X[:, order])
    ranked = (ranked - ranked.mean(axis=0)) / np.maximum(ranked.std(axis=0), 1e-12)
    like = np.abs(ranked.T @ ranked) / len(X)
    chosen: list[int] = []
    for k in range(len(order)):
        if len(chosen) < most and all(like[k, j] < TWINS for j in chosen):
            chosen.append(k)
    return order[chosen]


def _bent(X: FloatArray, y: FloatArray) -> FloatArray:
    """The higher of the rank correlations of a column and of its distance from the median with y."""
    return np.maximum(association(X, y), association(np.abs(X - np.median(X, axis=0)), y))
