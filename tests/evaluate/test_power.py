"""Which of two models is better: the corrected test holds its level, and the repeats it asks for are enough."""

from __future__ import annotations

import math

import numpy as np
import pytest

from matloop.core.errors import DataError
from matloop.evaluate.power import compare_models, seed_spread, seeds_needed, spread_parts
from matloop.train.scoring import corrected_p_value

RHO = 0.25


def rejected(effect, repeats, n_trials, seed=0):
    """Share of studies that tell two models apart: 5-fold scores whose common part no repeat averages out."""
    rng = np.random.default_rng(seed)
    scores = effect + math.sqrt(RHO) * rng.standard_normal((n_trials, 1)) + rng.standard_normal((n_trials, 5 * repeats))
    return np.mean([compare_models(np.zeros(len(row)), row, n_train=80, n_test=20).p_value < 0.05 for row in scores])


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr("matloop.evaluate.power.DRAWS", 20)


def test_p_value_is_that_of_nadeau_and_bengio():
    a, b = [1.0, 1.1, 0.9, 1.0, 1.05], [1.2, 1.1, 1.0, 1.3, 1.1]
    assert compare_models(a, b, n_train=80, n_test=20).p_value == pytest.approx(corrected_p_value(a, b))


def test_equal_models_are_told_apart_in_one_of_twenty(quick):
    assert rejected(0.0, 2, 400) < 0.085


@pytest.mark.parametrize("effect", [1.6, 1.9])
def test_asked_repeats_tell_in_four_of_five_attempts(quick, effect):
    pair = np.tile([-1.0, 1.0], 5) * math.sqrt(0.9) + effect  # spread of one exactly
    repeats = compare_models(np.zeros(10), pair, n_train=80, n_test=20).repeats
    assert 1 < repeats < 10
    assert rejected(effect, int(repeats), 400) == pytest.approx(0.8, abs=0.07)


def test_a_difference_below_the_noise_of_the_data_needs_rows_not_seeds():
    found = compare_models([1.0, 1.1, 0.9, 1.0, 1.05], [1.01, 1.0, 1.0, 1.1, 1.0], n_train=80, n_test=20)
    assert math.isinf(found.repeats)
    assert "be told apart by any number of seeds on these rows" in found.words
    assert found.rows_factor > 10


def test_names_and_direction_are_right_in_the_words():
    better, worse = [1.0, 1.1, 0.9, 1.0, 1.05], [1.5, 1.63, 1.4, 1.52, 1.5]
    words = compare_models(worse, better, n_train=80, n_test=20, names=("svm", "forest")).words
    assert words.startswith("Forest is better than svm")


def test_equal_scores_are_called_equal():
    found = compare_models([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], n_train=4, n_test=2)
    assert found.p_value == 1.0
    assert "nothing to tell apart" in found.words


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [([1.0], [1.0, 2.0], "one score per split"), ([1.0, math.nan, 2.0], [1.0, 2.0, 2.0], "2 pairs of scores")],
)
def test_too_few_or_unequal_scores_are_refused(a, b, said):
    with pytest.raises(DataError, match=said):
        compare_models(a, b, n_train=8, n_test=2)


def test_parts_of_the_spread_are_found_again():
    rng = np.random.default_rng(0)
    losses = 0.3 * rng.standard_normal((40, 1)) + 2.0 * rng.standard_normal((1, 2000)) + rng.standard_normal((40, 2000))
    parts = spread_parts(losses)
    assert parts.seeds == pytest.approx(0.3, rel=0.25)
    assert parts.rows == pytest.approx(2.0 / math.sqrt(2000), rel=0.1)


def test_parts_count_groups_not_rows():
    rng = np.random.default_rng(0)
    groups = np.arange(1000) // 10
    losses = rng.standard_normal((1, 100))[:, groups] + 0.1 * rng.standard_normal((5, 1000))
    assert spread_parts(losses, groups).rows == pytest.approx(0.1, rel=0.2)
    assert spread_parts(losses).rows == pytest.approx(1 / math.sqrt(1000), rel=0.2)


def test_seeds_do_not_help_where_rows_decide():
    parts = spread_parts(np.random.default_rng(0).standard_normal((4, 100)))
    assert math.isinf(seeds_needed(0.5 * parts.rows, parts))


def test_a_spread_needs_two_seeds():
    with pytest.raises(DataError, match="two seeds are needed"):
        seed_spread([1.0, math.nan])
    found = seed_spread([1.0, 1.1, 0.9], rows=1.0)
    assert found.spread.value == pytest.approx(0.1)
    assert "more rows would" in found.words
