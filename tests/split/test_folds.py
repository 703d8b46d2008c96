"""Folds keep groups whole, look alike, and are the same every time."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matloop.core.errors import DataError, MatloopWarning
from matloop.split.folds import cluster_folds, clusters, make_folds

RNG = np.random.default_rng(0)


@settings(deadline=None, max_examples=60)
@given(st.integers(10, 300), st.integers(2, 8), st.integers(0, 5), st.sampled_from(["regression", "classification"]))
def test_groups_stay_whole_and_no_fold_is_empty(n, n_folds, seed, task):
    rng = np.random.default_rng(seed)
    groups = np.append(rng.integers(0, max(n // 3, 2), n - n_folds), 10_000 + np.arange(n_folds))
    fold = make_folds(rng.integers(0, 3, n).astype(float), groups, n_folds=n_folds, seed=seed, task=task)
    assert len(np.unique(np.column_stack([groups, fold]), axis=0)) == len(np.unique(groups))
    assert set(fold) == set(range(n_folds))


def test_sizes_are_equal_and_the_target_is_spread_evenly():
    y, groups = RNG.lognormal(size=4000), RNG.integers(0, 2500, 4000)
    fold = make_folds(y, groups, n_folds=5, seed=1, task="regression")
    sizes = np.bincount(fold)
    assert sizes.max() - sizes.min() <= 0.01 * len(y)
    means = np.array([np.log(y[fold == f]).mean() for f in range(5)])
    assert np.ptp(means) < 0.06  # unstratified folds of 800 rows: about 0.08


def test_rare_class_is_in_every_fold():
    y = np.zeros(500)
    y[:10] = 1.0
    fold = make_folds(y, np.arange(500), n_folds=5, seed=0, task="classification")
    assert np.bincount(fold[y == 1.0], minlength=5).tolist() == [2, 2, 2, 2, 2]


def test_a_huge_group_fills_one_fold_and_the_rest_share_the_others():
    groups = np.concatenate([np.zeros(600, dtype=int), np.arange(1, 401)])
    fold = make_folds(RNG.normal(size=1000), groups, n_folds=5, seed=0, task="regression")
    assert sorted(np.bincount(fold).tolist()) == [100, 100, 100, 100, 600]


def test_same_input_same_folds_other_seed_other_folds():
    y, groups = RNG.normal(size=200), np.array([f"g{i // 2}" for i in range(200)])
    first = make_folds(y, groups, n_folds=5, seed=3, task="regression")
    np.testing.assert_array_equal(first, make_folds(y, groups, n_folds=5, seed=3, task="regression"))
    assert (first != make_folds(y, groups, n_folds=5, seed=4, task="regression")).any()


def test_fewer_groups_than_folds_warns_and_one_group_is_refused():
    with pytest.warns(MatloopWarning, match="3 folds are used instead of 5"):
        fold = make_folds(np.arange(6.0), np.arange(6) // 2, n_folds=5, seed=0, task="regression")
    assert set(fold) == {0, 1, 2}
    with pytest.raises(DataError, match=r"two are needed.*\[roles\] group"):
        make_folds(np.arange(6.0), np.zeros(6), n_folds=5, seed=0, task="regression")
    with pytest.raises(DataError, match="row 1 has no target value"):
        make_folds(np.array([1.0, np.nan]), np.arange(2), n_folds=2, seed=0, task="regression")


def test_thirty_thousand_groups_take_a_second():
    start = time.perf_counter()
    make_folds(RNG.normal(size=30_000), np.arange(30_000), n_folds=5, seed=0, task="regression")
    assert time.perf_counter() - start < 3.0


def test_clusters_find_separate_blobs_with_groups_whole():
    centres = RNG.normal(0, 8, (4, 10))
    truth = np.repeat(np.arange(4), 60)
    X = centres[truth] + RNG.normal(size=(240, 10))
    X[RNG.random(X.shape) < 0.05] = np.nan
    groups = np.arange(240) // 3
    fold = cluster_folds(X, groups, n_clusters=4, seed=0)
    assert len(np.unique(np.column_stack([truth, fold]), axis=0)) == 4
    assert len(np.unique(np.column_stack([groups, fold]), axis=0)) == 80


def test_clusters_say_how_they_were_made_and_survive_odd_columns():
    X = np.column_stack([RNG.normal(size=(50, 3)), np.full(50, np.nan), np.ones(50)])
    X[0, 0] = 1e9
    found = clusters(X, np.arange(50), n_clusters=5, seed=0)
    assert "5 clusters by k-means" in found.how
    assert "3 standardised features" in found.how
    assert np.bincount(found.fold).min() >= 1
    assert (np.diff(np.bincount(found.fold)) <= 0).all()


def test_equal_features_cannot_be_clustered_and_few_points_give_fewer_clusters():
    with pytest.raises(DataError, match="same features"):
        cluster_folds(np.ones((9, 2)), np.arange(9), n_clusters=3, seed=0)
    assert set(cluster_folds(np.repeat([[0.0], [1.0]], 4, axis=0), np.arange(8), n_clusters=5, seed=0)) == {0, 1}
