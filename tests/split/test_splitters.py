"""The splitters work inside scikit-learn."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_score

from matloop.core.errors import ConfigError, DataError, MatloopWarning
from matloop.split.splitters import (
    GroupHoldOut,
    LeaveOneClusterOut,
    NestedFolds,
    RandomFolds,
    RepeatedFolds,
    ShuffledHoldOut,
    StratifiedGroupFolds,
)

RNG = np.random.default_rng(2)
X = RNG.normal(size=(120, 4))
Y = X @ np.arange(4.0)
GROUPS = np.arange(120) // 3


@pytest.mark.parametrize("splitter", [StratifiedGroupFolds(4), LeaveOneClusterOut(3), GroupHoldOut(0.25)])
def test_splitter_scores_an_estimator_and_keeps_groups_whole(splitter):
    scores = cross_val_score(Ridge(1e-6), X, Y, groups=GROUPS, cv=splitter)
    assert len(scores) == splitter.get_n_splits(X, Y, GROUPS)
    assert (scores > 0.99).all()
    for train, test in splitter.split(X, Y, GROUPS):
        assert not set(GROUPS[train]) & set(GROUPS[test])
        assert len(train) + len(test) == 120


def test_classes_may_be_words():
    words = np.array(["metal", "glass"])[RNG.integers(0, 2, 120)]
    tests = [test for _, test in StratifiedGroupFolds(5, task="classification").split(X, words)]
    assert sorted(np.concatenate(tests)) == list(range(120))


def test_inner_folds_share_out_the_outer_training_rows_and_nothing_else():
    for part in NestedFolds(4, 3).nested(X, Y, GROUPS):
        assert not set(GROUPS[part.outer.train]) & set(GROUPS[part.outer.test])
        tested = np.concatenate([inner.test for inner in part.inner])
        np.testing.assert_array_equal(np.sort(tested), part.outer.train)
        for inner in part.inner:
            assert not set(GROUPS[inner.train]) & set(GROUPS[inner.test])
            np.testing.assert_array_equal(np.union1d(inner.train, inner.test), part.outer.train)


def test_repeats_differ_and_begin_with_the_plain_folds():
    parts = RepeatedFolds(3, 4, seed=7).parts(X, Y, GROUPS)
    assert len(parts) == 12
    plain = StratifiedGroupFolds(3, seed=7).parts(X, Y, GROUPS)
    np.testing.assert_array_equal(parts[0].test, plain[0].test)
    assert len({part.test.tobytes() for part in parts}) == 12
    draws = ShuffledHoldOut(6, 0.25).parts(X, Y, GROUPS)
    assert len({draw.test.tobytes() for draw in draws}) == 6
    assert all(abs(len(draw.test) - 30) <= 6 for draw in draws)


def test_scikit_learns_search_and_metadata_routing_take_the_splitters():
    from sklearn import config_context
    from sklearn.model_selection import GridSearchCV

    search = GridSearchCV(Ridge(), {"alpha": [1e-6, 1e3]}, cv=StratifiedGroupFolds(3))
    assert search.fit(X, Y, groups=GROUPS).best_params_ == {"alpha": 1e-6}
    with config_context(enable_metadata_routing=True):
        scores = cross_val_score(Ridge(), X, Y, params={"groups": GROUPS}, cv=RandomFolds(4))
    assert len(scores) == 4


@pytest.mark.parametrize("method", ["k_means", "gaussian_mixture", "agglomerative"])
def test_planted_clusters_are_left_out_by_each_method(method):
    truth = np.repeat(np.arange(3), 40)
    far = RNG.normal(0, 9, (3, 4))[truth] + RNG.normal(size=(120, 4))
    n_clusters = 6 if method == "gaussian_mixture" else 3  # the number is found by BIC
    for _, test in LeaveOneClusterOut(n_clusters, method=method).split(far):
        assert len(set(truth[test])) == 1
        assert len(test) == 40


def test_a_class_that_folds_cannot_share_is_said():
    words = np.array(["metal"] * 117 + ["glass"] * 3)
    with pytest.warns(MatloopWarning, match=r"glass \(in 3\)"):
        parts = StratifiedGroupFolds(5, task="classification").parts(X, words)
    assert len(parts) == 5


def test_few_rows_and_bad_settings():
    with pytest.warns(MatloopWarning, match="3 folds are used instead of 5"):
        assert len(RandomFolds(5).parts(X[:3])) == 3
    with pytest.raises(DataError, match="1 row"):
        RandomFolds().parts(X[:1])
    with pytest.raises(DataError, match="give y"):
        StratifiedGroupFolds().parts(X)
    with pytest.raises(DataError, match="groups have shape"):
        RandomFolds().parts(X, None, GROUPS[:5])
    with pytest.raises(ConfigError, match="test_fraction = 2"):
        GroupHoldOut(2).parts(X, Y)
    with pytest.raises(ConfigError, match="no clustering 'k-means'"):
        LeaveOneClusterOut(method="k-means").parts(X)
    with pytest.raises(DataError, match="no table of numbers"):
        LeaveOneClusterOut().parts([["a"], ["b"]])
    with pytest.raises(DataError, match="give X"):
        LeaveOneClusterOut().get_n_splits()


def test_a_group_of_half_the_rows_is_one_cluster_or_one_fold():
    groups = np.where(np.arange(120) < 60, 0, np.arange(120))
    for splitter in (RandomFolds(4), LeaveOneClusterOut(4), StratifiedGroupFolds(4)):
        held = [len(test) for _, test in splitter.split(X, Y, groups)]
        assert sum(held) == 120
        assert max(held) >= 60
