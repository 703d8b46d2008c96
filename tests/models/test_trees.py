"""The flat trees: equal to a plain walk, to scikit-learn and to LightGBM; hostile arrays are refused."""

from __future__ import annotations

import copy

import lightgbm
import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor, RandomForestRegressor

from matloop.core.errors import BundleError
from matloop.models.forests import from_forest
from matloop.models.lightgbm import from_boosters
from matloop.models.trees import Trees, _parts, rounded_down, smallest, walk


def _table(seed=0, n=300, d=6):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)).astype(np.float32).astype(np.float64)
    return X, X[:, 0] + np.sin(2 * X[:, 1]) + 0.1 * rng.normal(size=n)


def _forest(**settings) -> tuple[Trees, ExtraTreesRegressor]:
    X, y = _table()
    forest = ExtraTreesRegressor(n_estimators=12, random_state=0, **settings).fit(X, y)
    return from_forest([t.tree_ for t in forest.estimators_], X.shape[1], 0), forest


def test_forest_equals_scikit_learn_up_to_single_precision_leaves():
    trees, forest = _forest()
    X = _table(seed=1)[0]
    np.testing.assert_allclose(trees.values(X)[:, 0], forest.predict(X), rtol=1e-6, atol=1e-6)
    leaf = np.stack([t.tree_.apply(X.astype(np.float32)) for t in forest.estimators_], axis=1)
    for t in range(12):  # the same rows share a leaf
        assert len(set(zip(leaf[:, t], trees.leaf_of(X)[:, t], strict=True))) == len(set(leaf[:, t]))


def test_forest_spread_is_the_standard_deviation_over_trees():
    trees, forest = _forest()
    X = _table(seed=1)[0]
    each = np.stack([t.predict(X.astype(np.float32)) for t in forest.estimators_])
    np.testing.assert_allclose(trees.values_and_uncertainty(X)[1].epistemic, each.std(axis=0), rtol=1e-5, atol=1e-6)


def test_forest_probabilities_equal_scikit_learn():
    X, y = _table()
    labels = np.digitize(y, [-0.5, 0.7])
    forest = ExtraTreesClassifier(n_estimators=9, min_samples_leaf=3, random_state=0).fit(X, labels)
    trees = from_forest([t.tree_ for t in forest.estimators_], X.shape[1], 3)
    np.testing.assert_allclose(trees.values(X), forest.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("n_rows", [3, 700])
def test_fast_way_equals_plain_walk(n_rows):
    X, y = _table()
    forest = RandomForestRegressor(n_estimators=7, random_state=0).fit(X, y)
    trees = from_forest([t.tree_ for t in forest.estimators_], X.shape[1], 0)
    # rows that sit exactly on thresholds are the hard ones
    Z = np.random.default_rng(2).choice(trees.threshold, (n_rows, X.shape[1])).astype(np.float64)
    np.testing.assert_array_equal(trees.leaf_of(Z), walk(trees, Z))


@pytest.mark.parametrize(("objective", "classes"), [("regression", 0), ("binary", 2), ("multiclass", 3)])
def test_boosting_equals_lightgbm_with_missing_values(objective, classes):
    X, y = _table()
    X[::5, 0] = np.nan
    if classes:
        y = np.digitize(y, [0.0, 0.8][: classes - 1])
    settings = {"objective": objective, "verbosity": -1, "num_threads": 1, **({"num_class": 3} if classes == 3 else {})}
    booster = lightgbm.train(settings, lightgbm.Dataset(X, y), num_boost_round=20)
    trees = from_boosters([booster.model_to_string()], X.shape[1], classes, (np.zeros(0), np.zeros(0)))
    wanted = booster.predict(X)
    found = trees.values(X)
    np.testing.assert_allclose(found[:, -1] if classes < 3 else found, wanted, rtol=1e-10)
    np.testing.assert_array_equal(trees.leaf_of(X), walk(trees, X))


def test_fitted_trees_can_be_copied():
    trees, _ = _forest()
    X = _table()[0]
    wanted = trees.values(X)
    np.testing.assert_array_equal(copy.deepcopy(trees).values(X), wanted)


def test_parts_cover_every_tree_once():
    trees, _ = _forest()
    assert sum(count for _, count in _parts(trees)) == trees.n_trees


def test_rounded_down_decides_as_the_double_does():
    rng = np.random.default_rng(0)
    x = rng.normal(size=20_000).astype(np.float32)
    t = x.astype(np.float64) + rng.choice([0.0, 1e-9, -1e-9, 1e-17], 20_000)
    np.testing.assert_array_equal(x <= rounded_down(t), x.astype(np.float64) <= t)
    assert np.isfinite(rounded_down(np.array([1.8e308, -1.8e308, np.inf]))).all()


def test_smallest_integers_hold_the_values():
    assert smallest(np.array([-129, 5])).dtype == np.int16
    assert smallest(np.array([0, 40_000])).dtype == np.int32


@pytest.mark.parametrize(
    ("name", "place", "entry"),
    [("left", 0, 0), ("left", 3, 1), ("right", 2, 30_000), ("left", 5, -30_000), ("feature", 1, 6),
     ("splits", 1, 10**6), ("leaves", 2, -4), ("output", 0, 7), ("member", 0, 12),
     ("threshold", 0, np.nan), ("value", 0, np.inf)],
)  # fmt: skip
def test_hostile_arrays_are_refused(name, place, entry):
    arrays = _forest()[0].to_arrays()
    broken = arrays[name].copy()
    if broken.dtype.kind == "i":
        broken = broken.astype(np.int64)
    broken.flat[place] = entry
    with pytest.raises(BundleError):
        Trees.from_arrays({**arrays, name: broken})


def test_a_leaf_shared_by_two_branches_is_refused():
    arrays = _forest()[0].to_arrays()
    left = arrays["left"].copy()
    leaf = np.flatnonzero(left < 0)
    left[leaf[0]] = left[leaf[1]]
    with pytest.raises(BundleError, match="do not belong"):
        Trees.from_arrays({**arrays, "left": left})
