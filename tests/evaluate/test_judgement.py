"""Predictions of any model judged on labelled rows: what is said of good, blind and overconfident ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from matloop.core.errors import DataError
from matloop.doubt.prediction import Prediction
from matloop.evaluate.evidence import Terms
from matloop.evaluate.judgement import judge_rows
from matloop.problem.question import Never, Success

N = 200
RNG = np.random.default_rng(0)
TRUTH = RNG.normal(size=N) * 10.0
NOISE = RNG.normal(size=N)
TERMS = Terms("regression", "mae", (), 1, 10, None, 0)
NAMES = np.array([f"r{i}" for i in range(N)])


def said(value, std=1.0, *, inside=True) -> Prediction:
    spread = np.full(N, std)
    return Prediction(
        value, value - 1.645 * spread, value + 1.645 * spread, spread, np.zeros((N, 0)), np.full(N, inside),
        np.full(N, ""),
    )  # fmt: skip


def judged(prediction, **more):
    return judge_rows(TRUTH, prediction, TERMS, subject="it", target="y", ids=NAMES, shown=list(NAMES), **more)


def test_a_good_model_is_better_than_the_best_constant_and_its_intervals_hold():
    found = judged(said(TRUTH + NOISE))
    assert found.warnings == ()
    assert found.new.scores["mae"].value == pytest.approx(np.abs(NOISE).mean())
    assert found.constant["mae"].value == pytest.approx(np.abs(TRUTH - np.median(TRUTH)).mean())
    assert found.new.intervals.coverage.value == pytest.approx(0.9, abs=0.06)


def test_a_blind_model_is_said_to_be_so_first():
    found = judged(said(RNG.permutation(TRUTH)))
    assert "always giving one and the same answer" in found.warnings[0]
    assert not found.trusted


def test_intervals_that_are_too_narrow_are_said():
    assert any("too narrow" in text for text in judged(said(TRUTH + NOISE, std=0.2)).warnings)


def test_rows_mostly_outside_the_domain_are_said_unless_no_domain_is_known():
    prediction = said(TRUTH + NOISE, inside=False)
    assert any("unlike the training rows" in text for text in judged(prediction).warnings)
    assert judged(prediction, domain_known=False).warnings == ()


@pytest.mark.parametrize(("goal", "answer"), [(2.0, "met"), (0.1, "not met"), (0.8, "cannot be judged")])
def test_the_goal_is_answered_by_the_whole_interval(goal, answer):
    assert judged(said(TRUTH + NOISE), success=Success("mae", at_most=goal)).answer == answer


def test_what_must_never_happen_counts():
    success = Success("mae", at_most=2.0, never=Never(abs_error_above=1.0, share_above=0.01))
    assert judged(said(TRUTH + NOISE), success=success).answer == "not met"


def test_rows_of_one_group_are_not_counted_as_independent():
    few = np.repeat(np.arange(4), N // 4).astype(str)
    found = judged(said(TRUTH + NOISE), groups=few, success=Success("mae", at_most=2.0))
    assert found.answer == "cannot be judged"
    assert any("Only 4 independent" in reason for reason in found.reasons)


def test_rows_without_label_or_prediction_are_counted():
    prediction = said(np.where(np.arange(N) < 7, np.nan, TRUTH))
    assert judged(prediction).not_judged == (("a label, but no prediction", 7),)


def test_too_few_rows_and_wrong_lengths_are_refused():
    with pytest.raises(DataError, match=r"0 of 200 rows have both"):
        judged(said(np.full(N, np.nan)))
    with pytest.raises(DataError, match=r"200 labels, 3 predictions"):
        judged(said(TRUTH).take(np.arange(3)))


def test_doubt_that_is_blind_to_errors_shows_in_the_measures():
    scale = RNG.gamma(2.0, 1.0, N)
    value = TRUTH + scale * NOISE
    honest = dict(judged(replace(said(value), std=scale)).measures)
    blind = dict(judged(replace(said(value), std=RNG.permutation(scale))).measures)
    assert honest["widest_fifth_ratio"] > 2.0 > blind["widest_fifth_ratio"]
    assert honest["nll"] < blind["nll"]
