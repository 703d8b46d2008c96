import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matloop.metrics.metric import Scored
from matloop.metrics.scores import metric
from matloop.monitor.retrain.paired import paired_mean, paired_metric

DARWIN = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48], dtype=float)
"""Cross- minus self-fertilised maize, eighths of an inch (Fisher, The Design of Experiments, 1935, section 21)."""


def scored(y, value):
    return Scored(np.asarray(y, float), np.asarray(value, float), np.zeros((len(y), 0)))


def test_darwins_maize_gives_fishers_p():  # 863 of 32,768 turns of the signs are as large: p = 0.0263 one-sided
    found = paired_mean("height", np.zeros(15), DARWIN, np.arange(15), greater=True, seed=0)
    assert found.gain.value == pytest.approx(DARWIN.mean())
    assert found.p_better == pytest.approx(863 / 32768, abs=0.011)  # three standard errors of 2,000 draws
    assert found.p_worse > 0.9


def test_swapping_whole_groups_agrees_with_all_swaps():
    d, groups = np.array([1.0, -0.4, 0.7, 0.9, -0.2, 0.5, 0.3, 0.8]), np.array([0, 0, 1, 1, 2, 3, 4, 5])
    total = np.bincount(groups, weights=d)
    every = np.array([np.dot(signs, total) for signs in itertools.product((1, -1), repeat=6)])
    exact = (every >= total.sum() - 1e-12).mean()
    assert paired_mean("x", d, np.zeros(8), groups, seed=1).p_better == pytest.approx(exact, abs=0.015)


def test_mae_of_the_library_and_mean_of_errors_are_one_number():
    rng = np.random.default_rng(0)
    y, a, b = rng.normal(size=(3, 60))
    groups = np.arange(60) // 2
    one = paired_metric(metric("mae"), scored(y, a), scored(y, b), groups, seed=3)
    other = paired_mean("mae", abs(y - a), abs(y - b), groups, seed=3)
    assert one.gain.value == pytest.approx(other.gain.value)
    assert one.p_better == other.p_better
    assert one.gain.low == pytest.approx(other.gain.low, abs=1e-6)


@pytest.mark.parametrize("name", ["spearman", "r2", "rmse"])
def test_other_metrics_are_turned_so_that_more_gain_is_better(name):
    rng = np.random.default_rng(0)
    y = rng.normal(size=200)
    good, bad = y + 0.2 * rng.normal(size=200), y + rng.normal(size=200)
    found = paired_metric(metric(name), scored(y, bad), scored(y, good), np.arange(200), seed=0)
    assert found.gain.low > 0
    assert found.p_better < 0.01


def test_models_that_are_alike_are_told_apart_at_the_rate_of_the_level():
    rng = np.random.default_rng(5)
    p = [paired_mean("x", *rng.normal(size=(2, 25)), np.arange(25), seed=0).p_better for _ in range(200)]
    assert np.mean(np.array(p) < 0.05) < 0.1  # 0.05 plus three standard errors


def test_few_groups_give_no_test():
    found = paired_mean("x", np.ones(8), np.zeros(8), np.arange(8) // 2, seed=0)
    assert (found.p_better, found.n_groups) == (1.0, 4)
    assert paired_mean("x", np.zeros(0), np.zeros(0), np.zeros(0), seed=0).known is False


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(-5, 5, width=32), min_size=12, max_size=20), st.integers(0, 9))
def test_exchanging_the_models_turns_the_gain(values, seed):
    d, zero = np.array(values), np.zeros(len(values))
    one = paired_mean("x", d, zero, np.arange(len(d)), seed=seed)
    other = paired_mean("x", zero, d, np.arange(len(d)), seed=seed)
    assert one.gain.value == pytest.approx(-other.gain.value, abs=1e-9)
    assert one.p_better == pytest.approx(other.p_worse, abs=0.05)
