"""Drop-column importance: twins replace each other, and the interval is the corrected one."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from matloop.core.errors import DataError
from matloop.explain.drop_column import corrected_interval, disagreements, drop_column_importance, drop_of
from matloop.train.scoring import corrected_p_value


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 4))
    X[:, 1] = X[:, 0]
    return X, 2.0 * X[:, 0] + X[:, 2] + 0.1 * rng.normal(size=300), np.arange(300) % 5


def test_one_of_two_twins_is_not_missed_but_both_are(table):
    X, y, fold = table
    groups = [np.array([0]), np.array([0, 1]), np.array([3])]
    alone, both, noise = drop_column_importance(LinearRegression(), X, y, groups, fold, names=("a", "b", "c", "d"))
    assert abs(alone.value) < 1e-9
    assert both.low > 1.0
    assert both.name == "a (+1 correlated)"
    assert abs(noise.value) < 0.01


def test_classes_are_judged_by_the_share_of_wrong_ones(table):
    X, y, fold = table
    found = drop_column_importance(LogisticRegression(), X, y > 0, [np.array([0, 1])], fold)
    assert 0.1 < found[0].value < 0.5


def test_interval_excludes_zero_exactly_when_the_corrected_test_does():
    rng = np.random.default_rng(1)
    for shift in (0.2, 0.6, 1.0, 2.0):
        rise = shift + rng.normal(size=5)
        _, low, high = corrected_interval(rise)
        assert (low > 0 or high < 0) == (corrected_p_value(np.zeros(5), rise) < 0.05)


def test_disagreement_is_said():
    gone, needed = drop_of(("a",), np.array([0.1, -0.1, 0.0])), drop_of(("b",), np.array([1.0, 1.1, 0.9]))
    said = disagreements([gone, needed], ["a"])
    assert "leans on a" in said[0]
    assert "shuffling b does not show it" in said[1]
    assert disagreements([needed], ["b"]) == []


def test_wrong_input_is_named(table):
    X, y, fold = table
    with pytest.raises(DataError, match="299 targets"):
        drop_column_importance(LinearRegression(), X, y[:-1], [np.array([0])], fold)
    with pytest.raises(DataError, match="one fold only"):
        drop_column_importance(LinearRegression(), X, y, [np.array([0])], np.zeros(300))
    with pytest.raises(DataError, match="holds every column"):
        drop_column_importance(LinearRegression(), X, y, [np.arange(4)], fold)
