"""Random forests and extra trees: grown by scikit-learn, kept as flat arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import FloatArray
from matloop.models.jackknife import JackknifeForest, drawn_counts, row_noise, variance_form
from matloop.models.trees import Trees, rounded_down

_ALL_COLUMNS = 2_000
"""rows up to which extra trees look at all columns: better, and time does not matter there"""
_MANY_ROWS = 10_000
"""rows from which a fifth of the columns is enough: on 22,000 formulas and 358 columns 50 such trees took 8.5 s and
their median was 94 uV/K off held-out Seebeck coefficients, with a tenth of the columns 100, LightGBM 107"""
_NODE_BUDGET = 2_000_000
"""leaves of a whole forest: about 44 MB of arrays"""
_NO_VARIANCE = 1e-9
"""variance in a leaf, of a target of variance one, that is rounding"""


@dataclass(frozen=True, slots=True)
class ForestLearner:
    """Settings of a forest.

    extra : extremely randomised trees (thresholds drawn, no bootstrap) instead of a random forest.
    loss : "mae" takes the median over the trees instead of their mean: much better where a target has many equal
    values (no gap, no activity).
    n_trees : 0 chooses by the number of rows: many for small tables, fewer where each tree is large.
    leaf : smallest number of rows in a leaf; 0 chooses by the number of rows.
    features : share of the columns looked at per split; 0 for the square root of their number; None for all of them in
    small tables, half of them in larger ones, and a fifth in large ones.
    spread : "trees", how much the trees differ, and the variance inside their leaves (none where leaves hold one row);
    "jackknife", how far their mean would move with other training rows, apart from the noise that rows out of the bag
    show. The latter draws bootstraps for extra trees, too, and needs more trees.
    """

    extra: bool = True
    n_trees: int = 0
    leaf: int = 0
    features: float | None = None
    spread: Literal["trees", "jackknife"] = "trees"
    loss: str = "auto"

    def learn(
        self, Z: FloatArray, y: FloatArray, weights: FloatArray, *, classes: int, seed: int
    ) -> Trees | JackknifeForest:
        """Grow the forest; row weights count in every split and leaf."""
        settings = self._settings(len(Z))
        n_trees = int(max(20, min(self._wanted(len(Z)), _NODE_BUDGET * settings["min_samples_leaf"] // len(Z))))
        if self.spread == "jackknife":
            return self._with_jackknife(Z, y, weights, classes, seed, n_trees)
        settings |= {"n_estimators": n_trees, "n_jobs": 1, "random_state": seed % 2**32}
        forest = _forest(self.extra, classes, settings)
        forest.fit(Z.astype(np.float32), y, sample_weight=None if (weights == 1.0).all() else weights)
        grown = [member.tree_ for member in forest.estimators_]
        return from_forest(
            grown, Z.shape[1], classes, median=self.loss == "mae" and not classes, noise=_leaf_variance(grown, classes)
        )

    def _settings(self, n_rows: int) -> dict[str, Any]:
        leaf = self.leaf or (1 if n_rows < 5_000 else 2 if n_rows < 50_000 else 3)
        return {"min_samples_leaf": leaf, "max_features": self._share(n_rows)}

    def _wanted(self, n_rows: int) -> int:
        """Number of trees; the error of the jackknife from few trees is sqrt(2 n_rows) / n_trees of a tree's variance:
        a tenth is wanted."""
        if self.n_trees:
            return self.n_trees
        if self.spread == "jackknife":
            return int(np.clip(10.0 * np.sqrt(2.0 * n_rows), 300, 1_000))
        return 300 if n_rows < 1_000 else 200 if n_rows < 5_000 else 150 if n_rows < _MANY_ROWS else 60

    def _with_jackknife(
        self, Z: FloatArray, y: FloatArray, weights: FloatArray, classes: int, seed: int, n_trees: int
    ) -> JackknifeForest:
        used = weights > 0
        Z, y, weights, data = Z[used], y[used], weights[used], Z[used].astype(np.float32)
        counts = drawn_counts(len(Z), n_trees, seed)
        seeds = np.random.default_rng([seed, 1]).integers(0, 2**31, n_trees).tolist()
        settings = self._settings(len(Z))
        kind = _tree(self.extra, classes)
        grown = [
            kind(random_state=own, **settings).fit(data, y, sample_weight=count * weights).tree_
            for own, count in zip(seeds, counts, strict=True)
        ]
        trees = from_forest(grown, Z.shape[1], classes, median=self.loss == "mae" and not classes)
        form = variance_form(counts)
        if classes:
            return JackknifeForest(trees, form.astype(np.float32), None)
        said = np.stack([tree.value[tree.apply(data), 0, 0] for tree in grown], axis=1)
        noise = row_noise(said, y, counts, form)
        return JackknifeForest(trees, form.astype(np.float32), _noise_trees(data, noise, weights, seed))

    def _share(self, n_rows: int) -> float | str:
        if self.features is None:
            return 1.0 if n_rows <= _ALL_COLUMNS else 0.5 if n_rows < _MANY_ROWS else 0.2
        return self.features or "sqrt"


def _forest(extra: bool, classes: int, settings: dict[str, Any]) -> Any:
    from sklearn import ensemble

    if classes:
        return (ensemble.ExtraTreesClassifier if extra else ensemble.RandomForestClassifier)(**settings)
    return (ensemble.ExtraTreesRegressor if extra else ensemble.RandomForestRegressor)(**settings)


def _tree(extra: bool, classes: int) -> Any:
    from sklearn import tree

    if classes:
        return tree.ExtraTreeClassifier if extra else tree.DecisionTreeClassifier
    return tree.ExtraTreeRegressor if extra else tree.DecisionTreeRegressor


def _leaf_variance(grown: Sequence[Any], classes: int) -> NDArray[np.float32] | None:
    """Variance of the target in every leaf; None where there is none to speak of (one row per leaf)."""
    if classes:
        return None
    found = np.concatenate([np.maximum(tree.impurity[tree.children_left < 0], 0.0) for tree in grown])
    return found.astype(np.float32) if found.max() > _NO_VARIANCE else None


def _noise_trees(data: NDArray[np.float32], noise: FloatArray, weights: FloatArray, seed: int) -> Trees:
    """A forest of the noise over the columns, with leaves of many rows: single entries of `noise` are rough."""
    known = np.isfinite(noise)
    if not known.any():
        known, noise = ~known, np.zeros(len(noise))
    leaf = int(np.clip(len(data) // 20, 5, 30))
    settings = {"n_estimators": 60, "min_samples_leaf": leaf, "max_features": 0.5, "random_state": seed % 2**32}
    forest = _forest(False, 0, settings).fit(data[known], noise[known], sample_weight=weights[known])
    return from_forest([member.tree_ for member in forest.estimators_], data.shape[1], 0)


def from_forest(
    grown: Sequence[Any], n_columns: int, classes: int, *, median: bool = False,
    noise: NDArray[np.float32] | None = None,
) -> Trees:  # fmt: skip
    """Flat arrays of scikit-learn's trees; leaves hold float32 means, or class shares (for two classes both).

    noise : variance per leaf, trees one after the other.
    """
    parts = [_one(tree, classes) for tree in grown]
    counts = np.array([len(part[0]) for part in parts])
    feature, threshold, left, right, value = (np.concatenate([part[i] for part in parts]) for i in range(5))
    n_trees = len(parts)
    return Trees(
        n_columns=n_columns,
        splits=np.concatenate([[0], np.cumsum(counts)]),
        leaves=np.concatenate([[0], np.cumsum(counts + 1)]),
        feature=feature,
        threshold=threshold,
        left=left,
        right=right,
        default_left=np.zeros(len(feature), bool),
        missing=np.zeros(len(feature), bool),
        value=value,
        output=np.zeros(n_trees, np.int64),
        member=np.arange(n_trees),
        link="identity",
        median=median,
        noise=np.zeros(0, np.float32) if noise is None else noise,
    )


def _one(tree: Any, classes: int) -> tuple[Any, ...]:
    inner = tree.children_left >= 0
    place = np.where(inner, np.cumsum(inner) - 1, ~(np.cumsum(~inner) - 1)).astype(np.int32)
    value = tree.value[~inner, 0, :]
    if classes:
        value = value / value.sum(axis=1, keepdims=True)
    return (
        tree.feature[inner].astype(np.int32),
        rounded_down(tree.threshold[inner]),
        place[tree.children_left[inner]],
        place[tree.children_right[inner]],
        value.astype(np.float32),
    )
