"""Windows over series: hand-worked values, and no look at later rows."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matloop.core.errors import DataError
from matloop.data.collect import from_frame
from matloop.data.inputs import read_inputs
from matloop.data.windows import window_names, windowed
from matloop.problem.question import Input, Window

EVERY = ("mean", "std", "min", "max", "slope", "last", "lag")


def column(found, window, name):
    return found[:, window_names("", window).index(name)]


def test_a_worked_series():
    window = Window("t", rows=(3,), statistics=EVERY)
    found = windowed([1.0, 3.0, 2.0, 10.0], [0.0, 1.0, 3.0, 4.0], ["a"] * 4, window)
    assert column(found, window, " mean of 3").tolist() == [1.0, 2.0, 2.0, 5.0]
    np.testing.assert_allclose(
        column(found, window, " std of 3"), [np.nan, np.sqrt(2), 1.0, np.std([3, 2, 10], ddof=1)]
    )
    assert column(found, window, " min of 3").tolist() == [1.0, 1.0, 1.0, 2.0]
    assert column(found, window, " max of 3").tolist() == [1.0, 3.0, 3.0, 10.0]
    slopes = [np.nan, 2.0, np.polyfit([0, 1, 3], [1, 3, 2], 1)[0], np.polyfit([1, 3, 4], [3, 2, 10], 1)[0]]
    np.testing.assert_allclose(column(found, window, " slope of 3"), slopes)
    np.testing.assert_array_equal(column(found, window, " lag 1"), [np.nan, 1.0, 3.0, 2.0])
    np.testing.assert_array_equal(column(found, window, " lag 2"), [np.nan, np.nan, 1.0, 3.0])


def test_without_the_row_itself_and_with_missing_ends():
    window = Window("t", rows=(2,), statistics=("mean", "last"), current=False, ends="missing")
    found = windowed([1.0, 3.0, np.nan, 10.0], [0.0, 1.0, 2.0, 3.0], ["a"] * 4, window)
    np.testing.assert_array_equal(column(found, window, " mean of 2"), [np.nan, np.nan, 2.0, 3.0])
    np.testing.assert_array_equal(column(found, window, " last of 2"), [np.nan, np.nan, 3.0, 3.0])


def test_series_do_not_see_each_other_and_unknown_places_have_no_window():
    window = Window("t", by="run", rows=(5,), statistics=("mean",))
    found = windowed([1.0, 2.0, 3.0, 4.0, 5.0], [0.0, 0.0, 1.0, np.nan, 2.0], ["a", "b", "a", "a", ""], window)
    np.testing.assert_array_equal(found[:, 0], [1.0, 2.0, 2.0, np.nan, np.nan])


def test_lengths_have_to_agree():
    with pytest.raises(DataError, match="one per row"):
        windowed([1.0], [1.0, 2.0], ["a"], Window("t"))


@given(st.integers(0, 2**31), st.booleans())
def test_later_rows_and_the_order_of_the_table_change_nothing(seed, current):
    rng = np.random.default_rng(seed)
    n = 30
    values, along = rng.normal(size=n), rng.integers(0, 12, n).astype(float)
    values[rng.random(n) < 0.1] = np.nan
    series = rng.choice(["a", "b"], n)
    window = Window("t", by="s", rows=(1, 4), statistics=EVERY, current=current)
    found = windowed(values, along, series, window)
    shuffled = rng.permutation(n)
    np.testing.assert_array_equal(
        windowed(values[shuffled], along[shuffled], series[shuffled], window), found[shuffled]
    )
    cut = float(rng.integers(0, 12))
    later = along > cut
    np.testing.assert_array_equal(windowed(np.where(later, 1e6, values), along, series, window)[~later], found[~later])
    np.testing.assert_array_equal(windowed(values[~later], along[~later], series[~later], window), found[~later])


def test_a_table_gives_windows_in_units_along_dates():
    frame = pd.DataFrame({"T": [20.0, 22.0, 30.0], "day": ["2024-01-01", "2024-01-02", "2024-01-03"], "run": ["a"] * 3})
    window = Window("day", by="run", rows=(2,), statistics=("mean", "slope"))
    dataset, unreadable = read_inputs(from_frame(frame), [Input("T", "number", "T", unit="K", window=window)])
    assert not unreadable
    assert dataset.inputs["T mean of 2"].values.tolist() == [20.0, 21.0, 26.0]
    assert dataset.inputs["T slope of 2"].unit == "K/s"
    np.testing.assert_allclose(dataset.inputs["T slope of 2"].values[1:], [2 / 86400, 8 / 86400])


def test_a_word_outside_the_order_is_a_row_that_cannot_be_read():
    frame = pd.DataFrame({"grade": ["low", "High", "huge", ""], "x": [1.0, 2.0, 3.0, 4.0]})
    inputs = [Input("grade", "category", "grade", order=("low", "high")), Input("x", "number", "x")]
    dataset, unreadable = read_inputs(from_frame(frame), inputs)
    assert dataset.inputs["grade"].values.tolist() == ["low", "high", "huge", ""]
    assert "not in the order low < high" in unreadable[2]
    assert list(unreadable) == [2]
