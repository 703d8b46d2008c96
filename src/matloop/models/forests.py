"""Random forests and extra trees: grown by scikit-learn, kept as flat arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.models.trees import Trees, rounded_down

_ALL_COLUMNS = 2_000
"""rows up to which extra trees look at all columns: better, and time does not matter there"""
_MANY_ROWS = 10_000
"""rows from which a fifth of the columns is enough: on 22,000 formulas and 358 columns 50 such trees took 8.5 s and
their median was 94 uV/K off held-out Seebeck coefficients, with a tenth of the columns 100, LightGBM 107"""
_NODE_BUDGET = 2_000_000
"""leaves of a whole forest: about 36 MB of arrays"""


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
    """

    extra: bool = True
    n_trees: int = 0
    leaf: int = 0
    features: float | None = None
    loss: str = "auto"

    def learn(self, Z: FloatArray, y: FloatArray, weights: FloatArray, *, classes: int, seed: int) -> Trees:
        """Grow the forest; row weights count in every split and leaf."""
        leaf = self.leaf or (1 if len(Z) < 5_000 else 2 if len(Z) < 50_000 else 3)
        usual = 300 if len(Z) < 1_000 else 200 if len(Z) < 5_000 else 150 if len(Z) < _MANY_ROWS else 60
        wanted = self.n_trees or usual
        n_trees = int(max(20, min(wanted, _NODE_BUDGET * leaf // max(len(Z), 1))))
        settings: dict[str, Any] = {
            "n_estimators": n_trees,
            "min_samples_leaf": leaf,
            "max_features": self._share(len(Z)),
            "n_jobs": 1,
            "random_state": seed % 2**32,
        }
        forest = _forest(self.extra, classes, settings)
        forest.fit(Z.astype(np.float32), y, sample_weight=None if (weights == 1.0).all() else weights)
        grown = [member.tree_ for member in forest.estimators_]
        return from_forest(grown, Z.shape[1], classes, median=self.loss == "mae" and not classes)

    def _share(self, n_rows: int) -> float | str:
        if self.features is None:
            return 1.0 if n_rows <= _ALL_COLUMNS else 0.5 if n_rows < _MANY_ROWS else 0.2
        return self.features or "sqrt"


def _forest(extra: bool, classes: int, settings: dict[str, Any]) -> Any:
    from sklearn import ensemble

    if classes:
        return (ensemble.ExtraTreesClassifier if extra else ensemble.RandomForestClassifier)(**settings)
    return (ensemble.ExtraTreesRegressor if extra else ensemble.RandomForestRegressor)(**settings)


def from_forest(grown: Sequence[Any], n_columns: int, classes: int, *, median: bool = False) -> Trees:
    """Flat arrays of scikit-learn's trees; leaves hold float32 means, or class shares (for two classes both)."""
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
