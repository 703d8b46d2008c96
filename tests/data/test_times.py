"""Columns of dates, in every mixture of spellings, give seconds without a word from pandas."""

import itertools
import warnings

import numpy as np
import pytest

from matloop.data.times import seconds_of

KNOWN = {
    "2020": 1577836800.0, "2020.0": 1577836800.0, "2020-01-02": 1577923200.0, "13.02.2021": 1613174400.0,
    "1581000000": 1581000000.0, "1581000000.25": 1581000000.25, "2020-01-02T03:04:05.123+02:00": 1577927045.123,
    "2020-01-02T03:04:05.123456789Z": 1577934245.123456, "x": np.nan, "": np.nan,
}  # fmt: skip


@pytest.mark.parametrize("pair", list(itertools.combinations(KNOWN, 2)), ids=" and ".join)
def test_every_pair_of_spellings_stands_in_one_column(pair):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = seconds_of(np.array(pair, dtype=object))
    np.testing.assert_allclose(found, [KNOWN[one] for one in pair], rtol=0, atol=1e-6)


def test_a_date_that_means_never_is_a_date():
    found = seconds_of(np.array(["9999-12-31", "2020"], dtype=object))
    assert found.tolist() == [253402214400.0, 1577836800.0]
    assert seconds_of(np.array(["9999-12-31", "NaT"], dtype="datetime64[s]"))[0] == 253402214400.0
