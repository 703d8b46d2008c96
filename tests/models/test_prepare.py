"""Preparation: what it drops, fills, encodes, scales and selects; nothing is learnt from other rows."""

from __future__ import annotations

import numpy as np
import pytest

from matloop.core.errors import BundleError
from matloop.models.prepare import MISSING, NUMBER, WORD, Preparation, Prepared, prepare
from matloop.models.select.single import telling
from matloop.represent.table import Columns

COLUMNS = Columns(("a", "b", "c", "d", "w"), ("t:number",) * 4 + ("t:category",), {"w": ("x", "y", "z")})
X = np.array(
    [[1.0, 7.0, np.nan, 1.0, 0.0], [2.0, 7.0, np.nan, np.nan, 1.0], [3.0, 7.0, np.nan, 3.0, 1.0],
     [6.0, 7.0, np.nan, 8.0, 0.0]]
)  # fmt: skip
Y = np.arange(4.0)


def test_constant_and_empty_columns_go_gaps_are_flagged_words_become_flags():
    found = prepare(X, Y, Preparation(scaling="none"), COLUMNS)
    assert found.source.tolist() == [0, 3, 3, 4, 4]
    assert found.mode.tolist() == [NUMBER, NUMBER, MISSING, WORD, WORD]
    np.testing.assert_array_equal(found.transform(X)[1], [2.0, 3.0, 1.0, 0.0, 1.0])  # 3 is the median of 1, 3, 8


def test_an_unseen_word_sets_no_flag_and_an_empty_row_is_filled():
    found = prepare(X, Y, Preparation(scaling="none"), COLUMNS)
    row = np.full((1, 5), np.nan)
    row[0, 4] = 2.0
    np.testing.assert_array_equal(found.transform(row), [[2.5, 3.0, 1.0, 0.0, 0.0]])


def test_standard_scaling_uses_training_rows_only_and_cuts_tails():
    found = prepare(X, Y, Preparation(clip=3.0), COLUMNS)
    np.testing.assert_allclose(found.transform(X)[:, 0].mean(), 0.0, atol=1e-15)
    np.testing.assert_allclose(found.transform(X)[:, 0].std(), 1.0)
    assert found.transform(np.full((1, 5), 1e9))[0, 0] == 3.0


def test_quantile_scaling_does_not_feel_an_outlier():
    table = np.arange(101.0)[:, None].repeat(5, axis=1)
    table[:, 4] = 0.0
    wild = table.copy()
    wild[100, 0] = 1e12
    one, two = (prepare(t, table[:, 0], Preparation("quantile"), COLUMNS).transform(table) for t in (table, wild))
    np.testing.assert_allclose(one[:99, 0], two[:99, 0], atol=1e-9)
    assert abs(one[50, 0]) < 1e-12


def test_gaps_stay_for_boosting_only_where_training_had_them():
    found = prepare(X, Y, Preparation(scaling="none", keep_missing=True, indicator_share=2.0), COLUMNS)
    Z = found.transform(np.full((1, 5), np.nan))
    assert np.isnan(Z[0, 1])
    assert Z[0, 0] == 2.5


def test_telling_sees_a_peak_that_correlation_misses():
    rng = np.random.default_rng(0)
    Z = rng.uniform(-1, 1, (400, 3))
    score = telling(Z, np.abs(Z[:, 1]))
    assert score.argmax() == 1
    assert score[1] > 0.8
    assert abs(np.corrcoef(Z[:, 1], np.abs(Z[:, 1]))[0, 1]) < 0.15
    assert np.abs(score[[0, 2]]).max() < 0.1


def test_selection_and_principal_axes_have_the_asked_sizes():
    rng = np.random.default_rng(0)
    columns = Columns(tuple("abcdefgh"), ("f:m",) * 8, {})
    table = rng.normal(size=(60, 8))
    assert prepare(table, table[:, 3], Preparation(select=3), columns).n_out == 3
    assert 3 in prepare(table, table[:, 3], Preparation(select=3), columns).source
    found = prepare(table, table[:, 3], Preparation(pca=4), columns)
    Z = found.transform(table)
    assert Z.shape == (60, 4)
    np.testing.assert_allclose(np.cov(Z, rowvar=False), np.diag(Z.var(axis=0, ddof=1)), atol=1e-10)


@pytest.mark.parametrize("scaling", ["none", "standard", "robust", "quantile"])
def test_round_trip_gives_the_same_bits(scaling):
    found = prepare(X, Y, Preparation(scaling), COLUMNS)
    again = Prepared.from_arrays(found.to_arrays())
    np.testing.assert_array_equal(found.transform(X), again.transform(X))


@pytest.mark.parametrize(
    ("name", "value"),
    [("source", np.array([0, 3, 3, 4, 9])), ("mode", np.array([0, 0, 1, 2, 4])), ("scale", np.zeros(5)),
     ("centre", np.zeros(4)), ("axes", np.zeros((4, 2))), ("clip", np.array(np.nan)), ("n_columns", np.array(-1))],
)  # fmt: skip
def test_impossible_arrays_are_refused(name, value):
    arrays = prepare(X, Y, Preparation(), COLUMNS).to_arrays()
    with pytest.raises(BundleError):
        Prepared.from_arrays({**arrays, name: value})


@pytest.mark.parametrize("scaling", ["none", "standard", "robust", "quantile"])
def test_gaps_of_held_out_rows_are_filled_from_the_training_rows_of_their_fold_alone(scaling):
    rng = np.random.default_rng(3)
    table, y = rng.normal(size=(60, 5)), rng.normal(size=60)
    table[:, 4] = rng.integers(0, 3, 60)
    table[rng.random((60, 5)) < 0.2] = np.nan
    fold = np.arange(60) % 3
    for one in range(3):
        train, held = np.flatnonzero(fold != one), np.flatnonzero(fold == one)
        other = table.copy()
        other[held[1:]] = 1e3  # what the other held-out rows hold must not matter
        found = [
            prepare(t[train], y[train], Preparation(scaling), COLUMNS).transform(t[held[:1]]) for t in (table, other)
        ]
        np.testing.assert_array_equal(*found)
        plain = prepare(table[train], y[train], Preparation("none"), COLUMNS)
        gaps = plain.transform(np.full((1, 5), np.nan))[0][plain.mode == NUMBER]
        np.testing.assert_allclose(gaps, np.nanmedian(table[train][:, plain.source[plain.mode == NUMBER]], axis=0))
