"""Weights, thresholds and the paired test."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from matloop.train.ensemble import blend, choose_threshold, greedy_weights
from matloop.train.recipe_model import Border, Output, combine
from matloop.train.scoring import corrected_p_value, search_metric

LINEAR = Border("regression", 0)


def out(value: np.ndarray) -> Output:
    return Output(value, np.zeros((len(value), 0)), np.zeros(len(value)))


def test_two_half_right_members_share_the_weight(make):
    development = make()
    noise = np.random.default_rng(0).normal(size=100)
    weights = greedy_weights(
        [out(development.y + noise), out(development.y - noise)], development.y, development, "mae", 0
    )
    np.testing.assert_allclose(weights, [0.5, 0.5], atol=0.03)


def test_out_of_fold_weights_do_not_see_their_fold(make):
    """Member 0 is perfect in fold 0 and useless elsewhere; weights for fold 0 must not know the former."""
    development = make()
    useless = np.where(development.fold == 0, development.y, 50.0)
    fair = development.y + 0.3
    found = blend([out(useless), out(fair)], development, LINEAR, "mae", 0)
    np.testing.assert_array_equal(found.out.value[development.fold == 0], fair[development.fold == 0])


def test_labels_of_a_fold_do_not_reach_its_own_weights(make):
    development = make()
    rng = np.random.default_rng(1)
    members = [out(development.y + rng.normal(size=100)), out(development.y + rng.normal(size=100))]
    y = development.y.copy()
    y[development.fold == 2] += 100.0
    one = blend(members, development, LINEAR, "mae", 0)
    other = blend(members, replace(development, y=y), LINEAR, "mae", 0)
    rows = development.fold == 2
    np.testing.assert_array_equal(one.out.value[rows], other.out.value[rows])


def test_spread_of_two_equal_members_is_their_disagreement():
    found = combine([out(np.array([1.0])), out(np.array([3.0]))], [0.5, 0.5], LINEAR, 0.5)
    assert found.value[0] == 2.0
    assert found.spread[0] == 1.0


def test_members_on_a_log_scale_are_averaged_as_logarithms():
    border = Border("regression", 0, "log")
    found = combine([out(np.array([1.0])), out(np.array([100.0]))], [0.5, 0.5], border, 0.5)
    assert found.value[0] == pytest.approx(10.0)
    assert found.spread[0] == pytest.approx(10.0 * np.log(10.0))


def test_values_stay_inside_the_bounds():
    border = Border("regression", 0, bounds=(0.0, np.inf))
    assert combine([out(np.array([-2.0]))], [1.0], border, 0.5).value[0] == 0.0


def test_a_rare_class_gets_a_lower_threshold(make):
    rng = np.random.default_rng(0)
    p = rng.beta(1.0, 6.0, size=1000)
    y = (rng.random(1000) < p).astype(float)
    development = replace(make(1000, task="classification"), y=y)
    proba = np.column_stack([1.0 - p, p])
    decision = choose_threshold(Output(p, proba, p), "balanced_accuracy", development)
    assert 0.05 < decision.threshold < 0.3
    # calibrated probabilities: the share of the class is the best threshold for balanced accuracy
    assert decision.threshold == pytest.approx(y.mean(), abs=0.08)


def test_noise_keeps_the_plain_threshold_or_gains_nothing(make):
    rng = np.random.default_rng(3)
    development = make(400, task="classification")
    p = rng.random(400)
    decision = choose_threshold(Output(p, np.column_stack([1 - p, p]), p), "accuracy", development)
    assert (decision.value == development.y).mean() < 0.75


def test_corrected_paired_test_matches_its_formula():
    """Nadeau & Bengio (2003): t = mean / sqrt((1/k + 1/(k-1)) var), k - 1 degrees of freedom; table value of t."""
    a = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    difference = np.array([0.5, 0.1, 0.4, 0.3, 0.2])
    t = 0.3 / np.sqrt((0.2 + 0.25) * 0.025)
    assert t == pytest.approx(2.8284, abs=1e-4)
    assert corrected_p_value(a, a + difference) == pytest.approx(0.0474, abs=2e-4)
    assert corrected_p_value(a, a + difference, one_sided=True) == pytest.approx(0.0237, abs=1e-4)


def test_equal_scores_cannot_be_told_apart():
    assert corrected_p_value([1.0, 2.0], [1.0, 2.0]) == 1.0


@pytest.mark.parametrize(
    ("task", "asked", "expected"),
    [("regression", "", "mae"), ("regression", "spearman", "spearman"), ("classification", "f1", "brier"),
     ("classification", "roc_auc", "roc_auc"), ("regression", "recall_at_k", "spearman")],
)  # fmt: skip
def test_the_search_metric_suits_the_asked_one(make, task, asked, expected):
    assert search_metric(replace(make(task=task), metric=asked)) == expected
