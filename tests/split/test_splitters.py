"""The splitters work inside scikit-learn."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_score

from matloop.split.splitters import GroupHoldOut, LeaveOneClusterOut, StratifiedGroupFolds

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
