"""Checks pass what is the same and fails what is noise, and say so with numbers."""

import numpy as np
import pytest

from matloop.core.errors import DataError
from matloop.explain.checks import alike, chance_overlap, destroyed, faithful, overlap, skilful, stable, vanishes


def test_overlap_is_the_common_share():
    assert overlap([3, 1, 0], [1, 1, 2]) == pytest.approx(0.25 + 0.25)
    assert overlap([1, 2], [2, 4]) == pytest.approx(1.0)
    assert np.isnan(overlap([0, 0], [1, 1]))


def test_chance_of_one_heavy_group_is_one_in_n():
    assert chance_overlap([1, 0, 0, 0], [1, 0, 0, 0]) == pytest.approx(0.25, abs=0.08)


def test_same_leading_group_is_stable_and_random_ones_are_not():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(3, 20))
    assert not stable(noise).passed
    noise[:, 4] += 40.0
    assert stable(noise).passed


def test_groups_that_all_weigh_alike_are_stable_though_chance_does_as_well():
    assert stable([[1.0, 1.0, 1.0], [1.05, 1.0, 0.98]]).passed


def test_one_explanation_cannot_be_stable():
    with pytest.raises(DataError, match="at least two explanations, got 1"):
        stable([[1.0, 2.0]])


def test_an_explanation_that_comes_again_in_small_is_not_destroyed():
    true = np.array([[8.0, 4.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0]])
    assert not destroyed(true, 0.4 * true).passed
    assert destroyed(true, 0.1 * true).passed
    assert not destroyed(true, true[:, ::-1]).passed
    assert not destroyed(-true, true).passed


def test_skill_needs_more_than_a_lucky_row():
    error, constant = np.ones(100), np.ones(100)
    constant[0] = 50.0
    assert not skilful(error, constant).passed
    assert skilful(0.5 + 0.1 * np.random.default_rng(0).normal(size=100), np.ones(100)).passed


def test_rows_of_one_group_count_once():
    rng = np.random.default_rng(0)
    constant = 1.0 + np.repeat(rng.normal(size=5), 40)
    error = np.repeat(rng.random(5), 40)
    constant = np.maximum(constant, 0.0)
    alone, together = skilful(error, constant), skilful(error, constant, np.repeat(np.arange(5), 40))
    assert alone.words.split(" that ")[0] == together.words.split(" that ")[0]
    assert not together.passed


def test_curves_alike_up_to_an_offset():
    x = np.linspace(0, 1, 11)
    assert alike([x, x + 3.0]).passed
    assert not alike([x, 1.0 - x]).passed


def test_an_effect_vanishes_unless_it_comes_again_or_noise_is_as_large():
    x = np.linspace(-1, 1, 21)
    assert vanishes(x, [0.1 * x**2], noise=0.05).passed
    assert not vanishes(x, [0.8 * x], noise=0.05).passed
    assert not vanishes(x, [0.0 * x], noise=0.5).passed


def test_a_surrogate_that_does_not_follow_is_not_faithful():
    assert not faithful(0.69, 0.7).passed
    assert "0.69" in faithful(0.69, 0.7).words
