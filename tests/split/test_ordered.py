"""Time runs forward, ties stay together, extremes lie beyond training."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import TimeSeriesSplit

from matloop.core.errors import ConfigError, DataError
from matloop.split.ordered import FeatureExtrapolation, ForwardInTime, TargetExtrapolation

X = np.zeros((60, 1))


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 6), st.integers(0, 20), st.integers(2, 12))
def test_training_lies_strictly_before_the_test_and_no_block_is_empty(n_splits, seed, levels):
    times = np.random.default_rng(seed).integers(1990, 1990 + levels, 60)
    if len(np.unique(times)) <= n_splits:
        with pytest.raises(DataError, match="different times"):
            list(ForwardInTime(n_splits, times=times).split(X))
        return
    pairs = list(ForwardInTime(n_splits, times=times).split(X))
    assert len(pairs) == n_splits
    assert all(times[train].max() < times[test].min() for train, test in pairs)
    assert np.unique(np.concatenate([test for _, test in pairs])).size == (times > times[pairs[0][0]].max()).sum()


def test_without_ties_it_is_scikit_learns_time_series_split():
    peer = TimeSeriesSplit(5).split(X)
    for (train, test), (other_train, other_test) in zip(ForwardInTime(5).split(X), peer, strict=True):
        np.testing.assert_array_equal(train, other_train)
        np.testing.assert_array_equal(test, other_test)


def test_a_rolling_window_forgets_and_dates_are_times():
    days = pd.Series(pd.date_range("2020-01-01", periods=60))
    first, *_, last = ForwardInTime(5, times=days, window=2).split(X)
    assert last[0].tolist() == list(range(30, 50))
    assert len(first[0]) == 10
    texts = ForwardInTime(5, times=days.dt.strftime("%Y-%m-%d").to_numpy(dtype=object), window=2)
    assert [t.tolist() for t, _ in texts.split(X)] == [t.tolist() for t, _ in ForwardInTime(5, window=2).split(X)]


def test_a_time_of_half_the_rows_stays_whole():
    times = np.concatenate([np.arange(15), np.full(30, 15), np.arange(16, 31)])
    pairs = list(ForwardInTime(3, times=times).split(X))
    assert sum(15 in times[test] for _, test in pairs) == 1
    assert all(len(test) for _, test in pairs)


def test_the_highest_fifth_is_beyond_training_and_ties_are_not_torn():
    y = np.repeat(np.arange(12.0), 5)
    low, high = TargetExtrapolation(0.2, ends=("low", "high")).split(X, y)
    assert y[low[1]].max() < y[low[0]].min()
    assert y[high[1]].min() > y[high[0]].max()
    assert len(high[1]) == 10  # 12 rows were asked for, 5 have each value
    frame = pd.DataFrame({"T": y, "p": 0.0})
    np.testing.assert_array_equal(next(FeatureExtrapolation("T").split(frame))[1], high[1])


@pytest.mark.parametrize(
    ("splitter", "words"),
    [
        (TargetExtrapolation(), "too few different values"),
        (TargetExtrapolation(1.5), "between 0 and 1"),
        (TargetExtrapolation(ends=("top",)), "'low', 'high'"),
        (FeatureExtrapolation(3), "no column 3"),
        (FeatureExtrapolation("T"), "no column 'T'"),
        (ForwardInTime(times=[1.0, np.nan] * 30), "row 1 .*no time"),
        (ForwardInTime(times=[1.0]), "one time per row"),
        (ForwardInTime(times=["soon"] * 60), "neither numbers nor dates"),
        (ForwardInTime(100), "n_splits to 59"),
    ],
)
def test_errors_say_what_to_do(splitter, words):
    with pytest.raises((DataError, ConfigError), match=words):
        list(splitter.split(X, np.ones(60)))
